from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from io import BytesIO

import pytest
from PIL import Image

from chalicelib.delivery import preview
from chalicelib.processing.image.placeholders import thumbhash

# Size, and SHA-256 of the pixels, of what thumbHashToRGBA of npm's thumbhash 0.1.1, the reference, draws.
REFERENCE = {
    "2xgOHJpgdndwiHiGeIb0lg/3iA==": (32, 18, "e00ce9f478957b70"),
    "osQJTBRVC4d4eHd4eHdgcjf0dw==": (18, 32, "678326aa454ccd1e"),
    "X/iFFQwHgId2d3d4eLCJC4iJMiMCIUVmhw==": (32, 32, "8a42a3e336ff4abd"),
    "HeqGMwwNgoCId4eEf/iXeGdHeHh+hvc=": (19, 32, "84916b2bb0ac8515"),
    "WTcKMZZTRmhgiHmYdWA39XY=": (32, 5, "7f1bb2e9281be0ce"),
    "AAiCBQAAAAAAAAAAAAAAAAAAAAAAAAAAAA==": (32, 32, "e04c5a3b8fdb00c5"),
    "lskNHxaBd3iAeHiHh3eIh4eHiGpwkH8H": (32, 32, "559a14215376b100"),
    "1QcSHQRnh493V4dIh4eXh1h4kJUI": (23, 32, "e73a084f2484aae3"),
}


@pytest.mark.parametrize("hashed", REFERENCE)
def test_a_thumbhash_is_drawn_as_the_reference_draws_it(hashed: str) -> None:
    width, height, rgba = preview.pixels(b64decode(hashed))
    assert (width, height, sha256(rgba).hexdigest()[:16]) == REFERENCE[hashed]


@pytest.mark.parametrize("hashed", REFERENCE)
def test_the_data_url_has_the_pixels_of_its_thumbhash(hashed: str) -> None:
    head, _, body = preview.data_url(hashed).partition(",")
    assert head == "data:image/png;base64"
    width, height, rgba = preview.pixels(b64decode(hashed))
    with Image.open(BytesIO(b64decode(body))) as image:
        assert (image.format, image.size) == ("PNG", (width, height))
        assert image.convert("RGBA").tobytes() == rgba
        assert image.mode == ("RGB" if set(rgba[3::4]) == {255} else "RGBA")


def test_a_file_without_a_preview_has_one_clear_pixel() -> None:
    with Image.open(BytesIO(b64decode(preview.CLEAR.removeprefix("data:image/png;base64,")))) as image:
        assert (image.format, image.size, image.getpixel((0, 0))) == ("PNG", (1, 1), (0, 0, 0, 0))


def test_the_data_url_is_small() -> None:
    assert max(len(preview.data_url(hashed)) for hashed in REFERENCE) < 2200


@pytest.mark.parametrize(("width", "height"), [(1, 1), (32, 1), (1, 32), (32, 32)])
def test_every_thumbhash_of_ours_can_be_drawn(width: int, height: int) -> None:
    for alpha in (255, 7):
        hashed = thumbhash(width, height, bytes((200, 30, 90, alpha)) * width * height)
        drawn = preview.pixels(hashed)
        assert max(drawn[:2]) == 32
        assert len(drawn[2]) == drawn[0] * drawn[1] * 4
        with Image.open(BytesIO(preview.png(*drawn))) as image:
            image.load()
