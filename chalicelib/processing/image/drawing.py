"""Draws pictures of files that have none: the first lines of a text.

The font is Pillow's own, Aileron, which has Latin letters only. A text with many letters of other scripts is not drawn:
rows of empty boxes would help nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1280, 1656  # pixels; the shape of a sheet of paper
MARGIN, SIZE, LINE = 72, 26, 36
COLUMNS, LINES = 84, 42
INK, PAPER, GREY = (32, 34, 37), (255, 255, 255), (140, 144, 150)

# A text is drawn if at most this share of its letters has no glyph.
MISSING = 0.1


def page_of_text(text: str) -> bytes | None:
    """The first lines on a sheet, as PNG; None where the font lacks too many of the letters."""
    lines = legible(_lines(text))
    if lines is None:
        return None
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((MARGIN, MARGIN + number * LINE), line, fill=INK, font=font())
    return png(image)


def legible(lines: Sequence[str]) -> list[str] | None:
    """The lines with a dot for each letter that the font lacks; None if it lacks too many of them."""
    letters = {c for line in lines for c in line if not c.isspace()}
    drawable = {c for c in letters if _has_glyph(c)}
    shown = [c for line in lines for c in line if not c.isspace()]
    if sum(c not in drawable for c in shown) > MISSING * len(shown):
        return None
    return ["".join(c if c.isspace() or c in drawable else "\N{MIDDLE DOT}" for c in line) for line in lines]


def png(image: Image.Image) -> bytes:
    """Compressed little, because it is decoded at once."""
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _lines(text: str) -> list[str]:
    """As many lines as there is room for; long ones go on in the next line."""
    found: list[str] = []
    for line in text[: COLUMNS * LINES * 4].splitlines():
        clean = "".join(c if c.isprintable() else " " for c in line.expandtabs(4)).rstrip()
        found += [clean[at : at + COLUMNS] for at in range(0, len(clean), COLUMNS)] or [""]
        if len(found) >= LINES:
            break
    return found[:LINES]


@cache
def font(size: int = SIZE) -> Any:
    return ImageFont.load_default(size)


@cache
def _missing_glyph() -> bytes:
    return _mask("\U0010fffe")


def _mask(character: str) -> bytes:
    return bytes(font().getmask(character))


@cache
def _has_glyph(character: str) -> bool:
    return _mask(character) != _missing_glyph()
