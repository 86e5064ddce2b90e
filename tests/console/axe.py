"""axe-core on a page: the rules of WCAG 2.2 (A and AA) and axe's best practices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[1] / "browser" / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page, within: str = "html") -> list[str]:
    """The violations that axe finds, one line a rule, with the first elements; empty if there are none."""
    # Evaluated over DevTools, so the page's Content-Security-Policy has no say in it.
    page.evaluate(SCRIPT.read_text() + ";0")
    found: dict[str, Any] = page.evaluate("within => axe.run(within, {resultTypes: ['violations']})", within)
    return [
        f"{rule['id']}: {rule['help']}: "
        + "; ".join(f"{node['html'][:160]} ({node['failureSummary'][:300]})" for node in rule["nodes"][:3])
        for rule in found["violations"]
    ]


def check(page: Page, within: str = "html") -> None:
    """Fails with what axe finds, in the light and in the dark theme."""
    for theme in ("light", "dark"):
        page.evaluate(
            "theme => { document.documentElement.dataset.theme = theme; return new Promise(requestAnimationFrame) }",
            theme,
        )
        found = violations(page, within)
        assert not found, f"{theme}:\n" + "\n".join(found)
    page.evaluate("delete document.documentElement.dataset.theme")
