"""Finds the fragments of an MP4 that has its index in pieces (`moof`), without reading the packets between them.

The boxes are a chain: each says where the next one begins. So that they are not fetched one after another, the lists of
fragments that many programs write are believed for once: the box `sidx` at the beginning, or `mfra` at the end. The
chain itself decides.
"""

from __future__ import annotations

import io
import struct
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import BinaryIO

from chalicelib.processing.media.indexes import LARGEST
from chalicelib.storage.ranged import Ranged, TooMuchReadError

Piece = tuple[int, bytes]

# Bounds: boxes of the file's first level, the bytes that are fetched, and the seconds that looking may take. Without
# a list of fragments, S3 answers some 30 to 50 times a second.
MOST_BOXES = 100_000
MOST_READ = 256 * 1024**2
SECONDS = 45

_TOGETHER = 64  # fragments that are asked for at once
_LEAST, _MOST = 4 * 1024, 256 * 1024  # bytes of one request
_LONGEST_LIST = 4 * 1024**2
_HEAD = 16

ROW = struct.Struct(">QQ")
"""A piece's place and length, as `Appended` has them."""


def find(data: BinaryIO, size: int) -> list[Piece] | None:
    """(place, bytes): the box `moov` and all fragments without their packets; of all other boxes the head.

    None if there is no fragment, or if they are too many, too large or too slow to be found.
    """
    try:
        pieces = _found(_Walk(data, size), time.monotonic() + SECONDS)
    except TooMuchReadError:
        return None
    return pieces if any(body[4:8] == b"moof" for _, body in pieces) else None


def _found(walk: _Walk, until: float) -> list[Piece]:
    """Raises TooMuchReadError."""
    pieces: list[Piece] = []
    kept = last = 0
    for kind, at, head, length in walk.boxes():
        if length == 0:
            return pieces[:last] if kind == b"mdat" else pieces  # not all of the fragment's packets are there
        if kind == b"moof":
            last = len(pieces)
        if kind in (b"moof", b"moov"):
            if kept + length > LARGEST:
                raise TooMuchReadError("the fragments are too large")
            head = walk.read(at, length)
        pieces.append((at, head))
        kept += len(head)
        if len(pieces) > MOST_BOXES or time.monotonic() > until:
            raise TooMuchReadError("the fragments are too many")
    return pieces


class Appended:
    """A file with the pieces behind its end, so that a child gets all of them by a few questions: each as its place and
    its length (16 bytes), and then its bytes."""

    def __init__(self, data: BinaryIO, size: int, pieces: list[Piece]) -> None:
        self._data, self._size, self._at = data, size, 0
        self._more = b"".join(ROW.pack(at, len(body)) + body for at, body in pieces)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size + len(self._more))[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        wanted = size if size >= 0 else self._size + len(self._more) - self._at
        found = b""
        if self._at < self._size:
            self._data.seek(self._at)
            found = self._data.read(min(wanted, self._size - self._at))
        if self._at + len(found) >= self._size:
            inside = self._at + len(found) - self._size
            found += self._more[inside : inside + wanted - len(found)]
        self._at += len(found)
        return found


class _Walk:
    """The chain of boxes. `_places` is where fragments are said to be."""

    def __init__(self, data: BinaryIO, size: int) -> None:
        self._data, self._size = data, size
        self._start, self._buffer = 0, b""
        self._ahead: dict[int, bytes] = {}
        self._length = _LEAST
        self._left = MOST_READ
        self._places = self._listed_at_the_end()

    def boxes(self) -> Iterator[tuple[bytes, int, bytes, int]]:
        """(type, where the box begins, its head, its length) of each, until the chain ends."""
        at = 0
        while at + 8 <= self._size:
            head = self.read(at, min(_HEAD, self._size - at))
            length, kind = struct.unpack_from(">I4s", head)
            if length == 1 and len(head) == _HEAD:
                (length,) = struct.unpack_from(">Q", head, 8)
            if length < 8 or at + length > self._size:
                # The last box of a recording that ended early has no length, or a wrong one.
                yield kind, at, head, 0
                return
            if kind == b"sidx" and not self._places:
                self._places = _listed_at_the_beginning(self.read(at, min(length, _LONGEST_LIST)), at + length)
            if kind == b"moof":
                self._length = max(self._length, min(_MOST, length + length // 2))
            yield kind, at, head[: min(_HEAD, length)], length
            at += length

    def read(self, at: int, length: int) -> bytes:
        if not self._start <= at < self._start + len(self._buffer):
            self._start, self._buffer = at, self._fetched(at, length)
        missing = at + length - self._start - len(self._buffer)
        if missing > 0:
            (more,) = self._ranges([(self._start + len(self._buffer), missing)])
            self._buffer += more
        return self._buffer[at - self._start : at - self._start + length]

    def _fetched(self, at: int, length: int) -> bytes:
        if at in self._ahead:
            return self._ahead.pop(at)
        self._ahead.clear()
        number = bisect_left(self._places, at)
        wanted = {at, *self._places[number : number + _TOGETHER]} if at in self._places[number : number + 1] else {at}
        ranges = [(each, min(max(length, self._length), self._size - each)) for each in sorted(wanted)]
        self._ahead = dict(zip(sorted(wanted), self._ranges(ranges), strict=True))
        return self._ahead.pop(at)

    def _ranges(self, ranges: list[tuple[int, int]]) -> list[bytes]:
        self._left -= sum(length for _, length in ranges)
        if self._left < 0:
            raise TooMuchReadError("the lists of fragments lie")
        if isinstance(self._data, Ranged):
            return self._data.fetch(*ranges)
        found = []
        for at, length in ranges:
            self._data.seek(at)
            found.append(self._data.read(length))
        return found

    def _listed_at_the_end(self) -> list[int]:
        """Where fragments are, by `mfra` (ISO/IEC 14496-12, 8.8.9); nothing if it is not there, or is damaged."""
        if self._size < 32:
            return []
        (end,) = self._ranges([(self._size - 16, 16)])
        length = int.from_bytes(end[12:])
        if end[4:8] != b"mfro" or not 24 <= length <= min(self._size, _LONGEST_LIST):
            return []
        (body,) = self._ranges([(self._size - length, length)])
        found: set[int] = set()
        at = 8
        while at + 24 <= length and body[at + 4 : at + 8] == b"tfra":
            (box,) = struct.unpack_from(">I", body, at)
            found |= set(_of_track(body[at : at + box]))
            at += max(8, box)
        return sorted(place for place in found if 0 < place < self._size)


def _of_track(box: bytes) -> Iterator[int]:
    lengths, count = struct.unpack_from(">II", box, 16)
    wide = 8 if box[8] == 1 else 4
    row = 2 * wide + sum((lengths >> shift & 3) + 1 for shift in (0, 2, 4))
    for number in range(min(count, (len(box) - 24) // row)):
        place = 24 + number * row + wide
        yield int.from_bytes(box[place : place + wide])


def _listed_at_the_beginning(box: bytes, end: int) -> list[int]:
    """Where fragments are, by the box `sidx` (8.16.3), behind whose end they begin."""
    if len(box) < 44:
        return []
    place = 20 if box[8] == 0 else 28
    wide = 4 if box[8] == 0 else 8
    first = end + int.from_bytes(box[place + wide : place + 2 * wide])
    place += 2 * wide + 2
    count = int.from_bytes(box[place : place + 2])
    found = []
    for number in range(min(count, (len(box) - place - 2) // 12)):
        (length,) = struct.unpack_from(">I", box, place + 2 + 12 * number)
        found.append(first)
        first += length & 0x7FFFFFFF
    return found
