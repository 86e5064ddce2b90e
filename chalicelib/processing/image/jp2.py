"""JPEG 2000's own words of colour, which Pillow does not read: profiles, and channels in another order.

The boxes are those of ISO/IEC 15444-1, annex I; the code stream's header (SIZ) that of annex A.5.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import BinaryIO

from PIL import Image

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image.position import position_kept

_MAGIC = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODE_STREAM = b"\xff\x4f\xff\x51"
_MAX_BOXES = 100
_MAX_HEADER = 8 * 1024**2  # bytes; profiles of printers have two million
_ENUMERATED, _RESTRICTED, _ANY_PROFILE = 1, 2, 3  # the sorts of colour specification
_SRGB, _SYCC = 16, 18
_MAX_COMPONENTS = 4
_TILE_PART = b"\xff\x90"
_MAX_SEGMENTS, _MAX_TILE_PARTS = 10_000, 200_000


@dataclass(frozen=True)
class Header:
    """`order` has the channel of each colour, if they are not in their order. `space_at` is the place of the space."""

    profile: bytes | None
    space: int
    space_at: int
    order: tuple[int, ...] | None


def header(source: BinaryIO) -> Header | None:
    """None for a file that is no JP2. Keeps the position."""
    with position_kept(source):
        source.seek(0)
        if source.read(len(_MAGIC)) != _MAGIC:
            return None
        for name, begin, end in _boxes(source, 0, source.seek(0, 2)):
            if name == b"jp2h":
                return _header(source, begin, end)
        return None


def extras(source: BinaryIO, most: int) -> Iterator[tuple[bytes, bytes]]:
    """Identifier and content of each `uuid` box of at most `most` bytes. May move the position."""
    source.seek(0)
    if source.read(len(_MAGIC)) != _MAGIC:
        return
    for name, begin, end in _boxes(source, 0, source.seek(0, 2)):
        if name == b"uuid" and 16 < end - begin <= most:
            source.seek(begin)
            content = source.read(end - begin)
            yield content[:16], content[16:]


def check(source: BinaryIO) -> None:
    """Raises PermanentFault for a code stream that Pillow does not read, or reads as noise. May move the position."""
    if (at := _code_stream(source)) < 0:
        return
    sizes = _sizes(source, at)
    components = int.from_bytes(source.read(2))
    steps = source.read(3 * min(components, _MAX_COMPONENTS))
    if components > _MAX_COMPONENTS:
        raise _unsupported(f"{components} components")
    across, down = max(steps[1::3], default=1), max(steps[2::3], default=1)
    if any(
        size % step for sizes_of, step in ((sizes[::2], across), (sizes[1::2], down)) for size in sizes_of if step > 1
    ):
        raise _unsupported("coarse colours and an odd size")


def require_whole(source: BinaryIO) -> None:
    """Raises PermanentFault for a file that lacks tiles, of which the decoder only warns. May move the position."""
    at = _code_stream(source)
    if at >= 0 and (lacks := _lacking_tiles(source, at, _sizes(source, at))):
        raise PermanentFault(ErrorCode.CORRUPT, f"The JPEG 2000 is damaged: {lacks} of its tiles are not whole.")


def tiles(source: BinaryIO) -> int:
    """The number of tiles; 0 for a file without a code stream. Keeps the position."""
    with position_kept(source):
        at = _code_stream(source)
        return _grid(_sizes(source, at)) if at >= 0 else 0


def _sizes(source: BinaryIO, at: int) -> list[int]:
    """Width, height, offsets, a tile's width and height, and the tiles' offsets."""
    source.seek(at + 8)
    return [int.from_bytes(source.read(4)) for _ in range(8)]


def _grid(sizes: list[int]) -> int:
    (width, height, _, _, across, down, left, top) = sizes
    if not across or not down:
        return 0
    return max(0, -(-(width - left) // across)) * max(0, -(-(height - top) // down))


def _lacking_tiles(source: BinaryIO, at: int, sizes: list[int]) -> int:
    """How many tiles lack a part, which OpenJPEG leaves black. 0 for files of so many parts that nobody counts them."""
    size = source.seek(0, SEEK_END)
    at += 2
    for _ in range(_MAX_SEGMENTS):  # to the first part of a tile
        source.seek(at)
        head = source.read(4)
        if len(head) < 4 or head[:2] == _TILE_PART:
            break
        at += 2 + int.from_bytes(head[2:])
    told, found = dict[int, int](), dict[int, int]()
    for _ in range(_MAX_TILE_PARTS):
        source.seek(at)
        head = source.read(12)
        if len(head) < 12 or head[:2] != _TILE_PART:
            return max(0, _grid(sizes) - len(found)) + sum(found[tile] < told[tile] for tile in found)
        tile, length = int.from_bytes(head[4:6]), int.from_bytes(head[6:10])
        found[tile] = found.get(tile, 0) + 1
        told[tile] = max(told.get(tile, 0), head[11])
        at = at + length if length >= len(head) else size  # 0 is for one that goes on to the end
    return 0


def neutral(source: BinaryIO, found: Header | None) -> BinaryIO:
    """The file for Pillow, which must not convert channels that are in another order."""
    if not found or not found.order or found.space != _SYCC:
        return source
    source.seek(0)
    data = bytearray(source.read())
    data[found.space_at : found.space_at + 4] = _SRGB.to_bytes(4)
    return BytesIO(bytes(data))


def arranged(image: Image.Image, found: Header | None) -> Image.Image:
    """The loaded image with its channels in their order, in RGB."""
    if not found or not found.order or image.mode not in ("RGB", "RGBA"):
        return image
    bands = image.split()
    colors = [bands[channel] for channel in found.order]
    if found.space == _SYCC:
        colors = list(Image.merge("YCbCr", colors).convert("RGB").split())
    result = Image.merge(image.mode, [*colors, *bands[3:]])
    result.info, result.format = image.info, image.format
    return result


def _header(source: BinaryIO, begin: int, end: int) -> Header:
    profile, space, space_at, order, has_palette = None, 0, 0, None, False
    for name, start, stop in _boxes(source, begin, end):
        source.seek(start)
        content = source.read(min(stop - start, _MAX_HEADER))
        if name == b"colr" and content and not (profile or space):
            if content[0] == _ENUMERATED:
                space, space_at = int.from_bytes(content[3:7]), start + 3
            elif content[0] in (_RESTRICTED, _ANY_PROFILE):
                profile = content[3:]
        elif name == b"cdef":
            order = _order(content)
        has_palette |= name == b"pclr"
    return Header(profile, space, space_at, None if has_palette else order)


def _order(content: bytes) -> tuple[int, ...] | None:
    """The channels of the colours 1 to 3; None if they are in this order, and for anything else."""
    entries = [content[n : n + 6] for n in range(2, 2 + 6 * min(int.from_bytes(content[:2]), _MAX_COMPONENTS), 6)]
    numbers = [tuple(int.from_bytes(entry[n : n + 2]) for n in (0, 2, 4)) for entry in entries if len(entry) == 6]
    channels = {color: channel for channel, kind, color in numbers if kind == 0}
    order = tuple(channels.get(color, -1) for color in (1, 2, 3))
    return order if sorted(order) == [0, 1, 2] and order != (0, 1, 2) else None


def _code_stream(source: BinaryIO) -> int:
    """Where the code stream begins; -1 for none."""
    source.seek(0)
    if source.read(4) == _CODE_STREAM:
        return 0
    found = (begin for name, begin, _ in _boxes(source, 0, source.seek(0, 2), cut=True) if name == b"jp2c")
    return next(found, -1)


def _boxes(source: BinaryIO, at: int, end: int, *, cut: bool = False) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and end of the content of each box. The reader may move the position.

    With `cut`, also a last box that is longer than its file.
    """
    for _ in range(_MAX_BOXES):
        source.seek(at)
        head = source.read(16)
        size, begin = int.from_bytes(head[:4]), at + 8
        if size == 1:
            size, begin = int.from_bytes(head[8:16]), at + 16
        stop = end if size == 0 else at + size
        if len(head) < 8 or stop < begin or (stop > end and not cut):
            return
        yield head[4:8], begin, stop
        at = stop


def _unsupported(what: str) -> PermanentFault:
    return PermanentFault(
        ErrorCode.UNSUPPORTED_TYPE, f"A JPEG 2000 of {what} is not supported. Save it as JPEG or PNG."
    )
