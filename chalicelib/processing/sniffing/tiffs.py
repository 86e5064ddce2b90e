"""Cameras' raw files that are TIFFs: DNG, NEF, CR2, ARW and their like. The tags of the first directories tell them.

Their first picture is often a small preview, so a raw file must not be taken for a TIFF of that size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from chalicelib.processing.directories import Entry, Tables

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

_MAX_DIRECTORIES = 16
_COMPRESSION, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 259, 262, 271, 330, 50706
_FILTERS, _LINEAR_RAW = 32803, 34892  # photometric interpretations: one colour a pixel, and three before development
_RAW_COMPRESSIONS = frozenset({32767, 32769, 32770, 34713, 65000, 65535})  # Sony, Epson, Samsung, Nikon, Kodak, Pentax


def inside_tiff(head: bytes, data: BinaryIO) -> str | None:
    """The type of a raw file; None for any other TIFF, and for one that can't be read. Reads some kilobytes at most."""
    tables = Tables(data, "little" if head[:2] == b"II" else "big")
    if head[8:10] == b"CR":
        return _CR2
    maker, is_raw = b"", False
    for entries in _directories(head, tables):
        if _DNG_VERSION in entries:
            return _DNG
        maker = maker or tables.content(entries.get(_MAKE), 256)
        photometric, compression = (tables.one(entries.get(tag)) for tag in (_PHOTOMETRIC, _COMPRESSION))
        is_raw |= photometric in (_FILTERS, _LINEAR_RAW) or compression in _RAW_COMPRESSIONS
    if not is_raw:
        return None
    return next((content_type for name, content_type in _MAKERS if maker.startswith(name)), _OTHER)


def _directories(head: bytes, tables: Tables) -> Iterator[Mapping[int, Entry]]:
    """The first directory and those that it names as its parts."""
    if head[2:4] not in (b"*\0", b"\0*"):
        return  # BigTIFF, which no camera writes
    waiting, seen = [tables.number(head[4:8])], set[int]()
    while waiting and len(seen) < _MAX_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen:
            continue
        seen.add(at)
        entries = tables.directory(at).entries
        yield entries
        if len(seen) == 1:
            waiting += tables.numbers(entries.get(_SUB_DIRECTORIES), _MAX_DIRECTORIES)
