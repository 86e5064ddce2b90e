"""Fonts: facts and specimens of sound ones, and hostile ones that harm nobody."""

from __future__ import annotations

import io
import random
import time
from typing import Any

import pytest
from PIL import Image

from chalicelib.facts import FontInfo
from chalicelib.model import PermanentFault
from chalicelib.processing import font
from chalicelib.processing.image import specimen_child
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.renditions.recipes import RECIPES
from tests import fonts

PHOTO = RECIPES["photo"]
MEMORY = 1769 * 1024**2
PLAIN = fonts.pillows()


def processed(data: bytes, size: int | None = None, **more: Any) -> tuple[Made, dict[str, bytes]]:
    emitted: dict[str, bytes] = {}
    source = Source("font/ttf", size or len(data), io.BytesIO(data), "a.ttf")
    order = Order(PHOTO, MEMORY, **more)
    made = font.process(source, order, lambda rendition, body: emitted.update({rendition.basename: body}))
    return made, emitted


def codes(made: Made) -> list[str]:
    return [warning.code for warning in made.warnings]


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (PLAIN, "ttf"),
        (fonts.woff(PLAIN), "woff"),
        (fonts.woff2(PLAIN), "woff2"),
        (fonts.collection(PLAIN, PLAIN), "ttc"),
    ],
    ids=["ttf", "woff", "woff2", "ttc"],
)
def test_a_font_of_any_format_is_described_and_has_a_specimen(data: bytes, format: str) -> None:
    made, emitted = processed(data)
    assert made.info == FontInfo(format=format, family="Aileron", style="Regular", glyphs=116, scripts=["Latn"])
    assert (made.headings, made.warnings) == (("Aileron", "Regular"), ())
    assert made.preview
    assert (made.preview.width, made.preview.height) == (1280, 720)
    assert {"w320.webp", "w640.webp"} <= emitted.keys()


def test_the_specimen_shows_the_fonts_own_letters() -> None:
    _, emitted = processed(PLAIN)
    with Image.open(io.BytesIO(emitted["w640.webp"])) as image:
        shades = image.convert("L").tobytes()
    assert sum(shade < 100 for shade in shades) > 2000
    assert shades.count(max(shades)) > 100_000


def test_a_specimen_is_made_alone_when_it_is_asked_for() -> None:
    made, emitted = processed(PLAIN, only="w640")
    assert {*emitted} == {"w640.webp", "w640.jpg"}
    assert made.info is None


def test_every_script_has_letters_of_its_own() -> None:
    letters = "".join(specimen_child.SCRIPTS.values())
    assert len({*letters}) == len(letters)
    assert all(len(code) == 4 and code.istitle() for code in specimen_child.SCRIPTS)


@pytest.mark.parametrize("data", [fonts.of_letters("ѠѡѢ"), fonts.of_letters("下今他"), fonts.of_letters("\uf123")])
def test_a_font_without_well_known_letters_shows_those_that_it_has(data: bytes) -> None:
    made, emitted = processed(data)
    assert made.warnings == ()
    with Image.open(io.BytesIO(emitted["w640.webp"])) as image:
        assert sum(shade < 100 for shade in image.convert("L").tobytes()) > 50


def test_a_font_of_pictures_of_one_size_is_drawn_in_colour() -> None:
    made, emitted = processed(fonts.of_emoji(109))
    assert made.warnings == ()
    with Image.open(io.BytesIO(emitted["w640.webp"])) as image:
        red, green, blue = (image.convert("RGB").getchannel(each).tobytes() for each in range(3))
    assert sum(r > 200 and g < 60 and b < 60 for r, g, b in zip(red, green, blue, strict=True)) > 2000


def test_a_name_has_no_controls_and_no_more_than_it_may() -> None:
    info = processed(fonts.renamed("Name\u202e\n" + "x" * 5000))[0].info
    assert isinstance(info, FontInfo)
    assert info.family
    assert "\n" not in info.family
    assert len(info.family) <= 1000


def test_a_font_of_empty_glyphs_has_no_specimen() -> None:
    began = time.monotonic()
    made, emitted = processed(fonts.of_empty_glyphs(2**16 - 1))
    assert time.monotonic() - began < 5
    assert made.info == FontInfo(format="ttf", family="Aileron", style="Regular", glyphs=65_535)
    assert (made.preview, emitted, codes(made)) == (None, {}, ["no_preview"])


def huge_glyphs() -> bytes:
    """The font with 16 units in an em, so that each glyph is a hundred times as large as it should be."""
    parts = fonts.tables(PLAIN)
    head = bytearray(parts["head"])
    head[18:20] = (16).to_bytes(2)
    return fonts.sfnt(parts | {"head": bytes(head)})


def test_glyphs_that_are_larger_than_any_picture_are_not_drawn() -> None:
    began = time.monotonic()
    made, _ = processed(huge_glyphs())
    assert time.monotonic() - began < 20
    assert isinstance(made.info, FontInfo)


@pytest.mark.parametrize(
    "data",
    [PLAIN[:12], PLAIN[:200], b"\0\1\0\0" + bytes(400), fonts.woff(PLAIN)[:300], b"wOF2" + bytes(80)],
    ids=["header", "cut", "zeros", "woff", "woff2"],
)
def test_a_damaged_font_is_corrupt(data: bytes) -> None:
    with pytest.raises(PermanentFault) as fault:
        processed(data)
    assert fault.value.code == "corrupt"


def test_a_very_large_font_is_stored_and_not_read() -> None:
    made, emitted = processed(b"ttcf", size=font.MAX_BYTES + 1)
    assert (made.info, emitted, codes(made)) == (FontInfo(format="ttc"), {}, ["too_large_to_read"])


SAMPLES = (PLAIN, fonts.woff(PLAIN), fonts.woff2(PLAIN), fonts.collection(PLAIN))


@pytest.mark.parametrize("seed", range(16))
def test_damage_anywhere_never_does_more_than_fail(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(SAMPLES[seed % len(SAMPLES)])
    for _ in range(chance.choice((1, 5, 50))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    try:
        made, _ = processed(bytes(data))
    except PermanentFault as fault:
        assert fault.code == "corrupt"
    else:
        assert isinstance(made.info, FontInfo)
        assert len(made.info.model_dump_json()) < 16 * 1024
