"""Reads a GIF's frames, block by block (GIF89a specification, appendix B), and decodes one of them.

Pillow gives a GIF's frames only composed, and not as browsers compose them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from PIL import Image

from chalicelib.processing.image.color import eight_bit
from chalicelib.processing.image.frames import Animation, Disposal, Frame, counted

_IMAGE, _EXTENSION = 0x2C, 0x21
_CONTROL, _APPLICATION = 0xF9, 0xFF  # labels of extensions
_MAX_NOTES = 2 * 1024**2  # bytes of all extensions before the first frame
_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
# By code. Browsers take 4, which is reserved, for 3, because old programs meant that. All others are "keep".
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}


class _Coded(NamedTuple):
    """Positions in the file of the colours and of the LZW data. `clear` is the index of clear pixels, or -1."""

    colors: slice
    data: slice
    bits: int
    clear: int
    interlaced: bool


class _Control(NamedTuple):
    """The words of the block before a frame about it."""

    delay: float = 0
    disposal: Disposal = Disposal.KEEP
    clear: int = -1


_PLAIN = _Control()


def read(data: bytes) -> Animation | None:
    """The frames of a GIF, even if it is only one. None if the bytes are no GIF, or have no frame."""
    if not data.startswith((b"GIF87a", b"GIF89a")) or len(data) < 13:
        return None
    reader = _Reader(data)
    frames, count, duration = counted(reader.frames())
    if not frames:
        return None
    return Animation(reader.width, reader.height, reader.plays, count, duration, frames, partial(_load, data))


def still(data: bytes) -> bytes:
    """The GIF for the still decoder, which needs 50 bytes of memory for each byte of some extensions.

    Without those before the first frame, if they are large: it only reads their notes.
    """
    if len(data) < _MAX_NOTES or not data.startswith((b"GIF87a", b"GIF89a")):
        return data
    begin = at = 13 + _colors(data[10])
    while at + 3 < len(data) and data[at] == _EXTENSION:
        at = _skipped(data, at + 2)
    return data if at - begin < _MAX_NOTES else data[:begin] + data[at:]


class _Reader:
    """Goes through the blocks. `width`, `height` and `plays` are known when all frames have been taken.

    The first frame makes the canvas larger if it reaches beyond it, and later frames are cut, as in Chromium.
    """

    def __init__(self, data: bytes) -> None:
        self.width, self.height = struct.unpack_from("<2H", data, 6)
        self.plays = 1
        self._data = data
        self._control = _PLAIN

    def frames(self) -> Iterator[Frame]:
        data = self._data
        at = 13 + _colors(data[10])
        shared, first = slice(13, at), True
        while at + 3 < len(data):
            if data[at] == _EXTENSION:
                at = self._extension(at)
            elif data[at] == _IMAGE and at + 11 < len(data):
                frame = self._frame(at, shared, first)
                first = False
                yield frame
                at = frame.coded.data.stop
            else:
                return  # the end, or bytes that are no block: all browsers stop there

    def _frame(self, at: int, shared: slice, first: bool) -> Frame:
        data = self._data
        x, y, width, height, flags = struct.unpack_from("<4HB", data, at + 1)
        at += 10
        colors = shared
        if flags & 0x80:
            colors = slice(at, at + _colors(flags))
            at = colors.stop
        if first:
            self.width, self.height = max(self.width, x + width), max(self.height, y + height)
        interlaced = bool(flags & 0x40)
        if not interlaced:  # the rows below the canvas come last, and are not decoded
            height = min(height, max(0, self.height - y))
        control, self._control = self._control, _PLAIN
        bits = data[at] if at < len(data) else 0
        coded = _Coded(colors, slice(at + 1, _skipped(data, at + 1)), bits, control.clear, interlaced)
        return Frame(x, y, width, height, control.delay, control.disposal, True, coded)

    def _extension(self, at: int) -> int:
        """Reads the extension. Returns where the next block begins."""
        data, label = self._data, self._data[at + 1]
        block = data[at + 3 : at + 3 + data[at + 2]]
        if label == _CONTROL and len(block) >= 4:
            self._control = _Control(
                delay=int.from_bytes(block[1:3], "little") * 10,
                disposal=_DISPOSALS.get(block[0] >> 2 & 7, Disposal.KEEP),
                clear=block[3] if block[0] & 1 else -1,
            )
        elif label == _APPLICATION and block in _LOOPING:
            loop = data[at + 14 : at + 18]
            if len(loop) == 4 and loop[:2] == b"\3\1":  # three bytes, of which the first says that a number follows
                repeats = int.from_bytes(loop[2:], "little")
                self.plays = repeats + 1 if repeats else 0
        return _skipped(data, at + 2)


def _skipped(data: bytes, at: int) -> int:
    """Where the chain of sub-blocks that begins here ends."""
    size = len(data)
    while at < size and data[at]:
        at += data[at] + 1
    return at + 1


def _colors(flags: int) -> int:
    """The size of a colour table in bytes; 0 for none."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _load(data: bytes, frame: Frame) -> Image.Image:
    """The pixels of a frame; clear where nothing is drawn. Raises what Pillow raises, also for too few pixels."""
    coded: _Coded = frame.coded
    image = Image.frombytes(
        "P", (frame.width, frame.height), data[coded.data], "gif", (coded.bits, coded.interlaced, -1)
    )
    image.putpalette(data[coded.colors].ljust(768, b"\0"))  # what is beyond the table is black, as in Chromium
    if coded.clear >= 0:
        image.info["transparency"] = coded.clear
    return eight_bit(image)
