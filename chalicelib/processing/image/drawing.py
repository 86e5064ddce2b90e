"""Draws pictures of files that have none: the first lines of a text.

The font is DejaVu Sans Mono, which stands beside this module: Pillow's own has no umlauts and accents. It has Latin,
Greek and Cyrillic letters. A text with many letters of other scripts is not drawn: rows of dots would help nobody.
Letters that are written from right to left are not drawn either, because they would stand in the wrong order.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1280, 1656  # pixels; the shape of a sheet of paper
MARGIN, SIZE, LINE = 72, 26, 36

# The letters of a page are 23 pixels high, each 14 pixels wide, so a line has room for 80, and a page for 44 lines.
PAGE_SIZE, PAGE_LINE = 23, 34
COLUMNS, LINES = 80, 44

INK, PAPER, GREY = (32, 34, 37), (255, 255, 255), (140, 144, 150)

# A text is drawn if at most this share of its letters has no glyph.
MISSING = 0.1

_FONT = Path(__file__).parent / "fonts" / "DejaVuSansMono.ttf"


def page_of_text(text: str) -> bytes | None:
    """The first lines on a sheet, as PNG; None where the font lacks too many of the letters."""
    lines = legible(_lines(text))
    if lines is None:
        return None
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((MARGIN, MARGIN + number * PAGE_LINE), line, fill=INK, font=font(PAGE_SIZE))
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
    for line in unicodedata.normalize("NFC", text[: COLUMNS * LINES * 4]).splitlines():
        clean = "".join(c if c.isprintable() else " " for c in line.expandtabs(4)).rstrip()
        found += list(_wrapped(clean)) or [""]
        if len(found) >= LINES:
            break
    return found[:LINES]


def _wrapped(line: str) -> Iterator[str]:
    """Parts of a line that fit. They end between words, if a space is near."""
    while len(line) > COLUMNS:
        space = line.rfind(" ", COLUMNS * 3 // 4, COLUMNS + 1)
        end = space if space >= 0 else COLUMNS
        yield line[:end]
        line = line[end:].lstrip(" ")
    if line:
        yield line


@cache
def font(size: int = SIZE) -> Any:
    # The basic layout is the same everywhere. The other one needs a library that some systems have.
    return ImageFont.truetype(_FONT, size, layout_engine=ImageFont.Layout.BASIC)


def font_file() -> tuple[str, str]:
    """(path, family) of the font, for programs that take a file."""
    return str(_FONT), "DejaVu Sans Mono"


def can_draw(text: str) -> bool:
    """True if the font has all letters of the text."""
    return all(letter.isspace() or _has_glyph(letter) for letter in {*text})


@cache
def _missing_glyph() -> bytes:
    return _mask("\U0010fffe")


def _mask(character: str) -> bytes:
    return bytes(font().getmask(character))


@lru_cache(maxsize=10_000)
def _has_glyph(character: str) -> bool:
    return unicodedata.bidirectional(character) not in ("R", "AL", "AN") and _mask(character) != _missing_glyph()
