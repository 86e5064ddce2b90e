"""In the child: the samples of a fragmented MP4, by the fragments alone (ISO/IEC 14496-12, 8.8).

Not a packet is read for it but those by which FFmpeg is asked if it sees the same: at the beginning, in the middle and
at the end.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import accumulate, islice, repeat
from typing import Any, BinaryIO, cast

from chalicelib.processing.media import mp4_boxes
from chalicelib.processing.media.fragments import MOST_BOXES, ROW
from chalicelib.processing.media.hls.opening import RESTART_PROBE, opened
from chalicelib.processing.media.hls.restarts import Restarted
from chalicelib.processing.media.hls.samples import exactly, is_rising, numbers
from chalicelib.processing.media.hls.scan import Scan
from chalicelib.processing.media.hls.tables import MOST_SAMPLES, Table
from chalicelib.processing.media.hls.tracks import NoStreamError

_boxes = partial(mp4_boxes.boxes, most=MOST_BOXES)
_down = partial(mp4_boxes.down, most=MOST_BOXES)

# Packets of each place that FFmpeg is asked about, and places beside the first.
_CHECKED, _PLACES = 40, 3

_MOST_TRACKS = 20

# Flags of `tfhd` and `trun`.
_BASE, _NUMBER, _LENGTH, _SIZE, _FLAGS, _FROM_MOOF = 0x1, 0x2, 0x8, 0x10, 0x20, 0x20000
_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_ROWS = (0x100, 0x200, 0x400, 0x800)  # a sample's length, size, flags, and the offset to when it is shown
_NO_KEY = 0x10000 | 0x1000000


@dataclass
class _Track:
    """Samples as they are stored. `defaults` are the length, size and flags of `trex`. `following` is when the next
    sample is decoded."""

    defaults: tuple[int, int, int]
    decoded: array[int] = field(default_factory=lambda: array("q"))
    shown: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    places: array[int] = field(default_factory=lambda: array("q"))
    flags: array[int] = field(default_factory=lambda: array("q"))
    following: int = 0
    ends: int = 0
    bytes_end: int = 0


def scan(appended: BinaryIO, demuxer: Sequence[str], size: int) -> Scan:
    """`appended` is a file of `size` bytes, as `fragments.Appended` has it.

    Raises NoStreamError if FFmpeg sees other samples, and struct.error or ValueError for nonsense.
    """
    given = _Pieces(appended, size)
    data, whole = cast(BinaryIO, given), alone(appended, size)
    tracks: dict[int, _Track] = {}
    marks: list[int] = []
    head = 0
    for kind, start, content, end in given.boxes():
        if kind == b"moov":
            head, tracks = end, dict(_tracks(data, content, end))
        elif kind == b"moof":
            marks.append(start)
            _fragment(data, start, content, end, tracks)
    with opened(whole, demuxer, unindexed=True) as container:
        streams = [*container.streams.video, *container.streams.audio][:_MOST_TRACKS]
        if any(track.bytes_end > size for track in tracks.values()):
            raise ValueError("samples are behind the end")
        found = {each.index: tracks[each.id] for each in streams if each.id in tracks and tracks[each.id].shown}
        tables = {each.index: _table(found[each.index], each.type) for each in streams if each.index in found}
        bases = {each.index: Fraction(each.time_base.numerator, each.time_base.denominator) for each in streams}
        checks = {index: _Check(found[index], tables[index]) for index in found}
        _compare(container, checks)
    for number in {len(marks) * place // _PLACES for place in range(1, _PLACES)} | {len(marks) - 1}:
        later = cast(BinaryIO, Restarted(whole, size, demuxer[0], head, marks[number]))
        with opened(later, demuxer, RESTART_PROBE, unindexed=True) as container:
            _compare(container, checks)
    return Scan(
        tables={index: check.table() for index, check in checks.items()},
        places={index: track.places for index, track in found.items()},
        bases=bases,
        marks=marks,
        head=head,
        ids={},
        jumps={},
    )


def alone(appended: BinaryIO, size: int) -> BinaryIO:
    """The file without what is behind its end."""
    return cast(BinaryIO, Restarted(appended, size, "", 0, 0))


class _Pieces:
    """The pieces of the file. Elsewhere it has no bytes."""

    def __init__(self, appended: BinaryIO, size: int) -> None:
        appended.seek(size)
        self._starts: list[int] = []
        self._bodies: list[bytes] = []
        while row := appended.read(ROW.size):
            start, length = ROW.unpack(row)
            self._starts.append(start)
            self._bodies.append(exactly(appended, length))
        self._at = 0

    def boxes(self) -> Iterator[tuple[bytes, int, int, int]]:
        """Those of the file's first level that are whole here."""
        for start, body in zip(self._starts, self._bodies, strict=True):
            yield from mp4_boxes.boxes(cast(BinaryIO, self), start, start + len(body), most=1)

    def seek(self, offset: int) -> int:
        self._at = offset
        return offset

    def read(self, size: int) -> bytes:
        number = bisect_right(self._starts, self._at) - 1
        if number < 0:
            return b""
        inside = self._at - self._starts[number]
        found = self._bodies[number][inside : inside + size]
        self._at += len(found)
        return found


def _tracks(data: BinaryIO, start: int, end: int) -> Iterator[tuple[int, _Track]]:
    extends = _down(data, start, end, b"mvex")
    for kind, _, content, last in _boxes(data, *extends) if extends else ():
        if kind == b"trex":
            number, _, *defaults = struct.unpack(">5I", exactly(data, 20, (content, last), 4))
            yield number, _Track((defaults[0], defaults[1], defaults[2]))


