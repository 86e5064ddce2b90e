"""Files that are sound, but not for the decoders: what stands in their way is taken out before they are decoded."""

from __future__ import annotations

from typing import BinaryIO

from chalicelib.processing.image import boxes, png


def mended(source: BinaryIO) -> BinaryIO:
    """The same picture for the decoders; `source` itself if there is nothing to mend. It stands at its start."""
    return boxes.mended(png.mended(source))
