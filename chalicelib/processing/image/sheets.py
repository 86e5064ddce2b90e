"""Sheets of sprites: many small pictures of a film in one JPEG."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

# Degrees clockwise. Pillow turns the other way.
_TURNED = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}

_QUALITY = 70


def sheet(pixels: bytes, size: tuple[int, int], count: int, rotation: int, across: int) -> bytes:
    """A JPEG of `count` pictures, row by row, `across` in each.

    `pixels` are their RGB values, one picture after another, each of this size (width, height) before it is turned by
    `rotation` degrees clockwise.
    """
    turned = size[::-1] if rotation in (90, 270) else size
    columns, rows = min(across, count), -(-count // across)
    drawn = Image.new("RGB", (turned[0] * columns, turned[1] * rows))
    length = size[0] * size[1] * 3
    for number in range(count):
        picture = Image.frombytes("RGB", size, pixels[number * length : (number + 1) * length])
        if rotation in _TURNED:
            picture = picture.transpose(_TURNED[rotation])
        drawn.paste(picture, (number % across * turned[0], number // across * turned[1]))
    out = BytesIO()
    drawn.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()
