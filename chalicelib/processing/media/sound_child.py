"""Runs in a child with bounds: how loud a sound is (EBU R128), and its waveform. It is decoded once for both.

Of a sound that is longer than `arguments["stride"]` allows for, only every so many pieces of PIECE seconds are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, inf, isfinite
from typing import Any, BinaryIO

import av
from av.container import InputContainer

from chalicelib.processing.media.ffmpeg_child import opened, sound_of

# Pairs of a waveform at most: as JSON they are below 15 kB. A sound has half as many at least, if it has the samples.
POINTS = 1600

# Seconds that are decoded at a time where parts are left out. LRA of EBU Tech 3342 is measured over 3 seconds.
PIECE = 10.0
# Seconds at the beginning of a piece that are not used: MP3 and AAC need the frames before.
RUN_IN = 0.1

# Samples that go through the filters together: asking them after each frame takes a tenth of all time.
TOGETHER = 32_768

# Channels of a sound that is measured: 7.1. The layout of more is known to nobody.
MOST_CHANNELS = 8

# ITU-R BS.1770's absolute gate (LUFS): what is below is silence.
SILENCE = -70.0

# A peak below this (dB) is not told: who would ask for that of silence?
LOWEST_PEAK = -40.0

# ITU-R BS.1770-5, annex 2: samples a second by which a true peak is found, and taps of the filter for each of them.
PEAK_RATE, PEAK_TAPS = 4 * 48_000, 16

Pair = tuple[float, float]

_LOUDNESS = {"integrated": "I", "range": "LRA"}
_MEASURE = "metadata=1:reset=1:measure_perchannel=none:measure_overall=Min_level+Max_level"
_PEAK = "metadata=1:reset=0:measure_perchannel=none:measure_overall=Peak_level"


def main(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """(`loudness` and `waveform`, nothing).

    `arguments` has those of `ffmpeg_child`, `seconds` (the duration, if it is known), `stride` (one in so many pieces
    is decoded) and `seek` (True if the format tells where a time is, so that the pieces between are not read).
    The waveform has the lowest and the highest value of equally long parts, from -1 to 1, of all channels mixed.
    """
    av.logging.set_level(av.logging.PANIC)
    with opened(data, arguments) as container:
        stream = _track(container)
        measure: Measure | None = None
        for frame in _frames(container, stream, arguments["stride"], arguments["seek"]):
            measure = measure or Measure(frame, arguments["seconds"], arguments["stride"])
            measure.add(frame)
    return measure.result() if measure else {}, b""


def _track(container: InputContainer) -> Any:
    """The track that players choose. Raises ValueError for one that can't be measured."""
    track = sound_of(container)
    if track is None or not 0 < track.codec_context.channels <= MOST_CHANNELS:
        raise ValueError("there is no track that can be measured")
    track.codec_context.thread_count = 1
    return track


