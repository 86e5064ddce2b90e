"""In the child: makes an init segment, a segment or a key picture of an encoded rung, alone and always the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Any

from av.container import InputContainer

from chalicelib.processing.media import fields, tone
from chalicelib.processing.media.hls import boxes, frames, nal
from chalicelib.processing.media.hls.opening import alone, seconds_zero
from chalicelib.processing.media.hls.picture import encoder

# Tries to get below a segment's bound, each with fewer bits.
_TRIES = 5


def init(rung: dict[str, Any]) -> bytes:
    """The same whoever makes it: nothing of the film itself is in it."""
    made = _encoder(rung, Fraction(*rung["settings"]["frame_rate"]))
    size = rung["width"], rung["height"]
    return boxes.init(boxes.picture_entry(b"avc1", nal.avc_config(made.extradata), size), rung["scale"], size)


class _Encoding:
    """The pictures of a segment on their way through the encoder. `times` are when they are shown."""

    def __init__(self, rung: dict[str, Any], tried: int, frame_rate: Fraction) -> None:
        size, settings = (rung["width"], rung["height"]), rung["settings"]
        turn = {"turn": settings["turn"], "mirrored": settings.get("mirrored", False)}
        self._converted = tone.Converter(size, "yuv420p", scaler=tone.QUICK, **turn)
        self._encoder = _encoder(rung, frame_rate, tried)
        self._packets: list[Any] = []
        self.times: list[int] = []

    def add(self, time: int, frame: Any) -> None:
        picture = self._converted(frame)
        picture.pts, picture.time_base, picture.pict_type = len(self.times), self._encoder.time_base, 0
        self.times.append(time)
        self._packets += self._encoder.encode(picture)

    def rate(self, scale: int) -> Fraction:
        """Pictures a second. `scale` is that of the times."""
        length = self.times[-1] - self.times[0]
        return Fraction((len(self.times) - 1) * scale, length) if length else Fraction(0)

    def samples(self, end: int) -> list[boxes.Sample]:
        """In the order in which they are decoded: each when the n-th picture is shown."""
        self._packets += self._encoder.encode(None)
        times = [*self.times, end]
        return [
            boxes.Sample(
                data=nal.stored(bytes(packet)),
                duration=times[place + 1] - times[place],
                shown=times[packet.pts] - times[place],
                sync=packet.is_keyframe,
            )
            for place, packet in enumerate(self._packets)
        ]


def make(container: InputContainer, rung: dict[str, Any], part: dict[str, Any], zero: list[int]) -> bytes:
    """`part` has `number`, `start`, `stop`, `next_stop` (None at the end) and `most_bytes`."""
    stream = alone(container, rung["stream"])
    # With more threads PyAV may hang when it closes the decoder: it holds the lock that a thread waits for to log.
    stream.codec_context.thread_count = 1
    frame_rate = Fraction(*rung["settings"]["frame_rate"])
    for tried in range(_TRIES):
        encoding = _Encoding(rung, tried, frame_rate)
        following = _encode(encoding, container, stream, rung, part, zero)
        end = part["stop"]
        if following is not None and part["next_stop"] is not None and _begins(rung, end, part["next_stop"], following):
            end = following
        samples = encoding.samples(max(end, encoding.times[-1] + 1))
        made = boxes.segment(part["number"], encoding.times[0], samples)
        if len(made) <= part["most_bytes"]:
            break
        # A film of a variable rate may show more pictures here than on average: each has fewer bits then.
        frame_rate = max(frame_rate, encoding.rate(rung["scale"]).limit_denominator(1001))
    return made


def _begins(rung: dict[str, Any], start: int, stop: int, time: int) -> bool:
    """True if a segment begins with the picture of this time, the first one that is shown in it or after it.

    Where it is late, as in a gap, the picture before is repeated at the segment's beginning: lists say the truth.
    """
    slack, late = rung["settings"]["slack"], rung["scale"] // 2
    return bool(time <= start + late and time < stop - slack)


def _encode(
    encoding: _Encoding, container: InputContainer, stream: Any, rung: dict[str, Any], part: dict[str, Any], zero: Any
) -> int | None:
    """Encodes the pictures that are shown from `start` until before `stop`. Returns when the next one is shown.

    A segment that does not begin with a picture of its own (`_begins`) repeats the one before; the film's first
    one is shown from the stream's beginning.
    """
    slack, thinned = rung["settings"]["slack"], _Thinned(rung, part["start"])
    before: Any = None
    for time, frame in _pictures(container, stream, rung, part, zero):
        if time < part["start"] - slack:
            before = frame
            continue
        if not encoding.times and not _begins(rung, part["start"], part["stop"], time):
            encoding.add(part["start"], before or frame)
        if time >= part["stop"] - slack:
            return time
        if rung["sort"] == "key":
            if not encoding.times:
                encoding.add(time, frame)
            return None
        if thinned.has(time):
            encoding.add(time, frame)
    if not encoding.times:
        if before is None:
            raise ValueError("the track has no picture")
        encoding.add(part["start"], before)
    return None


def _pictures(
    container: InputContainer, stream: Any, rung: dict[str, Any], part: dict[str, Any], zero: list[int]
) -> Iterator[tuple[int, Any]]:
    """(time in the rung's ticks, picture) from one at or before `start` on.

    Each of an interlaced film is made with the frames before and after it, as if all of the film were made at once.
    """
    scale, start, settings = rung["scale"], part["start"], rung["settings"]
    if not settings.get("interlaced"):
        return _timed(container, stream, scale, start, zero)
    if part["number"]:
        # One tick is enough to reach the picture before: the container leads to its key picture.
        start -= settings["slack"] + max(1, ceil(stream.time_base * scale))
    return fields.whole(_from(_timed(container, stream, scale, start, zero), part["start"] - settings["slack"]))


def _from(found: Iterator[tuple[int, Any]], start: int) -> Iterator[tuple[int, Any]]:
    """The pictures from the last but one before `start` on: all that tell how the last one before it looks."""
    waiting: deque[tuple[int, Any]] = deque(maxlen=3)
    for each in found:
        waiting.append(each)
        if each[0] >= start:
            break
    yield from waiting
    yield from found


class _Thinned:
    """The pictures that are encoded of a segment from `start` on: one in a few, where the film has too many."""

    def __init__(self, rung: dict[str, Any], start: int) -> None:
        own, rate = (rung["settings"].get(name) for name in ("own_rate", "frame_rate"))
        self._step = rung["scale"] / Fraction(*rate) if own else None
        # Times may be rounded to milliseconds.
        self._start = start - rung["scale"] / Fraction(*own) / 2 if own else start
        self._last = -1

    def has(self, time: int) -> bool:
        if self._step is None:
            return True
        place = (time - self._start) // self._step
        is_new, self._last = place > self._last, int(max(place, self._last))
        return bool(is_new)


def _timed(
    container: InputContainer, stream: Any, scale: int, start: int, zero: list[int]
) -> Iterator[tuple[int, Any]]:
    """(time in the rung's ticks, frame) from a picture at or before `start` on."""
    base: Fraction = stream.time_base * scale
    nothing = seconds_zero(zero, scale)
    for time, frame in frames.pictures_from(container, stream, int((start + nothing) / base)):
        yield round(time * base) - nothing, frame


def _encoder(rung: dict[str, Any], frame_rate: Fraction, tried: int = 0) -> Any:
    """With each try it has fewer bits for a picture."""
    settings = rung["settings"]
    rate = settings["rate"] * 7**tried // 10**tried
    return encoder(rung["width"], rung["height"], settings["level"], rate, frame_rate, str(23 + 5 * tried))
