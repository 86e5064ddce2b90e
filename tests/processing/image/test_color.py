"""Compares colours with littleCMS on the whole image, and looks for bands in gradients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageFilter

from chalicelib.processing.image.color import eight_bit
from chalicelib.processing.image.decode import decode
from chalicelib.processing.image.resize import first_resize
from tests import images
from tests.delta_e import delta_e, differences
from tests.images import scene

SIZE = (120, 90)

# Pairs of Lab colours and their difference: table 1 of Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula",
# 2005, without its 14th, where the hues' difference is at the jump and the last bit of a float decides.
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.02), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1),
    ((50, -1.1848, -84.8006), (50, 0, -82.7485), 1),
    ((50, -0.9009, -85.5211), (50, 0, -82.7485), 1),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, -1, 2), (50, 0, 0), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.001), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.49, -0.001), (50, -2.49, 0.0012), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.903),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((50, 2.5, 0), (50, 3.1736, 0.5854), 1),
    ((50, 2.5, 0), (50, 3.2972, 0), 1),
    ((50, 2.5, 0), (50, 1.8634, 0.5757), 1),
    ((50, 2.5, 0), (50, 3.2592, 0.335), 1),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.263),
    ((61.2901, 3.7196, -5.3901), (61.4292, 2.248, -4.962), 1.8731),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ((36.4612, 47.858, 18.3852), (36.2715, 50.5065, 21.2231), 1.4146),
    ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
    ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
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
    """A gradient over 2048 columns has every level, in order, and all about as wide."""
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


def levels(mode: str, *values: float) -> list[int]:
    """The 8-bit levels of a row of pixels of this mode."""
    image = Image.new(mode, (len(values), 1))
    for x, value in enumerate(values):
        image.putpixel((x, 0), value)
    return list(eight_bit(image).tobytes())


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("I;16", (0, 128, 129, 32768, 65406, 65407, 65535), [0, 0, 1, 128, 254, 255, 255]),
        ("I;16B", (0, 32768, 65535), [0, 128, 255]),
        ("I", (0, 100), [0, 100]),
        ("I", (0, 1), [0, 1]),
        ("I", (0, 255), [0, 255]),
        ("I", (0, 256), [0, 1]),
        ("I", (0, 65535), [0, 255]),
        ("I", (0, 65536), [0, 255]),
        ("I", (1000, 65536), [0, 255]),
        ("I", (-100, 0, 100), [0, 128, 255]),
        ("I", (-7, -7), [0, 0]),
        ("F", (0.0, 0.5, 1.0), [0, 128, 255]),
        ("F", (0.0, 1.5), [0, 2]),
        ("F", (0.0, 255.0), [0, 255]),
        ("F", (0.0, 70000.0), [0, 255]),
        ("F", (-1.0, 1.0), [0, 255]),
    ],
)
def test_wide_greys_have_their_darkest_level_at_0_and_are_rounded(
    mode: str, values: tuple[float, ...], expected: list[int]
) -> None:
    assert levels(mode, *values) == expected
