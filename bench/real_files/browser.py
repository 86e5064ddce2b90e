"""Opens markup and renditions in Chromium, and takes pictures of the contact sheet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page, sync_playwright

from bench.real_files.uploads import Outcome

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-features=LocalNetworkAccessChecks"]

_DECODED = """async address => {
  const picture = new Image(); picture.src = address; await picture.decode();
  return [picture.naturalWidth, picture.naturalHeight];
}"""
_SHOWN = """async () => {
  const picture = document.querySelector("img"); picture.loading = "eager"; await picture.decode();
  return picture.naturalWidth;
}"""


@contextmanager
def open_page(width: int) -> Iterator[Page]:
    path = next(filter(None, map(shutil.which, COMMANDS)), None)
    assert path, "This needs Chromium: apt-get update && apt-get install -y chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser.new_page(viewport={"width": width, "height": 900})
        browser.close()


def open_all(outcomes: list[Outcome]) -> None:
    """Fills in `faults`."""
    with open_page(300) as page:
        for outcome in outcomes:
            record, outcome["faults"] = outcome["record"], []
            for rendition in (record or {}).get("renditions", []):
                try:
                    outcome["faults"] += _open(page, rendition)
                except (Error, ValueError) as error:
                    outcome["faults"].append(f"{rendition['url']}: {error}")
            if record and record.get("delivery"):
                outcome["faults"] += _show(page, record["delivery"]["picture"])


def _open(page: Page, rendition: dict[str, Any]) -> list[str]:
    """The faults of one rendition."""
    if rendition["width"] and rendition["format"] != "svg":
        page.goto("about:blank")
        size = page.evaluate(_DECODED, rendition["url"])
        right = size == [rendition["width"], rendition["height"]]
        return [] if right else [f"{rendition['url']} has {size} pixels"]
    # The layout of a long JSON on one line takes minutes, and nobody looks at it.
    answer = page.goto(rendition["url"], wait_until="commit" if rendition["format"] == "json" else "load")
    assert answer
    headers, body = answer.headers, answer.body()
    wanted = {"content-type": rendition["content_type"], "x-content-type-options": "nosniff"}
    faults = [f"{name}: {headers.get(name)}" for name, value in wanted.items() if headers.get(name) != value]
    if answer.status != 200 or len(body) != rendition["size"]:
        faults.append(f"status {answer.status}, {len(body)} bytes")
    if rendition["format"] == "json":
        json.loads(body)
    if rendition["format"] == "svg" and "sandbox" not in headers.get("content-security-policy", ""):
        faults.append("no sandbox in its CSP")
    return [f"{rendition['url']}: {fault}" for fault in faults]


def _show(page: Page, markup: str) -> list[str]:
    """The faults of the record's `<picture>`. Chromium takes the AVIF, which is made now."""
    if not markup:
        return []
    page.goto("about:blank")
    page.set_content(markup)
    try:
        return [] if page.evaluate(_SHOWN) else ["the markup shows an empty picture"]
    except Error as error:
        return [f"the markup shows nothing: {error}"]


def take_pictures(sheet: Path) -> None:
    """`sheet-1.jpg` and so on: each `<section>` of the page."""
    with open_page(1500) as page:
        page.goto(sheet.resolve().as_uri())
        for number, section in enumerate(page.query_selector_all("section"), 1):
            section.scroll_into_view_if_needed()
            page.wait_for_function("[...document.images].every(each => each.complete)")
            section.screenshot(path=sheet.with_name(f"{sheet.stem}-{number}.jpg"), type="jpeg", quality=60)
