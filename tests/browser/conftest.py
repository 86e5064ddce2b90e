"""A real browser with real Uppy, on a page of an app that uses Filemill. Nothing of the page is served by Filemill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.chromium import browser, context, node_modules, run

__all__ = ["browser", "context", "node_modules"]

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def page_files(node_modules: Path) -> dict[str, str]:
    """The page and its script, Uppy and all, by path."""
    esbuild = str(node_modules / ".bin" / "esbuild")
    script = run([esbuild, "page.js", "--bundle", "--format=iife", "--log-level=warning"])
    return {"/__test__/page": (HERE / "page.html").read_text(), "/__test__/page.js": script}


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
