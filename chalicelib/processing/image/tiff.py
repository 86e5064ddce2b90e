"""TIFFs that Pillow does not read, or reads wrong: planes, floats, wide greys that are negatives, alpha beside grey.

Pillow knows a list of layouts. Others are read here as greys of one sample: all samples of a row are the columns of a
wider grey picture, and a plane is one by itself. A new directory at the file's end says so. So the strips, tiles and
compressions stay libtiff's and Pillow's work. TIFF 6.0 has the numbers.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, Literal

from PIL import Image, ImageChops, ImageMath, TiffImagePlugin
from PIL.ExifTags import IFD, Base

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image.color import spread, to_eight_bits
from chalicelib.processing.image.position import position_kept

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _ROWS, _STRIP_SIZES, _PLANES, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_SIZES, _EXTRA, _FORMATS = 322, 323, 324, 325, 338, 339
_XMP, _PROFILE = 700, 34675
_WHITE_IS_0, _BLACK_IS_0, _RGB, _CMYK = 0, 1, 2, 5
_COLORS = {_WHITE_IS_0: 1, _BLACK_IS_0: 1, _RGB: 3, _CMYK: 4}  # samples, without extra ones
_ASSOCIATED, _UNASSOCIATED = 1, 2
_UNCOMPRESSED, _JPEGS = 1, (6, 7)
# CCITT, LZW, JPEG, Deflate, PackBits, LZMA and Zstandard: those of Pillow's libtiff.
_COMPRESSIONS = frozenset({_UNCOMPRESSED, 2, 3, 4, 5, *_JPEGS, 8, 32773, 32946, 34925, 50000})
_UNSIGNED, _SIGNED = 1, 2
_LAYOUTS = {(8, 1), (16, 1), (32, 1), (32, 2), (32, 3)}  # bits and format (unsigned, signed, float) of a sample
_LONG = 4  # the type of an entry of 32 bits
_MAX_VALUES = 600_000  # strips or tiles; 12,000 x 12,000 pixels in tiles of 16 x 16
_MAX_EXTRA = 3
_AS_BYTES = _IPTC, _RESOURCES = 33723, 34377  # whatever the file says that they are
_KEPT = (
    *(Base.ImageDescription, Base.Make, Base.Model, Base.Orientation, Base.Software, Base.Artist, Base.Copyright),
    *(Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject),
)


@dataclass(frozen=True)
class Layout:
    """The first directory, as far as it says how pixels are stored."""

    tags: dict[int, Any]
    offset: int
    little: bool
    width: int
    height: int
    bits: tuple[int, ...]
    formats: tuple[int, ...]
    samples: int
    photometric: int
    extra: tuple[int, ...]
    planar: bool
    compression: int

    @property
    def pillow_knows(self) -> bool:
        """True if Pillow has the layout in its list, and reads it as it is."""
        prefix = b"II" if self.little else b"MM"
        fill = self.tags.get(_FILL_ORDER, 1)
        key = (prefix, self.photometric, self.formats[:1], fill, self.bits, self.tags.get(_EXTRA, ()))
        return key in TiffImagePlugin.OPEN_INFO or self.compression in _JPEGS

    @property
    def is_plain(self) -> bool:
        """True if all samples are alike, and of a sort that can be read as grey."""
        return len({*self.bits}) == 1 == len({*self.formats}) and (self.bits[0], self.formats[0]) in _LAYOUTS

    @property
    def needs_us(self) -> bool:
        if self.compression in _JPEGS or self.photometric not in _COLORS or not self.is_plain:
            return False
        wide = self.bits[0] > 8 and self.photometric == _WHITE_IS_0
        wide = wide or (self.bits[0] == 32 and self.formats[0] == _UNSIGNED)
        return wide or self.is_swapped or (self.planar and self.samples > 1) or not self.pillow_knows

    @property
    def is_swapped(self) -> bool:
        """True if libtiff has put the bytes of a sample into this machine's order, and Pillow does not know it."""
        return self.bits[0] == 32 and self.compression != _UNCOMPRESSED and self.little != (sys.byteorder == "little")


