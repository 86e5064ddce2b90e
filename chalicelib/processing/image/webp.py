"""Opens still WebPs, reads the frames of animated ones (RFC 9649, 2.7.1), and decodes one of them.

Pillow gives the frames only composed. So each becomes a still WebP.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO

from PIL import Image, ImageFile

from chalicelib.processing.image import libwebp
from chalicelib.processing.image.color import eight_bit
from chalicelib.processing.image.frames import Animation, Disposal, Frame, counted

_ANIMATED, _HAS_ALPHA = 0x02, 0x10  # flags of the chunk VP8X
_CLEARED, _REPLACES = 0x01, 0x02  # flags of a frame
_NOTES = {b"ICCP": (0x20, "icc_profile"), b"EXIF": (0x08, "exif"), b"XMP ": (0x04, "xmp")}  # flags of VP8X, names
_MAX_CHUNKS = 7  # one more than a still has
_STILL = re.compile(rb"(?:VP8X(?:ICCP)?)?(ALPHVP8 |VP8 |VP8L)(?:EXIF)?(?:XMP )?")  # the chunks of a still, in order


def read(data: bytes) -> Animation | None:
    """The frames of an animated WebP. None for any other file. That all is in order is libwebp's to say, not ours."""
    if data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8X" or len(data) < 30 or not data[20] & _ANIMATED:
        return None
    plays = 0
    for name, held in _chunks(data, 12, min(len(data), 8 + _u32(data, 4))):
        if name == b"ANIM":
            plays = _u24(data, held.start + 4) & 0xFFFF
            break
    frames, count, duration = counted(_frames(data))
    if not frames:
        return None
    return Animation(_u24(data, 24) + 1, _u24(data, 27) + 1, plays, count, duration, frames, partial(_load, data))


class StillFile(ImageFile.ImageFile):
    """A still WebP, decoded by libwebp.py. Pillow's own class stands in for it where that can't."""

    format = "WEBP"
    format_description = "WebP image"

    def _open(self) -> None:
        assert self.fp
        self._coded = self.fp.read()
        pixels = _pixels(self._coded)
        found = libwebp.features(self._coded) if pixels else None
        if not pixels or not found:
            raise SyntaxError("not a usual still WebP")
        self._pixels = pixels
        width, height, has_alpha = found
        self._size, self._mode = (width, height), "RGBA" if has_alpha else "RGB"
        self.info.update(_notes(self._coded))

    def load(self) -> Any:
        """Decodes the pixels at the first call. Raises what Pillow raises."""
        if self._im is None:
            self.im = libwebp.decoded(self._coded, self._pixels, self.size, self.mode) or self._by_pillow()
            self._coded = b""
        return super().load()

    def _by_pillow(self) -> Any:
        with Image.open(BytesIO(self._coded), formats=["WEBP"]) as image:
            image.load()
            if (image.size, image.mode) != (self.size, self.mode):
                raise OSError("the WebP contradicts itself")
            return image.im


def opened(source: BinaryIO) -> Image.Image | None:
    """The image of a WebP, not decoded yet. None if Pillow has to open it; the position is kept then."""
    start = source.tell()
    source.seek(0)
    with suppress(SyntaxError):
        return StillFile(source)
    source.seek(start)
    return None


def _notes(data: bytes) -> dict[str, bytes]:
    """The profile and the metadata, by Pillow's names."""
    return {_NOTES[name][1]: data[held] for name, held in _chunks(data, 12, len(data)) if name in _NOTES}


def _pixels(data: bytes) -> slice | None:
    """The place of the pixels' chunks in a still whose chunks are all as they should be. Else Pillow has to judge."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or _u32(data, 4) + 8 != len(data):
        return None
    places = list(islice(_chunks(data, 12, len(data)), _MAX_CHUNKS))
    order = _STILL.fullmatch(b"".join(name for name, _ in places))
    ends = [held.start + (size := _u32(data, held.start - 4)) + (size & 1) for _, held in places]
    if not order or [held.start - 8 for _, held in places] + [len(data)] != [12, *ends]:
        return None
    held = dict(places)
    has_alpha = b"ALPH" in held or (b"VP8L" in held and data[held[b"VP8L"].start + 4] & 0x10)
    flags = sum(flag for name, (flag, _) in _NOTES.items() if name in held) | (_HAS_ALPHA if has_alpha else 0)
    if b"VP8X" in held and data[20:24] != bytes([flags, 0, 0, 0]):
        return None
    return slice(ends[order.start(1) // 4 - 1] if order.start(1) else 12, held[order[1][-4:]].stop)


def _frames(data: bytes) -> Iterator[Frame]:
    for name, held in _chunks(data, 12, min(len(data), 8 + _u32(data, 4))):
        if name != b"ANMF" or held.stop - held.start < 16:
            continue
        at, flags = held.start, data[held.start + 15]
        pixels = slice(at + 16, held.stop)
        size = _size(data, pixels)
        if size is None:
            continue  # libwebp skips a frame without pixels, too
        disposal = Disposal.CLEAR if flags & _CLEARED else Disposal.KEEP
        x, y = 2 * _u24(data, at), 2 * _u24(data, at + 3)
        yield Frame(x, y, *size, _u24(data, at + 12), disposal, not flags & _REPLACES, pixels)


def _size(data: bytes, pixels: slice) -> tuple[int, int] | None:
    """Width and height in a frame's own header, which libwebp believes, whatever the frame says."""
    for name, held in _chunks(data, pixels.start, pixels.stop):
        if name == b"VP8 ":
            return _u32(data, held.start + 6) & 0x3FFF, _u32(data, held.start + 8) & 0x3FFF
        if name == b"VP8L":
            bits = _u32(data, held.start + 1)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _load(data: bytes, frame: Frame) -> Image.Image:
    """The pixels of a frame. Raises what Pillow raises."""
    found = {}
    for name, held in _chunks(data, frame.coded.start, frame.coded.stop):
        if name in (b"ALPH", b"VP8 ", b"VP8L"):
            found[name] = data[held]
        if name in (b"VP8 ", b"VP8L"):
            break
    chunks = b"".join(_chunk(name, held) for name, held in found.items())
    if b"ALPH" in found:
        size = b"".join((n - 1).to_bytes(3, "little") for n in (frame.width, frame.height))
        chunks = _chunk(b"VP8X", bytes([_HAS_ALPHA, 0, 0, 0]) + size) + chunks
    still = b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks
    with Image.open(BytesIO(still), formats=["WEBP"]) as image:
        image.load()
        return eight_bit(image._new(image.im))  # a view, without the decoder and its two canvases


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, slice]]:
    """The name of each chunk, and where it holds its data."""
    while at + 8 <= end:
        size = _u32(data, at + 4)
        yield data[at : at + 4], slice(at + 8, min(at + 8 + size, end))
        at += 8 + size + (size & 1)


def _chunk(name: bytes, held: bytes) -> bytes:
    return name + struct.pack("<I", len(held)) + held + bytes(len(held) & 1)


def _u24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
