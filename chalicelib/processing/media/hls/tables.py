"""In the child: when each picture of a track is shown, by the index of an MP4 or QuickTime file.

FFmpeg gives an index with the times at which samples are decoded. The offsets to when they are shown are in the box
`ctts`, which is read here.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import add
from typing import Any, BinaryIO

from av.container import InputContainer

from chalicelib.processing.media import mp4_boxes

# Samples of a track: 24 hours at 60 a second. Boxes that are looked at.
MOST_SAMPLES = 24 * 3600 * 60
_MOST_BOXES = 5000
_boxes = partial(mp4_boxes.boxes, most=_MOST_BOXES)
_down = partial(mp4_boxes.down, most=_MOST_BOXES)

# Packets whose times must be those that the table says.
_CHECKED = 12


@dataclass(frozen=True)
class Table:
    """Each sequence has one entry a sample, in the order in which they are stored. Times in the track's ticks.

    `decoded` is empty where nobody knows when samples are decoded.

    A long film has a million samples, so numbers are in arrays.
    """

    decoded: Sequence[int]
    shown: Sequence[int]
    sizes: Sequence[int]
    keys: Sequence[bool]
    left_out: Sequence[bool]
    """True for samples that the file says to leave out: those before a cut, and the encoder's run-up above all."""

    ends: int | None = None
    """When the last sample ends, where that is known."""

    @property
    def times(self) -> list[int]:
        """When the samples that are not left out are shown, sorted."""
        return sorted({time for time, out in zip(self.shown, self.left_out, strict=True) if not out})

    @property
    def run_up(self) -> int | None:
        """How many are left out at the beginning; None if others are, too."""
        count = sum(self.left_out)
        return count if all(self.left_out[:count]) else None


# Finds the table of a track; None if it has none.
Find = Callable[[Any], Table | None]


def table(container: InputContainer, stream: Any, data: BinaryIO, size: int) -> Table | None:
    """None if the file has no index of all samples, or if it doesn't fit to the file."""
    if stream.index_entries is None or not 0 < len(stream.index_entries) <= MOST_SAMPLES:
        return None
    if stream.frames and len(stream.index_entries) != stream.frames:
        return None
    decoded, sizes, starts = array("q"), array("q"), array("q")
    keys: list[bool] = []
    left_out: list[bool] = []
    for entry in stream.index_entries:
        decoded.append(entry.timestamp)
        sizes.append(entry.size)
        starts.append(entry.pos)
        keys.append(entry.is_keyframe)
        left_out.append(entry.is_discard)
    if any(map(size.__lt__, map(add, starts, sizes))):
        return None
    places = {start: number for number, start in enumerate(starts[: 64 * _CHECKED])}
    offsets = _offsets(data, size, stream.id, len(decoded))
    if offsets is None or all(left_out):
        return None
    shift: int | None = None
    for packet in islice(container.demux(stream), _CHECKED):
        if packet.pts is None or packet.dts is None:
            continue
        number = places.get(packet.pos)
        if number is None:
            return None
        seen = packet.pts - decoded[number] - offsets[number]
        if shift not in (None, seen) or packet.dts != decoded[number]:
            return None
        shift = seen
    if shift is None:
        return None
    shown = array("q", (time + offset + shift for time, offset in zip(decoded, offsets, strict=True)))
    return Table(decoded, shown, sizes, keys, left_out)


def _offsets(data: BinaryIO, size: int, track: int, count: int) -> list[int] | None:
    """The offsets from decoding to showing of each sample; None if they can't be found out."""
    try:
        found = _find(data, size, track)
        if found is None:
            return None
        return [0] * count if found[0] < 0 else _expanded(data, *found, count)
    except (struct.error, ValueError):
        return None


def _find(data: BinaryIO, size: int, track: int) -> tuple[int, int] | None:
    """Where the content of the track's `ctts` begins and ends; (-1, -1) if it has none; None if there is no track."""
    for kind, _, start, end in _boxes(data, 0, size):
        if kind == b"moov":
            for each, _, first, last in _boxes(data, start, end):
                if each == b"trak" and _number(data, first, last) == track:
                    return _down(data, first, last, b"mdia", b"minf", b"stbl", b"ctts") or (-1, -1)
    return None


def _number(data: BinaryIO, start: int, end: int) -> int | None:
    found = _down(data, start, end, b"tkhd")
    if found is None:
        return None
    data.seek(found[0])
    header = data.read(24)
    (number,) = struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)
    return int(number)


def _expanded(data: BinaryIO, start: int, end: int, count: int) -> list[int] | None:
    """One offset a sample. Negative ones are allowed in either version: writers do so."""
    data.seek(start)
    header = _read(data, 8)
    rows = struct.unpack(">I", header[4:])[0]
    if start + 8 + rows * 8 > end or rows > count:
        return None
    found: list[int] = []
    for times, offset in struct.iter_unpack(">Ii", _read(data, rows * 8)):
        if times > count - len(found):
            return None
        found += [offset] * times
    return found if len(found) == count else None


def _read(data: BinaryIO, length: int) -> bytes:
    """Our file objects give at most a megabyte at once."""
    found = bytearray()
    while len(found) < length:
        piece = data.read(length - len(found))
        if not piece:
            raise ValueError("the file ends")
        found += piece
    return bytes(found)
