"""Pictures for a soak, each other than all the rest: cut from a few, in three formats, 200 to 2,000 pixels wide."""

from __future__ import annotations

import random
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

FORMATS = ("JPEG", "JPEG", "JPEG", "PNG", "WEBP")  # as often as that
SMALLEST, LARGEST = 200, 2000  # pixels


def sources(photos: Path | None, largest: int = LARGEST) -> list[Image.Image]:
    """The photos of a folder, or pictures made here; RGB, at least `largest` wide and high.

    Raises
    ------
    ValueError
        The folder has no picture that can be read.
    """
    found = _opened(photos) if photos else [_made(number, largest) for number in range(4)]
    if not found:
        raise ValueError(f"{photos} has no picture that can be read")
    scales = [max(1.0, largest / min(image.size)) for image in found]
    return [
        image.resize((round(image.width * scale), round(image.height * scale))) if scale > 1 else image
        for image, scale in zip(found, scales, strict=True)
    ]


def _opened(folder: Path) -> list[Image.Image]:
    images = []
    for file in sorted(folder.iterdir()):
        try:
            images.append(Image.open(file).convert("RGB"))
        except (UnidentifiedImageError, OSError):
            continue
    return images


def _made(number: int, size: int) -> Image.Image:
    """Smooth and rough at once, as a photo is."""
    chance = random.Random(number)
    corners = Image.effect_noise((6, 6), 120 + number).resize((size, size), Image.Resampling.BICUBIC)
    grain = Image.effect_noise((size, size), 12)
    bands = [corners.rotate(90 * turn) for turn in chance.sample(range(4), 3)]
    return Image.merge("RGB", [Image.blend(band, grain, 0.2) for band in bands])


def variant(originals: Sequence[Image.Image], seed: int, number: int, largest: int = LARGEST) -> tuple[str, str, bytes]:
    """File name, content type and bytes of the `number`th picture; always the same for a seed."""
    chance = random.Random(f"{seed}/{number}")
    image = chance.choice(originals)
    width = round(SMALLEST * (largest / SMALLEST) ** chance.random())
    height = min(largest, max(SMALLEST, round(width * chance.uniform(0.6, 1.6))))
    left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
    cut = image.crop((left, top, left + width, top + height))
    # Whatever was cut, no two are equal.
    cut.putpixel((0, 0), (number >> 16 & 255, number >> 8 & 255, number & 255))
    format = chance.choice(FORMATS)
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": chance.randint(70, 95), "comment": f"{seed}/{number}".encode()},
        "PNG": {"compress_level": 1},
        "WEBP": {"quality": 80, "method": 0, "xmp": f"{seed}/{number}".encode()},
    }
    buffer = BytesIO()
    cut.save(buffer, format, **options[format])
    return f"{number}.{format.lower()}", f"image/{format.lower()}", buffer.getvalue()
