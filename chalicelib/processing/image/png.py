"""PNG's own words of colour and transparency, and files whose unneeded chunks are bad (W3C's PNG specification, 2025).

Pillow gives up on a file for a wrong checksum in a note, or for a text above a mebibyte. Browsers leave out what they
don't need. `mended` does so for Pillow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from typing import BinaryIO

from PIL import Image, ImageChops, PngImagePlugin

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image import colorimetry
from chalicelib.processing.image.position import position_kept

MAGIC = b"\x89PNG\r\n\x1a\n"
_MAX_PROFILE = 8 * 1024**2  # bytes, unpacked; those of printers have two
_MAX_FILLED = 1024**2  # bytes of a profile that is mostly filling
_MAX_TAGS = 200  # of a profile; those of printers have about twenty
_MAX_TEXT = 1024**2  # bytes of one text, unpacked
_MAX_TEXTS = 8 * 1024**2  # of all texts together
_MAX_BEFORE_PIXELS = 10_000  # chunks that are looked at for colours

PngImagePlugin.MAX_TEXT_CHUNK = _MAX_PROFILE  # Pillow's bound, for texts and profiles alike

# Lengths of chunks that Pillow, unlike browsers, insists on: (least, most).
_LENGTHS = {
    b"pHYs": (9, 9),
    b"gAMA": (4, 4),
    b"cHRM": (32, 32),
    b"sRGB": (1, 1),
    b"cICP": (4, 4),
    b"acTL": (8, 8),
    b"tIME": (7, 7),
}
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# By colour type: bytes of the one clear colour, or of the palette's alpha values. More of them are passed over.
_CLEAR_COLORS = {0: (2, 256), 2: (6, 256), 3: (1, 256)}
_FULL_RANGE, _PALETTE = 1, 3
# Chunks that a file has once, and before its pixels. Browsers pass over others.
_ONCE = frozenset({b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"tRNS", b"cLLI", b"mDCV", b"pHYs"})
_MAX_CHUNKS = 250_000  # a file of 200 MiB in pieces of one KiB has fewer


@dataclass
class Header:
    """The chunks before the pixels, as far as they say how pixels look. `clear` is the content of tRNS.

    `has_exif` is true if one of them is eXIf. Browsers turn no picture by an eXIf after the pixels, nor by a text.
    """

    depth: int = 8
    color_type: int = 2
    clear: bytes = b""
    has_exif: bool = False
    colors: dict[bytes, bytes] = field(default_factory=dict)


def mended(source: BinaryIO) -> BinaryIO:
    """The file without the chunks that nobody needs and that are bad or too large; `source` itself if there are none.

    A source that is no PNG is returned as it is. The position of both is their start. Raises PermanentFault for a file
    of more chunks than anybody needs.
    """
    source.seek(0)
    if source.read(len(MAGIC)) != MAGIC:
        source.seek(0)
        return source
    kept, begin, room, color_type = [(0, len(MAGIC))], len(MAGIC), _MAX_TEXTS, None
    seen = set[bytes]()
    for number, (name, at, length) in enumerate(_chunks(source)):
        if number > _MAX_CHUNKS:
            raise PermanentFault(ErrorCode.CORRUPT, f"The PNG has more than {_MAX_CHUNKS} chunks.")
        end = at + length + 12
        if color_type is None:
            source.seek(at + 17)
            color_type = (source.read(1) or b"\2")[0]
        text = 0
        too_early = name == b"tRNS" and color_type == _PALETTE and b"PLTE" not in seen
        if too_early or (name in _ONCE and not seen.isdisjoint((name, b"IDAT"))) or (name in _TEXTS and not room):
            text = -1
        elif name[0] & 0x20:  # a lower-case letter: decoders may do without the chunk
            text = _needed(source, name, at, length, color_type, room)
            cost = text if text >= 0 else _MAX_TEXT  # one that is left out was unpacked, too
            room = max(0, room - cost) if name in _TEXTS else room
        if text < 0:
            kept[-1] = kept[-1][0], at
            kept.append((end, end))
        if text >= 0 or name == b"iCCP":  # a damaged profile is one, too
            seen.add(name)
        begin = end
    source.seek(0)
    if len(kept) == 1:
        return source
    kept[-1] = kept[-1][0], max(begin, kept[-1][0])
    pieces = []
    for start, stop in kept:
        source.seek(start)
        pieces.append(source.read(stop - start))
    pieces.append(source.read())
    source.seek(0)
    return BytesIO(b"".join(pieces))


def header(source: BinaryIO) -> Header | None:
    """None for a file that is no PNG. Keeps the position."""
    with position_kept(source):
        source.seek(0)
        if source.read(len(MAGIC)) != MAGIC:
            return None
        found = Header()
        for number, (name, at, length) in enumerate(_chunks(source)):
            if name == b"IDAT" or number > _MAX_BEFORE_PIXELS:
                break
            found.has_exif = found.has_exif or name == b"eXIf"
            if name in (b"IHDR", b"tRNS", b"cICP", b"gAMA", b"cHRM", b"sRGB", b"cLLI", b"mDCV"):
                source.seek(at + 8)
                _take(found, name, source.read(min(length, 256)))
        return found


def profile(found: Header, embedded: bytes | None) -> bytes | None:
    """The ICC profile of the colours: what cICP says, or else the embedded profile, or else what gAMA and cHRM say.

    None for sRGB, which is also what a file without any of them has.
    """
    if cicp := found.colors.get(b"cICP"):
        primaries, transfer, matrix, full_range = cicp
        if matrix == 0 and full_range == _FULL_RANGE and colorimetry.is_known(primaries, transfer):
            return colorimetry.coded_profile(primaries, transfer, _peak(found))
    if embedded or b"sRGB" in found.colors or b"gAMA" not in found.colors:
        return embedded
    numbers = [int.from_bytes(found.colors.get(b"cHRM", b"")[n : n + 4]) / 100_000 for n in range(0, 32, 4)]
    return colorimetry.gamma_profile(int.from_bytes(found.colors[b"gAMA"]) / 100_000, numbers)


def with_transparency(image: Image.Image, found: Header, source: BinaryIO) -> Image.Image:
    """A loaded PNG whose one clear colour is clear, of every depth. Pillow compares it with pixels of eight bits."""
    if not found.clear or found.color_type not in (0, 2):
        return image
    bits = (1 << found.depth) - 1
    bands = 1 if found.color_type == 0 else 3
    clear = [int.from_bytes(found.clear[n : n + 2]) & bits for n in range(0, 2 * bands, 2)]
    if found.depth == 16:
        low, high = _bytes_of_deep(image, source)
        same = ImageChops.darker(_same(low, [value & 255 for value in clear]), _same(high, [v >> 8 for v in clear]))
        image = high
    else:
        image = image.convert("L") if image.mode == "1" else image
        same = _same(image, [value * 255 // bits for value in clear])
    image = image.copy()
    image.info.pop("transparency", None)
    image.putalpha(ImageChops.invert(same))
    return image


def _bytes_of_deep(image: Image.Image, source: BinaryIO) -> tuple[Image.Image, Image.Image]:
    """The lower and the higher bytes of a picture of 16 bits, in L or RGB."""
    if image.mode.startswith("I"):
        high, low = Image.frombytes("LA", image.size, image.tobytes("raw", "I;16B")).split()
        return low, high
    with Image.open(source, formats=["PNG"]) as again:
        # The order of bytes that the file does not have, so that the second byte is taken for the higher one.
        again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
        again.load()
        return again.copy(), image


def _same(image: Image.Image, values: list[int]) -> Image.Image:
    """A mask of the pixels that have these values: 255, or else 0."""
    masks = [
        band.point([255 if level == value else 0 for level in range(256)])
        for band, value in zip(image.split(), values, strict=True)
    ]
    whole = masks[0]
    for mask in masks[1:]:
        whole = ImageChops.darker(whole, mask)
    return whole


def _take(found: Header, name: bytes, content: bytes) -> None:
    if name == b"IHDR" and len(content) >= 10:
        found.depth, found.color_type = content[8], content[9]
    elif name == b"tRNS":
        found.clear = content
    else:
        found.colors[name] = content


def _peak(found: Header) -> float | None:
    """The brightest level in cd/m² that the file says it has, or else that of the display it was made on."""
    light, display = found.colors.get(b"cLLI", b""), found.colors.get(b"mDCV", b"")
    content = int.from_bytes(light[:4]) / 10_000 if len(light) == 8 else 0.0
    mastering = int.from_bytes(display[16:20]) / 10_000 if len(display) == 24 else 0.0
    return content or mastering or None


def _chunks(source: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of each chunk, to the first one that is not whole. The reader may move the position."""
    at, size = len(MAGIC), source.seek(0, 2)
    while at + 12 <= size:
        source.seek(at)
        head = source.read(8)
        length = int.from_bytes(head[:4])
        if at + 12 + length > size:
            return
        yield head[4:], at, length
        if head[4:] == b"IEND":
            return
        at += 12 + length