def layout(source: BinaryIO) -> Layout | None:
    """The layout of a TIFF that is whole so far; None for other files, and for damaged ones. Keeps the position."""
    try:
        with position_kept(source):
            source.seek(0)
            head = source.read(8)
            if head[:4] not in _MAGICS:
                return None
            head += source.read(8) if head[2:3] == b"+" or head[3:4] == b"+" else b""
            directory = TiffImagePlugin.ImageFileDirectory_v2(head)
            source.seek(directory.next)
            offset = directory.next
            directory.load(source)
        _check_places(directory)
        tags = dict(directory) | {tag: directory._tagdata[tag] for tag in _AS_BYTES if tag in directory._tagdata}
        return _layout(tags, offset, little=head[:2] == b"II")
    except PermanentFault:
        raise
    except Exception:  # Pillow's parser of hostile bytes can raise anything
        return None


def _check_places(directory: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    """Raises PermanentFault for a directory with more strips or tiles than are read.

    Pillow needs 270 bytes of memory and 4 microseconds for each. Their number is that of bytes in the file, before
    Pillow makes numbers of them.
    """
    most = max(len(directory._tagdata.get(tag, b"")) for tag in (_STRIPS, _TILES, _STRIP_SIZES, _TILE_SIZES))
    if most > _MAX_VALUES * 4:
        raise PermanentFault(ErrorCode.TOO_MANY_PIXELS, f"The TIFF has more than {_MAX_VALUES} strips or tiles.")


def opened(source: BinaryIO, found: Layout, fits: Callable[[int], None]) -> Image.Image:
    """The picture of a TIFF that `needs_us`, in L, LA, RGB, RGBA or CMYK. `fits` gets the bytes that it will take.

    Raises PermanentFault `unsupported_type` for a sound file of a sort that nobody reads, and what Pillow raises.
    """
    colors = _COLORS[found.photometric]
    extra = found.extra[: found.samples - colors]
    untold = found.samples - colors - len(extra)
    if found.samples < colors or untold > 1 or len(extra) > _MAX_EXTRA or (untold and colors > _COLORS[_RGB]):
        raise unsupported(f"{found.samples} samples a pixel of photometric interpretation {found.photometric}")
    if not found.planar and found.samples > 1 and found.tags.get(_PREDICTOR, 1) != 1:
        raise unsupported(f"{found.samples} samples of {found.bits[0]} bits with a predictor")
    size = found.width * found.height
    # The file twice, its samples twice, the eight bits of each, and the picture. Measured: 51 for three floats.
    fits(size * (found.samples * (found.bits[0] // 8 * 4 + 2) + 8))
    bands = _bands(source, found)
    if found.photometric == _WHITE_IS_0:
        bands[0] = ImageChops.invert(bands[0])
    alpha = next((n for n, kind in enumerate(extra, colors) if kind in (_ASSOCIATED, _UNASSOCIATED)), None)
    if alpha is None and untold and found.photometric == _RGB:
        alpha, extra = colors, (_UNASSOCIATED,)  # as Pillow has it for eight bits
    image = _merged(bands, colors, alpha, associated=alpha is not None and extra[alpha - colors] == _ASSOCIATED)
    image.format = "TIFF"
    image.info = _metadata(source, found)
    return image


def full_range(image: Image.Image) -> Image.Image:
    """A loaded TIFF. Greys of 12 bits become eight bits; Pillow leaves them in the lowest part of 16."""
    bits = getattr(image, "tag_v2", {}).get(_BITS)
    if bits != (12,) or not image.mode.startswith("I;16"):
        return image
    return image.convert("I").point(lambda value: value * (255 / 4095) + 0.5).convert("L")


def one_plane(source: BinaryIO, found: Layout) -> BinaryIO:
    """The file with its only plane called no plane, which is the same; Pillow mistakes it. Else `source` itself."""
    if not found.planar or found.samples > 1:
        return source
    source.seek(0)
    data = bytearray(source.read())
    order: Literal["little", "big"] = "little" if found.little else "big"
    width, first, place = (20, 8, 12) if 43 in data[2:4] else (12, 2, 8)  # BigTIFF has wider entries
    for at in range(found.offset + first, len(data) - width, width):
        if int.from_bytes(data[at : at + 2], order) == _PLANES:
            data[at + place : at + place + 2] = (1).to_bytes(2, order)
            data[at + place + 2 : at + place + 4] = bytes(2)
            if order == "big" and int.from_bytes(data[at + 2 : at + 4], order) == _LONG:
                data[at + place : at + place + 4] = (1).to_bytes(4)
            break
    return BytesIO(bytes(data))


def check(found: Layout) -> None:
    """Raises PermanentFault `unsupported_type` for a sound TIFF that neither Pillow nor this module reads."""
    if found.compression not in _COMPRESSIONS:
        raise unsupported(f"compression {found.compression}")
    if not found.pillow_knows and not found.needs_us:
        raise unsupported(f"{found.samples} samples of {found.bits[0]} bits, photometric {found.photometric}")


def unsupported(what: str) -> PermanentFault:
    return PermanentFault(ErrorCode.UNSUPPORTED_TYPE, f"A TIFF of {what} is not supported. Save it as RGB, 8 bits.")


def _layout(tags: dict[int, Any], offset: int, *, little: bool) -> Layout | None:
    bits, formats = tags.get(_BITS, (1,)), tags.get(_FORMATS, (1,))
    samples = tags.get(_SAMPLES, 1)
    places = tags.get(_STRIPS) or tags.get(_TILES)
    if not (isinstance(tags.get(_WIDTH), int) and isinstance(tags.get(_LENGTH), int) and places):
        return None
    if not 1 <= samples <= 1000 or len(places) > _MAX_VALUES or min(tags[_WIDTH], tags[_LENGTH]) < 1:
        return None
    return Layout(
        tags=tags,
        offset=offset,
        little=little,
        width=tags[_WIDTH],
        height=tags[_LENGTH],
        bits=bits * samples if len(bits) == 1 else bits[:samples],
        formats=formats * samples if len(formats) == 1 else formats[:samples],
        samples=samples,
        photometric=tags.get(_PHOTOMETRIC, 0),
        extra=tags.get(_EXTRA, ()),
        planar=tags.get(_PLANES, 1) == 2,
        compression=tags.get(_COMPRESSION, 1),
    )


def _bands(source: BinaryIO, found: Layout) -> list[Image.Image]:
    """All samples, each as a picture of eight bits."""
    source.seek(0)
    file = BytesIO(source.read())
    if not found.planar:
        wide = _grey(file, found, found.samples, None)
        flat = to_eight_bits(wide).tobytes()
        size = found.width, found.height
        return [Image.frombytes("L", size, flat[n :: found.samples]) for n in range(found.samples)]
    planes = [_grey(file, found, 1, plane) for plane in range(found.samples)]
    ends = spread(planes)
    return [to_eight_bits(plane, ends) for plane in planes]


def _grey(file: BytesIO, found: Layout, columns: int, plane: int | None) -> Image.Image:
    """The file's samples as a grey picture, `columns` times as wide; of one plane, or of all samples."""
    is_tiled = _TILES in found.tags
    places, sizes = (
        found.tags.get(tag, ()) for tag in ((_TILES, _TILE_SIZES) if is_tiled else (_STRIPS, _STRIP_SIZES))
    )
    if plane is not None:
        count = len(places) // found.samples
        places, sizes = (values[plane * count : (plane + 1) * count] for values in (places, sizes))
    tags: dict[int, tuple[int, ...]] = {
        _WIDTH: (found.width * columns,),
        _LENGTH: (found.height,),
        _BITS: (found.bits[0],),
        _COMPRESSION: (found.compression,),
        _PHOTOMETRIC: (_BLACK_IS_0,),
        _FILL_ORDER: (found.tags.get(_FILL_ORDER, 1),),
        _SAMPLES: (1,),
        # Pillow reads wide integers of both orders only as signed ones.
        _FORMATS: (_SIGNED if found.bits[0] == 32 and found.formats[0] == _UNSIGNED else found.formats[0],),
        _PREDICTOR: (found.tags.get(_PREDICTOR, 1),),
    }
    if is_tiled:
        tags |= {
            _TILE_WIDTH: (found.tags.get(_TILE_WIDTH, 0) * columns,),
            _TILE_LENGTH: (found.tags.get(_TILE_LENGTH, 0),),
        }
        tags |= {_TILES: places, _TILE_SIZES: sizes}
    else:
        tags |= {_STRIPS: places, _STRIP_SIZES: sizes, _ROWS: (found.tags.get(_ROWS, found.height),)}
    _direct(file, found.little, tags)
    grey: Image.Image = Image.open(file, formats=["TIFF"])
    grey.load()
    if found.is_swapped:
        order = "B" if sys.byteorder == "little" else ""
        grey = Image.frombytes(
            grey.mode, grey.size, grey.tobytes(), "raw", f"F;32{order}F" if grey.mode == "F" else f"I;32{order}S"
        )
    if found.bits[0] == 32 and found.formats[0] == _UNSIGNED and grey.getextrema()[0] < 0:  # type: ignore[operator]
        # The whole range is used, of which the upper half counts. Signed integers have no room for it.
        upper: Image.Image = ImageMath.lambda_eval(lambda args: (args["v"] >> 16) & 0xFFFF, v=grey)
        return upper
    return grey


def _direct(file: BytesIO, little: bool, tags: dict[int, tuple[int, ...]]) -> None:
    """Writes a directory to the file's end, and makes it the first one."""
    order = "<" if little else ">"
    at = file.seek(0, 2)
    at += file.write(bytes(at % 2))
    table, values, after = b"", b"", at + 2 + 12 * len(tags) + 4
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) != 1:
            packed, values = struct.pack(order + "I", after + len(values)), values + packed
        table += struct.pack(order + "HHI", tag, 4, len(numbers)) + packed
    file.write(struct.pack(order + "H", len(tags)) + table + bytes(4) + values)
    file.seek(0)
    file.write((b"II*\0" if little else b"MM\0*") + struct.pack(order + "I", at))
    file.seek(0)


def _merged(bands: list[Image.Image], colors: int, alpha: int | None, *, associated: bool) -> Image.Image:
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[colors]
    if alpha is None or mode == "CMYK":
        return Image.merge(mode, bands[:colors])
    own = [*bands[:colors], bands[alpha]]
    if associated:
        return Image.merge(mode + "a", own).convert(mode + "A")
    return Image.merge(mode + "A", own)


def _metadata(source: BinaryIO, found: Layout) -> dict[Any, Any]:
    """`info` as Pillow has it for other formats: the profile, XMP, and EXIF as a block of its own. IPTC by its tags."""
    names: dict[Any, int] = {"icc_profile": _PROFILE, "xmp": _XMP, _IPTC: _IPTC, _RESOURCES: _RESOURCES}
    info = {name: found.tags[tag] for name, tag in names.items() if tag in found.tags}
    try:
        own, kept = Image.Exif(), Image.Exif()
        source.seek(0)
        own.bigtiff, own.endian = 43 in source.read(4)[2:], "<" if found.little else ">"
        own.load_from_fp(source, found.offset)
        for tag in _KEPT:
            if tag in own:
                kept[tag] = own[tag]
        kept.get_ifd(IFD.Exif).update(own.get_ifd(IFD.Exif))
        kept.get_ifd(IFD.GPSInfo).update(own.get_ifd(IFD.GPSInfo))
        info["exif"] = kept.tobytes()
    except Exception:  # hostile EXIF
        info.pop("exif", None)
    return info
