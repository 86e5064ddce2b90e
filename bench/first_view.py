"""The first view of a rendition that is not stored, as a ratio to the first view of one that is: time at the edge.

On a local stack of its own. Both views are misses of the edge's cache, on one connection that is kept alive, and they
alternate: a WebP that was made at once, and the JPEG of the same size, which `render` makes now. The goal is 2. The
emulator, the edge and the function share this computer, so the ratio also has what they cost each other.
"""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from tests import images
from tests.e2e import stack
from tests.local import Api, deployed
from tests.stage import ROOT

GOAL = 2.0
FILES = 6  # of each size; the first one does not count: it opens connections and starts functions
SIZES = ((700, 500), (2000, 1500), (4000, 3000))
RESULT = ROOT / "bench" / "results" / "first_view.md"
Times = dict[tuple[str, str], list[tuple[float, float]]]  # (photo, width): seconds of the stored and the missing one


def run() -> None:
    with tempfile.TemporaryDirectory() as home, deployed(Path(home)) as stage:
        times = _measure(Api(stage.front_door, stage.api_key("bench")))
    text = _table(times)
    print(text)
    RESULT.write_text(text)


def _measure(api: Api) -> Times:
    times: Times = {}
    with requests.Session() as session:
        for width, height in SIZES:
            data = images.jpeg(width, height)
            for number in range(FILES):
                record = stack.upload(
                    api, data, filename="a.jpg", content_type="image/jpeg", visibility="public", recipe="photo"
                )
                for name, url in _of_one_format(record):
                    pair = _seconds(session, url), _seconds(session, url.replace(".webp", ".jpg"))
                    if number:
                        times.setdefault((f"{width} x {height}", name), []).append(pair)
    return times


def _of_one_format(record: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, address) of each WebP of which no JPEG is stored."""
    stored = {each["name"] for each in record["renditions"] if each["format"] == "jpeg"}
    found = [each for each in record["renditions"] if each["format"] == "webp" and each["name"] not in stored]
    return [(each["name"], each["url"]) for each in found]


def _seconds(session: requests.Session, url: str) -> float:
    began = time.perf_counter()
    answer = session.get(url, timeout=60)
    taken = time.perf_counter() - began
    assert answer.ok, answer.text
    assert answer.headers["X-Cache"].startswith("Miss"), answer.headers
    return taken


def _table(times: Times) -> str:
    lines = [
        "# First views",
        "",
        "Time of the first view of a JPEG that is not stored, as a ratio to that of the WebP of the same size, which",
        f"is; medians. The goal is {GOAL:g}. `python -m bench first_view` writes this page.",
        "",
        "| photo, pixels | width | stored, ms | missing, ms | ratio |",
        "|---|---|--:|--:|--:|",
    ]
    for (photo, name), pairs in times.items():
        there, missing = (statistics.median(each) for each in zip(*pairs, strict=True))
        lines.append(f"| {photo} | {name} | {there * 1000:.0f} | {missing * 1000:.0f} | {missing / there:.1f} |")
    lines += [
        "",
        f"- date: {datetime.datetime.now(datetime.UTC).date()}",
        f"- files: {FILES - 1} of each size, after one that does not count; the two views alternate",
        "- viewer, edge, emulator and functions: on one computer",
        f"- Python: {platform.python_version()}, {platform.machine()}",
        f"- load average after: {os.getloadavg()[0]:.1f} (a shared machine)",
    ]
    return "\n".join(lines) + "\n"
