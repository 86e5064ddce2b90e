"""`python -m bench.media.timeline`: a picture of what is made when, while a person watches a film for the first time.

Start `make run` first. It is a real run on that stage: a film is uploaded, and as soon as it is ready headless Chromium
plays it to its end with hls.js, as npm gives it, on a page of another site. The browser says when it asked for each
segment and what it showed when; the log of the function `stream` says when each was made and in how many milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import requests
from playwright.sync_api import Page, Route

from bench.real_files.browser import open_page
from ops.local import loopback
from ops.local.stage import LocalStage
from tests.e2e.stack import finished, log_lines
from tests.e2e.stack import store as send
from tests.local import Api
from tests.origins import Origin, film
from tests.stage import ROOT

PICTURE = ROOT / "docs" / "film-timeline.svg"
PLAYER = ROOT / "tests" / "browser"
SHOP = "http://shop.example"

FILM = Origin(size=(640, 360), rate=Fraction(30), seconds=32.0, options={"preset": "ultrafast", "g": "60"})
AHEAD = 10.0  # seconds that the player keeps in store

# Each tenth of a second: when it was, by the computer's clock, and which second of the film was shown.
_NOTE = """() => {
  const video = document.getElementById("film");
  window.notes = [];
  setInterval(() => window.notes.push([Date.now() / 1000, video.currentTime]), 100);
}"""
_ASKED = """() => performance.getEntriesByType("resource").filter(each => each.name.endsWith(".m4s")).map(
  each => [each.name, (performance.timeOrigin + each.startTime) / 1000])"""

Span = tuple[float, float]


@dataclass
class Run:
    """The times of each thing that happened, in seconds since the bytes were there.

    Segments by their names, such as `v360-0`. `lengths` are their seconds of the film, from when to when.
    """

    processed: Span = (0.0, 0.0)
    made: dict[str, Span] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    shown: dict[str, Span] = field(default_factory=dict)
    stalled: float = 0.0


def watch(stage: LocalStage, api: Api) -> Run:
    """Uploads the film, and watches it at once, from its beginning to its end, in a browser that is open already."""
    data = film(FILM)
    body = {"filename": "film.mp4", "content_type": "video/mp4", "size": len(data), "visibility": "public"}
    with open_page(640) as page:
        _open_player(page)
        made = api("POST", "/v1/files", json=body).json()
        send(made["upload"], data)
        began = time.time()
        record = finished(api, made["id"])
        assert record["status"] == "ready", record
        run = Run(processed=(0.0, time.time() - began))
        address = next(each["url"] for each in record["renditions"] if each["name"] == "hls")
        wanted = {"player": "hls.js", "address": address, "store": AHEAD, "limit": 300}
        said = page.evaluate("play", wanted)
        notes = [(at - began, second) for at, second in page.evaluate("() => window.notes")]
        for url, at in page.evaluate(_ASKED):
            run.asked.setdefault(_name(url), at - began)  # a busy player asks again
    assert said["outcome"] == "ended" and said["rate"] == 1, said
    run.made = {name: (first - began, last - began) for name, (first, last) in _made(stage, record["id"]).items()}
    run.shown = {name: _shown(notes, span) for name, span in _lengths(address, run.asked).items()}
    first, last = _shown(notes, (0.0, said["duration"]))
    run.stalled = max(0.0, last - first - said["duration"])
    return run


def _open_player(page: Page) -> None:
    modules = PLAYER / "node_modules"
    assert modules.exists(), "This needs what the browser tests install: run `make films` or `npm ci` in tests/browser."
    texts = {
        "player": ("text/html", PLAYER / "player.html"),
        "hls.js": ("text/javascript", modules / "hls.js" / "dist" / "hls.min.js"),
        "video.js": ("text/javascript", modules / "video.js" / "dist" / "video.min.js"),
        "video-js.css": ("text/css", modules / "video.js" / "dist" / "video-js.min.css"),
    }

    def answer(route: Route) -> None:
        content_type, path = texts[route.request.url.partition("/__test__/")[2]]
        route.fulfill(body=path.read_text(), content_type=f"{content_type}; charset=utf-8")

    page.route("**/__test__/**", answer)
    page.goto(f"{SHOP}/__test__/player")
    page.evaluate(_NOTE)


def _name(url: str) -> str:
    return url.rpartition("/")[2].removesuffix(".m4s")


def _made(stage: LocalStage, file_id: str) -> dict[str, Span]:
    """When the function `stream` made each segment, by the computer's clock. It logs when it is done, and in what time.

    S3 says when it had the object, to the second. That must fit.
    """
    found: dict[str, Span] = {}
    for line in log_lines(stage, "filemill-local-stream", file_id):
        if '"rendered"' in line and (said := json.loads(line))["rendition"].endswith(".m4s"):
            done = datetime.strptime(said["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()
            found[_name(said["rendition"])] = (done - said["took_ms"] / 1000, done)
    pages = stage.client("s3").get_paginator("list_objects_v2")
    bucket, prefix = stage.variables()["FILEMILL_DERIVED_BUCKET"], f"f/public/{file_id}/"
    for each in (each for page in pages.paginate(Bucket=bucket, Prefix=prefix) for each in page["Contents"]):
        if each["Key"].endswith(".m4s"):
            first, last = found[_name(each["Key"])]
            assert first - 1 <= each["LastModified"].timestamp() <= last + 1, each
    return found


def _lengths(master: str, asked: dict[str, float]) -> dict[str, Span]:
    """From which to which second of the film each segment that was asked for lasts, by its playlist."""
    found: dict[str, Span] = {}
    for rung in {name.rpartition("-")[0] for name in asked}:
        text = requests.get(f"{master.rpartition('/')[0]}/av/{rung}.m3u8", timeout=60).text
        at = 0.0
        for number, line in enumerate(each for each in text.splitlines() if each.startswith("#EXTINF:")):
            length = float(line.removeprefix("#EXTINF:").rstrip(","))
            found[f"{rung}-{number}"] = (at, at + length)
            at += length
    return {name: found[name] for name in asked}


def _shown(notes: list[tuple[float, float]], span: Span) -> Span:
    """When these seconds of the film were shown."""
    seconds = [second for _, second in notes]
    first, last = (min(bisect_left(seconds, second - 0.001), len(notes) - 1) for second in (span[0] + 0.01, span[1]))
    return notes[first][0], notes[last][0]


# --- the picture

WIDTH, LEFT, ROW, TOP = 900, 150, 17, 54
_WORDS = {"a": "sound"}
COLORS = {"processed": "#7a5195", "asked": "#ef5675", "ahead": "#2f7f9e", "played": "#b9c4cc"}
WORDS = {
    "processed": "facts, poster, preview, plan, playlists",
    "asked": "made when the player asks",
    "ahead": "made ahead",
    "played": "shown",
}


def picture(run: Run) -> str:
    """The run as SVG: a row for each segment, with when it was made and when it was shown."""
    end = max(last for _, last in run.shown.values())
    rows = [("upload is ready", [("processed", run.processed)])]
    for name in sorted(run.made, key=lambda name: (int(name.rpartition("-")[2]), name.startswith("a"), name)):
        rung, _, number = name.rpartition("-")
        sort = "asked" if run.asked.get(name, end) < run.made[name][0] else "ahead"
        shown = [("played", run.shown[name])] if name in run.shown else []
        rows.append((f"{_WORDS.get(rung[0], 'picture')} {int(number) + 1}, {rung}", [*shown, (sort, run.made[name])]))
    height = TOP + ROW * len(rows) + 40
    scale = (WIDTH - LEFT - 20) / end

    def x(second: float) -> float:
        return round(LEFT + second * scale, 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="12"><title>A film is made while it is watched</title>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    at = float(LEFT)
    for sort, word in WORDS.items():
        lines.append(f'<rect x="{at:.0f}" y="14" width="12" height="12" fill="{COLORS[sort]}"/>')
        lines.append(f'<text x="{at + 17:.0f}" y="24">{word}</text>')
        at += 40 + 6.4 * len(word)
    for second in range(0, int(end) + 1, 5):
        lines.append(f'<path d="M{x(second)} {TOP - 8}V{height - 32}" stroke="#e4e8eb"/>')
        lines.append(f'<text x="{x(second)}" y="{height - 16}" text-anchor="middle">{second} s</text>')
    for place, (name, spans) in enumerate(rows):
        y = TOP + place * ROW
        lines.append(f'<text x="{LEFT - 8}" y="{y + 10}" text-anchor="end">{name}</text>')
        for sort, (begin, stop) in spans:
            wide = max(1.5, (stop - begin) * scale)
            lines.append(f'<rect x="{x(begin)}" y="{y}" width="{wide:.1f}" height="12" fill="{COLORS[sort]}"/>')
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    os.environ.update(loopback.without_proxy(os.environ))
    parser = argparse.ArgumentParser(prog="python -m bench.media.timeline", description=__doc__.partition("\n")[0])
    parser.add_argument("--home", type=Path, default=ROOT / ".local", metavar="DIR", help="as of `ops local`")
    parser.add_argument("--port", type=int, default=8000, help="port of the front door")
    parser.add_argument("--emulator-port", type=int, default=4566)
    options = parser.parse_args()
    stage = LocalStage(options.home, port=options.port, emulator_port=options.emulator_port)
    run = watch(stage, Api(stage.front_door, (stage.home / "api-key").read_text().strip()))
    ahead = [name for name, (began, _) in run.made.items() if not run.asked.get(name, began) < began]
    PICTURE.write_text(picture(run), encoding="utf-8")
    print(f"ready after {run.processed[1]:.1f} s; {len(run.made)} segments made, {len(ahead)} of them ahead;")
    print(f"the player waited {run.stalled:.1f} s after the film had begun; {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
