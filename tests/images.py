"""Makes files for tests: pictures whose pixels are known, and files that lie, are cut off, or claim too much."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageDraw, TiffImagePlugin
from PIL.ExifTags import GPS, IFD, Base

QUADRANTS = {
    "top_left": (220, 40, 40),
    "top_right": (40, 200, 60),
    "bottom_left": (50, 60, 220),
    "bottom_right": (230, 220, 60),
}
"""The colours of `picture`, as seen."""

# The turn, by orientation, with which an upright picture is stored. A viewer that obeys the orientation undoes it.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Four quadrants in four colours, so that every turn or flip can be seen. With alpha, the top left is clear."""
    image = Image.new("RGB", (width, height))
    left, top = width // 2, height // 2
    for name, color in QUADRANTS.items():
        x, y = (left if "right" in name else 0), (top if "bottom" in name else 0)
        image.paste(color, (x, y, width if x else left or width, height if y else top or height))
    if mode in ("LA", "RGBA"):
        alpha = Image.new("L", (width, height), 255)
        alpha.paste(0, (0, 0, left, top))
        image.putalpha(alpha)
    return image.convert(mode)


def turned(width: int, height: int, orientation: int) -> Image.Image:
    """`picture`, width x height as seen, as stored under this orientation."""
    return picture(width, height).transpose(_STORED[orientation])


def exif_block(
    exif: dict[int, Any] | None = None,
    *,
    orientation: int | None = None,
    gps: bool = False,
    more: dict[int, Any] | None = None,
) -> bytes:
    """`exif` are tags of the first directory, `more` those of the EXIF directory. `gps` adds 48.8584 N, 2.2945 E."""
    block = Image.Exif()
    for tag, value in (exif or {}).items():
        block[tag] = value
    if orientation is not None:
        block[Base.Orientation] = orientation
    if more:
        block.get_ifd(IFD.Exif).update(more)
    if gps:
        block.get_ifd(IFD.GPSInfo).update(
            {
                GPS.GPSLatitudeRef: "N",
                GPS.GPSLatitude: (48.0, 51.0, 30.24),
                GPS.GPSLongitudeRef: "E",
                GPS.GPSLongitude: (2.0, 17.0, 40.2),
                GPS.GPSAreaInformation: b"EIFFELTOWER",
            }
        )
    return block.tobytes() if exif or more or gps or orientation is not None else b""


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(
    width: int,
    height: int,
    *,
    exif: dict[int, Any] | None = None,
    more_exif: dict[int, Any] | None = None,
    orientation: int | None = None,
    gps: bool = False,
    icc: bytes | None = None,
    progressive: bool = False,
    mode: str = "RGB",
) -> bytes:
    """`picture`, width x height as seen. With an orientation it is stored turned."""
    image = picture(width, height)
    if orientation in _STORED:
        image = image.transpose(_STORED[orientation])
    options: dict[str, Any] = {"icc_profile": icc} if icc else {}
    block = exif_block(exif, orientation=orientation, gps=gps, more=more_exif)
    return encoded(
        image.convert(mode), "JPEG", quality=95, subsampling=0, progressive=progressive, exif=block, **options
    )


def png(width: int, height: int, *, mode: str = "RGB", **options: Any) -> bytes:
    return encoded(picture(width, height, mode), "PNG", **options)


def truncated(data: bytes, part: float = 0.5) -> bytes:
    return data[: int(len(data) * part)]


def text(size: int = 400) -> bytes:
    return (b"Just text, no picture in it. " * (size // 29 + 1))[:size]


def huge_png(width: int = 30_000, height: int = 30_000) -> bytes:
    """A valid grey PNG of width x height zeros, in a thousandth as many bytes. The height must be in hundreds.

    It is made quickly: a hundred rows are packed once, and after a full flush packed data can be repeated. The checksum
    of n zeros is known.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    rows = packer.compress(bytes((width + 1) * 100)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = ((width + 1) * height % 65521) << 16 | 1
    data = b"\x78\xda" + rows * (height // 100) + packer.flush() + checksum.to_bytes(4)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def huge_webp(side: int = 16383) -> bytes:
    """A WebP whose canvas is side x side, its one frame 16 x 16: some hundred bytes."""
    frame = encoded(Image.new("RGB", (16, 16), "red"), "WEBP")[12:]
    chunks = b"VP8X" + struct.pack("<I4B", 10, 2, 0, 0, 0) + _u24(side - 1) * 2 + b"ANIM" + struct.pack("<I6x", 6)
    placed = _u24(0) * 2 + _u24(15) * 2 + _u24(100) + b"\0" + frame
    chunks += b"ANMF" + struct.pack("<I", len(placed)) + placed
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def one_strip_tiff(image: Image.Image) -> bytes:
    return encoded(image, "TIFF", compression="tiff_lzw", strip_size=image.width * image.height * 4)


def turned_tiff(width: int, height: int, orientation: int) -> bytes:
    """`picture`, width x height as seen, stored turned."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[Base.Orientation] = orientation
    return encoded(turned(width, height, orientation), "TIFF", tiffinfo=tags)


def many_scans(data: bytes, count: int) -> bytes:
    """A progressive JPEG with its last scan repeated until there are `count` more."""
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


P3 = {
    b"rXYZ": (0.5151, 0.2412, -0.0011),
    b"gXYZ": (0.2920, 0.6922, 0.0419),
    b"bXYZ": (0.1571, 0.0666, 0.7841),
}
"""Display P3's primaries (D50, from SMPTE EG 432-1)."""
ADOBE_RGB = {
    b"rXYZ": (0.6097, 0.3111, 0.0195),
    b"gXYZ": (0.2053, 0.6257, 0.0609),
    b"bXYZ": (0.1492, 0.0632, 0.7446),
}
"""Adobe RGB (1998)'s, D50."""


def wide_gamut_profile(primaries: dict[bytes, tuple[float, float, float]] = P3) -> bytes:
    """An ICC v2 matrix profile with these primaries and a gamma of 2.2."""
    xyz = {**primaries, b"wtpt": (0.9642, 1.0, 0.8249)}
    tags = {name: b"XYZ \0\0\0\0" + b"".join(_s15f16(value) for value in values) for name, values in xyz.items()}
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"mntr", b"RGB ", b"XYZ ", b"Wide test profile", tags)


def named_profile(name: bytes, gamma: float, notes: bytes = b"") -> bytes:
    """An ICC v2 matrix profile of sRGB's primaries with this name and gamma, and notes in a tag of their own."""
    primaries = {
        b"rXYZ": (0.4361, 0.2225, 0.0139),
        b"gXYZ": (0.3851, 0.7169, 0.0971),
        b"bXYZ": (0.1431, 0.0606, 0.7141),
    }
    tags = {tag: _xyz(values) for tag, values in {**primaries, b"wtpt": (0.9642, 1.0, 0.8249)}.items()}
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve) | ({b"targ": notes} if notes else {})
    return _profile(b"mntr", b"RGB ", b"XYZ ", name, tags)


