from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.processing.image.blurhash import blurhash

Pixel = Callable[[int, int], tuple[int, int, int]]

# What `encode(pixels, width, height, 4, 3)` of npm's blurhash 2.0.5, the reference, makes of the same pixels.
REFERENCE: dict[str, tuple[int, int, Pixel, str]] = {
    "landscape": (32, 20, lambda x, y: (x * 8, y * 12, x * y), "LDH24W2}|UO%y@NHo7aTg-fpfWfd"),
    "portrait": (19, 32, lambda x, y: (x * x + y, y * 7 + x, 255 - x * 5 - y % 3), "LsDKE6FRNz,^U-jcj[ahb?j@fQbG"),
    "noise": (
        31,
        17,
        lambda x, y: (x * 73 + y * 151, x * 199 + y * 31, x * 17 + y * 89),
        "L5HenH%zX2-;_NrpRmV:mWRinhRi",
    ),
    "flat": (16, 16, lambda x, y: (18, 52, 86), "L127F4pMfQpMpMj]fQj]fQfQfQfQ"),
    "dark edge": (32, 24, lambda x, y: (0, 0, 0) if x < 3 else (250, 240, 230), "LBRfIC000000~pWBRjWBfQfQfQfQ"),
    "one pixel": (1, 1, lambda x, y: (255, 0, 0), "L~TI:j|c|c|c|c|c|c|c|c|c|c|c"),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_a_blurhash_equals_the_reference(name: str) -> None:
    width, height, pixel, expected = REFERENCE[name]
    rgb = bytes(value % 256 for y in range(height) for x in range(width) for value in pixel(x, y))
    assert blurhash(width, height, rgb) == expected
