"""In the child: the rung of a film's own packets, if players can play them as they are.

It is cut at key pictures that nothing reaches over, as the index of an MP4 or a Matroska file tells them, or as reading
a file without an index to its end did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, compress, pairwise
from math import ceil
from typing import Any

import av

from chalicelib.processing.media.hls import boxes, cued, cuts, frames, nal, rates, repacked
from chalicelib.processing.media.hls.cues import Cue, Cued
from chalicelib.processing.media.hls.opening import seconds_zero, ticks
from chalicelib.processing.media.hls.plan import Rung
from chalicelib.processing.media.hls.rungs import MOST_BYTES, MOST_STORED
from chalicelib.processing.media.hls.tables import Table
from chalicelib.processing.media.hls.tracks import Picture

_RANGES = {"pq": "PQ", "hlg": "HLG"}

# Packets at the beginning that must be whole, if a browser is to get them as they are.
_WHOLE = 12

# Bytes of a repacked segment, with room for what the index does not count.
_COPIED = 4_200_000

# Pictures a second at most, as a share of the ticks: two pictures must not have one time.
_FASTEST = Fraction(1, 2)


@dataclass(frozen=True)
class Probe:
    """The index of a Matroska file, and a function that looks if decoding can begin at some of its cues."""

    cued: Cued
    is_clean: Callable[[Sequence[Cue]], bool]


# Finds the index of a track of pictures; None if it has none.
FindCued = Callable[[Any], Probe | None]


@dataclass(frozen=True)
class _Cut:
    """The boundaries in the rung's ticks, the most bytes of each segment, and settings by which segments are made."""

    borders: list[int]
    bytes_of: list[int]
    settings: dict[str, Any]


def rung(picture: Picture, zero: Fraction, end: Fraction, find_cued: FindCued) -> Rung | None:
    """None if players could not play the packets, or if segments would be too large.

    The setting `large` has the numbers of those that are too large for an answer, if there are any (`stream.write`).

    `zero` is when the stream begins, and `end` is how long it lasts.
    """
    codec = _playable(picture)
    if codec is None:
        return None
    nothing = seconds_zero((zero.numerator, zero.denominator), picture.scale)
    if picture.table:
        cut = _by_table(picture, picture.table, nothing, round(end * picture.scale))
    else:
        index = find_cued(picture.stream)
        cut = _by_cues(picture, index, nothing, round(end * picture.scale)) if index else None
    if cut is None or cut.borders[0] > picture.scale // 2 or not _is_whole(picture.stream):
        return None
    large = {number: size for number, size in enumerate(cut.bytes_of) if size > MOST_BYTES}
    if sum(large.values()) > MOST_STORED:
        return None
    lengths = [(later - earlier) / picture.scale for earlier, later in pairwise(cut.borders)]
    return Rung(
        name="source",
        sort="copy",
        stream=picture.stream.index,
        scale=picture.scale,
        cuts=cut.borders,
        codec=codec,
        peak=rates.peak(cut.bytes_of, lengths),
        average=rates.average(cut.bytes_of, lengths),
        width=picture.width,
        height=picture.height,
        frame_rate=float(picture.frame_rate),
        video_range=_RANGES.get(picture.hdr or ""),
        settings={
            **repacked.settings(repacked.config(picture.stream)),
            **cut.settings,
            "most_bytes": max([MOST_BYTES, *large.values()]),
            **({"large": list(large)} if large else {}),
        },
    )


def _playable(picture: Picture) -> str | None:
    """The codec's name, if browsers play the track's packets as they are."""
    context = picture.stream.codec_context
    config = bytes(context.extradata or b"")
    # Players of HLS neither turn nor mirror. They would show an interlaced picture, with combs: browsers do not
    # deinterlace. So it is encoded, which costs CPU, but only if somebody watches it.
    is_plain = not picture.turn and not picture.mirrored and not picture.interlaced and picture.square
    table = picture.table
    is_whole = table is None or (table.has_one_header and not table.has_left_out)
    if not is_whole or not is_plain or config[:1] != b"\x01" or not nal.has_sets(config, context.name):
        return None
    if context.name == "h264" and len(config) > 6 and context.pix_fmt in ("yuv420p", "yuvj420p"):
        plays = config[1] in (66, 77, 100) and config[3] <= 52 and not picture.hdr
        return nal.avc_name(config) if plays else None
    if context.name == "hevc" and len(config) > 23 and context.pix_fmt in ("yuv420p", "yuvj420p", "yuv420p10le"):
        return nal.hevc_name(config) if config[1] & 0x1F in (1, 2) else None
    return None


