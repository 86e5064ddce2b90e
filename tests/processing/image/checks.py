"""Runs an image through the engine, and checks how its renditions look."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from chalicelib.model import ImageInfo, PermanentFault, Rendition
from chalicelib.processing.image.cascade import process_image
from chalicelib.renditions.recipes import RECIPES
from tests import images

MEMORY = 1769 * 1024**2
# The recipe `photo`, with every JPEG made at once.
PHOTO = replace(RECIPES["photo"], encodings=tuple(replace(each, up_to=None) for each in RECIPES["photo"].encodings))

Outputs = dict[tuple[str, str], tuple[Rendition, bytes]]


def process(
    data: bytes, recipe: str = "photo", memory: int = MEMORY, widths: tuple[int, ...] | None = None
) -> tuple[ImageInfo, Outputs]:
    out: Outputs = {}

    def emit(rendition: Rendition, encoded: bytes) -> None:
        assert (rendition.name, rendition.format) not in out
        out[rendition.name, rendition.format] = rendition, encoded

    named = PHOTO if recipe == "photo" else RECIPES[recipe]
    chosen = named if widths is None else replace(named, widths=widths)
    info = process_image(data, chosen, memory=memory, emit=emit)
    return info, out


def fault(data: bytes, memory: int = MEMORY) -> PermanentFault:
    with pytest.raises(PermanentFault) as caught:
        process(data, memory=memory)
    return caught.value


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def close(color: object, expected: tuple[int, ...], tolerance: int = 12) -> bool:
    assert isinstance(color, tuple)
    assert len(color) == len(expected)
    return all(abs(a - b) <= tolerance for a, b in zip(color, expected, strict=True))


def assert_upright(image: Image.Image) -> None:
    rgb = image.convert("RGB")
    for name, color in images.QUADRANTS.items():
        x = image.width * (3 if "right" in name else 1) // 4
        y = image.height * (3 if "bottom" in name else 1) // 4
        assert close(rgb.getpixel((x, y)), color), f"{name}: {rgb.getpixel((x, y))}"
