"""Writes what `make films` saw: a page with a row for each film and player, and a sheet with the last pictures."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.stage import ROOT

PAGE = ROOT / "bench" / "results" / "films.md"
SHEET = PAGE.with_suffix(".jpg")

_COLUMNS, _SIZE, _TITLE = 8, (160, 90), 14  # pixels


@dataclass(frozen=True)
class Row:
    """One film in one player: what tests/browser/player.html said, and a PNG of the page at the end."""

    name: str
    player: str
    said: dict[str, Any]
    picture: bytes


def page(rows: Sequence[Row]) -> str:
    lines = [
        "# Films in players",
        "",
        "`make films` uploads a film of each origin (tests/origins.py) to the deployed local stack, and Chromium",
        "plays it to its end, three times as fast as it is meant to be seen, on a page of another site. Nobody has",
        "watched it before: each segment is made on the way. *Passing* are errors after which a player goes on: it",
        "waits for a segment that is not made yet, or asks again. *First* is how many seconds the first picture took.",
        "At three times the speed there are 75 to 90 pictures a second, and a screen of 60 Hz shows no more than 60.",
        "That may be why a fifth to a third is dropped; films without sound lose few, so it is not proved. The films",
        "are played one after another, without a graphics card,",
        f"on {os.cpu_count()} processors with a load of {os.getloadavg()[2]:.0f} in the last minutes.",
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}.",
        "",
        "| film | player | outcome | pictures | dropped | damaged | buffered | passing | first |",
        "|---|---|---|--:|--:|--:|---|--:|--:|",
        *map(_row, rows),
        "",
        f"![The page at the end of each film]({SHEET.name})",
    ]
    return "\n".join(lines) + "\n"


def _row(row: Row) -> str:
    said = row.said
    buffered = ", ".join(f"{start:.2f}–{end:.2f}" for start, end in said["ranges"]) or "nothing"  # noqa: RUF001
    first = f"{said['first'] / 1000:.1f} s" if said["first"] is not None else ""
    numbers = (said["frames"], said["dropped"], said["corrupted"])
    told = " | ".join(map(str, (row.name, row.player, said["outcome"], *numbers, buffered, len(said["errors"]), first)))
    return f"| {told} |"


def sheet(rows: Sequence[Row]) -> bytes:
    """All pictures in a JPEG, in the order of the page."""
    width, height = _SIZE[0], _SIZE[1] + _TITLE
    whole = Image.new("RGB", (width * _COLUMNS, height * -(-len(rows) // _COLUMNS)), "white")
    draw = ImageDraw.Draw(whole)
    for number, row in enumerate(rows):
        left, top = number % _COLUMNS * width, number // _COLUMNS * height
        with Image.open(BytesIO(row.picture)) as picture:
            whole.paste(picture.convert("RGB").resize(_SIZE), (left, top + _TITLE))
        draw.text((left + 2, top + 1), f"{row.name[:18]} {row.player}", fill="black")
    out = BytesIO()
    whole.save(out, "JPEG", quality=70)
    return out.getvalue()


def write(rows: Sequence[Row], page_path: Path = PAGE) -> None:
    page_path.write_text(page(rows))
    page_path.with_suffix(".jpg").write_bytes(sheet(rows))
