from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageEnhance, ImageFilter

from chalicelib.processing.image.fingerprints import palette, phash, sharpness
from tests import images
from tests.images import scene


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def recompressed(image: Image.Image, format: str, quality: int) -> Image.Image:
    return Image.open(BytesIO(images.encoded(image, format, quality=quality)))


@pytest.mark.parametrize("seed", range(8))
def test_the_same_picture_has_nearly_the_same_hash(seed: int) -> None:
    image = scene(seed)
    changed = [
        image.resize((200, 150), Image.Resampling.LANCZOS),
        image.resize((1000, 750), Image.Resampling.BICUBIC),
        image.resize((640, 400), Image.Resampling.BILINEAR),
        recompressed(image, "JPEG", 40),
        recompressed(image.resize((160, 120)), "WEBP", 30),
        ImageEnhance.Brightness(image).enhance(0.85),
        image.filter(ImageFilter.GaussianBlur(3)),
        image.convert("L"),
    ]
    assert max(distance(phash(image), phash(other)) for other in changed) <= 6


def test_other_pictures_have_other_hashes() -> None:
    hashes = [phash(scene(seed)) for seed in range(20)]
    assert min(distance(a, b) for n, a in enumerate(hashes) for b in hashes[:n]) >= 14
    assert all(len(value) == 16 for value in hashes)
    assert phash(Image.new("L", (1, 1))) == phash(Image.new("L", (1, 1)))


def test_blur_lowers_sharpness_step_by_step() -> None:
    image = scene(1)
    scores = [sharpness(image.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4, 8)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 100 > 10 > scores[-1]


def test_sharpness_is_measured_at_one_size() -> None:
    image = scene(2, 512, 384)
    assert sharpness(image.resize((1024, 768), Image.Resampling.NEAREST)) == sharpness(image)
    assert sharpness(Image.new("RGB", (2, 500))) == sharpness(Image.new("RGB", (1, 1))) == 0.0
    assert sharpness(Image.new("RGB", (50, 50), "red")) == 0.0


def test_the_palette_is_the_colors_by_frequency() -> None:
    image = Image.new("RGBA", (10, 10), (200, 30, 40, 255))
    image.paste((10, 200, 30, 255), (0, 0, 10, 3))
    image.paste((0, 0, 255, 20), (0, 9, 10, 10))
    assert palette(image.tobytes()) == ["#c81e28", "#0ac81e"]
    assert palette(bytes(40)) == []
    assert len(palette(scene(3, 32, 24).convert("RGBA").tobytes())) == 6
