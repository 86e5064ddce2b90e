"""Pictures of the references: reduced as the engine reduces, several in one PNG."""

from __future__ import annotations

from PIL import Image

from bench.peers import files


def reduced(picture: Image.Image) -> Image.Image:
    """An RGBA picture at the size at which it is compared."""
    size = files.bounded(*picture.size)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def has_alpha(pictures: list[Image.Image]) -> bool:
    """True if an RGBA picture of them has a pixel that is not opaque."""
    return any(each.getchannel("A").getextrema() != (255, 255) for each in pictures)


def strip(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of one size, one below the other."""
    width, height = pictures[0].size
    whole = Image.new("RGBA", (width, height * len(pictures)))
    for number, picture in enumerate(pictures):
        whole.paste(picture.convert("RGBA"), (0, height * number))
    return whole


def save(pictures: list[Image.Image], path: str) -> None:
    strip(pictures).save(path, compress_level=1)
