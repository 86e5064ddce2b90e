"""`python -m bench.peers.sheet`: the contact sheet. Standard input has its cards, one JSON a line.

A card: {"title", "words": [line, …], "pictures": [[label, PNG or null], …]}. `--out` names the first JPEG; the
next ones get a number.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import batched
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

_SIDE, _GAP, _LINE = 200, 6, 14  # pixels
_COLUMNS, _ROWS = 3, 5  # cards of a sheet
_SQUARE = 8


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers.sheet", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    cards = [json.loads(line) for line in sys.stdin]
    for number, some in enumerate(batched(cards, _COLUMNS * _ROWS)):
        path = options.out.with_stem(f"{options.out.stem}-{number + 1}") if number else options.out
        _sheet(some).convert("RGB").save(path, quality=85)
        print(path)


def _sheet(cards: tuple[dict[str, Any], ...]) -> Image.Image:
    across = max(len(card["pictures"]) for card in cards)
    width, height = across * (_SIDE + _GAP) + _GAP, _SIDE + 6 * _LINE + _GAP
    whole = Image.new("RGB", (width * _COLUMNS, height * -(-len(cards) // _COLUMNS)), "white")
    for number, card in enumerate(cards):
        _draw(whole, number % _COLUMNS * width + _GAP, number // _COLUMNS * height + _GAP, card, width)
    return whole


def _draw(whole: Image.Image, left: int, top: int, card: dict[str, Any], width: int) -> None:
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(11)
    for number, line in enumerate([card["title"], *card["words"]][:5]):
        line = line.replace("Δ", "d")  # the font has no Greek
        while pen.textlength(line, font) > width - 2 * _GAP:
            line = f"…{line[4:]}"
        pen.text((left, top + number * _LINE), line, fill="black" if number else "#036", font=font)
    top += 5 * _LINE
    for number, (label, path) in enumerate(card["pictures"]):
        x = left + number * (_SIDE + _GAP)
        pen.rectangle((x, top, x + _SIDE - 1, top + _SIDE - 1), fill="#eee")
        if path:
            with Image.open(path) as picture:
                whole.paste(_on_squares(picture.convert("RGBA")), (x, top))
        pen.text((x + 2, top + _SIDE - _LINE), label, fill="#c00", font=font, stroke_width=1, stroke_fill="white")


def _on_squares(picture: Image.Image) -> Image.Image:
    """The picture on squares of two greys, and as large as its place."""
    scale = min(_SIDE / picture.width, _SIDE / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture = picture.resize(size, Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BICUBIC)
    paper = Image.new("RGBA", size, "#ffffff")
    pen = ImageDraw.Draw(paper)
    for y in range(0, size[1], _SQUARE):
        for x in range(y // _SQUARE % 2 * _SQUARE, size[0], 2 * _SQUARE):
            pen.rectangle((x, y, x + _SQUARE - 1, y + _SQUARE - 1), fill="#c8c8c8")
    paper.alpha_composite(picture)
    return paper.convert("RGB")


if __name__ == "__main__":
    main()
