"""Takes docs/console.png, which opens README.md: `.venv/bin/python -m tests.screenshot`, after `make demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from ops.local import running
from tests.chromium import FLAGS, chromium
from tests.stage import ROOT

PICTURE = ROOT / "docs/console.png"
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project-dir", type=Path, default=ROOT, help="folder of the project (default: this one)")
    parser.add_argument("--to", type=Path, default=PICTURE, help="the file to write (default: docs/console.png)")
    args = parser.parse_args()
    stage = running.find(args.project_dir)
    if stage is None:
        raise SystemExit("Nothing runs here: start `make run`, and `make demo` in another terminal.")
    key = (Path(stage.project_dir).parent / "api-key").read_text().strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.set_default_timeout(120_000)
        page.goto(stage.front_door)
        page.locator("#key").fill(key)
        page.locator("button.primary").click()
        page.locator("main img").first.wait_for()
        # Each picture fades in when it is there.
        page.wait_for_function("[...document.querySelectorAll('main img')].every((image) => image.complete)")
        page.wait_for_timeout(2_000)
        page.screenshot(path=args.to)
        browser.close()


if __name__ == "__main__":
    main()
