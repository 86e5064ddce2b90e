"""A small kind for tests: a text that names a colour, `#rrggbb`, becomes a picture of that colour."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from chalicelib.model import ErrorCode, PermanentFault, Rendition
from chalicelib.processing.kinds import Emit, Made, Order, Source

SIZE = (160, 120)


def process(source: Source, order: Order, emit: Emit) -> Made:
    color = source.data.read(7).decode()
    try:
        image = Image.new("RGB", SIZE, color)
    except ValueError:
        raise PermanentFault(ErrorCode.CORRUPT, "This is not a colour.") from None
    for format in order.recipe.formats:
        buffer = BytesIO()
        image.save(buffer, format)
        width, height = SIZE
        rendition = Rendition(
            name=f"w{width}",
            format=format,
            content_type=f"image/{format}",
            width=width,
            height=height,
            size=len(buffer.getvalue()),
        )
        emit(rendition, buffer.getvalue())
    return Made()
