"""Decodes a large PNG in two threads: one unpacks the pixels (isal), the other one undoes the filters (Pillow).

Pillow's decoder does both, row by row, by the system's zlib, which takes nearly twice the time of isal. Here it gets
the unpacked bytes, as a zlib stream of blocks that are stored as they are. A damaged stream is given to it as it is, so
that it decides as it would without this module. The pixels are the same. Without isal, Pillow does all the work.
"""

from __future__ import annotations

import struct
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from PIL import Image, ImageFile

zlib: Any = import_module("isal.isal_zlib") if find_spec("isal") else None

NAME = "two_threads_png"
"""The codec's name in Pillow's list of tiles."""

_BYTES_PER_PIXEL = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}  # by raw mode
_LEAST = 512 * 512  # pixels from which on it is worth its threads
_STORED = 65535  # bytes in a stored block (RFC 1951, 3.2.4)
_BATCH = 4  # blocks for the decoder at a time: they stay in a processor's cache
_BEGIN = b"\x78\x01"


def watch(image: Image.Image) -> None:
    """Has a large PNG decoded in two threads, if its rows have a size that is known here: no palette, eight bits."""
    if (
        zlib
        and isinstance(image, ImageFile.ImageFile)
        and len(image.tile) == 1
        and image.tile[0].codec_name == "zip"
        and image.tile[0].args in _BYTES_PER_PIXEL
        and not image.info.get("interlace")
        and image.width * image.height >= _LEAST
    ):
        image.tile = [image.tile[0]._replace(codec_name=NAME)]


class TwoThreadsDecoder(ImageFile.PyDecoder):
    """A decoder for Pillow's `ImageFile.load`, which gives it the content of the IDAT chunks."""

    def __init__(self, mode: str, *args: Any) -> None:
        super().__init__(mode, *args)
        self._decoder: Any = None
        self._packed: Any = zlib.decompressobj()  # None after damage
        self._seen: list[bytes] = []
        self._blocks = [_BEGIN]
        self._missing = 0  # bytes of the picture, unpacked
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="png")
        self._at_work: Future[None] | None = None

    def setimage(self, im: Any, extents: Any = None) -> None:
        super().setimage(im, extents)
        self._missing = im.size[1] * (1 + im.size[0] * _BYTES_PER_PIXEL[self.args[0]])
        self._begin()

    def cleanup(self) -> None:
        self._pool.shutdown()
        self._decoder.cleanup()

    def decode(self, buffer: Any) -> tuple[int, int]:
        """The bytes that were taken, or -1 at the end, and an error code."""
        if self._packed:
            self._seen.append(buffer)
            try:
                self._unpack(buffer)
                return (len(buffer), 0) if self._missing > 0 else (-1, 0)
            except zlib.error:
                self._pool.shutdown()
                self._begin()
                taken, error = self._decoder.decode(b"".join(self._seen))
                self._seen, self._packed = [], None
                return (taken, error) if taken < 0 else (len(buffer), 0)
        taken, error = self._decoder.decode(buffer)
        return taken, error

    def _begin(self) -> None:
        self._decoder = Image.core.zip_decoder(self.mode, *self.args)  # type: ignore[attr-defined]
        self._decoder.setimage(self.im, self.state.extents())

    def _unpack(self, buffer: bytes) -> None:
        """Unpacks the content and hands it over. Raises zlib.error for what Pillow has to judge."""
        while self._missing > 0:
            block = self._packed.decompress(buffer, _STORED)
            buffer = self._packed.unconsumed_tail
            if not block:
                break
            self._missing -= len(block)
            self._blocks += [struct.pack("<BHH", 0, len(block), len(block) ^ _STORED), block]
            if len(self._blocks) >= 2 * _BATCH or self._missing <= 0:
                self._hand_over()
        if self._missing <= 0:
            self._wait()

    def _hand_over(self) -> None:
        self._wait()
        self._at_work = self._pool.submit(self._unfilter, b"".join(self._blocks), self._missing <= 0)
        self._blocks = []

    def _wait(self) -> None:
        if self._at_work:
            self._at_work.result()

    def _unfilter(self, stored: bytes, is_last: bool) -> None:
        taken, error = self._decoder.decode(stored)
        if error or taken != (-1 if is_last else len(stored)):
            raise zlib.error("Pillow's decoder wants to see it all")


Image.register_decoder(NAME, TwoThreadsDecoder)
