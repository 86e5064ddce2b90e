from __future__ import annotations

from typing import Any

import pytest

from chalicelib.model import File, ImageInfo, Kind, Visibility
from chalicelib.renditions import places
from chalicelib.renditions.recipes import RECIPES
from tests.making import RENDITIONS, ready_file

IMAGE = ImageInfo(
    width=1000, height=800, format="jpeg", thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI", dominant_color="#fff"
)
PREFIX = "f/private/file_01K8Z0000000000000000000AA/0123456789abcdef/"


def made(**values: Any) -> File:
    return ready_file(Visibility.PRIVATE).model_copy(update={"image": None, "renditions": [], **values})


@pytest.mark.parametrize("kind", [*Kind, None])
@pytest.mark.parametrize(
    ("values", "has"),
    [
        ({"image": IMAGE, "renditions": RENDITIONS}, True),
        ({"image": IMAGE}, True),
        ({"renditions": RENDITIONS}, True),
        ({}, False),
        ({"image": IMAGE, "renditions": RENDITIONS, "source_version": None}, False),
    ],
)
def test_a_file_of_any_kind_has_renditions_where_its_record_or_its_image_says_so(
    kind: Kind | None, values: dict[str, Any], has: bool
) -> None:
    file = made(kind=kind, **values)
    has = has or (kind in places.STREAMABLE and file.source_version is not None)  # parts are made on demand
    assert places.has_renditions(file) is has
    assert places.served_prefix(file) == (PREFIX if has else None)


def test_the_ladder_of_a_record_is_its_images() -> None:
    found = places.in_ladder(made(image=IMAGE), "w640", "avif")
    assert found
    assert (found[0].name, found[0].width, found[0].height, found[1].format) == ("w640", 640, 512, "avif")
    moving = places.in_ladder(made(image=IMAGE.model_copy(update={"frames": 2})), "w640", "avif")
    assert moving
    assert moving[1].format == "webp"
    assert places.in_ladder(made(image=IMAGE), "w1280", "webp") is None


@pytest.mark.parametrize("values", [{"renditions": RENDITIONS}, {"image": IMAGE, "recipe": "removed"}])
def test_nothing_is_made_on_demand_without_an_image_or_its_recipe(values: dict[str, Any]) -> None:
    assert places.on_demand(made(**values)) == ()
    assert places.in_ladder(made(**values), "w160", "webp") is None


def test_a_file_that_waits_for_another_recipe_is_still_served_by_its_own() -> None:
    file = made(image=IMAGE, recipe="photo", wanted_recipe="avatar")
    assert (places.recipe_of(file), places.served_recipe(file)) == (RECIPES["avatar"], RECIPES["photo"])
    assert [each.format for each in places.on_demand(file)] == ["avif", "jpeg"]


def test_a_file_is_processed_by_its_own_recipe_unless_it_waits_for_another() -> None:
    assert places.recipe_of(made(recipe="avatar")) == RECIPES["avatar"]


def test_what_is_made_has_another_address_for_other_bytes_another_recipe_and_a_later_generation() -> None:
    files = [
        made(),
        made(version_id="v1"),
        made(version_id="v2"),
        made(version_id="v1", recipe="avatar"),
        made(version_id="v1", wanted_recipe="document"),
        made(version_id="v1", generation=1),
    ]
    versions = [places.made_version(file) for file in files]
    assert len({*versions}) == len(files)
    assert places.made_prefix(files[1]) == f"f/private/{files[1].id}/{versions[1]}/"
