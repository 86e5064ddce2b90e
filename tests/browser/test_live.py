"""A page with some lines of plain JavaScript shows in Chromium how a file becomes ready, over the WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from ops.local.stage import LocalStage
from tests.e2e import stack
from tests.local import Api

HERE = Path(__file__).parent


@pytest.fixture
def live(context: BrowserContext, local_stage: LocalStage, api: Api) -> Callable[[], Page]:
    """`live()`: the page of an app whose backend hands out tickets, once it listens."""

    def answer(route: Route) -> None:
        if route.request.url.endswith("/ticket"):
            route.fulfill(json={"ticket": api("POST", "/v1/socket-tickets").json()["ticket"]})
        else:
            route.fulfill(body=(HERE / "live.html").read_text(), content_type="text/html; charset=utf-8")

    def live() -> Page:
        page = context.new_page()
        page.route("**/__test__/**", answer)
        page.goto(f"{local_stage.front_door}/__test__/page")
        page.get_by_text("listening").wait_for()
        return page

    return live


def test_a_file_becomes_ready_on_the_page(
    live: Callable[[], Page], local_stage: LocalStage, api: Api, tmp_path: Path
) -> None:
    page = live()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    record = stack.upload(api, stack.png(), filename="first.png", visibility="public")
    line = page.locator(f"#{record['id']}")
    page.wait_for_function("id => document.getElementById(id)?.textContent.includes('ready')", arg=record["id"])
    line.locator("img").evaluate("image => image.decode()")
    # The connection breaks, and the page catches up after it.
    assert stack.break_connections(local_stage) == 1
    missed = stack.upload(api, stack.png((300, 300)), filename="while away.png", visibility="public")
    page.wait_for_function("id => document.getElementById(id)?.textContent.includes('ready')", arg=missed["id"])
    page.get_by_text("listening").wait_for()
    page.locator(f"#{missed['id']} img").evaluate("image => image.decode()")
    api("DELETE", f"/v1/files/{record['id']}")
    page.wait_for_function("id => document.getElementById(id)?.textContent.includes('deleted')", arg=record["id"])
    page.screenshot(path=tmp_path / "live.png")
    assert not said


def test_the_page_is_as_short_as_it_says() -> None:
    """`docs` show it as the example of a client: thirty lines or so."""
    script = (HERE / "live.html").read_text().partition("<script>")[2].partition("</script>")[0]
    assert len([line for line in script.splitlines() if line.strip()]) <= 32
    assert max(len(line) for line in script.splitlines()) <= 130
