"""How a JPEG stores its pixels: in one scan, or in several passes over the whole image."""

from __future__ import annotations

from io import SEEK_CUR
from typing import BinaryIO

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn; the three are tables
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_START_OF_SCAN = 0xDA
_SCAN_MARKER = b"\xff\xda"
_CHUNK = 1024**2


def passes(source: BinaryIO) -> int:
    """1 for a JPEG whose first scan holds the whole image, or else the number of scans in the file (thumbnails' too).

    With two or more, a decoder must keep all coefficients in memory until the end. That is so for progressive files,
    and for baseline files that store one component after the other. Keeps the position.
    """
    start = source.tell()
    try:
        return 1 if _first_scan_is_all(source) else max(2, _count_scans(source))
    finally:
        source.seek(start)


def can_hold(file_size: int, width: int, height: int) -> bool:
    """True if a file of so many bytes can hold so many pixels. libjpeg would fill missing pixels with grey.

    A Huffman code has one bit at least, and every block of 8 x 8 samples needs one code at least (ISO/IEC 10918-1,
    F.1.2.1). If all components are half as fine in both directions, there is one block for 256 pixels.
    """
    return file_size * 8 >= width * height // 256


def _first_scan_is_all(source: BinaryIO) -> bool:
    """Reads the segments (ISO/IEC 10918-1, B.1.1) up to the header of the first scan."""
    source.seek(2)
    components = -1
    while True:
        byte = source.read(1)
        while byte and byte != b"\xff":  # unknown bytes, which decoders skip
            byte = source.read(1)
        while byte == b"\xff":
            byte = source.read(1)
        length = int.from_bytes(source.read(2))
        if not byte or length < 2:
            return False
        if byte[0] == _START_OF_SCAN:
            return source.read(1) == bytes([components & 0xFF])
        if byte[0] in _PROGRESSIVE:
            return False
        if byte[0] in _FRAMES:
            frame = source.read(6)  # precision, height, width, number of components
            components = frame[-1] if len(frame) == 6 else -1
            source.seek(-len(frame), SEEK_CUR)
        source.seek(length - 2, SEEK_CUR)


def _count_scans(source: BinaryIO) -> int:
    """In coded data 0xFF always comes before 0 or a restart marker, so these two bytes always are the scan's marker."""
    source.seek(0)
    count, last = 0, b""
    while chunk := source.read(_CHUNK):
        count += (last + chunk).count(_SCAN_MARKER)
        last = chunk[-1:]
    return count
