"""Pictures as players show those of a film: mirrored, and turned."""

from __future__ import annotations

from PIL import Image

# Degrees clockwise. Pillow turns the other way.
_TURNED = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


def turned(image: Image.Image, rotation: int, *, mirrored: bool = False) -> Image.Image:
    """The picture, mirrored from left to right if it is `mirrored`, and then turned by `rotation` degrees clockwise.

    Other degrees than right angles turn nothing.
    """
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.transpose(_TURNED[rotation]) if rotation in _TURNED else image
