"""In the child: a track's samples from one moment to another, on one grid for the whole track.

Every moment of a film has one sample, whoever asks and wherever decoding begins: joins are continuous to the sample.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, islice
from typing import Any

import av
from av.container import InputContainer
from av.filter import Graph

from chalicelib.processing.media.hls import frames
from chalicelib.processing.media.hls.opening import STREAMS

# Seconds before the wanted samples at which decoding begins: decoders need what came before.
_RUN_UP = 1
_BYTES = 4  # of a sample: a 32-bit float

# Frames by whose times together the first one's place is found, where packets have unequal lengths.
_HEAD = 48


class Waves:
    """Samples of a track as floats, one plane a channel, at the track's own rate. Where it has none, it is silent.

    `rate` a second, `channels` 1 or 2, `first` is when the track begins and `zero` when the stream does, both in
    seconds of the file's time. `since` is how many seconds were cut off the file.
    """

    def __init__(
        self, container: InputContainer, stream: Any, settings: dict[str, Any], zero: Fraction, since: Fraction
    ) -> None:
        self._container, self._stream, self._zero = container, stream, zero - since
        self._rate, self._channels = int(settings["own_rate"]), int(settings["channels"])
        self._size, self._first = int(settings["frame_size"]), Fraction(*settings["first"]) - since
        # Samples of one tick, where a tick is longer than a sample.
        self._coarse: Fraction = max(stream.time_base * self._rate - 1, Fraction(0))
        # Writers of Vorbis that had times in milliseconds leave their roundings in finer ones.
        self._grid = int(settings.get("grid", 0))
        if container.format.name in STREAMS:  # several frames have one time, and FFmpeg counts on from it in ticks
            self._coarse = Fraction(3)
        self._loose = max(self._coarse, Fraction(self._rate, 1000)) if self._grid else self._coarse
        self._graph: Graph | None = None
        self._made_for: tuple[Any, ...] | None = None

    def read(self, start: int, stop: int) -> list[bytes]:
        """The samples from `start` until before `stop`, counted from the stream's zero; `start` may be negative."""
        planes = [bytearray((stop - start) * _BYTES) for _ in range(self._channels)]
        if stop <= self._begins() - self._rate:  # to be sure of it, nothing need be read
            return [bytes(plane) for plane in planes]
        for place, frame in self._frames(start, stop):
            first, last = max(place, start), min(place + frame.samples, stop)
            if first >= last:
                continue
            for plane, given in zip(planes, frame.planes, strict=True):
                piece = memoryview(given)[(first - place) * _BYTES : (last - place) * _BYTES]
                plane[(first - start) * _BYTES : (last - start) * _BYTES] = piece
        return [bytes(plane) for plane in planes]

    def _frames(self, start: int, stop: int) -> Any:
        """(sample at which it begins, frame of the wanted channels)."""
        stream = self._stream
        wanted = Fraction(start, self._rate) + self._zero
        back = Fraction(_RUN_UP)
        while True:
            begin = int((wanted - back) / stream.time_base)
            frames.seek(self._container, stream, begin)
            stream.codec_context.flush_buffers()
            found = frames.decoded(self._container, stream)
            first = next((frame for frame in found if frame.pts is not None), None)
            if first is None:
                return
            if self._place(first) <= max(start - 1, self._begins()) or wanted - back <= self._first - _RUN_UP:
                break
            back *= 4
        place = self._place(first)
        if self._grid:
            head = [first, *islice(found, _HEAD)]
            place, found = self._anchored(head), chain(head[1:], found)
        yield place, self._shaped(first)
        following = place + first.samples
        for frame in found:
            place = self._place(frame) if frame.pts is not None else following
            if abs(place - following) <= 3 * self._loose / 2:
                place = following
            if place >= stop:
                return
            yield place, self._shaped(frame)
            following = place + frame.samples

    def _begins(self) -> int:
        return round((self._first - self._zero) * self._rate)

    def _place(self, frame: Any) -> int:
        """The number of the frame's first sample. Coarse times (milliseconds) are put onto the grid of whole frames."""
        time = frame.pts * self._stream.time_base - self._zero
        exact = time * self._rate
        if self._size and self._coarse and not self._grid:
            begins = (self._first - self._zero) * self._rate
            on_grid = begins + round((exact - begins) / self._size) * self._size
            if abs(on_grid - exact) <= (self._coarse + 1) * Fraction(3, 2):
                return round(Fraction(on_grid))
        return round(Fraction(exact))

    def _anchored(self, head: list[Any]) -> int:
        """The place of the first frame: the one on the grid to which the times of all come nearest.

        One time alone may be rounded, up or down, by as much as half of the grid.
        """
        begins = (self._first - self._zero) * self._rate
        apart: list[Fraction] = []
        counted = 0
        for frame in head:
            if frame.pts is not None:
                place = (frame.pts * self._stream.time_base - self._zero) * self._rate - counted
                if apart and abs(place - begins - apart[0]) > 3 * self._loose / 2:
                    break  # there is a gap
                apart.append(place - begins)
            counted += frame.samples
        mean = sum(apart, Fraction(0)) / len(apart)
        return round(begins + round(mean / self._grid) * self._grid)

    def _shaped(self, frame: Any) -> Any:
        made_for = (frame.format.name, frame.layout.name, frame.sample_rate)
        if made_for != self._made_for:
            self._graph, self._made_for = mixer(frame, self._channels), made_for
        assert self._graph
        frame.pts = None
        self._graph.push(frame)
        return self._graph.pull()


