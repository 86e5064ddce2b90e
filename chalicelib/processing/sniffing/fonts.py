"""Fonts: TrueType, OpenType, collections, WOFF and WOFF2.

Four bytes are little proof, so a plausible header must follow: https://learn.microsoft.com/typography/opentype/spec/otff
"""

from __future__ import annotations

_FLAVORS = {b"\0\1\0\0": "font/ttf", b"true": "font/ttf", b"OTTO": "font/otf"}
_PACKED = {b"wOFF": "font/woff", b"wOF2": "font/woff2"}
_MOST_TABLES = 256
_MOST_FONTS = 1024  # of a collection

TYPES = (*_FLAVORS.values(), *_PACKED.values(), "font/collection")


def font(head: bytes) -> str | None:
    first, second = head[:4], head[4:8]
    if first in _PACKED:
        return _PACKED[first] if second in (*_FLAVORS, b"ttcf") else None
    if first == b"ttcf":
        some = 0 < int.from_bytes(head[8:12]) <= _MOST_FONTS
        return "font/collection" if some and second in (b"\0\1\0\0", b"\0\2\0\0") else None
    if first not in _FLAVORS:
        return None
    tables, tag = int.from_bytes(second[:2]), head[12:16]
    named = len(tag) == len(first) and all(0x20 <= byte < 0x7F for byte in tag)
    return _FLAVORS[first] if 0 < tables <= _MOST_TABLES and named else None
