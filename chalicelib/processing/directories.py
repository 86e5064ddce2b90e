"""Directories of TIFF: tables of tags. Photographs have them in EXIF, and cameras' raw files are made of them.

All reading is bounded, and raises nothing for hostile bytes beside what the source raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

Order = Literal["little", "big"]

MAX_ENTRIES = 1024
"""So many entries of a directory are read; the largest of cameras have about a hundred."""

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value, by the type of its entry (TIFF 6.0, section 2, and 13 for the place of a directory)."""


@dataclass(frozen=True)
class Entry:
    """`value` is the value itself if it has at most four bytes, or else its place."""

    kind: int
    count: int
    value: bytes

    @property
    def size(self) -> int:
        """The bytes of all values."""
        return self.count * SIZES.get(self.kind, 1)


@dataclass(frozen=True)
class Directory:
    """The `entries` by tag, and the place of the `next` directory; 0 for none."""

    entries: Mapping[int, Entry] = field(default_factory=dict)
    next: int = 0


@dataclass(frozen=True)
class Tables:
    """A file with directories. Places in them count from `base`."""

    data: BinaryIO
    order: Order
    base: int = 0

    def directory(self, at: int) -> Directory:
        count = self.number(self._read(at, 2))
        table = self._read(at + 2, 12 * min(count, MAX_ENTRIES))
        rows = [table[n : n + 12] for n in range(0, len(table) - 11, 12)]
        entries = {self.number(row[:2]): Entry(self.number(row[2:4]), self.number(row[4:8]), row[8:12]) for row in rows}
        return Directory(entries, self.number(self._read(at + 2 + 12 * count, 4)) if entries else 0)

    def content(self, entry: Entry | None, most: int) -> bytes:
        """The bytes of an entry's values; b"" for none, and for more than `most`."""
        if entry is None or entry.size > most:
            return b""
        return entry.value[: entry.size] if entry.size <= 4 else self._read(self.number(entry.value), entry.size)

    def numbers(self, entry: Entry | None, most: int) -> list[int]:
        """The first `most` whole numbers of an entry."""
        if entry is None or entry.kind not in (1, 3, 4, 7, 13):
            return []
        count, step = min(entry.count, most), SIZES[entry.kind]
        found = entry.value if entry.size <= 4 else self._read(self.number(entry.value), count * step)
        return [self.number(found[n : n + step]) for n in range(0, min(len(found), count * step) - step + 1, step)]

    def one(self, entry: Entry | None) -> int:
        """The number of an entry that has one; 0 for any other."""
        return next(iter(self.numbers(entry, 1)), 0) if entry and entry.count == 1 else 0

    def number(self, value: bytes) -> int:
        return int.from_bytes(value, self.order)

    def _read(self, at: int, length: int) -> bytes:
        self.data.seek(self.base + at)
        return self.data.read(length)