def mix_to(layout: str) -> str:
    """Arguments of FFmpeg's resampler for a mix of all channels that is never louder than full.

    Alone, it would clip floats: the left one, the centre and what is around are together 2.4 times as loud as full.
    """
    return f"rematrix_maxval=1.0:ochl={layout}"


def mixer(frame: Any, channels: int) -> Graph:
    """Makes one or two channels of frames like this one, never louder than full.

    Raises av.error.FFmpegError for a layout that FFmpeg has no mix of.
    """
    graph = Graph()
    layout = "stereo" if channels == 2 else "mono"
    source = graph.add(
        "abuffer",
        f"time_base=1/{frame.sample_rate}:sample_rate={frame.sample_rate}:sample_fmt={frame.format.name}"
        f":channel_layout={layout_of(frame)}",
    )
    mix = graph.add("aresample", f"{mix_to(layout)}:osf=fltp")
    out = graph.add("aformat", f"sample_fmts=fltp:channel_layouts={layout}")
    graph.link_nodes(source, mix, out, graph.add("abuffersink"))
    graph.configure()
    return graph


def layout_of(frame: Any) -> str:
    """FFmpeg's name of where its channels are; of a file that does not say it, the usual one for so many."""
    name = str(frame.layout.name)
    return name if "channels" not in name else f"{frame.layout.nb_channels}c"


def resampled(planes: list[bytes], old: int, new: int) -> list[bytes]:
    """The same at another rate. The first sample of both is at the same moment."""
    if old == new or not planes[0]:
        return planes
    layout = "stereo" if len(planes) == 2 else "mono"
    resampler = av.AudioResampler("fltp", layout, new)
    made = [bytearray() for _ in planes]
    for frame in [*resampler.resample(frame_of(planes, old, 0)), *resampler.resample(None)]:
        for plane, given in zip(made, frame.planes, strict=True):
            plane += memoryview(given)[: frame.samples * _BYTES]
    return [bytes(plane) for plane in made]


def frame_of(planes: list[bytes], rate: int, start: int) -> Any:
    layout = "stereo" if len(planes) == 2 else "mono"
    frame: Any = av.AudioFrame(format="fltp", layout=layout, samples=len(planes[0]) // _BYTES)
    for plane, given in zip(frame.planes, planes, strict=True):
        plane.update(given + bytes(plane.buffer_size - len(given)))
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame
