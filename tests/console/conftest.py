"""The console in Chromium, as the deployed stack serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from ops.local.stage import LocalStage
from tests.chromium import browser, node_modules
from tests.local import Api

__all__ = ["browser", "node_modules"]

# The machine may be busy with other tests.
expect.set_options(timeout=30_000)


@pytest.fixture
def context(browser: Browser, node_modules: Path) -> Iterator[BrowserContext]:
    """Another visitor, who has never been here, and who wants no motion, so that no test waits for one."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def faults() -> Iterator[list[str]]:
    """Messages that no page may log: errors of scripts, refusals of the policy. The list must be empty at the end."""
    said: list[str] = []
    yield said
    assert not said, "\n".join(said)


@pytest.fixture
def visit(context: BrowserContext, local_stage: LocalStage, faults: list[str]) -> Callable[..., Page]:
    """`visit("#/keys")`: the console at this route, before anybody has signed in; with `key=`, signed in."""

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    def visit(route: str = "#/", key: str | None = None) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", hear)
        if key:
            page.add_init_script(f"sessionStorage.getItem('visited') || ({_signed_in(key)})")
        page.goto(f"{local_stage.front_door}/{route}")
        return page

    return visit


def _signed_in(key: str) -> str:
    """Once, so that a page that signs out stays so after a reload."""
    return (
        "(sessionStorage.setItem('visited', '1'), "
        f"sessionStorage.setItem('filemill.credential', JSON.stringify('{key}')))"
    )


@pytest.fixture
def console(visit: Callable[..., Page], api: Api) -> Callable[..., Page]:
    """`console("#/usage")`: the console at this route, signed in with a key of tenant `demo` that has every scope."""
    return lambda route="#/": visit(route, key=api.key)
