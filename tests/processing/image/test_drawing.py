"""Drawn pages: what is drawn, what is left out, and the room that there is."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from chalicelib.processing.image import drawing
from chalicelib.processing.image.drawing import COLUMNS, LINES, page_of_text


def page(text: str) -> Image.Image:
    drawn = page_of_text(text)
    assert drawn is not None
    image = Image.open(BytesIO(drawn))
    assert (image.size, image.mode) == ((drawing.WIDTH, drawing.HEIGHT), "RGB")
    return image


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    """The box of all that is not paper."""
    box = ImageChops.invert(image.convert("L")).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize(
    "text",
    ["plain words", "Größe, Straße, éàçñøå", "łódź čeština İstanbul", "Русский текст", "Ελληνικά", "½ € „ja“ … → ░│"],
)
def test_letters_of_the_font_are_drawn(text: str) -> None:
    assert drawing.legible([text]) == [text]
    left, top, right, _ = ink(page(text))
    assert drawing.MARGIN <= left < drawing.MARGIN + 20
    assert drawing.MARGIN <= top < drawing.MARGIN + drawing.PAGE_LINE
    assert right > drawing.MARGIN + 10 * len(text)


@pytest.mark.parametrize("text", ["日本語のテキスト", "שלום עולם", "مرحبا بالعالم", "हिन्दी में", "한국어", "ภาษาไทย"])
def test_other_letters_are_not_drawn(text: str) -> None:
    assert page_of_text(text) is None


def test_a_few_other_letters_are_dots() -> None:
    assert drawing.legible(["a long line of words, and 日"]) == ["a long line of words, and ·"]
    page("a long line of words, and 日")


def test_an_accent_of_its_own_is_drawn_with_its_letter() -> None:
    assert drawing._lines("cafe\u0301") == ["café"]


def test_the_widest_line_and_the_last_one_are_within_the_margins() -> None:
    left, top, right, bottom = ink(page(("W" * COLUMNS + "\n") * (LINES + 9)))
    assert left >= drawing.MARGIN
    assert top >= drawing.MARGIN
    assert right <= drawing.WIDTH - drawing.MARGIN
    assert drawing.HEIGHT - drawing.MARGIN - drawing.PAGE_LINE * 1.5 < bottom <= drawing.HEIGHT - drawing.MARGIN


def test_a_long_line_goes_on_after_a_word_if_there_is_one() -> None:
    words = "word " * 40
    lines = drawing._lines(words)
    assert " ".join(lines).split() == words.split()
    assert max(map(len, lines)) <= COLUMNS
    assert drawing._lines("x" * 170) == ["x" * COLUMNS, "x" * COLUMNS, "x" * 10]


@given(st.text(max_size=2000))
def test_no_text_has_more_lines_or_columns_than_there_is_room_for(text: str) -> None:
    lines = drawing._lines(text)
    assert len(lines) <= LINES
    assert all(len(line) <= COLUMNS and line.isprintable() for line in lines)


def test_control_characters_and_tabs_are_spaces() -> None:
    assert drawing._lines("a\tb\0c\x1b[31m\u202ed") == ["a   b c [31m d"]


def test_the_same_text_gives_the_same_bytes() -> None:
    assert page_of_text("words") == page_of_text("words")


def test_nothing_is_a_blank_page() -> None:
    assert page("").getcolors() == [(drawing.WIDTH * drawing.HEIGHT, drawing.PAPER)]