def cmyk_profile(grid: int = 5) -> bytes:
    """An ICC v2 printer profile with a table from CMYK to Lab, as if each ink were a filter over the others."""
    steps = [n / (grid - 1) for n in range(grid)]
    table = b"".join(_ink(c, m, y, k) for c in steps for m in steps for y in steps for k in steps)
    matrix = b"".join(_s15f16(float(n in (0, 4, 8))) for n in range(9))
    lut = b"mft1" + bytes(4) + bytes([4, 3, grid, 0]) + matrix + bytes(range(256)) * 4 + table + bytes(range(256)) * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", b"Test inks", {b"A2B0": lut, b"wtpt": _xyz((0.9642, 1.0, 0.8249))})


def _ink(c: float, m: float, y: float, k: float) -> bytes:
    """Lab in 8 bits (ICC.1:2001-04, 6.5.7) of a plausible print."""
    light = (1 - 0.9 * k) * (1 - 0.42 * c) * (1 - 0.5 * m) * (1 - 0.08 * y)
    chroma = 1 - 0.9 * k
    a, b = chroma * (72 * m - 35 * c), chroma * (88 * y - 48 * c - 5 * m)
    return bytes([round(light * 255), round(a) + 128, round(b) + 128])


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_s15f16(value) for value in values)


def _profile(device: bytes, space: bytes, connection: bytes, name: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = dict(tags)
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(79)
    tags[b"cprt"] = b"text\0\0\0\0none\0"
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    profile = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">I4sI4s4s4s", 128 + len(profile), b"none", 0x02400000, device, space, connection)
    header += struct.pack(">6H4s28x", 2026, 1, 1, 0, 0, 0, b"acsp") + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + profile


def deep_png(width: int, height: int, channels: int, level: Callable[[int], int]) -> bytes:
    """A PNG of 16 bits a channel (1: grey, 3: RGB) whose columns have the level `level(x)`, 0-65535."""
    row = b"\0" + b"".join(level(x).to_bytes(2) * channels for x in range(width))
    header = struct.pack(">IIBBBBB", width, height, 16, 0 if channels == 1 else 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(row * height)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _u24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _s15f16(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


COLORS = [(250, 10, 10), (10, 250, 10), (10, 10, 250), (240, 240, 20), (20, 240, 240)]
DURATIONS = [100, 50, 200, 80, 120]


def moving(format: str, size: tuple[int, int] = (200, 100), mode: str = "RGB", **options: Any) -> bytes:
    frames = []
    for color in COLORS:
        frame = Image.new("RGB", size, color)
        frame.paste((255, 255, 255), (0, 0, size[0] // 2, size[1] // 2))
        if mode == "RGBA":
            frame.putalpha(255)
            frame.paste((0, 0, 0, 0), (size[0] // 2, 0, size[0], size[1] // 2))
        frames.append(frame)
    settings: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": DURATIONS, "loop": 0}
    return encoded(frames[0], format, **(settings | ({"lossless": True} if format == "WEBP" else {}) | options))


def scene(seed: int, width: int = 640, height: int = 480) -> Image.Image:
    """Large and small shapes, light and dark, as in photographs."""
    generator = random.Random(seed)
    image = Image.new("RGB", (width, height), tuple(generator.randbytes(3)))
    draw = ImageDraw.Draw(image)
    for n in range(40):
        x, y = generator.randrange(width), generator.randrange(height)
        size = (width // 2) >> (n // 10)
        draw.ellipse((x - size // 2, y - size // 3, x + size // 2, y + size // 3), fill=tuple(generator.randbytes(3)))
    return image
