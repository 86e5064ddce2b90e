"""Runs in a child with bounds: looks for the pictures of a film, and takes the cover out of a film or a sound.

Only a few megabytes of a film are read: key frames at a few places, and for the moving preview short runs of frames.
What is taken depends on the file alone and not on the clock, so the same file gives the same pictures each time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.stream import Discard

from chalicelib.processing.media import ffmpeg_child, fields, one_track, tone
from chalicelib.processing.media.followed import Followed
from chalicelib.processing.media.hls.jumps import Continued, continued
from chalicelib.processing.media.hls.opening import RESTART_PROBE, is_cover, place_of
from chalicelib.processing.media.hls.restarts import Restarted

# Places of a film where a frame worth showing is looked for, in fractions of its duration; the first one counts.
PLACES = (0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9)
# A film that has nothing there is looked through from its beginning: one frame in so many seconds.
STEP = 0.5

# The moving preview: its length and the frames a second. A film of more than LONG seconds is shown at three places.
PREVIEW_SECONDS = 3.0
RATE = 10
LONG = 12.0
SHOTS = (0.15, 0.45, 0.75)
# Where its frames are so large that less than this can be read or decoded, single key frames are shown instead.
LEAST_SECONDS = 1.0
STILLS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)
STILL_SECONDS = 0.5

# Pixels that are decoded for one picture or one run: some seconds of one processor. 3 s of 1080p at 50 Hz have 311 MP.
MOST_DECODED = 400_000_000
# Packets that are looked at for one of them. Small pictures are cheap, but not free, and an edit list may have FFmpeg
# leave out every one that it decodes.
MOST_PACKETS = 5000
# What opening a run costs in bytes beside its frames.
RUN_BYTES = 512 * 1024

BLOCK = 256 * 1024  # bytes that our parent fetches at once at least

# A picture is judged by so many pixels a side.
_SIDE = 32
_DARK, _LIGHT = 24, 235  # levels: below is black, above is blank
_SAME, _FLAT = 0.97, 6.0  # a share of the pixels, and a deviation in levels


class NoMoreBytesError(OSError):
    """The film is not worth more bytes."""


class Budget(Followed):
    """The file object, with a bound on the bytes that are read after `begin`. They are counted in blocks, once each."""

    def __init__(self, data: BinaryIO) -> None:
        super().__init__(data)
        self._seen: set[int] = set()
        self.left = math.inf

    def begin(self, blocks_of: int) -> None:
        self.left = blocks_of

    def read(self, size: int = -1) -> bytes:
        if size > 0:
            new = {*range(self._at // BLOCK, (self._at + size - 1) // BLOCK + 1)} - self._seen
            if len(new) * BLOCK > self.left:
                raise NoMoreBytesError
            self._seen |= new
            self.left -= len(new) * BLOCK
        data = self._data.read(size)
        self._at += len(data)
        return data


def main(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """(header, the pictures of the header one after another).

    `arguments`, beside those of `ffmpeg_child`: `cover`, true for the cover alone; of a film `bytes` to read, `poster`
    and `preview`, the sizes [width, height] before the picture is turned (`preview` null for none), `duration`,
    `bit_rate` and `frame_rate` or null, `time` of the frame to take, or null, `interlaced`, `unindexed`; of an MP4 the
    number of its `track` and the place of its `index` (`indexes.Index`); and of a film without an index its `size` and
    its `restarts`, which the module `unindexed` describes.

    The header has `cover`, the length of the cover, or else `mode` ("RGB" or "RGBA"), `time` of the poster in seconds,
    and `frames`, a list of [width, height, milliseconds], the poster first. It is empty if there is no picture.
    """
    av.logging.set_level(av.logging.PANIC)
    budget = Budget(one_track.only(data, arguments.get("index", (0, 0)), arguments.get("track")))
    with ffmpeg_child.opened(budget, arguments) as container:  # type: ignore[arg-type]  # as far as FFmpeg asks
        film = ffmpeg_child.film_of(container)
        if arguments["cover"] or film is None:
            return _cover(container)
        if not 0 < film.width * film.height <= ffmpeg_child.MOST_PIXELS:
            return {}, b""
        budget.begin(arguments["bytes"])
        return _film(Film(container, film, budget, arguments), arguments)


def _cover(container: InputContainer) -> tuple[dict[str, Any], bytes]:
    """FFmpeg keeps covers ready: the first packet of such a stream is the whole picture."""
    stream = next((each for each in container.streams.video if is_cover(each)), None)
    if stream is None:
        return {}, b""
    for packet in container.demux(stream):
        if packet.size:
            body = bytes(packet)
            return {"cover": len(body)}, body
    return {}, b""


@dataclass
class Film:
    """A film's stream of pictures, in which frames are looked for. `decoded` counts pixels."""

    container: InputContainer | Continued
    stream: Any
    budget: Budget
    arguments: dict[str, Any]
    decoder: Any = field(init=False)
    has_alpha: bool = field(init=False)
    start: float = field(init=False)

    def __post_init__(self) -> None:
        self._begin()
        start = self.stream.start_time
        self.start = float(start * self.stream.time_base) if start is not None else 0.0

    def _begin(self) -> None:
        for each in self.container.streams:
            if each.index != self.stream.index:
                each.discard = Discard.all
        self.has_alpha = self.stream.metadata.get("alpha_mode") == "1"
        self.decoder = self._decoder()

    def _reopen(self, time: float) -> None:
        """Opens a film without an index at the place from which this time is reached."""
        restarts = self.arguments["restarts"]
        early = (each for each in reversed(restarts["places"]) if each[0] <= time + 0.001)
        _, at, times = next(early, restarts["places"][0])
        demuxer, tables = str(self.arguments["format"]), bytes.fromhex(restarts["tables"])
        data: Any = Restarted(self.budget, self.arguments["size"], demuxer, restarts["head"], at, tables)  # type: ignore[arg-type]
        index, wanted = self.stream.index, restarts["id"]
        opened: Any = ffmpeg_child.opened(data, {**self.arguments, "probe": RESTART_PROBE})
        if times:
            opened, index = continued(opened, wanted, restarts["config"], times, at, len(tables))
        else:
            index = place_of(opened, index, "video")
        self.container.close()
        self.container, self.stream = opened, opened.streams[index]
        self._begin()

    def _decoder(self) -> Any:
        """FFmpeg's own decoders of VP8 and VP9 leave the alpha channel out; that of libvpx does not."""
        own = self.stream.codec_context
        name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(own.name) if self.has_alpha else None
        if name:
            decoder: Any = av.CodecContext.create(name, "r")
            decoder.extradata = own.extradata
            decoder.width, decoder.height = own.width, own.height
            own = decoder
        own.thread_count = 1
        own.options = {"max_pixels": str(ffmpeg_child.MOST_PIXELS)}
        return own

    def key_frame(self, time: float) -> av.VideoFrame | None:
        """The key frame at this time (seconds from the beginning) or before; None if none can be decoded."""
        for packet in self._packets(time):
            if packet.is_keyframe:
                frames = [*self.decoder.decode(packet), *self.decoder.decode(None)]
                if not frames:
                    return None
                return fields.alone(frames[0]) if self.arguments["interlaced"] else frames[0]
        return None

    def frames(self, time: float) -> Iterator[tuple[float, av.VideoFrame]]:
        """Times and frames from the key frame at this time or before on, within MOST_DECODED."""
        found = self._frames(time)
        return fields.whole(found) if self.arguments["interlaced"] else found

    def _frames(self, time: float) -> Iterator[tuple[float, av.VideoFrame]]:
        most = max(1, MOST_DECODED // (self.stream.width * self.stream.height))
        for packet in islice(self._packets(time), most):
            yield from ((self.time_of(frame), frame) for frame in self.decoder.decode(packet))
        yield from ((self.time_of(frame), frame) for frame in self.decoder.decode(None))

    def time_of(self, frame: av.VideoFrame) -> float:
        """Seconds from the beginning of the film."""
        return float(frame.pts * self.stream.time_base) - self.start if frame.pts is not None else 0.0

    def _packets(self, time: float) -> Iterator[Any]:
        """At most MOST_PACKETS of the stream, from the key frame at this time or before on."""
        if self.arguments.get("restarts"):
            self._reopen(time)
        else:
            self.decoder.flush_buffers()
            offset = int((time + self.start) / self.stream.time_base)
            self.container.seek(offset, stream=self.stream, backward=True)
        for packet in islice(self.container.demux(self.stream), MOST_PACKETS):
            if packet.size and packet.stream.index == self.stream.index:
                yield packet


_FORMATS = {"RGB": "rgb24", "RGBA": "rgba"}  # FFmpeg's names


def _film(film: Film, wanted: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    mode = "RGBA" if film.has_alpha or _has_alpha(film.stream) else "RGB"
    found = _at(film, wanted["time"]) if wanted["time"] is not None else _worth_showing(film, wanted["duration"])
    if found is None:
        return {}, b""
    time, frame = found
    poster = tone.packed(tone.Converter(wanted["poster"], _FORMATS[mode])(frame))
    frames, body = [[*wanted["poster"], 0]], [poster]
    if wanted["preview"]:
        converter = tone.Converter(wanted["preview"], _FORMATS[mode])
        for moment, milliseconds in _moving(film, time, wanted):
            frames.append([*wanted["preview"], milliseconds])
            body.append(tone.packed(converter(moment)))
    return {"mode": mode, "time": round(max(0.0, time), 3), "frames": frames}, b"".join(body)


def _has_alpha(stream: Any) -> bool:
    form = stream.codec_context.format
    return form is not None and any(component.is_alpha for component in form.components)


# --- the poster


def _worth_showing(film: Film, duration: float | None) -> tuple[float, av.VideoFrame] | None:
    """The time and the frame: the first one worth showing, or else the one with the most to see."""
    best = Best()
    for place in PLACES if duration else PLACES[:1]:
        try:
            frame = film.key_frame(place * (duration or 0.0))
        except NoMoreBytesError:
            break
        except (av.error.FFmpegError, OSError, ValueError):
            continue  # it is damaged there
        if frame is not None and best.offer(film.time_of(frame), frame):
            return best.found
    try:
        following = STEP
        for time, frame in film.frames(0.0):
            if time >= following:
                following = time + STEP
                if best.offer(time, frame):
                    break
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return best.found


class Best:
    """The frame with the most to see of those that were offered."""

    def __init__(self) -> None:
        self.found: tuple[float, av.VideoFrame] | None = None
        self._judge = tone.Converter((_SIDE, _SIDE), "rgb24")
        self._most, self._seen = -1.0, set[float]()

    def offer(self, time: float, frame: av.VideoFrame) -> bool:
        """True if it is worth showing."""
        if time in self._seen:
            return False
        self._seen.add(time)
        see, worth = judged(tone.packed(self._judge(frame)))
        if see > self._most or worth:
            self.found, self._most = (time, frame), see
        return worth


def judged(pixels: bytes) -> tuple[float, bool]:
    """How much there is to see, and if that is worth showing: not black, not blank, not nearly one colour.

    `pixels` are RGB. The first figure is the largest deviation of the three colours, in levels.
    """
    levels = [sum(pixels[at : at + 3]) / 3 for at in range(0, len(pixels), 3)]
    deviation = max(_deviation(pixels[channel::3]) for channel in range(3))
    dark = sum(level < _DARK for level in levels) / len(levels)
    light = sum(level > _LIGHT for level in levels) / len(levels)
    return deviation, deviation >= _FLAT and dark < _SAME and light < _SAME


def _deviation(values: bytes) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def _at(film: Film, time: float) -> tuple[float, av.VideoFrame] | None:
    """The frame that is shown at this time: the last one that begins then or before.

    Where it is too far from a key frame, the nearest one before that may be decoded; the first one, if there is none.
    """
    found: tuple[float, av.VideoFrame] | None = None
    try:
        for begins, frame in film.frames(time):
            if found and begins > time + 0.0005:  # records have milliseconds
                break
            found = (begins, frame)
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return found


# --- the moving preview


def _moving(film: Film, poster: float, wanted: dict[str, Any]) -> Iterator[tuple[av.VideoFrame, int]]:
    """Frames, and for how many milliseconds each is shown. Ends early where the film ends, or is damaged."""
    duration = wanted["duration"] or 0.0
    shots = SHOTS if duration > LONG else ()
    seconds = _affordable(film, wanted, len(shots) or 1)
    try:
        if seconds < LEAST_SECONDS:
            yield from _stills(film, duration)
        elif not shots:
            yield from _run(film, max(0.0, min(poster, duration - LEAST_SECONDS)), seconds)
        for place in shots if seconds >= LEAST_SECONDS else ():
            yield from _run(film, place * duration, seconds / len(shots), from_key=True)
    except (av.error.FFmpegError, OSError, ValueError):
        return


def _affordable(film: Film, wanted: dict[str, Any], runs: int) -> float:
    """Seconds of the film that may be read and decoded for the preview."""
    pixels = film.stream.width * film.stream.height * (wanted["frame_rate"] or 25)
    read = film.budget.left - runs * RUN_BYTES
    return float(min(PREVIEW_SECONDS, MOST_DECODED / pixels, read / max(1, (wanted["bit_rate"] or 0) / 8)))


def _run(film: Film, begin: float, seconds: float, *, from_key: bool = False) -> Iterator[tuple[av.VideoFrame, int]]:
    """`seconds` of the film from `begin` on, or from the key frame before; at most RATE frames a second."""
    shown: av.VideoFrame | None = None
    since = first = 0.0
    for time, frame in film.frames(begin):
        if not from_key and time < begin - 0.001:
            continue
        if shown is None:
            shown, since, first = frame, time, time
        elif time - since >= 1 / RATE - 0.001:
            end = min(time, first + seconds)
            yield shown, round((end - since) * 1000)
            shown, since = frame, time
            if time >= first + seconds - 0.001:
                return
    if shown is not None:
        yield shown, 1000 // RATE


def _stills(film: Film, duration: float) -> Iterator[tuple[av.VideoFrame, int]]:
    seen = set[float]()
    for place in STILLS:
        frame = film.key_frame(place * duration)
        if frame is not None and film.time_of(frame) not in seen:
            seen.add(film.time_of(frame))
            yield frame, round(STILL_SECONDS * 1000)