def _fragment(data: BinaryIO, moof: int, start: int, end: int, tracks: dict[int, _Track]) -> None:
    following = moof
    for kind, _, content, last in _boxes(data, start, end):
        if kind == b"traf":
            following = _part(data, moof, following, (content, last), tracks)


def _part(data: BinaryIO, moof: int, following: int, traf: tuple[int, int], tracks: dict[int, _Track]) -> int:
    """Reads one `traf`, and returns where its samples' bytes end."""
    inside = {kind: (content, end) for kind, _, content, end in _boxes(data, *traf) if kind in (b"tfhd", b"tfdt")}
    header = inside[b"tfhd"]
    flags, number = struct.unpack(">II", exactly(data, 8, header))
    at = 8
    track = tracks.get(number)
    if track is None:
        return following
    place = moof if flags & _FROM_MOOF else following
    if flags & _BASE:
        (place,) = struct.unpack(">Q", exactly(data, 8, header, at))
        at += 8
    at += 4 if flags & _NUMBER else 0
    defaults = list(track.defaults)
    for each, flag in enumerate((_LENGTH, _SIZE, _FLAGS)):
        if flags & flag:
            (defaults[each],) = struct.unpack(">I", exactly(data, 4, header, at))
            at += 4
    if b"tfdt" in inside:
        is_long = exactly(data, 1, inside[b"tfdt"])[0] == 1
        track.following = int.from_bytes(exactly(data, 8 if is_long else 4, inside[b"tfdt"], 4))
    base = following = place
    for kind, _, content, end in _boxes(data, *traf):
        if kind == b"trun":
            following = _run(data, (content, end), base, following, track, defaults)
    return following


def _run(data: BinaryIO, run: tuple[int, int], base: int, place: int, track: _Track, defaults: list[int]) -> int:
    flags, count = struct.unpack(">II", exactly(data, 8, run))
    if len(track.shown) + count > MOST_SAMPLES:
        raise ValueError("there are too many samples")
    at = 8
    if flags & _OFFSET:
        place = base + int.from_bytes(exactly(data, 4, run, at), signed=True)
        at += 4
    first = None
    if flags & _FIRST_FLAGS:
        first = int.from_bytes(exactly(data, 4, run, at))
        at += 4
    present = [flag for flag in _ROWS if flags & flag]
    table = numbers("I", exactly(data, 4 * len(present) * count, run, at))
    rows = {flag: table[number :: len(present)] for number, flag in enumerate(present)}
    lengths, sizes, kinds = (
        rows[flag] if flag in rows else repeat(default, count)
        for flag, default in zip(_ROWS[:3], defaults, strict=True)
    )
    ends = list(accumulate(lengths, initial=track.following))
    offsets = memoryview(rows[_ROWS[3]]).cast("B").cast("i") if _ROWS[3] in rows else repeat(0, count)
    before = len(track.shown)
    track.decoded.extend(ends[:-1])
    track.shown.extend(map(int.__add__, ends[:-1], offsets))
    track.sizes.extend(iter(sizes))
    reached = list(accumulate(track.sizes[before:], initial=place))
    track.places.extend(reached[:-1])
    track.flags.extend(iter(kinds))
    if first is not None and count:
        track.flags[before] = first
    if count:
        last = max(range(before, len(track.shown)), key=track.shown.__getitem__)
        track.ends = max(track.ends, track.shown[last] + ends[last - before + 1] - ends[last - before])
    track.following, track.bytes_end = ends[-1], max(track.bytes_end, reached[-1])
    return reached[-1]


def _table(track: _Track, sort: str) -> Table:
    keys = [sort == "audio" or not flags & _NO_KEY for flags in track.flags]
    return Table(track.decoded, track.shown, track.sizes, keys, [False] * len(keys), track.ends)


class _Check:
    """Compares FFmpeg's packets with the samples. It may show all of them earlier or later, and leave some out."""

    def __init__(self, track: _Track, table: Table) -> None:
        self._places, self._table = track.places, table
        if not is_rising(track.places):
            raise NoStreamError("its fragments are not in their order")
        self._shift: int | None = None
        self._left_out: set[int] = set()

    def add(self, packet: Any) -> None:
        number = bisect_left(self._places, packet.pos or 0)
        is_there = number < len(self._places) and self._places[number] == packet.pos
        if not is_there or packet.pts is None or packet.dts is None:
            raise NoStreamError("its fragments are not what they say")
        shift = int(packet.pts) - self._table.shown[number]
        same = packet.size == self._table.sizes[number] and packet.is_keyframe == self._table.keys[number]
        if not same or self._shift not in (None, shift) or packet.dts - shift != self._table.decoded[number]:
            raise NoStreamError("its fragments are not what they say")
        self._shift = shift
        if packet.is_discard:
            self._left_out.add(number)

    def table(self) -> Table:
        shift, table = self._shift or 0, self._table
        decoded, shown = (array("q", map(shift.__add__, each)) for each in (table.decoded, table.shown))
        left_out = [number in self._left_out for number in range(len(table.keys))]
        return Table(decoded, shown, table.sizes, table.keys, left_out, (table.ends or 0) + shift)


def _compare(container: Any, checks: dict[int, _Check]) -> None:
    streams = [stream for stream in container.streams if stream.index in checks]
    for packet in islice(container.demux(*streams), _CHECKED * len(streams)):
        if packet.size:
            checks[packet.stream.index].add(packet)
