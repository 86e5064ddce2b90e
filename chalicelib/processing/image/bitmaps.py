"""Windows' bitmaps that Pillow does not read, or not as browsers do: any layout of bits, their alpha, icons' masks.

The layouts are from Microsoft's BITMAPINFOHEADER to BITMAPV5HEADER.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageMath, ImagePalette

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image.position import position_kept

_RAW, _BIT_FIELDS, _ALPHA_BIT_FIELDS = 0, 3, 6
HEADERS = (40, 52, 56, 64, 108, 124)
"""Sizes of Windows' headers, in bytes."""

# Those of OS/2's second version may end early. What is missing is zero.
_SHORT_HEADERS = (16, 20, 24, 28, 32, 36)

_MAX_HEADER = 140
_EMBEDDED = 0x4D424544  # "MBED", the colour space of a profile in the file
_MAX_PROFILE = 8 * 1024**2  # bytes
# Masks of red, green, blue and alpha that Pillow unpacks quickly, for 16 and 32 bits a pixel.
_UNPACKERS = {
    (32, (0xFF0000, 0xFF00, 0xFF, 0)): "BGRX",
    (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)): "BGRA",
    (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)): "RGBA",
    (32, (0xFF, 0xFF00, 0xFF0000, 0)): "RGBX",
    (16, (0xF800, 0x7E0, 0x1F, 0)): "BGR;16",
    (16, (0x7C00, 0x3E0, 0x1F, 0)): "BGR;15",
}
_DEFAULTS = {16: (0x7C00, 0x3E0, 0x1F, 0), 24: (0, 0, 0, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_PALETTES = {1: "P;1", 2: "P;2", 4: "P;4", 8: "P"}


@dataclass(frozen=True)
class Layout:
    """The header of a bitmap. `top_down` rows begin at the top. `end` is the first byte after header and masks."""

    width: int
    height: int
    bits: int
    compression: int
    top_down: bool
    colors: int
    masks: tuple[int, int, int, int]
    end: int
    header: bytes

    @property
    def stride(self) -> int:
        return (self.width * self.bits + 31) // 32 * 4


def layout(source: BinaryIO, at: int) -> Layout | None:
    """The header at this place; None for one that is not Windows'. May move the position."""
    source.seek(at)
    header = source.read(_MAX_HEADER)
    size = int.from_bytes(header[:4], "little")
    if size not in (*HEADERS, *_SHORT_HEADERS) or len(header) < size:
        return None
    header = header if size in HEADERS else header[:size].ljust(_MAX_HEADER, b"\0")
    height = int.from_bytes(header[8:12], "little", signed=True)
    bits, compression = (int.from_bytes(header[at : at + width], "little") for at, width in ((14, 2), (16, 4)))
    own_masks = compression == _ALPHA_BIT_FIELDS or (compression == _BIT_FIELDS and bits in (16, 32))
    count = {40: 4 if compression == _ALPHA_BIT_FIELDS else 3, 52: 3, 64: 3}.get(size, 4)
    masks = [int.from_bytes(header[n : n + 4], "little") for n in range(40, 40 + 4 * count, 4)] + [0]
    if not own_masks:
        default = _DEFAULTS.get(bits, (0, 0, 0, 0))
        masks = [*default[:3], masks[3] if count == 4 and size > 40 and bits == 32 else 0]
    return Layout(
        width=int.from_bytes(header[4:8], "little", signed=True),
        height=abs(height),
        bits=bits,
        compression=compression,
        top_down=height < 0,
        colors=int.from_bytes(header[32:36], "little"),
        masks=(masks[0], masks[1], masks[2], masks[3]),
        end=at + size + (4 * count if own_masks and size == 40 else 0),
        header=header[:size],
    )


def needs_us(source: BinaryIO) -> bool:
    """True for a BMP whose bits have a layout, an alpha or a palette that Pillow does not read. Keeps the position."""
    with position_kept(source):
        source.seek(0)
        if source.read(2) != b"BM" or (found := layout(source, 14)) is None:
            return False
        if len(found.header) in _SHORT_HEADERS:
            return True
        fields = found.compression in (_BIT_FIELDS, _ALPHA_BIT_FIELDS)
        if found.compression == _RAW and found.bits in _PALETTES:
            return found.bits == 2 or found.colors > 1 << found.bits  # the latter are passed over
        return (fields and found.bits in (16, 32)) or (found.compression == _RAW and found.masks[3] != 0)


def claimed_pixels(source: BinaryIO) -> int:
    """The pixels of a BMP, by its own words; 0 for any other file. Keeps the position."""
    with position_kept(source):
        source.seek(0)
        found = layout(source, 14) if source.read(2) == b"BM" else None
        return max(found.width, 0) * found.height if found else 0


def opened(source: BinaryIO) -> Image.Image:
    """The picture of a BMP for which `needs_us` is true. Raises ValueError for a damaged one."""
    found = layout(source, 14)
    assert found
    source.seek(10)
    image = pixels(source, found, int.from_bytes(source.read(4), "little"))
    image.format = "BMP"
    return image


def profile(source: BinaryIO) -> bytes | None:
    """The ICC profile in a BMP (BITMAPV5HEADER); None for none. Keeps the position."""
    with position_kept(source):
        found = layout(source, 14)
        if not found or len(found.header) < 124:
            return None
        space, at, length = (int.from_bytes(found.header[n : n + 4], "little") for n in (56, 112, 116))
        if space != _EMBEDDED or length > _MAX_PROFILE:
            return None
        source.seek(14 + at)
        return source.read(length) or None


def pixels(source: BinaryIO, found: Layout, at: int) -> Image.Image:
    """The uncompressed pixels at this place, in P, RGB or RGBA. Raises ValueError for too few of them."""
    size = found.width, found.height
    if min(size) < 1 or found.compression not in (_RAW, _BIT_FIELDS, _ALPHA_BIT_FIELDS):
        raise PermanentFault(ErrorCode.UNSUPPORTED_TYPE, "The bitmap is compressed in a way that is not supported.")
    source.seek(at)
    data = source.read(found.stride * found.height)
    order = (found.stride, 1 if found.top_down else -1)
    if found.bits in _PALETTES:
        image = Image.frombytes("P", size, data, "raw", _PALETTES[found.bits], *order)
        source.seek(found.end)
        palette = source.read(4 * min(found.colors or 1 << found.bits, 256))
        image.palette = ImagePalette.raw("BGRX", palette)
        image.load()
        return image
    if found.bits == 24:
        return Image.frombytes("RGB", size, data, "raw", "BGR", *order)
    if unpacker := _UNPACKERS.get((found.bits, found.masks)):
        return Image.frombytes("RGBA" if "A" in unpacker else "RGB", size, data, "raw", unpacker, *order)
    if found.bits in (16, 32):
        packed = Image.frombytes("I", size, data, "raw", "I;16" if found.bits == 16 else "I;32", *order)
        bands = [_band(packed, mask) for mask in found.masks[: 4 if found.masks[3] else 3]]
        return Image.merge("RGBA" if len(bands) == 4 else "RGB", bands)
    raise PermanentFault(ErrorCode.UNSUPPORTED_TYPE, f"A bitmap of {found.bits} bits a pixel is not supported.")


def _band(packed: Image.Image, mask: int) -> Image.Image:
    """The levels of one colour, 0-255, of pixels in I. A mask must be one row of bits; only the upper eight count."""
    if not mask:
        return Image.new("L", packed.size)
    shift = (mask & -mask).bit_length() - 1
    width = (mask >> shift).bit_length()
    if mask >> shift != (1 << width) - 1:
        raise PermanentFault(ErrorCode.UNSUPPORTED_TYPE, "A bitmap with holes in its masks is not supported.")
    shift, width = shift + max(width - 8, 0), min(width, 8)
    most = (1 << width) - 1
    scaled: Image.Image = ImageMath.lambda_eval(
        lambda args: (((args["v"] >> shift) & most) * 255 + most // 2) / most, v=packed
    )
    return scaled.convert("L")
