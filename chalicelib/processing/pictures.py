"""The pictures of a file that is no image: the recipe's widths and formats of a picture that a processor made."""

from __future__ import annotations

from chalicelib.model import Preview
from chalicelib.processing.kinds import Emit, Order


def emit_pictures(picture: bytes, order: Order, emit: Emit, *, paper: bool = False) -> Preview:
    """Makes the recipe's renditions of a picture, as of an uploaded image, and returns what the record says of it.

    `picture` is a BMP, or a PNG that is compressed little, since it is decoded at once. With `paper`, its clear pixels
    become white. Raises PermanentFault `too_many_pixels` for a picture that the function has no memory for.
    """
    # Pillow is imported only when a picture is made.
    from chalicelib.processing.image.cascade import process_image

    info = process_image(picture, order.recipe, memory=order.memory, emit=emit, only=order.only, paper=paper)
    return Preview(
        width=info.width,
        height=info.height,
        thumbhash=info.thumbhash,
        dominant_color=info.dominant_color,
        blurhash=info.blurhash,
        has_alpha=info.has_alpha,
    )
