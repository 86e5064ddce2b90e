"""How much memory decoding takes, and whether there is so much."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.model import ErrorCode, PermanentFault

# Measured (2026-11, Pillow 13, 20 MP a format and mode, peak resident memory in a fresh process). TIFF: its worst case,
# one turned strip.
BYTES_PER_PIXEL = {"PNG": 5.1, "GIF": 5.1, "BMP": 4.1, "TIFF": 12.1, "AVIF": 9.4, "WEBP": 16.2}
BYTES_PER_PIXEL |= {"HEIF": 15.5, "JPEG2000": 20.5, "ICO": 16.1, "BIT FIELDS": 28.1}
"""Bytes that decoding takes at its peak, up to the first resize, for each pixel of the source."""

BYTES_PER_TILE = 13_000
"""Bytes that OpenJPEG takes for each tile of a JPEG 2000, however small. Measured: 11,400 with three components."""

RESIDENT = 150 * 1024**2
"""The interpreter with botocore, Pillow and the rest (about 110 MiB), and a little more."""


@dataclass(frozen=True)
class Room:
    """The `memory` of the whole function, in bytes."""

    memory: int

    def take(self, need: float) -> None:
        """Raises PermanentFault `too_many_pixels` if so many bytes, beside those at rest, are not there."""
        if RESIDENT + need > self.memory:
            raise too_many_pixels()


def too_many_pixels(detail: str = "") -> PermanentFault:
    return PermanentFault(ErrorCode.TOO_MANY_PIXELS, f"The image has more pixels than can be processed{detail}.")
