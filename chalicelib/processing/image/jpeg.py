"""How a JPEG stores its pixels: in one scan, or in several passes over the whole image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image.position import position_kept

FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn; the three are tables
_DECODED = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})  # baseline, extended, progressive; the same with arithmetic codes
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_END, _START_OF_SCAN = 0xD9, 0xDA
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_MAX_STEPS = 1_000_000  # segments, and bytes between them, before the first scan
MARKER = re.compile(rb"\xff+[^\x00\xff]", re.DOTALL)
END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)


def passes(source: BinaryIO) -> int:
    """1 for a JPEG whose first scan holds the whole image, or else the number of its scans.

    With two or more, a decoder must keep all coefficients in memory until the end. That is so for progressive files,
    and for baseline files that store one component after the other. Keeps the position.
    """
    with position_kept(source):
        return 1 if _first_scan_is_all(source) else max(2, _count_scans(source))


def check(source: BinaryIO) -> None:
    """Raises PermanentFault for a JPEG of a process that Pillow's decoder does not have. Keeps the position.

    These are lossless and hierarchical JPEG, and samples of 12 bits.
    """
    with position_kept(source):
        source.seek(0)
        found = _frame(source) if source.read(3) == b"\xff\xd8\xff" else None
    if found and (found[0] not in _DECODED or found[1] != 8):
        raise PermanentFault(
            ErrorCode.UNSUPPORTED_TYPE,
            f"A JPEG of {found[1]} bits by process {found[0] - 0xC0} is not supported. Save it as baseline JPEG.",
        )


def _frame(source: BinaryIO) -> tuple[int, int] | None:
    """The kind of the frame, and the bits of a sample; None if there is none before the first scan."""
    source.seek(2)
    for code, length in _segments(source):
        if code == _START_OF_SCAN:
            return None
        if code in FRAMES:
            return code, source.read(1)[0] if length > 2 else 8
    return None


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
    for code, _ in _segments(source):
        if code == _START_OF_SCAN:
            return source.read(1) == bytes([components & 0xFF])
        if code in _PROGRESSIVE:
            return False
        if code in FRAMES:
            frame = source.read(6)  # precision, height, width, number of components
            components = frame[-1] if len(frame) == 6 else -1
    return False


def _segments(source: BinaryIO) -> Iterator[tuple[int, int]]:
    """The marker and the length of each segment. The source then stands at its content, and may be moved."""
    for _ in range(_MAX_STEPS):
        byte = source.read(1)
        if byte and byte != b"\xff":  # unknown bytes, which decoders skip
            continue
        while byte == b"\xff":
            byte = source.read(1)
        if byte and byte[0] in ALONE:
            continue
        length = int.from_bytes(source.read(2))
        if not byte or length < 2:
            return
        content = source.tell()
        yield byte[0], length
        source.seek(content + length - 2)
    raise PermanentFault(ErrorCode.CORRUPT, f"The JPEG has no picture within its first {_MAX_STEPS} marks or bytes.")


def _count_scans(source: BinaryIO) -> int:
    """The scans before the end of the picture. What is behind it does not count."""
    source.seek(0)
    data, at, count = source.read(), 2, 0
    while found := MARKER.search(data, at):
        code, at = data[found.end() - 1], found.end()
        if code == _END:
            break
        if code in ALONE:
            continue
        at += int.from_bytes(data[at : at + 2])
        if code == _START_OF_SCAN:
            count += 1
            end = END_OF_SCAN.search(data, at)
            at = end.start() if end else len(data)
    return count
