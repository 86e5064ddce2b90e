"""The processor of images (see kinds.py). It has a module of its own, so that Pillow is imported no earlier."""

from __future__ import annotations

from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.kinds import Emit, Made, Order, Source


def process(source: Source, order: Order, emit: Emit) -> Made:
    """See `process_image`."""
    return Made(process_image(source.data, order.recipe, memory=order.memory, emit=emit, only=order.only))
