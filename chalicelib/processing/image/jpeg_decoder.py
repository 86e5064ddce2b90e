"""Decodes a JPEG by Pillow's decoder, and learns what it only warns of: lost data, which it fills with grey.

The decoder gets the file in pieces: headers, the data of a scan, headers … After each scan it gets the beginning of a
comment, so that it must finish the scan and can't go on. What it has warned of until then is about the scan. Blocks
that are missing, wrong codes and lost restart marks are damage. Needless bytes after a scan are not, nor is a missing
end of the file when all scans are whole.

libjpeg counts its warnings in its own structure, which Pillow does not show. So it is read in memory, at places that
are those of Pillow 13.0.0 on 64-bit systems (src/decode.c, Jpeg.h; libjpeg's jpeglib.h). Another Pillow, or a structure
that does not look like this one, is not read: then damage is not found, as without this module. A test finds that out.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import PIL
from PIL import Image, ImageFile

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image.jpeg import ALONE, END_OF_SCAN, FRAMES, MARKER

NAME = "watched_jpeg"
"""The codec's name in Pillow's list of tiles."""

_EOI, _SOS, _COM = 0xD9, 0xDA, 0xFE
_PROGRESSIVE = frozenset({0xC2, 0xC6})
_HUFFMAN = frozenset({0xC0, 0xC1, 0xC2})
_PROBE = bytes([0xFF, _COM])
_EMPTY_COMMENT = b"\0\2"
_END = bytes([0xFF, _EOI])

_KNOWN = PIL.__version__ == "13.0.0" and struct.calcsize("P") == 8
_DECODER_SIZE, _CONTEXT = 144, 104  # bytes of Pillow's decoder object, and where it has the address of its state
_CINFO, _ERROR = 16, 648  # libjpeg's structure in that state, whose first field is the address of the error manager
_CODE, _WARNINGS = _ERROR + 40, _ERROR + 128  # the last message, and the number of warnings
_NEEDLESS_BYTES = 116  # JWRN_EXTRANEOUS_DATA


class WatchedDecoder(ImageFile.PyDecoder):
    """A decoder for Pillow's `ImageFile.load`. Raises PermanentFault `corrupt` for a file that has lost data."""

    _pulls_fd = True

    def __init__(self, mode: str, *args: Any) -> None:
        super().__init__(mode, *args)
        self._decoder: Any = Image.core.jpeg_decoder(mode, *args)  # type: ignore[attr-defined]

    def setimage(self, im: Any, extents: Any = None) -> None:
        self._decoder.setimage(im, extents)

    def cleanup(self) -> None:
        self._decoder.cleanup()

    def decode(self, buffer: Any) -> tuple[int, int]:
        assert self.fd
        start = self.fd.tell()
        view = getattr(self.fd, "getbuffer", None)  # of a file in memory, which need not be copied then
        with view() if view else memoryview(self.fd.read()) as whole, whole[start if view else 0 :] as data:
            _Feeder(data, self._decoder).run()
        return -1, 0


Image.register_decoder(NAME, WatchedDecoder)


