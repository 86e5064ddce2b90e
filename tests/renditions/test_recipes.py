from __future__ import annotations

import platform
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import PIL
import pytest

from chalicelib.renditions.engine import ENGINE_VERSION, HAS_RESIZER, engines_of
from chalicelib.renditions.ladder import at_once, ladder
from chalicelib.renditions.recipes import DEFAULT_RECIPE, MAX_SIDE, RECIPES, Encoding, Recipe, Watermark

PHOTO = RECIPES["photo"]


def names(width: int, height: int) -> list[str]:
    return [size.name for size in ladder(PHOTO, width, height)]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (6000, ["w160", "w320", "w640", "w960", "w1280", "w1920"]),
        (1920, ["w160", "w320", "w640", "w960", "w1280", "w1920"]),
        (1919, ["w160", "w320", "w640", "w960", "w1280"]),
        (1000, ["w160", "w320", "w640", "w960"]),
        (480, ["w160", "w320"]),
        (481, ["w160", "w320", "w481"]),
        (300, ["w160", "w300"]),
        (240, ["w160"]),
        (160, ["w160"]),
        (159, ["w159"]),
        (1, ["w1"]),
    ],
)
def test_the_ladder_ends_at_the_image_and_loses_at_most_a_third_of_its_width(width: int, expected: list[str]) -> None:
    assert names(width, 100) == expected


@pytest.mark.parametrize("shape", [(4000, 3000), (3000, 4000), (1000, 1), (1, 1000), (200, 60_000), (70_000, 50)])
def test_no_rendition_is_larger_than_the_image_or_than_a_format_allows(shape: tuple[int, int]) -> None:
    sizes = ladder(PHOTO, *shape)
    assert sizes
    for size in sizes:
        assert 1 <= size.width <= shape[0]
        assert 1 <= size.height <= min(shape[1], MAX_SIDE)


def test_the_shape_is_kept_to_the_pixel() -> None:
    assert [(s.width, s.height) for s in ladder(PHOTO, 2000, 1072)][:3] == [(160, 86), (320, 172), (640, 343)]


AVATAR = RECIPES["avatar"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4000, 3000), [64, 128, 256, 512]), ((3000, 300), [64, 128, 256]), ((90, 400), [64]), ((50, 80), [50])],
)
def test_an_avatar_is_a_square_no_larger_than_the_image(shape: tuple[int, int], expected: list[int]) -> None:
    assert [(s.width, s.height) for s in ladder(AVATAR, *shape)] == [(side, side) for side in expected]


def test_a_contained_image_keeps_its_scale_in_a_larger_frame() -> None:
    framed = replace(AVATAR, fit="contain")
    assert [(s.width, s.height) for s in ladder(framed, 100, 400)] == [(64, 64), (128, 128), (256, 256), (400, 400)]


def test_original_only_has_no_renditions() -> None:
    assert ladder(RECIPES["original-only"], 4000, 3000) == []


def test_the_default_is_webp_and_jpeg() -> None:
    assert RECIPES[DEFAULT_RECIPE].formats == ("webp", "jpeg")


@pytest.mark.parametrize(
    ("width", "made"), [(4000, "w1280"), (1280, "w1280"), (1279, "w960"), (1000, "w960"), (300, "w300"), (100, "w100")]
)
def test_a_photo_has_one_jpeg_at_once_the_widest_for_mail_and_previews(width: int, made: str) -> None:
    sizes = ladder(PHOTO, width, width)
    webp, jpeg = PHOTO.encodings
    assert [size.name for size in at_once(sizes, jpeg)] == [made]
    assert at_once(sizes, webp) == sizes


def test_a_recipe_without_small_sizes_has_its_narrowest_at_once() -> None:
    recipe = replace(PHOTO, widths=(1600, 1920))
    assert [size.name for size in at_once(ladder(recipe, 4000, 3000), PHOTO.encodings[1])] == ["w1600"]
    assert at_once([], PHOTO.encodings[1]) == []


