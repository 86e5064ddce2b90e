"""In the child: a film's picture, and the rungs that are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from math import ceil
from typing import Any, cast

import av
from av.container import InputContainer

from chalicelib.processing.media import fields, orientation
from chalicelib.processing.media.ffmpeg_child import film_of
from chalicelib.processing.media.hls import cuts, frames, rates, source_rung, tables
from chalicelib.processing.media.hls.opening import seconds_zero, ticks
from chalicelib.processing.media.hls.plan import Rung
from chalicelib.processing.media.hls.rungs import KEY_BYTES, Encoded, key_rung, ladder
from chalicelib.processing.media.hls.tables import Find, Table
from chalicelib.processing.media.hls.tracks import NoStreamError, Picture

# Pixels of the largest picture that is decoded: 8K. Its sides in pixels. The smallest side that is encoded.
MOST_PIXELS = 7680 * 4320
LEAST_SIDE = 16

# Pictures a second that make sense.
_FASTEST = 1000

# Pictures a second that are encoded, of a film that has more than MANY: no screen of a page shows more.
_MOST_ENCODED, _MANY = 60, 75

# ITU-T H.273: the transfer functions of pictures with a high dynamic range.
HDR = {16: "pq", 18: "hlg"}

# Packets at the beginning that tell the first picture's time, and at the end the last one's.
_HEAD, _TAIL = 64, 20_000


def look(container: InputContainer, find: Find) -> Picture | None:
    """`find` finds a track's table. None if there is no picture. Raises NoStreamError for one that can't be decoded."""
    stream = film_of(container)
    if stream is None:
        return None
    width, height = stream.width, stream.height
    if min(width, height) < LEAST_SIDE or width * height > MOST_PIXELS:
        raise NoStreamError("its picture is too large or too small")
    found = find(stream)
    decoded = _decoded(container, stream)
    first = next(decoded, None)
    if first is None:
        raise NoStreamError("its picture can't be decoded")
    turn, mirrored = orientation.of_frame(first)
    turn = turn if turn in (90, 180, 270) else 0
    interlaced = fields.are_in(stream, first, decoded)
    aspect = stream.sample_aspect_ratio
    square = not aspect or not aspect.numerator or aspect == 1
    if not square and Fraction(1, 8) <= aspect <= 8:
        width = round(width * aspect)
    if turn in (90, 270):
        width, height = height, width
    hdr = HDR.get(int(first.color_trc or 0))
    begins, ends, picture, rate = _timed(container, stream, found)
    return Picture(
        stream=stream,
        table=found,
        begins=begins,
        ends=ends,
        picture=picture,
        frame_rate=rate,
        width=width,
        height=height,
        turn=turn,
        mirrored=mirrored,
        interlaced=interlaced,
        square=square,
        hdr=hdr,
    )


def _decoded(container: InputContainer, stream: Any) -> Iterator[Any]:
    """The frames from the beginning on."""
    context = stream.codec_context
    if not context.is_open:  # it is, where the facts were found before
        context.thread_count = 1
    frames.seek(container, stream, int(stream.start_time or 0))
    context.flush_buffers()
    return frames.decoded(container, stream)


def _timed(
    container: InputContainer, stream: Any, found: Table | None
) -> tuple[Fraction, Fraction, Fraction | None, Fraction]:
    """When the picture begins and ends, how long each is shown (None: unequal), and pictures a second on average."""
    base = stream.time_base
    rate = _sensible(stream.average_rate) or _sensible(stream.base_rate)
    if found:
        times = found.times
        lengths = found.steps
        step = Fraction(times[-1] - times[0], len(times) - 1) if lengths else Fraction(1) / (rate or 25) / base
        even = not lengths or max(lengths) - min(lengths) <= max(1, round(step / 50))
        # Of the last picture nobody knows how long it is shown: not for ever.
        last = step if even else min(times[-1] - times[-2], 1 / base)
        average = _sensible(1 / (step * base)) or Fraction(25)
        return times[0] * base, (times[-1] + last) * base, step * base if even else None, average
    first, seen = _beginning(container, stream)
    last = _end(container, stream)
    steps = [later - earlier for earlier, later in pairwise(seen)]
    if rate is None and steps and sum(steps):
        rate = _sensible(len(steps) / (sum(steps) * base))
    rate = rate or Fraction(25)
    even = bool(steps) and all(
        abs(step * base - 1 / rate) <= max(base * Fraction(3, 2), 1 / rate / 20) for step in steps
    )
    if last is None or last < first:
        last = first + max(0, int((_length(container, stream) - 1 / rate) / base))
    return first * base, last * base + 1 / rate, 1 / rate if even else None, rate


def _sensible(rate: Any) -> Fraction | None:
    return Fraction(rate) if rate and rate.denominator and Fraction(1, 100) <= rate <= _FASTEST else None


def _length(container: InputContainer, stream: Any) -> Fraction:
    if container.duration and container.duration > 0:
        return Fraction(container.duration, av.time_base)
    if stream.duration and stream.duration > 0:
        return cast(Fraction, stream.duration * stream.time_base)
    raise NoStreamError("nobody knows how long it lasts")


def _beginning(container: InputContainer, stream: Any) -> tuple[int, list[int]]:
    """When the first picture is shown, and the times of the first ones, sorted."""
    frames.to_beginning(container, stream)
    times = sorted(
        {
            time
            for packet in frames.first_packets(container, stream, _HEAD)
            if not packet.is_discard and (time := _time(packet)) is not None
        }
    )
    if not times:
        raise NoStreamError("its pictures have no times")
    return times[0], times[: _HEAD // 2]


def _end(container: InputContainer, stream: Any) -> int | None:
    """When the last picture is shown, by the packets at the end; None if they can't be reached."""
    length = container.duration or 0
    start = container.start_time or 0
    last: int | None = None
    for back in (2, 30):
        try:
            if length:
                container.seek(max(start, start + length - back * av.time_base), backward=True)
            for packet in islice(container.demux(stream), _TAIL):
                time = _time(packet)
                last = time if time is not None and (last is None or time > last) else last
        except av.error.FFmpegError:
            continue
        if last is not None:
            break
    return last


