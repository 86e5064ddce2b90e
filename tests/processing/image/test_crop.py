from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from chalicelib.processing.image.cascade import process_image
from chalicelib.renditions.recipes import RECIPES, Recipe
from tests import images
from tests.images import scene
from tests.processing.image.checks import MEMORY, assert_upright, close, opened, process

AVATAR = RECIPES["avatar"]


def made(image: Image.Image, recipe: Recipe, name: str = "w128", format: str = "jpeg") -> Image.Image:
    out: dict[tuple[str, str], bytes] = {}
    data = images.encoded(image, "PNG")
    process_image(data, recipe, memory=MEMORY, emit=lambda r, e: out.update({(r.name, r.format): e}))
    return opened(out[name, format])


def subject(size: tuple[int, int], at: tuple[int, int]) -> Image.Image:
    """A busy patch of 200 x 200 at this place on plain grey, a red 60 x 60 in its middle."""
    image = Image.new("RGB", size, (128, 128, 128))
    patch = scene(5, 200, 200)
    patch.paste((255, 0, 0), (70, 70, 130, 130))
    image.paste(patch, at)
    return image


@pytest.mark.parametrize(("size", "at"), [((1000, 300), (20, 50)), ((1000, 300), (780, 50)), ((300, 900), (50, 650))])
def test_an_avatar_shows_the_subject_wherever_it_is(size: tuple[int, int], at: tuple[int, int]) -> None:
    avatar = made(subject(size, at), AVATAR)
    assert avatar.size == (128, 128)
    reds = [avatar.getpixel((x, y)) for x in range(0, 128, 4) for y in range(0, 128, 4)]
    assert sum(close(color, (255, 0, 0), 40) for color in reds) > 25, "of 41 that the whole square covers"


def test_a_plain_image_is_cropped_in_the_middle() -> None:
    image = Image.new("RGB", (900, 300), (128, 128, 128))
    image.paste((110, 110, 110), (300, 0, 600, 300))
    assert close(made(image, AVATAR).getpixel((64, 64)), (110, 110, 110))


@pytest.mark.parametrize(
    ("focus", "corner"), [((0.0, 0.0), "top_left"), ((1.0, 0.5), "right"), ((0.74, 0.0), "top_right")]
)
def test_a_focal_point_decides(focus: tuple[float, float], corner: str) -> None:
    avatar = made(images.picture(800, 200), replace(AVATAR, focus=focus))
    upper = "top_" + corner.removeprefix("top_")
    assert close(avatar.getpixel((64, 20)), images.QUADRANTS[upper])


def test_an_upright_crop_of_a_turned_photo() -> None:
    info, out = process(images.jpeg(600, 600, orientation=6), recipe="avatar")
    assert (info.width, info.height) == (600, 600)
    assert {r.name for r, _ in out.values()} == {"w64", "w128", "w256", "w512"}
    for _, data in out.values():
        assert_upright(opened(data))


def test_a_contained_image_stands_on_the_background() -> None:
    framed = made(images.picture(400, 200), replace(AVATAR, fit="contain", background="#102030"))
    assert framed.size == (128, 128)
    assert close(framed.getpixel((64, 10)), (16, 32, 48))
    assert close(framed.getpixel((64, 118)), (16, 32, 48))
    assert_upright(framed.crop((0, 32, 128, 96)))


def test_alpha_is_composited_on_the_background_where_a_format_has_none() -> None:
    recipe = replace(RECIPES["photo"], background="#00ff00")
    clear = images.picture(200, 200, "RGBA")
    assert close(made(clear, recipe, "w160").getpixel((40, 40)), (0, 255, 0), 16)
    kept = made(clear, recipe, "w160", "webp").getchannel("A")
    assert kept.getpixel((40, 40)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (63, 20_000), (7, 5)])
@pytest.mark.parametrize("fit", ["cover", "contain"])
def test_the_oddest_shapes_come_out_square(shape: tuple[int, int], fit: Any) -> None:
    recipe, sizes = replace(AVATAR, fit=fit), set()
    process_image(images.png(*shape), recipe, memory=MEMORY, emit=lambda r, e: sizes.add((opened(e).size, r.width)))
    assert sizes
    assert all(size == (width, width) for size, width in sizes)


def test_a_document_is_larger_and_keeps_its_colors_sharp() -> None:
    _, out = process(images.jpeg(3000, 2000), recipe="document")
    assert max(r.width or 0 for r, _ in out.values()) == 2560
    line = Image.new("RGB", (320, 200), "white")
    line.paste((255, 0, 0), (100, 0, 101, 200))
    red = made(line, RECIPES["document"], "w320").getpixel((100, 100))
    assert close(red, (255, 0, 0), 30), "one pixel of pure red"


def test_what_a_recipe_keeps_of_the_words() -> None:
    data = images.jpeg(100, 100, exif={0x8298: "me", 0x010E: "a door"})
    for keep, expected in (((), {}), (("caption",), {0x010E: "a door"})):
        out: list[bytes] = []
        process_image(data, replace(RECIPES["photo"], keep=keep), memory=MEMORY, emit=lambda _, e, o=out: o.append(e))  # type: ignore[misc]
        assert all(dict(opened(encoded).getexif()) == expected for encoded in out)
