"""Turns pixels into a form that every viewer understands: eight bits a channel, sRGB, grey or RGB, maybe with alpha."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops, ImageCms

from chalicelib.processing.image import colorimetry, hdr
from chalicelib.processing.image.exif import text

_SRGB = ImageCms.createProfile("sRGB")
_SAME = 2  # levels of 255


def eight_bit(image: Image.Image) -> Image.Image:
    """The same picture in one of the modes L, LA, RGB, RGBA and CMYK. Alpha that is opaque everywhere is dropped."""
    mode, info = image.mode, image.info
    if mode in ("La", "RGBa"):
        image = image.convert(mode[:-1] + "A")
    elif mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        image = to_eight_bits(image)
    elif mode == "1":
        image = image.convert("L")
    elif mode in ("P", "PA", "L", "RGB") and "transparency" in info:
        image = image.convert("LA" if mode == "L" else "RGBA")
    elif mode == "LAB":
        image = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), _SRGB, outputMode="RGB") or image
    elif mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("L" if image.mode == "LA" else "RGB")
    return image


def color_space(profile: bytes | None, mode: str) -> str:
    """The colour space's name in the profile ("Display P3"), or else by the mode: "sRGB", "Gray" or "CMYK"."""
    with suppress(Exception):  # a profile's parser can raise anything
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile or b"")))
        if known := text(name, 100):
            return known
    return {"L": "Gray", "LA": "Gray", "CMYK": "CMYK"}.get(mode, "sRGB")


def transform_to_srgb(profile: bytes | None, mode: str) -> Transform | None:
    """The transform for pixels of this mode. None without a profile, for sRGB, and for a broken or unfit profile."""
    try:
        return _transform(profile, mode.removesuffix("A")) if profile else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, ArithmeticError):
        return None


def to_srgb(image: Image.Image, transform: Transform | None) -> Image.Image:
    """The image in L, RGB or RGBA, in sRGB. Without a transform, its colours are taken for sRGB."""
    if transform is None:
        return image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGBA" if image.mode == "LA" else "RGB")
    has_alpha = image.mode in ("LA", "RGBA")
    colors = image.convert(image.mode[:-1]) if has_alpha else image
    converted = transform.apply(colors if colors.mode == transform.mode else colors.convert(transform.mode))
    if has_alpha:
        converted.putalpha(image.getchannel("A"))
    return converted.convert("L") if image.mode == "L" else converted


def on_paper(image: Image.Image, background: str = "#ffffff") -> Image.Image:
    """An RGBA image as it looks on paper of this colour, in RGB."""
    paper = Image.new("RGB", image.size, background)
    paper.paste(image, mask=image.getchannel("A"))
    return paper


class Transform:
    """The way from a profile's colours to sRGB, for pixels of one mode: L, RGB or CMYK."""

    def __init__(self, source: ImageCms.ImageCmsProfile, mode: str) -> None:
        self.mode = mode
        self._transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB")

    def apply(self, image: Image.Image) -> Image.Image:
        """The image in RGB."""
        converted = ImageCms.applyTransform(image, self._transform)
        assert converted is not None  # not in place
        return converted


@lru_cache(maxsize=8)  # cameras of one make share a profile; a CMYK one is about 1 MB
def _transform(profile: bytes, mode: str) -> Transform | None:
    if mode != "CMYK" and (mapped := hdr.mapped_profile(profile)):
        return Transform(ImageCms.ImageCmsProfile(BytesIO(mapped)), "RGB")
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if mode == "L" and source.profile.xcolor_space.strip() == "RGB":
        if profile[80:84] != colorimetry.CREATOR:
            return None  # a profile of another sort of pictures
        mode = "RGB"  # a grey PNG whose colours are said by other means than a profile
    transform = Transform(source, mode)
    return None if mode == "RGB" and _changes_nothing(transform) else transform


def _changes_nothing(transform: Transform) -> bool:
    """True for sRGB, whatever the profile's name is, and for a profile that nobody can tell from it."""
    steps = range(0, 256, 15)
    chart = Image.frombytes(
        "RGB", (len(steps) ** 2, len(steps)), bytes(v for r in steps for g in steps for b in steps for v in (r, g, b))
    )
    worst = ImageChops.difference(chart, transform.apply(chart)).getextrema()
    return max(highest for _, highest in worst) <= _SAME  # type: ignore[misc]  # three bands: pairs


def to_eight_bits(image: Image.Image, ends: tuple[float, float] | None = None) -> Image.Image:
    """Wide greys as eight bits. Pillow itself clips them at 255, where it should scale them.

    16-bit integers span 0-65535. The range of 32-bit integers and of floats is not known: it is the first of 0-1 (for
    floats), 0-255 and 0-65535 that holds all values, or else it goes from the lowest value to the highest. `ends` are
    the lowest and the highest one of several images that belong together.
    """
    if image.mode == "L":
        return image
    low, span = 0.0, 65535.0
    if not image.mode.startswith("I;16"):
        low, high = ends or spread([image])
        spans = [span for span in (1.0, 255.0, 65535.0) if high <= span and (span > 1 or image.mode == "F")]
        low, span = (0.0, spans[0]) if low >= 0 and spans else (low, (high - low) or 1.0)
    elif image.mode != "I;16":
        image = image.convert("I")
    return image.point(lambda value: value * (255 / span) + (0.5 - low * 255 / span)).convert("L")


def spread(images: list[Image.Image]) -> tuple[float, float]:
    """The lowest and the highest value of images of one band; of 16 bits, those that there can be."""
    if images[0].mode.startswith("I;16"):
        return 0.0, 65535.0
    ends: Any = [image.getextrema() for image in images]
    return float(min(low for low, _ in ends)), float(max(high for _, high in ends))
