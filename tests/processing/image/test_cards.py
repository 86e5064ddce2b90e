"""Cards: their sizes, what they leave out, and words that are wider than a line."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from chalicelib.processing.image import cards
from chalicelib.processing.image.drawing import MARGIN, SIZE, WIDTH, font


def drawn(png: bytes | None) -> Image.Image:
    assert png is not None
    return Image.open(io.BytesIO(png)).convert("L")


def has_ink(image: Image.Image, box: tuple[int, int, int, int]) -> bool:
    return min(image.crop(box).tobytes()) < 120


def test_a_title_that_the_text_repeats_is_drawn_once() -> None:
    assert cards.page("A title", "A title\nwords") == cards.page("A title", "words")
    assert cards.page("A title", "words") != cards.page(None, "words")


def test_a_slide_shows_the_lines_of_the_first_slide_alone() -> None:
    assert cards.slide("One", "One\nwords\n\fTwo\nmore") == cards.slide("One", "words")


@pytest.mark.parametrize("text", ["", " \n\t", "\0\x07"])
def test_nothing_is_drawn_of_nothing(text: str) -> None:
    assert cards.page(None, text) is None
    assert cards.slide("", text) is None
    assert cards.grid("One", [[text, ""]], header=False) is None


def test_letters_that_the_font_lacks_are_not_drawn() -> None:
    assert cards.page("日本語", "テキスト") is None
    assert cards.grid("One", [["日本語"]], header=False) is None


@pytest.mark.parametrize("text", ["w" * 5000, "word " * 2000, "x\n" * 2000])
def test_long_lines_and_words_stay_on_the_paper(text: str) -> None:
    page = drawn(cards.page(text, text))
    assert page.size == (1280, 1656)
    assert not has_ink(page, (WIDTH - MARGIN + 2, 0, WIDTH, 1656))
    assert not has_ink(page, (0, 1656 - MARGIN + 12, WIDTH, 1656))
    assert has_ink(page, (MARGIN, 1400, WIDTH - MARGIN, 1656 - MARGIN))


def test_wrapped_lines_have_all_words_and_fit() -> None:
    text = "some words and a" + "w" * 300 + " end"
    lines = cards._wrapped(text, SIZE, 400)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(font(SIZE).getlength(line) <= 400 for line in lines)


def test_a_grid_has_room_for_its_first_rows_and_columns() -> None:
    rows = [["value"] * 30] * 30
    grid = drawn(cards.grid("One", rows, header=True))
    assert grid.size == (1280, 774)
    assert cards.grid("One", rows, header=True) == cards.grid("One", [row[:8] for row in rows[:14]], header=True)
    assert cards.grid("One", rows, header=True) != cards.grid("One", rows, header=False)


def test_a_value_that_is_too_long_is_cut_within_its_cell() -> None:
    grid = drawn(cards.grid("One", [["wide " * 50, ""], ["", "x"]], header=False))
    assert has_ink(grid, (50, 95, 330, 130))
    assert not has_ink(grid, (350, 95, 630, 130))
