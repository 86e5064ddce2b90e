"""A real browser with real Uppy, on a page of an app that uses Filemill. Nothing of the page is served by Filemill."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from tests.needs import chromium

HERE = Path(__file__).parent
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The page does not come over the network, so Chromium takes it for one of the internet, which may not reach this
    # machine's ports. A real page of localhost may.
    "--disable-features=LocalNetworkAccessChecks",
)


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with what package-lock.json pins. npm installs it once."""
    npm = shutil.which("npm")
    assert npm  # tests/needs.py
    stamp = HERE / "node_modules" / ".stamp"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        stamp.write_text(wanted)
    return HERE / "node_modules"


@pytest.fixture(scope="session")
def page_files(node_modules: Path) -> dict[str, str]:
    """The page and its script, Uppy and all, by path."""
    esbuild = str(node_modules / ".bin" / "esbuild")
    script = run([esbuild, "page.js", "--bundle", "--format=iife", "--log-level=warning"])
    return {"/__test__/page": (HERE / "page.html").read_text(), "/__test__/page.js": script}


def run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


# Not for the whole session: while Playwright runs, its event loop is this thread's.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium with a profile of its own, deleted afterwards."""
    path = chromium()
    assert path  # tests/needs.py
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Another visitor: no cookies of an earlier test."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def open_page(context: BrowserContext, page_files: dict[str, str]) -> Callable[..., Page]:
    """`open_page(origin, mode="sign")`: the app's page, at /__test__/page of that origin."""

    def answer(route: Route) -> None:
        path = "/__test__/" + route.request.url.partition("/__test__/")[2].partition("?")[0]
        content_type = "text/javascript" if path.endswith(".js") else "text/html"
        route.fulfill(body=page_files[path], content_type=f"{content_type}; charset=utf-8")

    def open_(origin: str, **query: str) -> Page:
        page = context.new_page()
        page.route("**/__test__/**", answer)
        page.goto(f"{origin}/__test__/page?{urlencode(query)}")
        return page

    return open_
