"""Formats inside OLE's compound files: Word, Excel and PowerPoint of before 2007, and Outlook's messages.

https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

# A stream that only one program's files have, and the program's type.
_STREAMS = {
    "worddocument": "application/msword",
    "powerpoint document": "application/vnd.ms-powerpoint",
    "workbook": "application/vnd.ms-excel",
    "book": "application/vnd.ms-excel",
    "__properties_version1.0": "application/vnd.ms-outlook",
}
_CLASSES = {
    "00020900-0000-0000-c000-000000000046": "application/msword",
    "00020906-0000-0000-c000-000000000046": "application/msword",
    "00020810-0000-0000-c000-000000000046": "application/vnd.ms-excel",
    "00020820-0000-0000-c000-000000000046": "application/vnd.ms-excel",
    "64818d10-4f9b-11cf-86ea-00aa00b929e8": "application/vnd.ms-powerpoint",
    "00020d0b-0000-0000-c000-000000000046": "application/vnd.ms-outlook",
}
TYPES = tuple(dict.fromkeys(_STREAMS.values()))

_SECTOR_SIZES = {3: 512, 4: 4096}  # by the version of the format
_ENTRY = 128  # bytes
_MOST_ENTRIES = 512
_FIRST_FATS = 109  # sectors of the allocation table that the header names
_LAST = 0xFFFFFFFA  # numbers above are marks, no sectors


@dataclass(frozen=True)
class _Entry:
    """A stream or storage. `left` and `right` are numbers of its siblings, `child` of one that it contains."""

    name: str
    left: int
    right: int
    child: int
    class_id: str


def inside_ole(head: bytes, data: BinaryIO) -> str | None:
    """The type of the program that wrote the file, by what stands at the top of it; None if that says nothing."""
    size = _SECTOR_SIZES.get(_number(head, 26, 2))
    if size is None or len(head) < 512:
        return None
    try:
        entries = _entries(head, data, size)
    except OSError:  # more bytes than the source may give
        return None
    if not entries:
        return None
    names = _top(entries)
    found = next((content_type for name, content_type in _STREAMS.items() if name in names), None)
    return found or _CLASSES.get(entries[0].class_id)


def _entries(head: bytes, data: BinaryIO, size: int) -> list[_Entry]:
    """The first entries of the directory, which is a chain of sectors."""
    entries: list[_Entry] = []
    sector = _number(head, 48)
    while sector < _LAST and len(entries) < _MOST_ENTRIES:
        block = _sector(data, sector, size)
        if len(block) < size:
            break
        entries += [_entry(block[at : at + _ENTRY]) for at in range(0, size, _ENTRY)]
        sector = _next(head, data, sector, size)
    return entries


def _next(head: bytes, data: BinaryIO, sector: int, size: int) -> int:
    """The sector after this one in its chain, by the allocation table."""
    table, place = divmod(sector * 4, size)
    at = _number(head, 76 + 4 * table) if table < _FIRST_FATS else _LAST
    return _number(_sector(data, at, size), place) if at < _LAST else _LAST


def _sector(data: BinaryIO, number: int, size: int) -> bytes:
    data.seek((number + 1) * size)
    return data.read(size)


def _number(block: bytes, at: int, length: int = 4) -> int:
    part = block[at : at + length]
    return int.from_bytes(part, "little") if len(part) == length else _LAST


def _entry(block: bytes) -> _Entry:
    length = min(64, _number(block, 64, 2))
    name = block[: max(0, length - 2)].decode("utf-16-le", "replace").lower()
    left, right, child = (_number(block, at) for at in (68, 72, 76))
    return _Entry(name, left, right, child, str(UUID(bytes_le=block[80:96])))


def _top(entries: list[_Entry]) -> set[str]:
    """The names at the top: a document inside a document has the same streams, further down."""
    names: set[str] = set()
    waiting, seen = [entries[0].child], set[int]()
    while waiting:
        number = waiting.pop()
        if number < len(entries) and number not in seen:
            seen.add(number)
            names.add(entries[number].name)
            waiting += [entries[number].left, entries[number].right]
    return names
