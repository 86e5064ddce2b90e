"""Makes Windows' bitmaps and icons of any depth, mask and header."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

Color = tuple[int, int, int, int]
Masks = tuple[int, int, int, int]


def packed(masks: Masks, color: Color) -> int:
    """A colour as one number, by the masks of red, green, blue and alpha."""
    number = 0
    for mask, value in zip(masks, color, strict=True):
        if mask:
            shift = (mask & -mask).bit_length() - 1
            number |= (round(value * (mask >> shift) / 255) << shift) & mask
    return number


def bmp(
    color: Callable[[int, int], Color],
    masks: Masks,
    *,
    bits: int = 32,
    header: int = 124,
    compression: int = 3,
    top_down: bool = False,
    profile: bytes = b"",
    size: tuple[int, int] = (23, 7),
) -> bytes:
    width, height = size
    rows = _rows(lambda x, y: packed(masks, color(x, y)), width, height, bits)
    pixels = b"".join(rows if top_down else rows[::-1])
    head = struct.pack(
        "<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, 0, 0, 0, 0, 0
    )
    count = {40: 3 if compression == 3 else 4 if compression == 6 else 0, 52: 3}.get(header, 4)
    head += struct.pack(f"<{count}I", *masks[:count])
    if header >= 108:
        head += struct.pack("<I", 0x4D424544 if profile else 0x73524742)
    head = head.ljust(header, b"\0")
    if profile:
        head = head[:112] + struct.pack("<II", len(head) + len(pixels), len(profile)) + head[120:]
    body = head + pixels + profile
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + len(head)) + body


def dib(
    side: int,
    bits: int,
    number: Callable[[int, int], int],
    clear: Callable[[int, int], bool] | None = None,
    palette: Sequence[tuple[int, int, int]] = (),
) -> bytes:
    """A picture of an icon: the numbers of its pixels, and a mask of those that are clear."""
    colors = b"".join(bytes([blue, green, red, 0]) for red, green, blue in palette)
    pixels = b"".join(_rows(number, side, side, bits)[::-1])
    mask = b"".join(_rows(lambda x, y: int(clear(x, y)), side, side, 1)[::-1]) if clear else b""
    head = struct.pack("<IiiHHIIiiII", 40, side, 2 * side, 1, bits, 0, 0, 0, 0, len(palette), 0)
    return head + colors + pixels + mask


def icon(*pictures: tuple[int, int, bytes], kind: int = 1) -> bytes:
    """Pictures of (side, bits, bytes) as an icon (1) or a cursor (2)."""
    directory, body, start = b"", b"", 6 + 16 * len(pictures)
    for side, bits, content in pictures:
        entry = struct.pack("<BBBBHHII", side % 256, side % 256, 0, 0, 1, bits, len(content), start + len(body))
        directory, body = directory + entry, body + content
    return struct.pack("<HHH", 0, kind, len(pictures)) + directory + body


def _rows(number: Callable[[int, int], int], width: int, height: int, bits: int) -> list[bytes]:
    stride = (width * bits + 31) // 32 * 4
    rows = []
    for y in range(height):
        numbers = [number(x, y) for x in range(width)]
        if bits >= 8:
            content = b"".join(value.to_bytes(bits // 8, "little") for value in numbers)
        else:
            text = "".join(f"{value:0{bits}b}" for value in numbers)
            text += "0" * (-len(text) % 8)
            content = int(text, 2).to_bytes(len(text) // 8)
        rows.append(content.ljust(stride, b"\0"))
    return rows
