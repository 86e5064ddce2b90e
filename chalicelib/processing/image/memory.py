"""How much memory decoding takes, and whether there is so much."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.model import ErrorCode, PermanentFault

# Measured (2026-11, Pillow 13, 20 MP a format and mode, peak resident memory in a fresh process). TIFF: its worst case,
# one turned strip.
BYTES_PER_PIXEL = {"PNG": 5.1, "GIF": 5.1, "BMP": 4.1, "TIFF": 12.1, "AVIF": 9.4, "WEBP": 16.2}
BYTES_PER_PIXEL |= {"HEIF": 15.5, "JPEG2000": 20.5, "ICO": 16.1, "BIT FIELDS": 28.1}
"""Bytes that decoding takes at its peak, up to the first resize, for each pixel of the source."""

RESIDENT = 150 * 1024**2
"""The interpreter with botocore, Pillow and the rest (about 110 MiB), and a little more."""


_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # parameters of glibc's mallopt(3)
_FROM_HEAP = 32 * 1024**2  # bytes; the most that glibc allows
_KEPT = 96 * 1024**2


def keep_freed() -> None:
    """Has glibc keep up to 96 MiB that were freed, for the next image, rather than give them back to the system.

    An image and its encoders take and free tens of megabytes many times. Each time the system had to clear the pages
    again: up to a tenth of a job's time. `give_back` gives the memory back before an image that may need it.
    """
    with suppress(AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _FROM_HEAP)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)


def give_back(estimated: float, memory: int) -> None:
    """Gives back what `keep_freed` keeps, if an image that will take so many bytes may need it."""
    if estimated + _KEPT > memory:
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


@dataclass(frozen=True)
class Room:
    """The `memory` of the whole function, in bytes."""

    memory: int

    def take(self, need: float) -> None:
        """Raises PermanentFault `too_many_pixels` if so many bytes, beside those at rest, are not there."""
        if RESIDENT + need > self.memory:
            raise too_many_pixels()
        give_back(RESIDENT + need, self.memory)


def too_many_pixels(detail: str = "") -> PermanentFault:
    return PermanentFault(ErrorCode.TOO_MANY_PIXELS, f"The image has more pixels than can be processed{detail}.")