def test_the_fingerprint_changes_with_whatever_changes_bytes_and_with_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webp, jpeg = PHOTO.encodings
    variants = [
        PHOTO,
        replace(PHOTO, widths=(160, 320)),
        replace(PHOTO, encodings=(webp,)),
        replace(PHOTO, encodings=(replace(webp, quality=81), jpeg)),
        replace(PHOTO, encodings=(replace(webp, effort=4), jpeg)),
        replace(PHOTO, encodings=(Encoding("jpeg", 60), jpeg)),
        replace(PHOTO, encodings=(replace(webp, target_ssim=0.97), jpeg)),
        replace(PHOTO, encodings=(webp, replace(jpeg, subsampling="4:4:4"))),
        replace(PHOTO, aspect=(1, 1)),
        replace(PHOTO, fit="cover"),
        replace(PHOTO, focus=(0.5, 0.2)),
        replace(PHOTO, background="#000000"),
        replace(PHOTO, keep=()),
        replace(PHOTO, keep_gps=True),
        replace(PHOTO, watermark=Watermark(text="mine")),
        replace(PHOTO, watermark=Watermark(text="mine", opacity=0.6)),
        replace(PHOTO, on_demand=()),
        replace(PHOTO, on_demand=(replace(PHOTO.on_demand[0], quality=1),)),
    ]
    prints = [recipe.fingerprint for recipe in variants]
    assert len(set(prints)) == len(prints)
    at_once = (webp, replace(jpeg, up_to=None))
    for same in (replace(PHOTO, name="other"), replace(PHOTO, eager="all"), replace(PHOTO, encodings=at_once)):
        assert same.fingerprint == PHOTO.fingerprint
    monkeypatch.setattr("chalicelib.renditions.engine.ENGINE_VERSION", "2")
    assert PHOTO.fingerprint not in prints


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    code = "from chalicelib.renditions.recipes import RECIPES; print(RECIPES['photo'].fingerprint)"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert seen == {PHOTO.fingerprint}


def test_the_engine_version_names_the_pillow_that_is_installed() -> None:
    assert f"+heif{version('pi-heif')}+" in ENGINE_VERSION
    engine, _, resizer = ENGINE_VERSION.partition("+resizer")
    assert engine.endswith(f"+pillow{PIL.__version__}"), "other encoders, other bytes: raise ENGINE_VERSION"
    assert bool(resizer) == HAS_RESIZER
    assert ENGINE_VERSION in engines_of(platform.machine())
    assert engines_of("arm64") == (engine,)
    assert not HAS_RESIZER or resizer == version("cykooz-resizer")


def test_recipes_are_imported_without_pillow() -> None:
    code = "import sys, chalicelib.renditions.recipes, chalicelib.processing.sniff; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"widths": (320, 160)},
        {"widths": (0,)},
        {"widths": (20_000,)},
        {"aspect": (0, 1)},
        {"fit": "fill"},
        {"focus": (0.5, 1.5)},
        {"background": "white"},
        {"keep": ("gps",)},
        {"on_demand": PHOTO.encodings[:1]},
        {"on_demand": PHOTO.on_demand * 2},
        {"encodings": PHOTO.encodings[:1], "on_demand": PHOTO.encodings[1:]},
    ],
)
def test_a_wrong_recipe_is_refused_where_it_is_declared(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|may"):
        Recipe(**{"name": "wrong", "widths": (160,), "encodings": PHOTO.encodings, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "bmp"},
        {"quality": 101},
        {"effort": 7},
        {"format": "avif", "effort": 11},
        {"subsampling": "4:1:1"},
        {"target_ssim": 1.0},
    ],
)
def test_a_wrong_encoding_is_refused_where_it_is_declared(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|no encoder"):
        Encoding(**{"format": "webp", "quality": 80, **wrong})
