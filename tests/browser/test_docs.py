"""/docs as a person sees it: in Chromium, with nothing from any other host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests
from playwright.sync_api import BrowserContext, ConsoleMessage, Request

from ops.local.stage import LocalStage
from ops.openapi.document import EVENTS_TARGET
from tests.contract import gateway
from tests.e2e.stack import execute_api
from tests.stage import Calls


def operations(base: str) -> int:
    document = requests.get(f"{base}/openapi.json", timeout=60).json()
    return sum(len(item) for part in ("paths", "webhooks") for item in document[part].values())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_every_operation_is_shown_and_nothing_comes_from_elsewhere(
    local_stage: LocalStage, context: BrowserContext, host: str, tmp_path: Path
) -> None:
    base = local_stage.front_door.replace("localhost", host)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(message.text)

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", note)
    answer = page.goto(f"{base}/docs")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() == operations(base)
    page.locator("#operations-Files-create_file .opblock-summary-control").click()
    page.wait_for_selector("#operations-Files-create_file .opblock-body .responses-table")
    assert page.get_by_text("idempotency_key_reused").count()
    page.screenshot(path=tmp_path / "docs.png", full_page=True)
    assert not said
    assert all(url.startswith((f"{base}/", "data:")) for url in asked)
    assert len(asked) >= 4


def test_every_message_and_every_event_is_shown(stage: Calls, context: BrowserContext, tmp_path: Path) -> None:
    """The page of the events, from the app itself."""
    import app

    document = json.loads(EVENTS_TARGET.read_text())
    said: list[str] = []
    with gateway(app.app) as base:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{base}/docs")
        page.wait_for_selector("#events h2")
        shown = page.locator("#events .operation .message > summary > code:first-child")
        assert {*shown.all_text_contents()} == {each["name"] for each in document["components"]["messages"].values()}
        assert page.get_by_text(f"ws://{base.partition('://')[2]}/ws", exact=True).count() == 1
        ready = page.locator("#events-deliver .message", has_text="filemill.file.ready").first
        ready.locator("summary").click()
        for told in ("webhook-signature", "dominant_color", "FileEventData", '"specversion": "1.0"'):
            assert ready.get_by_text(told).first.is_visible(), told
        several = page.locator("#events-tell .message", has_text="several events")
        assert [several.locator("h4").first.text_content(), several.locator("h4").count()] == ["Changes", 2]
        page.screenshot(path=tmp_path / "events.png", full_page=True)
        page.close()
    assert not said


def test_text_in_the_document_is_never_markup(stage: Calls, context: BrowserContext) -> None:
    import app

    document = json.loads(EVENTS_TARGET.read_text())
    document["info"]["description"] = "<img src=x> `<b>bold</b>`"
    document["channels"]["socket"]["title"] = "<script>document.title = 'owned'</script>"
    with gateway(app.app) as base:
        page = context.new_page()
        page.route("**/asyncapi.json", lambda route: route.fulfill(json=document))
        page.goto(f"{base}/docs")
        page.wait_for_selector("#events h2")
        assert page.locator("#events img, #events b, #events script").count() == 0
        assert page.title() == "Filemill API"
        page.close()


def test_try_it_out_asks_this_host(local_stage: LocalStage, context: BrowserContext) -> None:
    base = local_stage.front_door.replace("localhost", "127.0.0.1")
    page = context.new_page()
    page.goto(f"{base}/docs")
    health = page.locator("#operations-Service-get_health")
    health.locator(".opblock-summary-control").click()
    health.get_by_role("button", name="Try it out").click()
    with page.expect_response(f"{base}/v1/health") as answered:
        health.get_by_role("button", name="Execute").click()
    assert answered.value.json()["status"] == "ok"


def test_the_page_works_below_the_stages_prefix(local_stage: LocalStage, context: BrowserContext) -> None:
    """At API Gateway's own address, before there is a front door."""
    page = context.new_page()
    page.goto(execute_api(local_stage, "/docs"))
    page.wait_for_selector(".opblock")
