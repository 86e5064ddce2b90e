"""Lighthouse on the console's sign-in and gallery, of a deployed local stack: `make lighthouse`.

It needs Chromium and Node.js, and no network. `FILEMILL_URL` and `FILEMILL_KEY` name a stage that runs already;
otherwise one is deployed into a temporary folder. The figures go to `bench/results/console.md`. Ends with 1 if a goal
is missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chromium import chromium
from tests.e2e import stack
from tests.local import Api, deployed

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "console.md"
PICTURES = 24
GOALS = {"performance": 95, "accessibility": 100, "best-practices": 100}


@contextmanager
def running() -> Iterator[tuple[str, str]]:
    """(URL, key) of a stage with some pictures."""
    if url := os.environ.get("FILEMILL_URL"):
        yield url, os.environ["FILEMILL_KEY"]
        return
    with tempfile.TemporaryDirectory() as home, deployed(Path(home)) as stage:
        api = Api(stage.front_door, stage.api_key("demo"))
        for number in range(PICTURES):
            stack.upload(api, stack.png((640, 480)), filename=f"picture {number}.png")
        yield stage.front_door, api.key


def measured(url: str, key: str) -> list[dict[str, Any]]:
    command = ["node", str(HERE / "lighthouse.mjs"), chromium(), url, key]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        sys.exit(done.stderr)
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(found: list[dict[str, Any]]) -> str:
    lines = [
        "# The console in Lighthouse",
        "",
        "Made by `make lighthouse`: Lighthouse 12 on the local stack, with its own throttling (a slow phone on a",
        "slow network). The goals are 95 for performance, and 100 for accessibility and best practices. Times are in",
        "ms, and depend on the machine.",
        "",
        "| View | Form | Performance | Accessibility | Best practices | First paint | Largest | Blocked | Shift | KB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        lines.append(
            f"| {each['view']} | {each['form']} | {each['performance']} | {each['accessibility']} "
            f"| {each['best-practices']} | {each['first_paint_ms']} | {each['largest_paint_ms']} "
            f"| {each['blocking_ms']} | {each['layout_shift']} | {each['bytes'] // 1000} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    with running() as (url, key):
        found = measured(url, key)
    RESULTS.write_text(table(found))
    print(table(found))
    missed = [
        f"{each['view']}, {each['form']}: {name} {each[name]} < {goal}; {', '.join(each['missed'])}"
        for each in found
        for name, goal in GOALS.items()
        if each[name] < goal
    ]
    if missed:
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
