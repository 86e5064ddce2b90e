"""Sheets of sprites: many small pictures of a film in one JPEG."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from chalicelib.processing.image.turning import turned

_QUALITY = 70


def sheet(
    pixels: bytes, size: tuple[int, int], count: int, across: int, *, rotation: int = 0, mirrored: bool = False
) -> bytes:
    """A JPEG of `count` pictures, row by row, `across` in each.

    `pixels` are their RGB values, one picture after another, each of this size (width, height) before it is turned as
    `turning.turned` says.
    """
    shown = size[::-1] if rotation in (90, 270) else size
    columns, rows = min(across, count), -(-count // across)
    drawn = Image.new("RGB", (shown[0] * columns, shown[1] * rows))
    length = size[0] * size[1] * 3
    for number in range(count):
        picture = Image.frombytes("RGB", size, pixels[number * length : (number + 1) * length])
        picture = turned(picture, rotation, mirrored=mirrored)
        drawn.paste(picture, (number % across * shown[0], number // across * shown[1]))
    out = BytesIO()
    drawn.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()
