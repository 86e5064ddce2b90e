"""In the child: a film's picture, and the rungs that are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, compress, islice, pairwise
from operator import sub
from typing import Any, cast

import av
from av.container import InputContainer

from chalicelib.processing.media.hls import cuts, frames, nal, rates, repacked
from chalicelib.processing.media.hls.opening import seconds_zero, shown, ticks
from chalicelib.processing.media.hls.plan import Rung
from chalicelib.processing.media.hls.rungs import KEY_BYTES, MOST_BYTES, Encoded, key_rung, ladder
from chalicelib.processing.media.hls.tables import Find, Table
from chalicelib.processing.media.hls.tracks import NoStreamError, Picture

# Pixels of the largest picture that is decoded: 8K. Its sides in pixels. The smallest side that is encoded.
MOST_PIXELS = 7680 * 4320
LEAST_SIDE = 16

# Pictures a second that make sense.
_FASTEST = 1000

# ITU-T H.273: the transfer functions of pictures with a high dynamic range.
HDR = {16: "pq", 18: "hlg"}
_RANGES = {"pq": "PQ", "hlg": "HLG"}

# Packets at the beginning that tell the first picture's time, and at the end the last one's.
_HEAD, _TAIL = 64, 20_000

# Packets at the beginning that must be whole, if a browser is to get them as they are.
_WHOLE = 12

# Bytes of a repacked segment, with room for what the index does not count.
_COPIED = 4_200_000


def look(container: InputContainer, find: Find) -> Picture | None:
    """`find` finds a track's table. None if there is no picture. Raises NoStreamError for one that can't be decoded."""
    stream = _chosen(container)
    if stream is None:
        return None
    width, height = stream.width, stream.height
    if min(width, height) < LEAST_SIDE or width * height > MOST_PIXELS:
        raise NoStreamError("its picture is too large or too small")
    found = find(stream)
    first = _first_frame(container, stream)
    if first is None:
        raise NoStreamError("its picture can't be decoded")
    turn = round(-cast(float, first.rotation)) % 360
    turn = turn if turn in (90, 180, 270) else 0
    aspect = stream.sample_aspect_ratio
    square = not aspect or not aspect.numerator or aspect == 1
    if not square and Fraction(1, 8) <= aspect <= 8:
        width = round(width * aspect)
    if turn in (90, 270):
        width, height = height, width
    hdr = HDR.get(int(first.color_trc or 0))
    begins, ends, picture, rate = _timed(container, stream, found)
    return Picture(stream, found, begins, ends, picture, rate, width, height, turn, square, hdr)


def _chosen(container: InputContainer) -> Any:
    """The first picture that is no cover, or the one that the file prefers. FFmpeg has its codec."""
    preset = av.stream.Disposition
    films = [s for s in shown(container.streams.video) if s.codec_context and not s.disposition & preset.attached_pic]
    return next((s for s in films if s.disposition & preset.default), next(iter(films), None))


def _first_frame(container: InputContainer, stream: Any) -> Any:
    stream.codec_context.thread_count = 1
    frames.seek(container, stream, int(stream.start_time or 0))
    return next(islice(frames.decoded(container, stream), 1), None)


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
    frames.seek(container, stream, int(stream.start_time or 0) - round(10 / stream.time_base))
    times = sorted(
        {
            time
            for packet in islice(container.demux(stream), _HEAD)
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


def rungs(picture: Picture, zero: Fraction, end: Fraction) -> tuple[list[Rung], list[Fraction]]:
    """The rungs, and the boundaries in seconds. `zero` is when the stream begins, `end` is how long it lasts."""
    grid = _grid(picture, zero, end)
    made = [_encoded(picture, each, grid) for each in ladder(picture.width, picture.height, picture.frame_rate)]
    copied = _copied(picture, zero, end)
    made += [copied] if copied else []
    made.append(_keys(picture, key_rung(picture.width, picture.height), grid))
    return made, [Fraction(border, grid.scale) for border in grid.borders]


def _scale(picture: Picture) -> int:
    """Ticks a second: the track's own, so that no time is rounded; 90,000 for a track of nonsense."""
    scale = picture.stream.time_base.denominator
    if scale > 10_000_000:
        return 90_000
    return int(scale * max(1, -(-1000 // scale)))


def _grid(picture: Picture, zero: Fraction, end: Fraction) -> _Grid:
    scale = _scale(picture)
    nothing = seconds_zero((zero.numerator, zero.denominator), scale)
    last = max(1, round(end * scale))
    both = []
    slack = 0
    times: list[int] = []
    if picture.table:
        base = picture.stream.time_base * scale
        times = ticks(picture.table.times, base, nothing)
        if base.denominator != 1:
            times = list(dict.fromkeys(times))  # two that are rounded may be one
        slack = max(0, min(map(sub, islice(times, 1, None), times), default=2) // 2 - 1)
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
    for each in both:
        if each[0] > scale // 2:
            each[0] = 0  # the picture is late: its first one is shown from the beginning
    return _Grid(scale, both[0], both[1], slack)


def _lengths(borders: Sequence[int], scale: int) -> list[float]:
    return [(later - earlier) / scale for earlier, later in pairwise(borders)]


def _encoded(picture: Picture, rung: Encoded, grid: _Grid) -> Rung:
    lengths = _lengths(grid.borders, grid.scale)
    sizes = [rates.encoded_bytes(rung.rate, length, float(picture.frame_rate)) for length in lengths]
    made = _made(picture, rung, grid, "v", grid.borders, sizes)
    return replace(made, frame_rate=float(picture.frame_rate))


def _keys(picture: Picture, rung: Encoded, grid: _Grid) -> Rung:
    made = _made(picture, rung, grid, "i", grid.keys, [KEY_BYTES] * (len(grid.keys) - 1))
    return replace(made, sort="key", settings={**made.settings, "frame_rate": [1, 1]})


def _made(picture: Picture, rung: Encoded, grid: _Grid, letter: str, borders: list[int], sizes: Sequence[int]) -> Rung:
    """A rung that is encoded. `letter` begins its name, and `sizes` are the most bytes of each segment."""
    rate = picture.frame_rate.limit_denominator(1001)
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
            "frame_rate": [rate.numerator, rate.denominator],
        },
    )


def _copied(picture: Picture, zero: Fraction, end: Fraction) -> Rung | None:
    """The rung of the film's own packets; None if players could not play them, or segments would be too large."""
    codec, found = _playable(picture), picture.table
    if codec is None or found is None or not found.decoded:
        return None
    stream, scale = picture.stream, _scale(picture)
    base = stream.time_base * scale
    nothing = seconds_zero((zero.numerator, zero.denominator), scale)
    keys = _clean_keys(found)
    if base.denominator != 1 or not keys or keys[0] != 0 or not _is_whole(stream):
        return None
    times = ticks(list(map(found.shown.__getitem__, keys)), base, nothing)
    last = max(round(end * scale), times[-1] + 1)
    bytes_before = list(accumulate(found.sizes, initial=0))
    before = [bytes_before[number] + 16 * number for number in (*keys, len(found.sizes))]
    chosen = cuts.at_keys(times, before, last, cuts.TARGET * scale, _COPIED, int(cuts.LONGEST * scale))
    is_doubled = not found.in_order and len(set(found.shown)) != len(found.shown)
    if chosen is None or times[0] > scale // 2 or is_doubled:
        return None
    borders = [*(times[place] for place in chosen[:-1]), last]
    lengths = _lengths(borders, scale)
    bytes_of = [before[after] - before[first] + 200 for first, after in pairwise(chosen)]
    return Rung(
        name="source",
        sort="copy",
        stream=stream.index,
        scale=scale,
        cuts=borders,
        codec=codec,
        peak=rates.peak(bytes_of, lengths),
        average=rates.average(bytes_of, lengths),
        width=picture.width,
        height=picture.height,
        frame_rate=float(picture.frame_rate),
        video_range=_RANGES.get(picture.hdr or ""),
        settings={
            **repacked.settings(repacked.config(stream)),
            "places": [found.decoded[keys[place]] for place in chosen[:-1]],
            "most_bytes": MOST_BYTES,
        },
    )


def _playable(picture: Picture) -> str | None:
    """The codec's name, if browsers play the track's packets as they are."""
    context = picture.stream.codec_context
    config = bytes(context.extradata or b"")
    if not picture.table or any(picture.table.left_out) or picture.turn or not picture.square or config[:1] != b"\x01":
        return None
    if context.name == "h264" and len(config) > 6 and context.pix_fmt in ("yuv420p", "yuvj420p"):
        plays = config[1] in (66, 77, 100) and config[3] <= 52 and not picture.hdr
        return nal.avc_name(config) if plays else None
    if context.name == "hevc" and len(config) > 23 and context.pix_fmt in ("yuv420p", "yuvj420p", "yuv420p10le"):
        return nal.hevc_name(config) if config[1] & 0x1F in (1, 2) and config[22] else None
    return None


def _is_whole(stream: Any) -> bool:
    """True if the track's first packets are what the codec has. Where an index lies, they are other bytes."""
    frames.seek(stream.container, stream, int(stream.start_time or 0))
    config, name = bytes(stream.codec_context.extradata), stream.codec_context.name
    packets = islice(stream.container.demux(stream), _WHOLE)
    return all(nal.is_whole(bytes(packet), config, name) for packet in packets if packet.size)


def _clean_keys(found: Table) -> list[int]:
    """The key pictures that nothing reaches over: all before are shown before, and all after are shown after."""
    keys = compress(range(len(found.shown)), found.keys)
    if found.in_order:
        return list(keys)
    before = list(accumulate(found.shown, max, initial=-(1 << 62)))
    after = list(accumulate(reversed(found.shown), min, initial=1 << 62))
    return [key for key in keys if before[key] < found.shown[key] < after[len(found.shown) - 1 - key]]
