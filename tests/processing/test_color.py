"""Colours against littleCMS on the whole image, and gradients without bands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageFilter

from chalicelib.processing.decode import decode
from chalicelib.processing.resize import first_resize
from tests import images
from tests.delta_e import delta_e, differences
from tests.processing.test_fingerprints import scene

SIZE = (120, 90)

# Pairs of Lab colours and their difference, from table 1 of Sharma et al.
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.0200), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.4900, -0.0010), (50, -2.4900, 0.0009), 7.1792),
    ((50, 2.4900, -0.0010), (50, -2.4900, 0.0011), 7.2195),
    ((50, -0.0010, 2.4900), (50, 0.0009, -2.4900), 4.8045),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((61.2901, 3.7196, -5.3901), (61.4292, 2.2480, -4.9620), 1.8731),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


def made(data: bytes, size: tuple[int, int] = SIZE) -> Image.Image:
    """The pixels that the encoders get."""
    decoded = decode(data, memory=2**31, wanted=lambda *_: size)
    with ThreadPoolExecutor(2) as pool:
        return first_resize(decoded.pixels, decoded.orientation, decoded.profile, size, pool)


@pytest.mark.parametrize(("one", "other", "expected"), SHARMA)
def test_the_measure_itself_is_right(one: Any, other: Any, expected: float) -> None:
    assert delta_e(one, other) == pytest.approx(expected, abs=5e-5)
    assert delta_e(other, one) == pytest.approx(expected, abs=5e-5)


PROFILES = {
    "Display P3": ("RGB", images.wide_gamut_profile()),
    "Adobe RGB": ("RGB", images.wide_gamut_profile(images.ADOBE_RGB)),
    "CMYK": ("CMYK", images.cmyk_profile()),
}


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
@pytest.mark.parametrize("name", PROFILES)
def test_colors_are_those_of_littlecms_on_the_whole_image(name: str, format: str) -> None:
    mode, profile = PROFILES[name]
    image = scene(7, 480, 360).filter(ImageFilter.GaussianBlur(1)).convert(mode)
    options = {"quality": 95} if format == "JPEG" else {}
    data = images.encoded(image, format, icc_profile=profile, **options)
    with Image.open(BytesIO(data)) as stored:
        whole = ImageCms.profileToProfile(
            stored, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        untouched = stored.convert("RGB")
    assert whole
    expected = whole.resize(SIZE, Image.Resampling.LANCZOS).tobytes()
    found = differences(made(data).tobytes(), expected)
    assert mean(found) < 1
    assert mean(differences(untouched.resize(SIZE).tobytes(), expected)) > 1.5, "there was something to convert"


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_become_eight_without_bands(channels: int) -> None:
    """A gradient over 2048 columns: every level is there, each as wide as the others, none out of order."""
    data = images.deep_png(2048, 8, channels, lambda x: x * 65535 // 2047)
    image = made(data, (2048, 8)).convert("L")
    row = list(image.tobytes()[:2048])
    assert row == sorted(row)
    widths = [row.count(level) for level in range(256)]
    assert all(3 <= width <= 9 for width in widths)


def test_a_narrow_gradient_of_sixteen_bits_is_smooth_when_resized() -> None:
    data = images.deep_png(4096, 8, 3, lambda x: 20_000 + x * 4)
    row = list(made(data, (512, 1)).convert("L").tobytes())
    assert row == sorted(row)
    assert max(b - a for a, b in pairwise(row)) == 1
