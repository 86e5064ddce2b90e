from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image, ImageFilter

from chalicelib.model import Rendition
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.image.encoders import encode
from chalicelib.processing.image.quality import HIGHEST, LOWEST, chosen, ssim
from chalicelib.renditions.recipes import RECIPES, Encoding
from tests import images
from tests.images import scene
from tests.processing.image.checks import opened

# Drawn shapes are easy to encode; grain is what takes bytes.
SCENE = Image.blend(scene(3, 960, 640), Image.effect_noise((960, 640), 60).convert("RGB"), 0.3)


def by_definition(one: Image.Image, other: Image.Image) -> float:
    """SSIM's formula in plain Python, windows of 8 x 8 side by side."""
    values = []
    for top in range(0, one.height, 8):
        for left in range(0, one.width, 8):
            x, y = (list(image.crop((left, top, left + 8, top + 8)).tobytes()) for image in (one, other))
            mx, my = sum(x) / 64, sum(y) / 64
            vx, vy = (sum((v - m) ** 2 for v in values_) / 64 for values_, m in ((x, mx), (y, my)))
            cov = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / 64
            values.append(
                (2 * mx * my + 6.5025) * (2 * cov + 58.5225) / ((mx**2 + my**2 + 6.5025) * (vx + vy + 58.5225))
            )
    return sum(values) / len(values)


def test_ssim_is_what_its_formula_says() -> None:
    grey = SCENE.convert("L").crop((0, 0, 160, 96))
    for other in (grey, grey.filter(ImageFilter.GaussianBlur(2)), grey.point(lambda v: 255 - v)):
        assert ssim(grey, other) == pytest.approx(by_definition(grey, other), abs=1e-3)


@pytest.mark.parametrize("format", ["webp", "jpeg"])
@pytest.mark.parametrize("target", [0.9, 0.97])
def test_the_lowest_quality_that_reaches_the_target(format: str, target: float) -> None:
    encoding = chosen(SCENE, Encoding(format, 80, target_ssim=target), encode)
    small = SCENE.resize((640, 427), Image.Resampling.LANCZOS)
    reached, below = (
        ssim(small.convert("L"), opened(encode(small, replace(encoding, quality=quality))).convert("L"))
        for quality in (encoding.quality, encoding.quality - 1)
    )
    assert LOWEST < encoding.quality < HIGHEST
    assert below < target <= reached


def test_plain_images_get_the_lowest_and_impossible_targets_the_highest_quality() -> None:
    encoding = Encoding("jpeg", 80, target_ssim=0.99999)
    assert chosen(Image.effect_noise((300, 200), 90).convert("RGB"), encoding, encode).quality == HIGHEST
    assert chosen(Image.new("RGBA", (300, 200), "red"), replace(encoding, target_ssim=0.95), encode).quality == LOWEST


def test_a_recipe_with_a_target_spends_bytes_where_they_are_seen() -> None:
    recipe = replace(RECIPES["photo"], encodings=(Encoding("webp", 80, effort=2, target_ssim=0.95),))
    for picture in (SCENE, SCENE.filter(ImageFilter.GaussianBlur(3))):
        out: dict[str, bytes] = {}
        data = images.encoded(picture, "PNG")

        def emit(rendition: Rendition, encoded: bytes, out: dict[str, bytes] = out) -> None:
            out[rendition.name] = encoded

        process_image(data, recipe, memory=1769 * 1024**2, emit=emit)
        shown = opened(out["w640"]).convert("L")
        assert ssim(picture.resize(shown.size, Image.Resampling.LANCZOS).convert("L"), shown) >= 0.945
