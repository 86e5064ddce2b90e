from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageSequence

from chalicelib.processing.image import watermark
from chalicelib.processing.image.cascade import process_image
from chalicelib.renditions import recipes
from chalicelib.renditions.recipes import Recipe, Watermark
from tests import images
from tests.processing.image.checks import MEMORY, PHOTO, close, opened

GREY = Image.new("RGB", (800, 600), (100, 100, 100))


@pytest.fixture
def logo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A blue square of 100 x 50 that is clear in its right half."""
    picture = Image.new("RGBA", (100, 50), (0, 0, 255, 255))
    picture.paste((255, 0, 0, 0), (50, 0, 100, 50))
    name = f"{tmp_path.name}.png"  # another one for each test: stamps are remembered by their pictures' names
    picture.save(tmp_path / name)
    monkeypatch.setattr(recipes, "WATERMARKS", tmp_path)
    monkeypatch.setattr(watermark, "WATERMARKS", tmp_path)
    return name


def made(data: bytes, recipe: Recipe) -> dict[tuple[str, str], bytes]:
    out: dict[tuple[str, str], bytes] = {}
    process_image(data, recipe, memory=MEMORY, emit=lambda r, e: out.update({(r.name, r.format): e}))
    return out


def place(data: bytes) -> tuple[int, int, int, int]:
    """Where a rendition of plain grey differs from it."""
    image = opened(data).convert("RGB")
    difference = ImageChops.difference(image, Image.new("RGB", image.size, (100, 100, 100)))
    box = difference.convert("L").point(lambda v: 255 if v > 20 else 0).getbbox()
    assert box, "no mark"
    return box


@pytest.mark.parametrize(
    ("position", "corner"),
    [("top-left", (0.03, 0.04)), ("bottom-right", (0.73, 0.79)), ("center", (0.38, 0.42)), ("top", (0.38, 0.04))],
)
def test_a_mark_stands_where_it_is_told_at_every_size(logo: str, position: Any, corner: tuple[float, float]) -> None:
    marked = replace(PHOTO, watermark=Watermark(image=logo, position=position, opacity=1.0))
    out = made(images.encoded(GREY, "PNG"), marked)
    for name, width in (("w640", 640), ("w320", 320)):
        left, top, right, _ = place(out[name, "jpeg"])
        height = width * 600 // 800
        assert left / width == pytest.approx(corner[0], abs=0.02)
        assert top / height == pytest.approx(corner[1], abs=0.03)
        assert (right - left) / width == pytest.approx(0.125, abs=0.02), "the clear half of the mark shows nothing"


def test_opacity_mixes_and_small_renditions_get_no_mark(logo: str) -> None:
    marked = replace(PHOTO, watermark=Watermark(image=logo, position="center", opacity=0.5))
    out = made(images.encoded(GREY, "PNG"), marked)
    left, top, right, bottom = place(out["w640", "webp"])
    middle = opened(out["w640", "webp"]).convert("RGB").getpixel(((left + right) // 2, (top + bottom) // 2))
    assert close(middle, (50, 50, 178), 8)
    small = opened(out["w160", "jpeg"]).convert("RGB")
    assert all(close(extremes, (100, 100), 4) for extremes in small.getextrema())


def test_the_record_is_of_the_image_without_its_mark(logo: str) -> None:
    data = images.encoded(images.picture(800, 600), "PNG")
    marked = replace(PHOTO, watermark=Watermark(image=logo, position="center", opacity=1.0, width=1.0))
    infos = [process_image(data, recipe, memory=MEMORY, emit=lambda *_: None) for recipe in (PHOTO, marked)]
    assert infos[0] == infos[1]


def test_text_is_a_mark_and_clear_pixels_keep_their_alpha() -> None:
    recipe = replace(PHOTO, watermark=Watermark(text="© Filemill äß", position="center", opacity=1.0, width=0.5))
    out = made(images.encoded(Image.new("RGBA", (800, 600), (0, 0, 0, 0)), "PNG"), recipe)
    alpha = opened(out["w640", "webp"]).getchannel("A")
    assert alpha.getpixel((5, 5)) == 0
    box = alpha.point(lambda v: 255 if v > 128 else 0).getbbox()
    assert box
    assert box[2] - box[0] == pytest.approx(320, abs=8)


def test_grey_images_take_a_coloured_mark(logo: str) -> None:
    recipe = replace(PHOTO, watermark=Watermark(image=logo, position="center", opacity=1.0))
    image = opened(made(images.encoded(GREY.convert("L"), "PNG"), recipe)["w640", "webp"]).convert("RGB")
    assert close(image.getpixel((270, 240)), (0, 0, 255), 30)


def test_every_frame_of_an_animation_is_marked(logo: str) -> None:
    frames = [Image.new("RGB", (400, 300), (100 + n, 100, 100)) for n in range(0, 60, 20)]
    data = images.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    recipe = replace(PHOTO, watermark=Watermark(image=logo, position="center", opacity=1.0))
    with Image.open(BytesIO(made(data, recipe)["w320", "webp"])) as animation:
        colors = [frame.convert("RGB").getpixel((130, 120)) for frame in ImageSequence.Iterator(animation)]
    assert len(colors) == 3
    assert all(close(color, (0, 0, 255), 30) for color in colors)


def test_another_picture_of_the_same_name_is_another_recipe(
    logo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = replace(PHOTO, watermark=Watermark(image=logo))
    before = marked.fingerprint
    assert before != PHOTO.fingerprint
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGBA", (10, 10), "red").save(other / logo)
    monkeypatch.setattr(recipes, "WATERMARKS", other)
    assert marked.fingerprint != before


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"image": "none.png"},
        {"image": "logo.png", "text": "both"},
        {"text": "two\nlines"},
        {"text": "x", "opacity": 0},
        {"text": "x", "opacity": 1.1},
        {"text": "x", "width": 0},
        {"text": "x", "margin": 0.5},
        {"text": "x", "position": "middle"},
    ],
)
def test_a_wrong_mark_is_refused_where_it_is_declared(logo: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"watermark|there is no|must"):
        Watermark(**wrong)
