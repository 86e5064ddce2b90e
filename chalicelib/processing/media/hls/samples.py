"""In the child: the samples of a track of an MP4 or QuickTime file, in the order in which they are stored.

PyAV makes an object of each entry of FFmpeg's index, and a film of two hours has half a million. So the boxes of which
FFmpeg made its index are read here, all at once. They count only if they have one meaning, and if FFmpeg agrees
wherever it is asked: at the beginning, at the end, and at some hundred places between.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain, compress, islice, repeat
from operator import add, le, sub
from typing import Any, BinaryIO

from chalicelib.processing.media import mp4_boxes

# Boxes that are looked at.
MOST_BOXES = 5000
_boxes = partial(mp4_boxes.boxes, most=MOST_BOXES)

# Samples whose place in the file is told.
PLACES = 768

# Entries of FFmpeg's index that are compared: so many at each end, and between. Those that the file leaves out must be
# among so many at each end.
_COMPARED, _LEFT_OUT = 512, 448
_ALL = 3 * _COMPARED

# FFmpeg corrects durations above this in its own way.
_LONGEST = 2**31

# Boxes by which FFmpeg finds more key pictures, or samples of another sort.
_UNUSUAL = frozenset({b"stps", b"stz2"})
_GROUPS, _KEY_GROUPS = (b"sbgp", b"sgpd"), (b"rap ", b"sync")

# Boxes that may be there several times: they say nothing about samples.
_REPEATED = frozenset({*_GROUPS, b"free", b"skip", b"udta", b"uuid"})


@dataclass(frozen=True)
class Samples:
    """Times in the track's ticks, sizes in bytes. FFmpeg may show all samples a little earlier or later than `shown`.

    `keys` and `left_out` are flags. `places` are where the first samples are in the file. `fits` is False if one ends
    behind the file's end.
    """

    decoded: Sequence[int]
    shown: Sequence[int]
    sizes: Sequence[int]
    keys: Sequence[int]
    left_out: Sequence[int]
    places: Sequence[int]
    fits: bool


def listed(size: int, entries: Any, offsets: Sequence[int]) -> Samples:
    """FFmpeg's index, entry by entry. `size` is the file's, `offsets` are those from decoding to showing, if any."""
    decoded, sizes, starts = array("q"), array("q"), array("q")
    keys: list[bool] = []
    left_out: list[bool] = []
    for entry in entries:
        decoded.append(entry.timestamp)
        sizes.append(entry.size)
        starts.append(entry.pos)
        keys.append(entry.is_keyframe)
        left_out.append(entry.is_discard)
    shown = _shown(decoded, offsets)
    return Samples(decoded, shown, sizes, keys, left_out, starts[:PLACES], max(map(add, starts, sizes)) <= size)


def _shown(decoded: Sequence[int], offsets: Sequence[int]) -> Sequence[int]:
    return array("q", map(add, decoded, offsets)) if any(offsets) else decoded


def read(data: BinaryIO, size: int, trak: tuple[int, int], entries: Any, offsets: Sequence[int]) -> Samples | None:
    """The same by the boxes of the track, whose content begins and ends there. None if they say anything else."""
    try:
        found = _table(data, trak)
        return _of(data, size, found, entries, offsets) if found else None
    except (struct.error, ValueError, OverflowError):
        return None


_Table = dict[bytes, tuple[int, int]]


def _table(data: BinaryIO, trak: tuple[int, int]) -> _Table | None:
    """Where the boxes of the sample table are; None if one is there twice, or if the track is cut in an unusual way."""
    inside = _only(data, *trak)
    if b"edts" in inside and not _is_one_edit(data, *inside[b"edts"]):
        return None
    for kind in (b"mdia", b"minf", b"stbl"):
        if kind not in inside:
            return None
        inside = _only(data, *inside[kind])
    return None if _UNUSUAL & inside.keys() else inside


def _only(data: BinaryIO, start: int, end: int) -> _Table:
    """The boxes between two places. Raises ValueError if one is there twice that may not, or if there are more keys."""
    found: _Table = {}
    for kind, _, first, last in _boxes(data, start, end):
        if kind in _GROUPS and exactly(data, 4, (first, last), 4) in _KEY_GROUPS:
            raise ValueError("groups of samples are keys")
        if kind in found and kind not in _REPEATED:
            raise ValueError("a box is there twice")
        found[kind] = first, last
    return found


def _is_one_edit(data: BinaryIO, start: int, end: int) -> bool:
    """True if the track is shown in one piece, maybe later: FFmpeg then leaves samples out at its ends only."""
    where = _only(data, start, end).get(b"elst")
    if where is None:
        return True
    data.seek(where[0])
    version, rows = struct.unpack(">B3xI", data.read(8))
    row = struct.Struct(">Qq4x" if version == 1 else ">Ii4x")
    if rows > 2 or where[0] + 8 + rows * row.size > where[1]:
        return False
    begins = [begin for _, begin in row.iter_unpack(exactly(data, rows * row.size))]
    return len(begins) - begins.count(-1) <= 1


def _of(data: BinaryIO, size: int, table: _Table, entries: Any, offsets: Sequence[int]) -> Samples | None:
    count = len(entries)
    measured, chunks = _sizes(data, table, count), _chunks(data, table, count)
    decoded, keys = _decoded(data, table, count, entries[0].timestamp), _keys(data, table, count)
    if measured is None or chunks is None or decoded is None or keys is None:
        return None
    sizes, most = measured
    starts, firsts = chunks.starts, chunks.firsts

    def place(number: int) -> int:
        chunk = bisect_right(firsts, number) - 1
        return starts[chunk] + sum(sizes[firsts[chunk] : number])

    left_out = bytearray(count)
    for number in _compared(count):
        entry = entries[number]
        ours = decoded[number], sizes[number], place(number), keys[number]
        if ours != (entry.timestamp, entry.size, entry.pos, entry.is_keyframe):
            return None
        left_out[number] = entry.is_discard
    shown = _shown(decoded, offsets)
    if count > _ALL and not _is_kept(shown, left_out, has_offsets=shown is not decoded):
        return None
    places = [place(number) for number in range(min(count, PLACES))]
    return Samples(decoded, shown, sizes, keys, left_out, places, _fit(size, chunks, sizes, most))


def _fit(size: int, chunks: _Chunks, sizes: Sequence[int], most: int) -> bool:
    """True if no chunk ends behind the file's end. Only those that begin near it are added up.

    `most` is a bound of a sample's bytes.
    """
    starts, firsts = chunks.starts, [*chunks.firsts, len(sizes)]
    near = compress(range(len(starts)), map((size - chunks.most * most).__lt__, starts))
    return all(starts[each] + sum(sizes[firsts[each] : firsts[each + 1]]) <= size for each in near)


def _is_kept(shown: Sequence[int], left_out: bytearray, *, has_offsets: bool) -> bool:
    """True if the samples between are certainly shown: those are left out that are shown outside of the only edit."""
    middle = slice(_LEFT_OUT, len(shown) - _LEFT_OUT)
    ends = *range(_LEFT_OUT), *range(middle.stop, len(shown))
    kept = [shown[number] for number in ends if not left_out[number]]
    # Without offsets they are shown in the order in which they are decoded.
    inside = shown[middle] if has_offsets else (shown[_LEFT_OUT], shown[middle.stop - 1])
    return bool(kept) and min(kept) <= min(inside) and max(inside) <= max(kept) and 1 not in left_out[middle]


def _steps(numbers: Sequence[int]) -> Iterator[int]:
    """From each number to the next one."""
    return map(sub, islice(numbers, 1, None), numbers)


def _compared(count: int) -> Iterable[int]:
    if count <= _ALL:
        return range(count)
    between = range(_COMPARED, count - _COMPARED, (count - 2 * _COMPARED) // _COMPARED)
    return chain(range(_COMPARED), between, range(count - _COMPARED, count))


def _sizes(data: BinaryIO, table: _Table, count: int) -> tuple[array[int], int] | None:
    """The sizes, and a bound of them by their upper halves: to find the largest itself takes twice as long.

    None if all have one size: for sounds without a compression, FFmpeg has an index of its own kind. None, too, for
    sizes of 16 MiB and more.
    """
    where = table.get(b"stsz")
    if where is None or struct.unpack(">II", exactly(data, 8, where, 4)) != (0, count):
        return None
    body = exactly(data, count * 4, where, 12)
    return (numbers("I", body), max(body[1::4]) + 1 << 16) if not any(body[::4]) else None


def _decoded(data: BinaryIO, table: _Table, count: int, first: int) -> Sequence[int] | None:
    """`first` is when the first one is decoded. Where all last equally long, a range says it without any work."""
    found = rows(data, table.get(b"stts"), "II", count)
    if not found or min(found[0]) == 0 or max(found[1]) >= _LONGEST or sum(found[0]) != count:
        return None
    times, lengths = found
    if len(times) == 1 and lengths[0]:
        return range(first, first + count * lengths[0], lengths[0])
    durations = chain.from_iterable(map(repeat, lengths, times))
    return array("q", islice(accumulate(durations, initial=first), count))


def _keys(data: BinaryIO, table: _Table, count: int) -> Sequence[int] | None:
    """A track without this box has only keys."""
    if b"stss" not in table:
        return bytes([1]) * count
    found = rows(data, table[b"stss"], "I", count)
    if not found or found[0][0] < 1 or found[0][-1] > count or not is_rising(found[0]):
        return None
    keys = bytearray(count)
    for number in found[0]:
        keys[number - 1] = 1
    return keys


@dataclass(frozen=True)
class _Chunks:
    """Where each begins, and its first sample. `most` are the samples of one, at most."""

    starts: Sequence[int]
    firsts: Sequence[int]
    most: int


def _chunks(data: BinaryIO, table: _Table, count: int) -> _Chunks | None:
    if (b"stco" in table) == (b"co64" in table):
        return None
    code, kind = ("I", b"stco") if b"stco" in table else ("Q", b"co64")
    offsets, runs = rows(data, table[kind], code, count), rows(data, table.get(b"stsc"), "III", count)
    if not offsets or not runs:
        return None
    (starts,), (numbers, sizes, _) = offsets, runs
    if numbers[0] != 1 or not is_rising(numbers) or numbers[-1] > len(starts):
        return None
    lengths = list(_steps([*numbers, len(starts) + 1]))
    if min(sizes) == 0 or sum(size * length for size, length in zip(sizes, lengths, strict=True)) != count:
        return None
    firsts = accumulate(chain.from_iterable(map(repeat, sizes, lengths)), initial=0)
    return _Chunks(starts, list(islice(firsts, len(starts))), max(sizes))


def rows(data: BinaryIO, where: tuple[int, int] | None, code: str, most: int) -> list[array[int]] | None:
    """The columns of a table with at most so many rows, each a letter of `code` for the module `array`, of one width.

    None if there is no such table. Raises ValueError if the box or the file ends too early.
    """
    if where is None:
        return None
    (count,) = struct.unpack(">I", exactly(data, 4, where, 4))
    if not 0 < count <= most:
        return None
    body = exactly(data, count * struct.calcsize(f">{code}"), where, 8)
    return [numbers(letter, body)[column :: len(code)] for column, letter in enumerate(code)]


def numbers(code: str, body: bytes) -> array[int]:
    """Big-endian numbers."""
    found = array(code, body)
    if sys.byteorder == "little":
        found.byteswap()
    return found


def exactly(data: BinaryIO, length: int, where: tuple[int, int] | None = None, at: int = 0) -> bytes:
    """So many bytes, of a box from its byte `at` on. Our file objects give at most a megabyte at once.

    Raises ValueError if there are less.
    """
    if where:
        if where[0] + at + length > where[1]:
            raise ValueError("the box ends")
        data.seek(where[0] + at)
    found = bytearray()
    while len(found) < length:
        piece = data.read(length - len(found))
        if not piece:
            raise ValueError("the file ends")
        found += piece
    return bytes(found)


def is_rising(numbers: Sequence[int]) -> bool:
    """True if each is larger than the one before."""
    if isinstance(numbers, range):
        return numbers.step > 0
    return not any(map(le, islice(numbers, 1, None), numbers))