def _is_whole(stream: Any) -> bool:
    """True if the track's first packets are what the codec has. Where an index lies, they are other bytes."""
    config, name = bytes(stream.codec_context.extradata), stream.codec_context.name
    try:
        frames.seek(stream.container, stream, int(stream.start_time or 0))
        packets = frames.first_packets(stream.container, stream, _WHOLE)
        return all(nal.is_whole(bytes(packet), config, name) for packet in packets if packet.size)
    except av.error.FFmpegError:
        return False


# --- by a table of all samples


def _by_table(picture: Picture, found: Table, nothing: int, end: int) -> _Cut | None:
    """Where nobody knows when samples are decoded, key pictures are found by when they are shown."""
    scale, base = picture.scale, picture.stream.time_base * picture.scale
    keys = _clean_keys(found)
    if base.denominator != 1 or not keys or keys[0] != 0:
        return None
    times = ticks(list(map(found.shown.__getitem__, keys)), base, nothing)
    last = max(end, times[-1] + 1)
    between = pairwise((*keys, len(found.sizes)))
    sums = (sum(found.sizes[one:other]) + boxes.PER_SAMPLE * (other - one) for one, other in between)
    before = list(accumulate(sums, initial=0))
    chosen = cuts.at_keys(
        times, before, last, cuts.TARGET * scale, _COPIED, int(cuts.LONGEST * scale), alone=MOST_STORED
    )
    is_doubled = not found.in_order and len(set(found.shown)) != len(found.shown)
    if chosen is None or is_doubled:
        return None
    places = {"places": [found.decoded[keys[place]] for place in chosen[:-1]]} if found.decoded else {}
    return _Cut(
        [*(times[place] for place in chosen[:-1]), last],
        [before[after] - before[first] + 200 for first, after in pairwise(chosen)],
        places,
    )


def _clean_keys(found: Table) -> list[int]:
    """The key pictures that nothing reaches over: all before are shown before, and all after are shown after."""
    keys = compress(range(len(found.shown)), found.keys)
    if found.in_order:
        return list(keys)
    before = list(accumulate(found.shown, max, initial=-(1 << 62)))
    after = list(accumulate(reversed(found.shown), min, initial=1 << 62))
    return [key for key in keys if before[key] < found.shown[key] < after[len(found.shown) - 1 - key]]


# --- by the cues of Matroska


def _by_cues(picture: Picture, index: Probe, nothing: int, end: int) -> _Cut | None:
    """All bytes between two cues are an upper bound of a segment's: there may be sound, too."""
    scale, base, found = picture.scale, picture.stream.time_base * picture.scale, index.cued
    if base.denominator != 1 or picture.stream.time_base != Fraction(found.nanoseconds, 10**9):
        return None
    if not repacked.settings(repacked.config(picture.stream)) or picture.frame_rate > scale / base * _FASTEST:
        return None
    cues = _from_the_first(picture, found)
    if not cues:
        return None
    times = ticks([cue.time for cue in cues], base, nothing)
    last = max(end, times[-1] + 1)
    before, until = [*(cue.place for cue in cues), found.end], _until(cues, found.end)
    chosen = cuts.at_keys(
        times, before, last, cuts.TARGET * scale, _COPIED, int(cuts.LONGEST * scale), until, alone=MOST_STORED
    )
    if chosen is None or not index.is_clean([cues[place] for place in chosen[:-1]]):
        return None
    borders = [*(times[place] for place in chosen[:-1]), last]
    bytes_of = [
        until[after] - before[first] + 200 + _added(picture, found, (borders[number + 1] - borders[number]) / scale)
        for number, (first, after) in enumerate(pairwise(chosen))
    ]
    return _Cut(borders, bytes_of, cued.settings(found, [cues[place] for place in chosen[:-1]], base))


def _from_the_first(picture: Picture, found: Cued) -> list[Cue]:
    """The cues from the film's first picture on. The first cluster begins with it, if no cue says where it is."""
    first = picture.begins / picture.stream.time_base
    if first.denominator != 1 or found.cues[0].time < first:
        return []
    return found.cues if found.cues[0].time == first else [Cue(int(first), found.first, -1), *found.cues]


def _until(cues: Sequence[Cue], end: int) -> list[int]:
    """For each cue, and for the end, a byte that is certainly behind all that is stored before its picture."""
    clusters = sorted({cue.cluster for cue in cues})
    following = dict(zip(clusters, [*clusters[1:], end], strict=True))
    found = [cue.place + _HEADER if cue.inside >= 0 else following[cue.cluster] for cue in cues]
    return [*accumulate(found, max), end]


# Bytes of the header of a cluster.
_HEADER = 12


def _added(picture: Picture, found: Cued, seconds: float) -> int:
    """Bytes that a segment has beside its pictures' data."""
    pictures = ceil(seconds * float(picture.frame_rate) * 1.5) + 8
    return pictures * (boxes.PER_SAMPLE + len(found.prefix))
