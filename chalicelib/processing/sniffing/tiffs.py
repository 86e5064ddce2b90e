"""Cameras' raw files that are TIFFs: DNG, NEF, CR2, ARW and their like. The tags of the first directories tell them.

Their first picture is often a small preview, so a raw file must not be taken for a TIFF of that size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

_Order = Literal["little", "big"]

_DNG = "image/x-adobe-dng"
_CR2 = "image/x-canon-cr2"
_OTHER = "image/x-raw"
# The beginning of the camera's maker (tag 271) → the type of its raw files.
_MAKERS = (
    (b"NIKON", "image/x-nikon-nef"),
    (b"Canon", _CR2),
    (b"SONY", "image/x-sony-arw"),
    (b"PENTAX", "image/x-pentax-pef"),
    (b"RICOH", "image/x-pentax-pef"),
    (b"SAMSUNG", "image/x-samsung-srw"),
    (b"OLYMPUS", "image/x-olympus-orf"),
    (b"EASTMAN", "image/x-kodak-dcr"),
    (b"Kodak", "image/x-kodak-dcr"),
    (b"Hasselblad", "image/x-hasselblad-3fr"),
    (b"Phase One", "image/x-phaseone-iiq"),
    (b"Leaf", "image/x-leaf-mos"),
    (b"SEIKO EPSON", "image/x-epson-erf"),
)
RAW = frozenset({_DNG, _OTHER, *(content_type for _, content_type in _MAKERS)})
"""Every type that `inside_tiff` can find."""

_MAX_ENTRIES, _MAX_DIRECTORIES = 1024, 16
_COMPRESSION, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 259, 262, 271, 330, 50706
_FILTERS, _LINEAR_RAW = 32803, 34892  # photometric interpretations: one colour a pixel, and three before development
_RAW_COMPRESSIONS = frozenset({32767, 32769, 32770, 34713, 65000, 65535})  # Sony, Epson, Samsung, Nikon, Kodak, Pentax
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 13: 4}  # bytes of a value, by the entry's type


@dataclass(frozen=True)
class _Entry:
    kind: int
    count: int
    value: bytes
    """The value itself if it has at most four bytes, or else its offset."""


def inside_tiff(head: bytes, data: BinaryIO) -> str | None:
    """The type of a raw file; None for any other TIFF, and for one that can't be read. Reads some kilobytes at most."""
    order: _Order = "little" if head[:2] == b"II" else "big"
    if head[8:10] == b"CR":
        return _CR2
    maker, is_raw = b"", False
    for entries in _directories(head, data, order):
        if _DNG_VERSION in entries:
            return _DNG
        maker = maker or _words(entries, data, order)
        photometric, compression = (_first(entries, tag, order) for tag in (_PHOTOMETRIC, _COMPRESSION))
        is_raw |= photometric in (_FILTERS, _LINEAR_RAW) or compression in _RAW_COMPRESSIONS
    if not is_raw:
        return None
    return next((content_type for name, content_type in _MAKERS if maker.startswith(name)), _OTHER)


def _directories(head: bytes, data: BinaryIO, order: _Order) -> Iterator[dict[int, _Entry]]:
    """The first directory and those that it names as its parts."""
    if head[2:4] not in (b"*\0", b"\0*"):
        return  # BigTIFF, which no camera writes
    waiting, seen = [_number(head[4:8], order)], set[int]()
    while waiting and len(seen) < _MAX_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen:
            continue
        seen.add(at)
        entries = _entries(data, at, order)
        yield entries
        if len(seen) == 1 and (parts := entries.get(_SUB_DIRECTORIES)):
            waiting += _numbers(parts, data, order)


def _entries(data: BinaryIO, at: int, order: _Order) -> dict[int, _Entry]:
    count = _number(_read(data, at, 2), order)
    table = _read(data, at + 2, 12 * min(count, _MAX_ENTRIES))
    rows = [table[n : n + 12] for n in range(0, len(table) - 11, 12)]
    return {
        _number(row[:2], order): _Entry(_number(row[2:4], order), _number(row[4:8], order), row[8:12]) for row in rows
    }


def _first(entries: dict[int, _Entry], tag: int, order: _Order) -> int:
    entry = entries.get(tag)
    return _number(entry.value[: _SIZES.get(entry.kind, 4)], order) if entry and entry.count == 1 else 0


def _numbers(entry: _Entry, data: BinaryIO, order: _Order) -> list[int]:
    count = min(entry.count, _MAX_DIRECTORIES)
    values = entry.value if count == 1 else _read(data, _number(entry.value, order), 4 * count)
    return [_number(values[n : n + 4], order) for n in range(0, len(values) - 3, 4)]


def _words(entries: dict[int, _Entry], data: BinaryIO, order: _Order) -> bytes:
    entry = entries.get(_MAKE)
    if not entry:
        return b""
    return entry.value if entry.count <= 4 else _read(data, _number(entry.value, order), min(entry.count, 32))


def _number(value: bytes, order: _Order) -> int:
    return int.from_bytes(value, order)


def _read(data: BinaryIO, at: int, length: int) -> bytes:
    data.seek(at)
    return data.read(length)
