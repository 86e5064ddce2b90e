"""How smoothly the console's gallery scrolls with 10,000 files, against 100: `python -m bench.scrolling`.

`FILEMILL_URL` names a stage that runs; its console is used with an API of the bench's own. The two lists are scrolled
in turn, in one run. It counts frames later than 50 ms, elements of the page, and layout shifts. The result
goes to `bench/results/scrolling.md`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.chromium import FLAGS, chromium
from tests.console.routed import KEY, RoutedApi, record

RESULTS = Path(__file__).parent / "results" / "scrolling.md"
FRAMES = 300
ROUNDS = 3
SCROLL = """async ([frames, late]) => {
  let shift = 0
  new PerformanceObserver(list => { for (const entry of list.getEntries()) shift += entry.value })
    .observe({type: 'layout-shift', buffered: true})
  const room = document.documentElement.scrollHeight - innerHeight
  const found = {late: 0, most: 0, longest: 0}
  let before = await new Promise(requestAnimationFrame)
  for (let frame = 0; frame < frames; frame++) {
    // Down and up again, a wheel's 120 pixels in each frame.
    const at = (frame * 120) % (2 * room)
    scrollTo(0, at < room ? at : 2 * room - at)
    const now = await new Promise(requestAnimationFrame)
    found.late += now - before > late
    found.longest = Math.max(found.longest, now - before)
    found.most = Math.max(found.most, document.getElementsByTagName('*').length)
    before = now
  }
  return {...found, shift}
}"""


def scrolled(browser: Browser, url: str, count: int) -> dict[str, Any]:
    """Late frames (of `FRAMES`), the most elements at once, and the sum of layout shifts."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    RoutedApi([record(number) for number in range(count, 0, -1)]).install(context)
    page = context.new_page()
    page.add_init_script(f"sessionStorage.setItem('filemill.credential', JSON.stringify('{KEY}'))")
    page.goto(url)
    page.locator(".tile img.there").first.wait_for()
    found: dict[str, Any] = page.evaluate(SCROLL, [FRAMES, 50])
    context.close()
    return found


def main() -> None:
    url = os.environ["FILEMILL_URL"]
    sums = {count: {"late": 0, "most": 0, "longest": 0.0, "shift": 0.0} for count in (100, 10_000)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for _ in range(ROUNDS):
            for count, total in sums.items():
                found = scrolled(browser, url, count)
                total["late"] += found["late"]
                for name in ("most", "longest", "shift"):
                    total[name] = max(total[name], found[name])
        browser.close()
    few, many = (total["late"] / (FRAMES * ROUNDS) for total in sums.values())
    lines = [
        "# Scrolling the gallery",
        "",
        f"Made by `python -m bench.scrolling`: {FRAMES} frames of 120 pixels, {ROUNDS} times, in Chromium.",
        "Both lists in one run, in turn. The share of late frames depends on the machine; compare the two rows.",
        "",
        "| Files | Frames later than 50 ms | Elements at once, at most | Layout shift |",
        "|---|---|---|---|",
        *(
            f"| {count:,} | {total['late'] / (FRAMES * ROUNDS):.1%} | {total['most']:,.0f} | {total['shift']:.3f} |"
            for count, total in sums.items()
        ),
        "",
        f"Ratio of the shares: {many / few:.2f}"
        if few
        else f"Late with 10,000 files: {many:.1%}; with 100: none.",
    ]
    RESULTS.write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
