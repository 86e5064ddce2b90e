"""Takes docs/console.png, which opens README.md: `.venv/bin/python -m tests.screenshot`, after `make demo`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from ops.local import running
from tests.chromium import FLAGS, chromium
from tests.stage import ROOT

PICTURE = ROOT / "docs/console.png"
COMPLETE = "[...document.querySelectorAll('main img')].every((image) => image.complete)"
SIZE: ViewportSize = {"width": 1280, "height": 800}


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
        deadline = time.monotonic() + 120
        while not page.evaluate(COMPLETE):  # wait_for_function uses eval, which the page's CSP forbids
            if time.monotonic() > deadline:
                raise SystemExit("Some pictures do not come: look at `make run`.")
            page.wait_for_timeout(500)
        page.get_by_text("Connecting").wait_for(state="detached")
        page.wait_for_timeout(2_000)  # each picture fades in
        page.screenshot(path=args.to)
        browser.close()


if __name__ == "__main__":
    main()