class _Feeder:
    """Gives a decoder a JPEG piece by piece."""

    def __init__(self, data: memoryview, decoder: Any) -> None:
        self._data, self._decoder = data, decoder
        self._left = b""  # what the decoder has seen, but wants to see again with what follows
        self._done = False
        self._coverage = _Coverage()

    def run(self) -> None:
        given = 0
        while (scan := self._header(given)) is not None:
            if not self._coverage.can_wait:
                break
            if self._give(given, scan):
                return
            given = self._scan(scan)
            if self._done:  # at once after the last row of a picture of one scan
                return
        if self._coverage.can_wait:
            if not self._coverage.has_ended and not self._coverage.is_complete:
                raise _damaged("it ends before its picture does")
        elif self._give(given, len(self._data)):
            return
        if not self._add(_END):
            raise _damaged("its decoder wants more of it")

    def _scan(self, begin: int) -> int:
        """Gives the data of a scan, and returns where it ends. Raises PermanentFault for one that has lost some."""
        found = END_OF_SCAN.search(self._data, begin)
        end = found.start() if found else len(self._data)
        before = _warnings(self._decoder)
        self._done = self._give(begin, end)
        middle = _warnings(self._decoder)
        self._done = self._done or self._add(_PROBE)
        after, last = _warnings(self._decoder), _last_message(self._decoder)
        if middle > before or (after > middle and last != _NEEDLESS_BYTES):
            raise _damaged("data of its picture is lost")
        self._done = self._done or self._add(_EMPTY_COMMENT)
        return end

    def _give(self, begin: int, end: int) -> bool:
        """Gives bytes of the file; see `_add`."""
        with self._data[begin:end] as piece:
            return self._add(piece)

    def _add(self, piece: memoryview | bytes) -> bool:
        """True if the decoder needs no more after this piece. Raises OSError where it gives up."""
        taken, error = self._decoder.decode(self._left + bytes(piece) if self._left else piece)
        if taken < 0:
            if error < 0:
                raise OSError(f"the JPEG decoder ended with {error}")
            return True
        taken -= len(self._left)
        self._left = bytes(piece[taken:]) if taken >= 0 else self._left[taken:] + bytes(piece)
        return False

    def _header(self, at: int) -> int | None:
        """Where the data of the next scan begins, after the segments from here on; None if there is no further scan."""
        data = self._data
        while True:
            found = MARKER.search(data, at)
            if not found:
                return None
            code, at = data[found.end() - 1], found.end()
            if code == _EOI:
                self._coverage.has_ended = True
                return None
            if code in ALONE:
                continue
            length = int.from_bytes(data[at : at + 2])
            segment = bytes(data[at + 2 : at + length]) if code in FRAMES or code == _SOS else b""
            if length < 2 or at + length > len(data):
                return None
            at += length
            if code in FRAMES:
                self._coverage.frame(code, segment)
            elif code == _SOS:
                self._coverage.scan(segment)
                return at


class _Coverage:
    """The coefficients of the picture's components that the scans have brought so far."""

    def __init__(self) -> None:
        self.has_ended = False
        self._kind = -1
        self._lacking: dict[int, list[int]] = {}  # by component: of each coefficient the bits that have not come yet

    def frame(self, kind: int, segment: bytes) -> None:
        """A frame header (ISO/IEC 10918-1, B.2.2)."""
        if self._kind < 0:
            self._kind = kind
            self._lacking = {segment[n]: [99] * 64 for n in range(6, len(segment) - 2, 3)}

    def scan(self, segment: bytes) -> None:
        """A scan header (B.2.3)."""
        count = segment[0] if segment else 0
        if len(segment) < 4 + 2 * count:
            return
        begin, end, bits = segment[-3:]
        first, last, low = (begin, end, bits & 15) if self._kind in _PROGRESSIVE else (0, 63, 0)
        for component in segment[1 : 1 + 2 * count : 2]:
            if lacking := self._lacking.get(component):
                lacking[first : last + 1] = [low] * max(0, min(last, 63) + 1 - first)

    @property
    def can_wait(self) -> bool:
        """True if the decoder can wait for more data within a scan: all but that of arithmetic codes."""
        return self._kind in _HUFFMAN

    @property
    def is_complete(self) -> bool:
        return all(not any(lacking) for lacking in self._lacking.values())


def _warnings(decoder: Any) -> int:
    state = _state(decoder)
    return ctypes.c_long.from_address(state + _WARNINGS).value if state else 0


def _last_message(decoder: Any) -> int:
    state = _state(decoder)
    return ctypes.c_int.from_address(state + _CODE).value if state else 0


def _state(decoder: Any) -> int:
    """The address of the decoder's state; 0 for one that is not as expected."""
    if not _KNOWN or type(decoder).__basicsize__ != _DECODER_SIZE:
        return 0
    state = ctypes.c_void_p.from_address(id(decoder) + _CONTEXT).value or 0
    own = state and ctypes.c_void_p.from_address(state + _CINFO).value == state + _ERROR
    return state if own else 0


def _damaged(why: str) -> PermanentFault:
    return PermanentFault(ErrorCode.CORRUPT, f"The JPEG is damaged: {why}.")
