"""Finds the lowest quality at which an encoder reaches a wanted likeness (SSIM) to the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

from PIL import Image, ImageMath

from chalicelib.processing.image.color import on_paper
from chalicelib.renditions.recipes import Encoding

LOWEST, HIGHEST = 30, 95

_SIDE = 640  # pixels, the longer side, at which qualities are tried
_BLOCK = 8  # pixels; a window of SSIM
# (0.01 · 255)² and (0.03 · 255)²: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", 2004, § III B.
_C1, _C2 = 6.5025, 58.5225


def ssim(one: Image.Image, other: Image.Image) -> float:
    """Structural similarity of two L images of one size: at most 1, which is equality.

    The mean over windows of 8 x 8 pixels side by side, where the paper slides one of 11 x 11: that is cheap, and puts
    qualities in the same order. The rest at the right and lower edges counts as windows, too.
    """
    x, y = one.convert("F"), other.convert("F")

    def mean(image: Image.Image) -> Image.Image:
        return image.reduce(_BLOCK)

    def product(a: Image.Image, b: Image.Image) -> Image.Image:
        made: Image.Image = ImageMath.lambda_eval(lambda args: args["a"] * args["b"], a=a, b=b)
        return made

    mu_x, mu_y = mean(x), mean(y)
    values = {"mx": mu_x, "my": mu_y, "xx": mean(product(x, x)), "yy": mean(product(y, y)), "xy": mean(product(x, y))}
    windows: Image.Image = ImageMath.lambda_eval(
        lambda v: (
            ((v["mx"] * v["my"] * 2 + _C1) * ((v["xy"] - v["mx"] * v["my"]) * 2 + _C2))
            / (
                (v["mx"] * v["mx"] + v["my"] * v["my"] + _C1)
                * (v["xx"] - v["mx"] * v["mx"] + v["yy"] - v["my"] * v["my"] + _C2)
            )
        ),
        **values,
    )
    whole = windows.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(whole, float)
    return min(1.0, whole)


def chosen(image: Image.Image, encoding: Encoding, encode: Callable[[Image.Image, Encoding], bytes]) -> Encoding:
    """The encoding with the lowest quality, from 30 to 95, that reaches its `target_ssim` on this image's luma.

    It is found by halving, in seven trials at most, on the image at 640 pixels. All sizes of the ladder get the same
    quality. If 95 does not reach the target either, it is 95. An encoding without a target is returned unchanged.
    """
    if encoding.target_ssim is None:
        return encoding
    scale = min(1.0, _SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    sample = image.resize(size, Image.Resampling.LANCZOS) if size != image.size else image
    wanted = _luma(sample)
    low, high = LOWEST, HIGHEST
    while low < high:
        middle = (low + high) // 2
        with Image.open(BytesIO(encode(sample, replace(encoding, quality=middle)))) as encoded:
            if ssim(wanted, _luma(encoded)) >= encoding.target_ssim:
                high = middle
            else:
                low = middle + 1
    return replace(encoding, quality=low)


def _luma(image: Image.Image) -> Image.Image:
    return (on_paper(image) if image.mode == "RGBA" else image).convert("L")
