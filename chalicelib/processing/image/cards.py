"""Cards: drawn pictures of documents, decks and workbooks, which nobody lays out here.

Each function returns a PNG; None where the font lacks too many of the letters, or where there is nothing to draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from PIL import Image, ImageDraw

from chalicelib.processing.image.drawing import GREY, HEIGHT, INK, MARGIN, PAPER, SIZE, WIDTH, font, legible, png

TITLE, TITLE_LINE = 48, 60  # pixels: the size of the letters, and from line to line
SLIDE_HEIGHT, SLIDE_SIZE = 720, 36
PANEL, RULE = (238, 241, 245), (206, 211, 217)
CELL_HEIGHT = 46
MAX_COLUMNS, MAX_ROWS = 8, 14

_LOOKED_AT = 8000  # characters of a text, and of one title
_MAX_TITLE = 200


def page(title: str | None, text: str) -> bytes | None:
    """A sheet of paper with the title and the first lines."""
    return _card(title, text, HEIGHT, SIZE)


def slide(title: str | None, text: str) -> bytes | None:
    """The same in a slide's shape, with the lines of the first slide."""
    return _card(title, text.partition("\f")[0] or text, SLIDE_HEIGHT, SLIDE_SIZE)


def grid(name: str, rows: Sequence[Sequence[str]], *, header: bool) -> bytes | None:
    """The first rows and columns of a sheet, below its name."""
    kept = [[_line(value, 40) for value in row[:MAX_COLUMNS]] for row in rows[:MAX_ROWS]]
    shown = legible([_line(name, _MAX_TITLE), *(value for row in kept for value in row)])
    if shown is None or not any(value for row in kept for value in row):
        return None
    values = iter(shown)
    image, draw = _sheet(2 * 40 + SIZE + 24 + CELL_HEIGHT * MAX_ROWS)
    _within(draw, next(values), (40, 36), WIDTH - 80, SIZE, GREY)
    columns = max(4, *map(len, kept))
    width = (WIDTH - 80) // columns
    for number in range(MAX_ROWS):
        row = kept[number] if number < len(kept) else []
        top = 40 + SIZE + 24 + number * CELL_HEIGHT
        for column in range(columns):
            left = 40 + column * width
            fill = PANEL if header and number == 0 else PAPER
            draw.rectangle((left, top, left + width, top + CELL_HEIGHT), fill=fill, outline=RULE)
            if column < len(row):
                _within(draw, next(values), (left + 10, top + 8), width - 20, 24, INK)
    return png(image)


def _card(title: str | None, text: str, height: int, size: int) -> bytes | None:
    heading = _line(title or "", _MAX_TITLE)
    lines = [line for line in (_line(line, _LOOKED_AT) for line in text[:_LOOKED_AT].splitlines()) if line]
    if heading and lines and lines[0] == heading:
        lines = lines[1:]
    shown = legible([heading, *lines])
    if shown is None or not any(shown):
        return None
    image, draw = _sheet(height)
    top = MARGIN
    for line in islice(_wrapped(shown[0], TITLE, WIDTH - 2 * MARGIN), 3):
        draw.text((MARGIN, top), line, fill=INK, font=font(TITLE))
        top += TITLE_LINE
    if heading:
        draw.line((MARGIN, top + 12, WIDTH - MARGIN, top + 12), fill=RULE, width=2)
        top += 40
    for paragraph in shown[1:]:
        for line in _wrapped(paragraph, size, WIDTH - 2 * MARGIN):
            if top > height - MARGIN - size:
                return png(image)
            draw.text((MARGIN, top), line, fill=INK, font=font(size))
            top += size * 7 // 5
        top += size * 2 // 5
    return png(image)


def _sheet(height: int) -> tuple[Image.Image, Any]:
    image = Image.new("RGB", (WIDTH, height), PAPER)
    return image, ImageDraw.Draw(image)


def _line(text: str, longest: int) -> str:
    """The text on one line, without what can't be drawn in one."""
    clean = "".join(c if c.isprintable() else " " for c in text[: 4 * longest])
    return " ".join(clean.split())[:longest]


def _wrapped(text: str, size: int, width: int) -> list[str]:
    """The lines of a paragraph, at most `width` pixels wide. A word that is longer is broken."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and font(size).getlength(longer) > width:
            lines.append(line)
            longer = word
        while len(longer) > 1 and font(size).getlength(longer) > width:
            fitting = _fitting(longer, size, width)
            lines.append(longer[:fitting])
            longer = longer[fitting:]
        line = longer
    return [*lines, line] if line else lines


def _fitting(text: str, size: int, width: int) -> int:
    """The number of the first characters that fit, at least one."""
    low, high = 1, min(len(text), width)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font(size).getlength(text[:middle]) <= width else (low, middle - 1)
    return low


def _within(draw: Any, text: str, place: tuple[int, int], width: int, size: int, fill: Any) -> None:
    kept = text if not text or font(size).getlength(text) <= width else text[: _fitting(text, size, width - 20)] + "…"
    draw.text(place, kept, fill=fill, font=font(size))
