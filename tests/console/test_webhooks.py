"""Webhooks in the console: made with filters, tested, looked into, tried again, turned off and on, and deleted."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.console import axe
from tests.local import Api

ANSWER = b"<script>document.title='run'</script> no, thanks"


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers with `ANSWER`: its address, and the bodies that it got."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def made(api: Api) -> Iterator[Callable[..., str]]:
    """`made(url)`: a webhook's id. The tenant has no other ones, and none afterwards."""

    def none() -> None:
        for each in api("GET", "/v1/webhooks").json()["items"]:
            api("DELETE", f"/v1/webhooks/{each['id']}")

    def make(url: str, **body: object) -> str:
        answer = api("POST", "/v1/webhooks", json={"url": url, **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    none()
    yield make
    none()


def test_a_webhook_is_made_with_its_filters_and_its_secret_shown_once(
    console: Callable[..., Page], api: Api, made: Callable[..., str]
) -> None:
    page = console("#/webhooks")
    expect(page.get_by_text("No webhooks yet")).to_be_visible()
    axe.check(page)
    page.get_by_role("button", name="New webhook").click()
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.get_by_text("Say the address")).to_be_visible()
    page.get_by_label("Address").fill("http://127.0.0.1:22/hook")
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.get_by_text("port must be")).to_be_visible()
    expect(page.get_by_label("Address")).to_be_focused()
    axe.check(page)
    page.get_by_label("Address").fill("http://127.0.0.1:8999/hook?a=<b>")
    page.get_by_label("Address").fill("http://127.0.0.1:8999/hook")
    page.get_by_role("checkbox", name="Ready").check()
    page.get_by_role("checkbox", name="Images").check()
    page.get_by_label("Tags").fill("cats")
    page.get_by_role("button", name="Make the webhook").click()
    secret = page.get_by_label("Signing secret")
    expect(secret).to_have_text(re.compile("^whsec_"))
    page.get_by_role("button", name="Done").click()
    expect(page).to_have_url(re.compile("#/webhooks/wh_"))
    (webhook,) = api("GET", "/v1/webhooks").json()["items"]
    assert (webhook["types"], webhook["kinds"], webhook["tags"]) == (["filemill.file.ready"], ["image"], ["cats"])
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_role("checkbox", name="Images").uncheck()
    page.get_by_label("Tags").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    (webhook,) = api("GET", "/v1/webhooks").json()["items"]
    assert (webhook["types"], webhook["kinds"], webhook["tags"]) == (["filemill.file.ready"], [], [])


def test_a_test_event_arrives_and_the_log_shows_the_answer_as_text(
    console: Callable[..., Page], made: Callable[..., str]
) -> None:
    with receiver() as (url, got):
        page = console(f"#/webhooks/{made(url)}")
        page.get_by_role("button", name="Send a test").click()
        log = page.get_by_role("list", name="Deliveries")
        expect(log.get_by_text("Delivered")).to_be_visible()
        assert len(got) == 1
        page.get_by_role("button", name=re.compile("^Details of Test")).click()
        expect(page.get_by_label("Answer to try 1")).to_have_text(ANSWER.decode())
        assert page.title() != "run"
        axe.check(page)
        page.get_by_role("button", name="Send again").click()
        page.get_by_role("button", name="Close", exact=True).last.click()
        expect(log.get_by_text("Delivered")).to_be_visible()
        page.wait_for_function("document.querySelectorAll('.facts dd').length > 0")
        for _ in range(100):
            if len(got) == 2:
                break
            page.wait_for_timeout(200)
        assert len(got) == 2


def test_a_webhook_is_turned_off_and_on_again(console: Callable[..., Page], api: Api, made: Callable[..., str]) -> None:
    webhook_id = made("http://127.0.0.1:8999/hook")
    page = console(f"#/webhooks/{webhook_id}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("This webhook is off since")).to_be_visible()
    assert api("GET", f"/v1/webhooks/{webhook_id}").json()["enabled"] is False
    expect(page.get_by_role("button", name="Send a test")).to_be_disabled()
    axe.check(page)
    page.get_by_role("button", name="Turn on and send what was missed").click()
    expect(page.get_by_text("This webhook is off since")).to_have_count(0)
    assert api("GET", f"/v1/webhooks/{webhook_id}").json()["enabled"] is True


def test_the_secret_is_rotated_events_are_replayed_and_the_webhook_is_deleted(
    console: Callable[..., Page], api: Api, made: Callable[..., str]
) -> None:
    webhook_id = made("http://127.0.0.1:8999/hook")
    page = console(f"#/webhooks/{webhook_id}")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Rotate the secret").click()
    page.get_by_role("button", name="Rotate", exact=True).click()
    expect(page.get_by_label("Signing secret")).to_have_text(re.compile("^whsec_"))
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("Earlier secret signs until")).to_be_visible()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Send events again").click()
    page.get_by_label("Since").fill("2099-01-01T00:00")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Must be in the past")).to_be_visible()
    axe.check(page)
    page.get_by_label("Since").fill("2026-01-01T00:00")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("The events are sent again.").first).to_be_visible()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_visible()
    assert api("GET", f"/v1/webhooks/{webhook_id}").status_code == 404


def test_a_webhook_that_does_not_exist_is_told_with_the_way_back(console: Callable[..., Page]) -> None:
    page = console("#/webhooks/wh_01K8Z0000000000000000000ZZ")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("link", name="All webhooks").click()
    expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_visible()
