"""Reads the frames of an animated PNG (W3C PNG, third edition, 11.3.2 and 4.9), and decodes one of them.

Pillow gives the frames only composed, and refuses much that browsers show. So a frame becomes a still PNG, and what is
left of the file without its animation is one, too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from itertools import islice
from typing import NamedTuple

from PIL import Image

from chalicelib.processing.image import formats
from chalicelib.processing.image.color import eight_bit
from chalicelib.processing.image.frames import Animation, Disposal, Frame, counted
from chalicelib.processing.image.png import MAGIC

_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_DISPOSALS = (Disposal.KEEP, Disposal.CLEAR, Disposal.RESTORE)
_DELAY_UNIT = 100  # of a second, where the unit is given as 0


class _Chunk(NamedTuple):
    """`begin` and `end` are those of the whole chunk in the file, and `data` is what it holds."""

    name: bytes
    begin: int
    end: int
    data: slice


def read(data: bytes) -> Animation | None:
    """The frames of an APNG. None if the bytes are no PNG, say of no animation, or of one whose first frame is wrong.

    A later frame that breaks the rules (its number, its area, its codes) ends the animation, as in Chromium.
    """
    header = _header(data)
    if header is None:
        return None
    said, plays, width, height = header
    frames, count, duration = counted(islice(_frames(data, width, height), said))
    if not frames:
        return None
    return Animation(width, height, min(plays, 65535), count, duration, frames, partial(_load, data))


def still(data: bytes) -> bytes | None:
    """The PNG without its animation, which is its default image. None if there is none to leave out."""
    if data[:8] != MAGIC or not any(chunk.name in _ANIMATION for chunk in _chunks(data)):
        return None
    return MAGIC + b"".join(data[each.begin : each.end] for each in _chunks(data) if each.name not in _ANIMATION)


def _header(data: bytes) -> tuple[int, int, int, int] | None:
    """How many frames the file says it has, how often they are played, the width and the height. None without any."""
    if data[:8] != MAGIC or data[12:16] != b"IHDR":
        return None
    found = None
    for chunk in _chunks(data):
        if chunk.name == b"IDAT":
            break
        if chunk.name == b"acTL" and _intact(data, chunk, 8):
            found = struct.unpack_from(">II", data, chunk.data.start)
    if found is None or not 0 < found[0] < 2**31 or len(data) < 24:
        return None
    return (*found, *struct.unpack_from(">II", data, 16))


def _frames(data: bytes, width: int, height: int) -> Iterator[Frame]:
    """The frames up to the first that is not right. Each is yielded when the next one begins."""
    number, frame, of_default = 0, None, False
    for chunk in _chunks(data):
        if chunk.name == b"fcTL":
            if frame and frame.coded:
                yield frame
            frame, of_default = _control(data, chunk, number, width, height), False
            if frame is None:
                return
            number += 1
        elif chunk.name == b"IDAT" and frame and (of_default or not frame.coded):
            if (frame.width, frame.height) != (width, height):
                return  # the default image is a frame, but not of the canvas's size
            frame, of_default = _longer(frame, chunk), True
        elif chunk.name == b"fdAT":
            if frame is None or of_default:
                break
            if data[chunk.data][:4] != number.to_bytes(4):
                return
            frame, number = _longer(frame, chunk), number + 1
    if frame and frame.coded:
        yield frame


def _control(data: bytes, chunk: _Chunk, number: int, width: int, height: int) -> Frame | None:
    """The frame that a chunk announces, still without bytes. None if it breaks the rules."""
    if not _intact(data, chunk, 26):
        return None
    said, across, down, x, y, delay, unit, disposal, blend = struct.unpack_from(">5I2H2B", data, chunk.data.start)
    if said != number or disposal > 2 or blend > 1:
        return None
    if not across or not down or x + across > width or y + down > height:
        return None
    return Frame(x, y, across, down, delay * 1000 / (unit or _DELAY_UNIT), _DISPOSALS[disposal], blend == 1, None)


def _longer(frame: Frame, chunk: _Chunk) -> Frame:
    """The frame with this chunk as its last one. Only the ends are kept: there may be millions of chunks."""
    begin = frame.coded.start if frame.coded else chunk.begin
    return frame._replace(coded=slice(begin, chunk.end))


def _intact(data: bytes, chunk: _Chunk, size: int) -> bool:
    """True if the chunk has at least `size` bytes, and its checksum is right."""
    held = data[chunk.data]
    return len(held) >= size and data[chunk.data.stop : chunk.end] == zlib.crc32(chunk.name + held).to_bytes(4)


def _chunks(data: bytes, at: int = 8, end: int | None = None) -> Iterator[_Chunk]:
    """The chunks from here to `end`, or to the one that ends the file. The last one may be cut short."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        after = min(at + 12 + size, len(data))
        yield _Chunk(name, at, after, slice(at + 8, min(at + 8 + size, len(data))))
        if name == b"IEND":
            return
        at = after


def _load(data: bytes, frame: Frame) -> Image.Image:
    """The pixels of a frame. Raises what Pillow raises."""
    packed, still = bytearray(), [MAGIC]
    name = data[frame.coded.start + 4 : frame.coded.start + 8]
    for chunk in _chunks(data, frame.coded.start, frame.coded.stop):
        if chunk.name == name:
            packed += data[chunk.data][4 if name == b"fdAT" else 0 :]
    still.append(_made(b"IHDR", struct.pack(">II", frame.width, frame.height) + data[24:29]))
    for chunk in _chunks(data):
        if chunk.name in (b"PLTE", b"tRNS"):
            still.append(_made(chunk.name, data[chunk.data]))
        elif chunk.name == b"IDAT":
            break
    still += _made(b"IDAT", packed), _made(b"IEND", b"")
    source = BytesIO(b"".join(still))
    with Image.open(source, formats=["PNG"]) as image:
        image.load()
        return eight_bit(formats.finished(image, source))


def _made(name: bytes, data: bytes | bytearray) -> bytes:
    return struct.pack(">I4s", len(data), name) + data + zlib.crc32(data, zlib.crc32(name)).to_bytes(4)
