"""The EXIF of a raw file, which is that of its picture: read from its directories, and written as a JPEG has it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO

from chalicelib.processing.directories import SIZES, Directory, Tables

EXIF, GPS = 34665, 34853  # the tags with the places of these two directories
ORIENTATION = 274
_XMP = 700
# The first directory: description, maker, model, orientation, software, date, artist, copyright, Windows' texts.
_FIRST = frozenset({270, 271, 272, ORIENTATION, 305, 306, 315, 33432, *range(40091, 40096)})
_NOT_COPIED = frozenset({37500, 40965})  # a maker's private notes; a directory of its own
_MAX_VALUE = 2048  # bytes of one value
_MAX_VALUES = 128  # of one directory; cameras write about fifty
_MAX_BLOCK = 60_000  # bytes of all, of which a JPEG's segment holds 65,533
_MAX_XMP = 65_000

# The number of a value's bytes that belong together, and change their order with the file's.
_UNITS = SIZES | {5: 4, 10: 4}

Values = Mapping[int, tuple[int, bytes]]
"""By tag: the type of the values, and their bytes in big-endian order."""


@dataclass(frozen=True)
class Tags:
    """The values of the three directories of EXIF, and the packet of XMP."""

    first: Values = field(default_factory=dict)
    exif: Values = field(default_factory=dict)
    gps: Values = field(default_factory=dict)
    xmp: bytes = b""

    def over(self, other: Tags) -> Tags:
        """These, and what only the other has."""
        first = dict(self.first)
        if not 1 <= _number(first.get(ORIENTATION)) <= 8:
            first.pop(ORIENTATION, None)
        return Tags({**other.first, **first}, {**other.exif, **self.exif}, self.gps or other.gps, self.xmp or other.xmp)

    def size(self) -> tuple[int, int]:
        """Width and height of the picture by PixelXDimension and PixelYDimension; (0, 0) if they are not said."""
        return _number(self.exif.get(40962)), _number(self.exif.get(40963))


def tags(tables: Tables, first: Directory) -> Tags:
    """The EXIF of the first directory and those below it."""
    below = [tables.one(first.entries.get(tag)) for tag in (EXIF, GPS)]
    exif, gps = (tables.directory(at) if at else Directory() for at in below)
    xmp = tables.content(first.entries.get(_XMP), _MAX_XMP)
    return Tags(of_first(tables, first), of_any(tables, exif), of_any(tables, gps), xmp)


def of_first(tables: Tables, directory: Directory) -> Values:
    """The values of the first directory that belong to the picture, however it is stored."""
    return of_any(tables, directory, _FIRST)


def of_any(tables: Tables, directory: Directory, wanted: frozenset[int] | None = None) -> Values:
    """The values that can be read and are not large."""
    found, left = dict[int, tuple[int, bytes]](), _MAX_BLOCK
    for tag, entry in directory.entries.items():
        if entry.kind not in SIZES or tag in _NOT_COPIED or (wanted is not None and tag not in wanted):
            continue
        if len(found) == _MAX_VALUES:
            break
        content = tables.content(entry, min(_MAX_VALUE, left))
        if content and len(content) == entry.size:
            found[tag] = entry.kind, _turned(content, _UNITS[entry.kind]) if tables.order == "little" else content
            left -= len(content) + 12
    return found


def of_block(block: bytes) -> Tags:
    """The EXIF of a block as it stands in a JPEG, after its name."""
    if block[:4] not in (b"II*\0", b"MM\0*"):
        return Tags()
    tables = Tables(BytesIO(block), "little" if block[:2] == b"II" else "big")
    return tags(tables, tables.directory(tables.number(block[4:8])))


def block(found: Tags) -> bytes:
    """The EXIF for a JPEG, without its name; b"" for none."""
    parts = [dict(found.first), dict(found.exif), dict(found.gps)]
    while sum(map(_size, parts)) > _MAX_BLOCK:  # what counts least goes first
        part = next(each for each in reversed(parts) if each)
        part.popitem()
    first, exif, gps = parts
    if not (first or exif or gps):
        return b""
    places = {tag: (4, bytes(4)) for tag, part in ((EXIF, exif), (GPS, gps)) if part}
    at = 8 + _size(first | places)
    for tag, part in ((EXIF, exif), (GPS, gps)):
        if part:
            places[tag] = 4, struct.pack(">I", at)
            at += _size(part)
    body = b"MM\0*\0\0\0\x08"
    for part in (first | places, exif, gps):
        if part:
            body += _written(part, len(body))
    return body


def _written(values: Values, at: int) -> bytes:
    table, after, place = struct.pack(">H", len(values)), b"", at + 2 + 12 * len(values) + 4
    for tag, (kind, content) in sorted(values.items()):
        value = content.ljust(4, b"\0") if len(content) <= 4 else struct.pack(">I", place + len(after))
        table += struct.pack(">HHI", tag, kind, len(content) // SIZES[kind]) + value
        after += content + bytes(len(content) % 2) if len(content) > 4 else b""
    return table + bytes(4) + after


def _size(values: Values) -> int:
    longer = (len(content) + len(content) % 2 for _, content in values.values() if len(content) > 4)
    return 2 + 12 * len(values) + 4 + sum(longer) if values else 0


def _turned(content: bytes, unit: int) -> bytes:
    return b"".join(content[n : n + unit][::-1] for n in range(0, len(content), unit))


def _number(value: tuple[int, bytes] | None) -> int:
    return int.from_bytes(value[1]) if value and value[0] in (3, 4) and len(value[1]) in (2, 4) else 0
