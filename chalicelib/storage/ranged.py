"""A stored object as a seekable file that is read by ranges, so that a large one need not be fetched whole."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.storage.originals import read_range

BLOCK = 256 * 1024  # bytes, the least that one request fetches
AHEAD = 16  # blocks, the most that one request fetches: 4 MiB
KEEP = 32  # blocks in memory

# Bytes of kept parts in the memory of a function's instance, for whatever file.
KEPT = 128 * 1024**2


class TooMuchReadError(OSError):
    """More was read than such a file is worth. A hostile file makes its reader jump about."""


# Parts that are fetched at once.
AT_ONCE = 8

Parts = tuple[tuple[int, int], ...]
"""(first byte, length) of each."""

_kept: OrderedDict[tuple[str, str, Parts], list[bytes]] = OrderedDict()


class Ranged(io.RawIOBase):
    """One version of an original. A GetObject fetches blocks that are read and not in memory, at most AHEAD.

    A read of several blocks fetches them together. A reader that goes on where it ended gets twice as many blocks with
    each request, if the rest of the object is within the budget: so reading ahead can't make a sound reader fail.

    `read_bytes` counts what was fetched; above `budget` bytes reading raises TooMuchReadError. Parts that are kept (see
    `keep`) don't count: `kept_bytes` has those that were fetched.
    """

    def __init__(self, key: str, version_id: str, size: int, budget: int) -> None:
        self.size = size
        self.read_bytes = self.kept_bytes = 0
        self._parts: list[tuple[int, bytes]] = []
        self._starts: list[int] = []
        self._key, self._version_id, self._budget = key, version_id, budget
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._at = 0
        self._next, self._run = 0, 0  # the block after the last request, and the blocks of that request

    def keep(self, first: int, length: int, *more: tuple[int, int]) -> None:
        """Fetches a part at once, and keeps it: an index that several readers need, one after another.

        `more` are (first byte, length) of others, if the index is in pieces. None may overlap another one. They stay in
        the instance's memory, so that the next run has them. Of a file the last ones named are kept.
        """
        parts = tuple(sorted(((first, length), *more)))
        name = (self._key, self._version_id, parts)
        if name in _kept:
            _kept.move_to_end(name)
        else:
            bodies = self._bodies(parts)
            self.kept_bytes += sum(map(len, bodies))
            _kept[name] = bodies
            while len(_kept) > 1 and sum(len(body) for each in _kept.values() for body in each) > KEPT:
                _kept.popitem(last=False)
        self._starts = [start for start, _ in parts]
        self._parts = list(zip(self._starts, _kept[name], strict=True))

    def fetch(self, *parts: tuple[int, int]) -> list[bytes]:
        """The bytes of these parts, each (first byte, length), at once. They count as kept, and are not."""
        bodies = self._bodies(parts)
        self.kept_bytes += sum(map(len, bodies))
        return bodies

    def _bodies(self, parts: Parts) -> list[bytes]:
        if len(parts) == 1:
            return [self._body(parts[0])]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self._body, parts))

    def _body(self, part: tuple[int, int]) -> bytes:
        first, length = part
        steps = range(first, first + length, AHEAD * BLOCK)
        sizes = [min(AHEAD * BLOCK, first + length - at) for at in steps]
        return b"".join(
            read_range(self._key, self._version_id, at, size) for at, size in zip(steps, sizes, strict=True)
        )

    def allow(self, more: int) -> None:
        """Lets its readers fetch so many bytes more, for another purpose."""
        self._budget += more

    def reopened(self, budget: int) -> Ranged:
        """The same object with a budget of its own, and with what is kept of it."""
        other = Ranged(self._key, self._version_id, self.size, budget)
        other._parts, other._starts = self._parts, self._starts
        return other

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self.size)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self.size:
            return 0
        number = self._at // BLOCK
        piece = self._piece(number, len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def read(self, size: int | None = -1) -> bytes:
        """All of `size` bytes, unless the object ends before: some readers do not ask again."""
        left = max(0, self.size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        last = (self._at + wanted - 1) // BLOCK
        found = bytearray()
        while len(found) < wanted:
            piece = self._piece(last, wanted - len(found))
            found += piece
            self._at += len(piece)
        return bytes(found)

    def _piece(self, last: int, length: int) -> memoryview:
        """Some bytes from here on, at most `length`, of a read that needs the blocks until `last`."""
        place = bisect_right(self._starts, self._at)
        if place:
            start, part = self._parts[place - 1]
            if self._at < start + len(part):
                return memoryview(part)[self._at - start : self._at - start + length]
        if place < len(self._starts):
            length = min(length, self._starts[place] - self._at)
            last = min(last, (self._at + length - 1) // BLOCK)
        number, offset = divmod(self._at, BLOCK)
        return memoryview(self._block(number, last))[offset : offset + length]

    def _block(self, number: int, last: int) -> bytes:
        """A block of a read that needs the blocks `number` to `last`."""
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        self._fetch(number, self._count(number, last))
        return self._blocks[number]

    def _count(self, number: int, last: int) -> int:
        """How many blocks to fetch from this one on: none that is in memory or behind the end."""
        count = last - number + 1
        if number == self._next and self.size - number * BLOCK <= self._budget - self.read_bytes:
            count = max(count, 2 * self._run)
        end = min(number + min(count, AHEAD), -(-self.size // BLOCK))
        return next((other for other in range(number, end) if other in self._blocks), end) - number

    def _fetch(self, number: int, count: int) -> None:
        """Raises TooMuchReadError, and OSError for a range that is not as long as it should be."""
        first = number * BLOCK
        length = min(count * BLOCK, self.size - first)
        if self.read_bytes + length > self._budget:
            raise TooMuchReadError(f"more than {self._budget} bytes of this file were to be read")
        data = read_range(self._key, self._version_id, first, length)
        self.read_bytes += length
        self._next, self._run = number + count, count
        for each in range(count):
            self._blocks[number + each] = data[each * BLOCK : (each + 1) * BLOCK]
        while len(self._blocks) > KEEP:
            self._blocks.popitem(last=False)