def _needed(source: BinaryIO, name: bytes, at: int, length: int, color_type: int, room: int) -> int:
    """-1 for a chunk to leave out, or else the bytes of its text, which are at most `room`."""
    least, most = _CLEAR_COLORS.get(color_type, (1, 0)) if name == b"tRNS" else _LENGTHS.get(name, (0, length))
    if not least <= length <= most:
        return -1
    if name in _TEXTS and length > _MAX_TEXT:
        return -1
    source.seek(at + 4)
    content = source.read(length + 4)
    if zlib.crc32(content) != int.from_bytes(source.read(4)):
        return -1
    if name == b"iCCP":
        profile = _unpacked_after_name(content[4:], _MAX_PROFILE)
        return 0 if profile is not None and not _is_filling(profile) else -1
    text = _text(name, content[4:], min(room, _MAX_TEXT))
    return -1 if text is None else text


def _is_filling(profile: bytes) -> bool:
    """True for a large profile of which less than half belongs to its tags (ICC.1:2022, 7.3)."""
    if len(profile) <= _MAX_FILLED:
        return False
    entries = (profile[at : at + 12] for at in range(132, 132 + 12 * _MAX_TAGS, 12))
    tags = list(islice(entries, int.from_bytes(profile[128:132])))
    return sum({tag[4:8]: int.from_bytes(tag[8:]) for tag in tags}.values()) < len(profile) / 2


def _text(name: bytes, content: bytes, most: int) -> int | None:
    """The length of a chunk's text, unpacked; 0 for a chunk of another sort; None for more than `most`."""
    if name == b"tEXt":
        return len(content) if len(content) <= most else None
    if name == b"zTXt":
        unpacked = _unpacked_after_name(content, most)
    elif name == b"iTXt":
        after = content.partition(b"\0")[2]
        rest = after[2:].partition(b"\0")[2].partition(b"\0")[2]
        unpacked = _unpacked(rest, most) if after[:1] == b"\1" else content
    else:
        return 0
    return len(unpacked) if unpacked is not None and len(unpacked) <= most else None


def _unpacked_after_name(content: bytes, most: int) -> bytes | None:
    """The same for bytes after a name, which ends with a null byte, and the method of compression, which must be 0."""
    _, end, rest = content.partition(b"\0")
    return _unpacked(rest[1:], most) if end and rest[:1] == b"\0" else None


def _unpacked(packed: bytes, most: int) -> bytes | None:
    """These bytes, unpacked; None for more than `most`, and for damaged ones."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(packed, most + 1)
    except zlib.error:
        return None
    return unpacked if len(unpacked) <= most else None
