"""Builds animations field by field: GIF, APNG and WebP, whose frames, delays and disposals may be wrong."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

KEEP, CLEAR, RESTORE = "keep", "clear", "restore"
"""The disposals: a frame stays, its area is cleared, or its area becomes what it was before the frame."""


PNG = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True)
class Drawn:
    """One frame: `pixels` in RGBA at a place on the canvas. `delay` is in milliseconds.

    `over` blends with the canvas, or else replaces it. `local` and `interlaced` are for GIF: a colour table of its own.
    """

    pixels: Image.Image
    x: int = 0
    y: int = 0
    delay: int = 100
    disposal: str = KEEP
    over: bool = True
    local: bool = False
    interlaced: bool = False

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.size


def gif(
    size: tuple[int, int],
    frames: Sequence[Drawn],
    *,
    plays: int | None = 0,
    disposals: dict[str, int] | None = None,
) -> bytes:
    """A GIF whose colours are those of the frames. Clear pixels get an index of their own; others must be opaque.

    `plays` is what the NETSCAPE block says, and None leaves the block out. `disposals` changes the codes.
    """
    codes = {KEEP: 1, CLEAR: 2, RESTORE: 3} | (disposals or {})
    shared = _colors(*(frame.pixels for frame in frames if not frame.local))
    data = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80 | _bits(shared) - 1, 0, 0) + _table(shared)
    if plays is not None:
        data += b"\x21\xff\x0bNETSCAPE2.0" + struct.pack("<BBHB", 3, 1, plays, 0)
    for frame in frames:
        colors = _colors(frame.pixels) if frame.local else shared
        clear = any(alpha == 0 for *_, alpha in _pixels(frame.pixels))
        flags = codes[frame.disposal] << 2 | clear
        data += b"\x21\xf9\x04" + struct.pack("<BHBB", flags, frame.delay // 10, len(colors) if clear else 0, 0)
        packed = (0x80 | _bits(colors) - 1 if frame.local else 0) | (0x40 if frame.interlaced else 0)
        data += b"\x2c" + struct.pack("<HHHHB", frame.x, frame.y, *frame.size, packed)
        data += (_table(colors) if frame.local else b"") + lzw(_indexes(frame, colors), max(2, _bits(colors)))
    return data + b";"


def lzw(indexes: bytes, bits: int) -> bytes:
    """LZW data (GIF89a, appendix F) that never compresses: the table is cleared before codes would get longer."""
    codes = [1 << bits]
    for at, index in enumerate(indexes):
        if at and at % ((1 << bits) - 2) == 0:
            codes.append(1 << bits)
        codes.append(index)
    codes.append((1 << bits) + 1)
    number = int("".join(f"{code:0{bits + 1}b}" for code in reversed(codes)), 2)
    data = number.to_bytes((len(codes) * (bits + 1) + 7) // 8, "little")
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    return bytes([bits]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def apng(
    size: tuple[int, int],
    frames: Sequence[Drawn],
    *,
    plays: int = 0,
    hidden: Image.Image | None = None,
    mode: str = "RGBA",
    said: int | None = None,
    numbers: Sequence[int] = (),
    interlaced: bool = False,
) -> bytes:
    """An APNG, every frame in `mode`. `hidden` is a default image that is no frame. `said` is the number of frames in
    the header, and `numbers` the sequence numbers, where they are to be wrong.
    """
    count = iter(numbers or range(2**31))
    header = struct.pack(">IIBBBBB", *size, 8, _COLOR_TYPES[mode], 0, 0, interlaced)
    data = PNG + chunk(b"IHDR", header)
    data += chunk(b"acTL", struct.pack(">II", len(frames) if said is None else said, plays))
    if hidden:
        data += chunk(b"IDAT", _packed_rows(hidden.convert(mode), interlaced))
    for number, frame in enumerate(frames):
        data += control(next(count), frame)
        pixels = _packed_rows(frame.pixels.convert(mode), interlaced)
        is_default = number == 0 and not hidden
        data += chunk(b"IDAT", pixels) if is_default else chunk(b"fdAT", struct.pack(">I", next(count)) + pixels)
    return data + chunk(b"IEND", b"")


def control(number: int, frame: Drawn) -> bytes:
    """The chunk that announces a frame of an APNG."""
    placed = struct.pack(">IIIII", number, *frame.size, frame.x, frame.y)
    disposal = (KEEP, CLEAR, RESTORE).index(frame.disposal)
    return chunk(b"fcTL", placed + struct.pack(">HHBB", frame.delay, 1000, disposal, frame.over))


def _packed_rows(image: Image.Image, interlaced: bool) -> bytes:
    """The rows of a PNG without filters; with Adam7 those of its seven passes."""
    rows = []
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        for y in range(top, image.height, down):
            row = image.crop((0, y, image.width, y + 1)).tobytes()
            size = len(image.mode)
            if across > 1:
                row = b"".join(row[x * size : (x + 1) * size] for x in range(left, image.width, across))
            rows += [b"\0", row] if row else []
    return zlib.compress(b"".join(rows))


def webp(size: tuple[int, int], frames: Sequence[Drawn], *, plays: int = 0, **options: Any) -> bytes:
    """A WebP, by default without loss. Places must be even. RESTORE, which WebP does not have, is refused."""
    return webp_of(size, *(webp_frame(frame, **options) for frame in frames), plays=plays)


def webp_of(size: tuple[int, int], *chunks: bytes, plays: int = 0) -> bytes:
    """An animated WebP with these chunks after its header."""
    head = riff(b"VP8X", bytes([0x12, 0, 0, 0]) + u24(size[0] - 1) + u24(size[1] - 1))
    head += riff(b"ANIM", struct.pack("<IH", 0, plays))
    data = head + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


def webp_frame(frame: Drawn, said: tuple[int, int] | None = None, **options: Any) -> bytes:
    """The chunk of one frame. `said` is its size, where that is to be wrong. `options` go to Pillow's encoder."""
    buffer = BytesIO()
    frame.pixels.save(buffer, "WEBP", **({"lossless": True, "exact": True} | options))
    width, height = said or frame.size
    placed = b"".join(u24(n) for n in (frame.x // 2, frame.y // 2, width - 1, height - 1))
    flags = bytes([(KEEP, CLEAR).index(frame.disposal) | (0 if frame.over else 2)])
    return riff(b"ANMF", placed + u24(frame.delay) + flags + _bitstream(buffer.getvalue()))


def _bitstream(data: bytes) -> bytes:
    """The chunks of a still WebP that hold its pixels."""
    at, found = 12, b""
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        end += end & 1
        if data[at : at + 4] in (b"ALPH", b"VP8 ", b"VP8L"):
            found += data[at:end]
        at = end
    return found


def riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)


def u24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _pixels(image: Image.Image) -> list[tuple[int, int, int, int]]:
    data = image.tobytes()
    return [tuple(data[at : at + 4]) for at in range(0, len(data), 4)]  # type: ignore[misc]


def _colors(*pictures: Image.Image) -> list[tuple[int, int, int]]:
    found = {pixel[:3]: None for picture in pictures for pixel in _pixels(picture) if pixel[3]}
    return list(found) or [(0, 0, 0)]


def _bits(colors: Sequence[object]) -> int:
    """The bits of a table for these colours and a clear one."""
    return max(1, len(colors).bit_length())


def _table(colors: Sequence[tuple[int, int, int]]) -> bytes:
    return b"".join(map(bytes, colors)).ljust(3 << _bits(colors), b"\0")


def _indexes(frame: Drawn, colors: list[tuple[int, int, int]]) -> bytes:
    index = {color: n for n, color in enumerate(colors)}
    flat = bytes(index[pixel[:3]] if pixel[3] else len(colors) for pixel in _pixels(frame.pixels))
    rows = [flat[at : at + frame.size[0]] for at in range(0, len(flat), frame.size[0])]
    if frame.interlaced:
        rows = rows[::8] + rows[4::8] + rows[2::4] + rows[1::2]
    return b"".join(rows)