def _time(packet: Any) -> int | None:
    time = packet.pts if packet.pts is not None else packet.dts
    return int(time) if time is not None else None


# --- rungs


@dataclass(frozen=True)
class _Grid:
    """The boundaries of encoded rungs, and of key pictures, in ticks of `scale`. Pictures may come `slack` early."""

    scale: int
    borders: list[int]
    keys: list[int]
    slack: int


def rungs(
    picture: Picture, zero: Fraction, end: Fraction, find_cued: source_rung.FindCued
) -> tuple[list[Rung], list[Fraction]]:
    """The rungs, and the boundaries in seconds. `zero` is when the stream begins, `end` is how long it lasts.

    `find_cued` finds what the index of a Matroska file says.
    """
    grid = _grid(picture, zero, end)
    rate = picture.frame_rate / _every(picture.frame_rate)
    made = [_encoded(picture, each, grid, rate) for each in ladder(picture.width, picture.height, rate)]
    copied = source_rung.rung(picture, zero, end, find_cued)
    made += [copied] if copied else []
    made.append(_keys(picture, key_rung(picture.width, picture.height), grid))
    return made, [Fraction(border, grid.scale) for border in grid.borders]


def _grid(picture: Picture, zero: Fraction, end: Fraction) -> _Grid:
    scale = picture.scale
    nothing = seconds_zero((zero.numerator, zero.denominator), scale)
    last = max(1, round(end * scale))
    both = []
    slack = 0
    times: Sequence[int] = []
    if picture.table:
        base = picture.stream.time_base * scale
        times = ticks(picture.table.times, base, nothing)
        if base.denominator != 1:
            times = list(dict.fromkeys(times))  # two that are rounded may be one
        slack = max(0, min(tables.steps(times), default=2) // 2 - 1)
        # A boundary in a gap has no picture of its own: those that come long before it belong to the segment before.
        slack = min(slack, scale // 50)
    for target in (cuts.TARGET, cuts.STEP):
        if picture.table:
            both.append(cuts.at_pictures(times, max(last, times[-1] + 1), target * scale))
        else:
            # A picture without a table may come a little early.
            length = picture.picture or Fraction(1, 1000)
            slack = int(length * scale / 2)
            first = round(picture.begins * scale) - nothing
            count = max(1, round((picture.ends - picture.begins) / length))
            both.append(cuts.at_grid(first, count, length * scale, target * scale, max(last, first + 1)))
    for each, target in zip(both, (cuts.TARGET, cuts.STEP), strict=True):
        if each[0] > scale // 2:  # the picture is late: its first one is shown from the beginning
            each[:0] = cuts.before(each[0], target * scale)
    return _Grid(scale, both[0], both[1], slack)


def _lengths(borders: Sequence[int], scale: int) -> list[float]:
    return [(later - earlier) / scale for earlier, later in pairwise(borders)]


def _every(rate: Fraction) -> int:
    """One in so many pictures is encoded."""
    return ceil(rate / _MOST_ENCODED) if rate > _MANY else 1


def _encoded(picture: Picture, rung: Encoded, grid: _Grid, rate: Fraction) -> Rung:
    """`rate` is how many pictures a second are encoded."""
    lengths = _lengths(grid.borders, grid.scale)
    sizes = [rates.encoded_bytes(rung.rate, length, float(rate)) for length in lengths]
    made = _made(picture, rung, grid, "v", grid.borders, sizes)
    fields: dict[str, Any] = {"frame_rate": _ratio(rate)}
    if rate != picture.frame_rate:
        fields["own_rate"] = _ratio(picture.frame_rate)
    return replace(made, frame_rate=float(rate), settings={**made.settings, **fields})


def _ratio(rate: Fraction) -> list[int]:
    near = rate.limit_denominator(1001)
    return [near.numerator, near.denominator]


def _keys(picture: Picture, rung: Encoded, grid: _Grid) -> Rung:
    made = _made(picture, rung, grid, "i", grid.keys, [KEY_BYTES] * (len(grid.keys) - 1))
    return replace(made, sort="key", settings={**made.settings, "frame_rate": [1, 1]})


def _made(picture: Picture, rung: Encoded, grid: _Grid, letter: str, borders: list[int], sizes: Sequence[int]) -> Rung:
    """A rung that is encoded. `letter` begins its name, and `sizes` are the most bytes of each segment."""
    lengths = _lengths(borders, grid.scale)
    return Rung(
        name=f"{letter}{rung.side}",
        sort="picture",
        stream=picture.stream.index,
        scale=grid.scale,
        cuts=borders,
        codec=rung.codec,
        peak=rates.peak(sizes, lengths),
        average=rates.average(sizes, lengths),
        width=rung.width,
        height=rung.height,
        settings={
            "rate": rung.rate,
            "level": rung.level,
            "turn": picture.turn,
            "slack": grid.slack,
            # Only where it is so: plans of other films are those that the release before wrote.
            **({"mirrored": True} if picture.mirrored else {}),
            **({"interlaced": True} if picture.interlaced else {}),
        },
    )
