"""The processor of images (see kinds.py). It has a module of its own, so that Pillow is imported no earlier."""

from __future__ import annotations

from chalicelib.model import ImageInfo
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.kinds import Emit, Order, Source


def process(source: Source, order: Order, emit: Emit) -> ImageInfo:
    """See `process_image`."""
    return process_image(source.data, order.recipe, memory=order.memory, emit=emit, only=order.only)
