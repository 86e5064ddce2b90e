from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest

from chalicelib.processing.image.placeholders import dominant_color, thumbhash

Pixel = Callable[[int, int], tuple[int, int, int, int]]


def rgba(width: int, height: int, pixel: Pixel) -> bytes:
    return bytes(value % 256 for y in range(height) for x in range(width) for value in pixel(x, y))


# What rgbaToThumbHash of npm's thumbhash 0.1.1, the reference, makes of the same pixels. They are irregular on purpose:
# where a term is exactly 0, the reference's own rounding noise decides between two nibbles.
REFERENCE: dict[str, tuple[int, int, Pixel, str]] = {
    "landscape": (32, 20, lambda x, y: (x * 8, y * 12, x * y, 255), "2xgOHJpgdndwiHiGeIb0lg/3iA=="),
    "portrait": (19, 32, lambda x, y: (x * x + y, y * 7 + x, 255 - x * 5 - y % 3, 255), "osQJTBRVC4d4eHd4eHdgcjf0dw=="),
    "square": (
        16,
        16,
        lambda x, y: (x * x + 3 * y, y * 15 + x, (x * y) ^ (x + 1), 255),
        "lskNHxaBd3iAeHiHh3eIh4eHiGpwkH8H",
    ),
    "clear to opaque": (
        32,
        32,
        lambda x, y: (x * 7 + y, y * 8 + x * x, x * y + 40, x * x * 3 + y * 5 + x * y),
        "X/iFFQwHgId2d3d4eLCJC4iJMiMCIUVmhw==",
    ),
    "holes": (
        16,
        31,
        lambda x, y: (200, x * 9 + y, y * 5, 255 if (x * x + y) % 7 else 0),
        "HeqGMwwNgoCId4eEf/iXeGdHeHh+hvc=",
    ),
    "all clear": (8, 8, lambda x, y: (0, 0, 0, 0), "AAiCBQAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="),
    "strip": (
        100,
        3,
        lambda x, y: (x * 2 + y * y * x, y * 80 + x % 7 * y, x * x + y * 11, 255),
        "WTcKMZZTRmhgiHmYdWA39XY=",
    ),
    "noise": (
        31,
        17,
        lambda x, y: (x * 73 + y * 151, x * 199 + y * 31, x * 17 + y * 89, 255),
        "HwgCBIJVZWU0BXZCVyjX81FX+g==",
    ),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_a_thumbhash_equals_the_reference(name: str) -> None:
    width, height, pixel, expected = REFERENCE[name]
    assert b64encode(thumbhash(width, height, rgba(width, height, pixel))).decode() == expected


def test_one_pixel_has_a_thumbhash() -> None:
    assert len(thumbhash(1, 1, b"\xff\x00\x00\xff")) >= 5


def test_the_dominant_color_is_that_of_most_pixels() -> None:
    pixels = rgba(10, 10, lambda x, y: (18, 52, 86, 255) if y < 6 else (250, 250, 250, 255))
    assert dominant_color(pixels) == "#123456"


def test_a_color_on_a_boxs_border_is_not_split() -> None:
    """60 of 100 pixels are around 128, at the corner of eight boxes of one grid. The other 40 have one colour."""

    def pixel(x: int, y: int) -> tuple[int, int, int, int]:
        return (127 + x % 2, 127 + y % 2, 127 + (x + y) // 2 % 2, 255) if y < 6 else (9, 9, 9, 255)

    assert set(bytes.fromhex(dominant_color(rgba(10, 10, pixel))[1:])) <= {127, 128}


def test_clear_pixels_do_not_count_for_the_dominant_color() -> None:
    pixels = rgba(10, 10, lambda x, y: (255, 0, 0, 255) if y == 0 else (0, 0, 0, 20))
    assert dominant_color(pixels) == "#ff0000"


def test_the_dominant_color_of_a_clear_image_is_white() -> None:
    assert dominant_color(bytes(400)) == "#ffffff"
