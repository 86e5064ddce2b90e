"""Windows icons and cursors: several pictures in one file. The largest is shown, and of one size the deepest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageChops

from chalicelib.processing.image import bitmaps
from chalicelib.processing.image.png import MAGIC as PNG_MAGIC
from chalicelib.processing.image.position import position_kept

_MAGICS = (b"\0\0\1\0", b"\0\0\2\0")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of PNG's colour types
_MASK_BITS = 32  # of a row of the mask, or a multiple of them


@dataclass(frozen=True)
class Picture:
    """One of an icon's pictures, as its own header has it: the directory only has room for sizes up to 256."""

    pixels: int
    depth: int
    offset: int
    size: int
    is_png: bool


def pictures(source: BinaryIO) -> list[Picture]:
    """The icon's pictures, the best first; none for a file that is no icon. Keeps the position."""
    with position_kept(source):
        return sorted(_pictures(source), key=lambda each: (-each.pixels, -each.depth))


def is_ico(source: BinaryIO) -> bool:
    """True if the file begins as an icon. Keeps the position."""
    with position_kept(source):
        source.seek(0)
        return source.read(4) in _MAGICS


def png(source: BinaryIO) -> BinaryIO | None:
    """The icon's best picture as a file of its own, if it is a PNG; None for any other file. Keeps the position."""
    best = next(iter(pictures(source)), None)
    if not best or not best.is_png:
        return None
    with position_kept(source):
        source.seek(best.offset)
        return BytesIO(source.read(best.size))


def opened(source: BinaryIO, picture: Picture) -> Image.Image:
    """A picture that is a bitmap. Its mask says what is clear, unless its pixels have an alpha.

    Alpha that is 0 everywhere was never set. Raises ValueError for a damaged one.
    """
    found = bitmaps.layout(source, picture.offset)
    if found is None:
        raise ValueError("no bitmap is where the icon says")
    height = found.height // 2
    alpha = 0xFF000000 if found.bits == 32 else 0
    whole = bitmaps.Layout(**{**vars(found), "height": height, "masks": (*found.masks[:3], found.masks[3] or alpha)})
    at = found.end + (4 * (found.colors or 1 << found.bits) if found.bits <= 8 else 0)
    image = bitmaps.pixels(source, whole, at)
    if image.mode != "RGBA" or not image.getchannel("A").getbbox():
        image = image.convert("RGB")
        source.seek(at + whole.stride * height)
        if mask := _mask(source, image.size, found.top_down):
            image.putalpha(mask)
    image.format = "ICO"
    return image


def _mask(source: BinaryIO, size: tuple[int, int], top_down: bool) -> Image.Image | None:
    """The alpha by an icon's mask; None if all is opaque, and for a mask that some programs leave out."""
    stride = -(-size[0] // _MASK_BITS) * _MASK_BITS // 8
    data = source.read(stride * size[1])
    if len(data) < stride * size[1]:
        return None
    mask = Image.frombytes("1", size, data, "raw", "1", stride, 1 if top_down else -1)
    return ImageChops.invert(mask.convert("L")) if mask.getbbox() else None


def _pictures(source: BinaryIO) -> Iterator[Picture]:
    source.seek(0)
    head = source.read(6)
    if head[:4] not in _MAGICS or len(head) < 6:
        return
    directory = source.read(16 * int.from_bytes(head[4:], "little"))  # 1 MB at most
    for at in range(0, len(directory) - 15, 16):
        size, offset = (int.from_bytes(directory[at + n : at + n + 4], "little") for n in (8, 12))
        source.seek(offset)
        header = source.read(26)
        if header.startswith(PNG_MAGIC):
            if len(header) < 26:
                continue  # cut off
            pixels = int.from_bytes(header[16:20]) * int.from_bytes(header[20:24])
            yield Picture(pixels, header[24] * _CHANNELS.get(header[25], 1), offset, size, is_png=True)
        elif len(header) >= 16 and int.from_bytes(header[:4], "little") in bitmaps.HEADERS:
            width, height = (int.from_bytes(header[n : n + 4], "little", signed=True) for n in (4, 8))
            bits = int.from_bytes(header[14:16], "little")
            yield Picture(abs(width) * (abs(height) // 2), bits, offset, size, is_png=False)