def _frames(container: InputContainer, stream: Any, stride: int, seek: bool) -> Iterator[av.AudioFrame]:
    """The frames that are measured. Damaged packets are left out."""
    if stride == 1:
        packets = container.demux(stream)
        while (packet := _next(packets)) is not None:
            yield from _decoded(packet)
        return
    piece, sought, read_from = -1, -1, 0.0
    packets = container.demux(stream)
    while (packet := _next(packets)) is not None:
        time = float((packet.pts or 0) * packet.time_base) if packet.time_base else 0.0
        number = int(max(0.0, time) // PIECE)
        if number % stride:
            after = (number // stride + 1) * stride
            if seek and after > sought:  # never twice to the same place: a table that lies would lead back for ever
                sought = after
                container.seek(round(after * PIECE / packet.time_base), stream=stream)
                packets = container.demux(stream)
            continue
        if number != piece:
            if piece >= 0:
                stream.codec_context.flush_buffers()
                read_from = time + RUN_IN
            piece = number
        for frame in _decoded(packet):
            if time >= read_from:
                yield frame


def _next(packets: Iterator[Any]) -> Any:
    """The next packet; None at the end, which may be that of a file that was cut off."""
    try:
        return next(packets, None)
    except (av.error.InvalidDataError, av.error.EOFError):
        return None


def _decoded(packet: Any) -> list[Any]:
    try:
        return list(packet.decode())
    except av.error.FFmpegError:
        return []


class Measure:
    """Takes frames of one sort, and gives the loudness and the waveform of all of them."""

    def __init__(self, first: av.AudioFrame, seconds: float | None, stride: int) -> None:
        self._sort = _sort(first)
        self._rate, self._stride = first.sample_rate, stride
        expected = seconds * self._rate / stride if seconds else 0.0
        # A little more than was said, so that a frame of padding does not make twice as many parts.
        self._samples = max(1, self._rate // 1000, ceil(expected * 1.02 / POINTS))
        self._merged = 1  # parts of so many samples that make one pair
        self._waiting: list[Pair] = []
        self._waveform: list[Pair] = []
        self._found: dict[str, str] = {}
        self._peak = -inf
        self._pushed = 0
        graph = av.filter.Graph()
        self._graph = graph
        self._in = graph.add_abuffer(sample_rate=first.sample_rate, format=first.format.name, layout=first.layout.name)
        split = graph.add("asplit", "3")
        self._loud, self._parts, self._peaks = (graph.add("abuffersink") for _ in range(3))
        self._in.link_to(split)
        self._chain(split, 0, [("ebur128", "metadata=1")], self._loud)
        # FFmpeg's own true peak always goes up to 192 kHz, with a filter twice as long: four times the CPU.
        finer = first.sample_rate * max(1, min(4, PEAK_RATE // first.sample_rate))
        resampled = ("aresample", f"{finer}:filter_size={PEAK_TAPS}:osf=fltp")
        self._chain(split, 2, [resampled, ("asetnsamples", f"n={finer}:p=0"), ("astats", _PEAK)], self._peaks)
        # The mean of all channels: FFmpeg's own mix of two equal ones is louder than they are.
        mean = "mono|c0<" + "+".join(f"c{channel}" for channel in range(first.layout.nb_channels))
        mixed = [("aformat", "sample_fmts=flt"), ("pan", mean), ("asetnsamples", f"n={self._samples}:p=0")]
        self._chain(split, 1, [*mixed, ("astats", _MEASURE)], self._parts)
        graph.configure()

    def _chain(self, split: Any, number: int, filters: list[tuple[str, str]], sink: Any) -> None:
        last = split
        for name, options in filters:
            following = self._graph.add(name, options)
            last.link_to(following, number if last is split else 0)
            last = following
        last.link_to(sink)

    def add(self, frame: av.AudioFrame) -> None:
        """A frame of another sort than the first is left out: some broadcasts change between stereo and 5.1."""
        if _sort(frame) == self._sort:
            frame.pts = None  # times that jump change nothing
            self._in.push(frame)
            self._pushed += frame.samples
            if self._pushed >= TOGETHER:
                self._pushed = 0
                self._pull()

    def result(self) -> dict[str, Any]:
        self._in.push(None)
        self._pull()
        if self._waiting:
            self._waveform.append(_both(self._waiting))
        while len(self._waveform) > POINTS:
            self._halve()
        return {
            "loudness": self._loudness(),
            "sample_rate": self._rate,
            "samples": self._samples * self._merged * self._stride,
            "waveform": self._waveform,
        }

    def _pull(self) -> None:
        for frame in reversed(list(_pulled(self._loud))):  # each has the figures of all before
            if found := frame.metadata:
                self._found = found
                break
        for frame in _pulled(self._peaks):
            self._peak = float(frame.metadata.get("lavfi.astats.Overall.Peak_level", self._peak))
        for frame in _pulled(self._parts):
            found = frame.metadata
            low, high = (float(found.get(f"lavfi.astats.Overall.{name}_level", 0)) for name in ("Min", "Max"))
            self._waiting.append((low, high) if isfinite(low) and isfinite(high) else (0.0, 0.0))
            if len(self._waiting) == self._merged:
                self._waveform.append(_both(self._waiting))
                self._waiting = []
            # Only between two pairs: nothing waits then.
            if len(self._waveform) == 2 * POINTS and not self._waiting:
                self._halve()

    def _halve(self) -> None:
        """Two pairs become one. A sound may be longer than it said."""
        self._waveform = [_both(self._waveform[at : at + 2]) for at in range(0, len(self._waveform), 2)]
        self._merged *= 2

    def _loudness(self) -> dict[str, float]:
        found = {name: float(self._found.get(f"lavfi.r128.{word}", "nan")) for name, word in _LOUDNESS.items()}
        if self._peak >= LOWEST_PEAK:
            found["true_peak"] = self._peak
        known = {name: value for name, value in found.items() if isfinite(value)}
        return known if known.get("integrated", SILENCE) > SILENCE else {}


def _both(pairs: list[Pair]) -> Pair:
    return min(low for low, _ in pairs), max(high for _, high in pairs)


def _sort(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _pulled(sink: Any) -> Iterator[Any]:
    while True:
        try:
            yield sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
