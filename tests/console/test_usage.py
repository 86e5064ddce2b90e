"""Usage, quotas and the audit in the console."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console import axe
from tests.local import Api

TODAY = datetime.now(UTC).date()


def day(ago: int, **numbers: int | None) -> dict[str, Any]:
    return {
        "day": str(TODAY - timedelta(days=ago)),
        **dict.fromkeys(("uploaded_files", "uploaded_bytes", "deleted_files", "deleted_bytes", "renders"), 0),
        **dict.fromkeys(("requests", "delivered_requests", "delivered_bytes")),
        **numbers,
    }


USAGE = {
    "files": 1234,
    "bytes": 5_000_000_000,
    "by_kind": {"image": {"files": 1000, "bytes": 4_000_000_000}, "pdf": {"files": 234, "bytes": 1_000_000_000}},
    "quotas": {
        "stored_bytes": {"limit": 5_000_000_000, "used": 5_000_000_000, "resets_at": None},
        "files": {"limit": 10_000, "used": 1234, "resets_at": None},
        "requests_per_minute": {"limit": 600, "used": None, "resets_at": f"{TODAY}T23:59:00.000Z"},
    },
    "days": [day(89, uploaded_bytes=5), day(3, uploaded_bytes=2_000_000, uploaded_files=7), day(0, renders=4)],
}


def answering(page: Page, usage: Any) -> None:
    def answer(route: Route) -> None:
        route.fulfill(body=json.dumps(usage), content_type="application/json")

    page.route("**/v1/usage", answer)


def test_quotas_kinds_and_days_are_shown_and_read_without_seeing(console: Callable[..., Page]) -> None:
    page = console("#/keys")
    answering(page, USAGE)
    page.get_by_role("link", name="Usage").click()
    quotas = page.get_by_role("region", name="Quotas")
    expect(quotas).to_contain_text("5 GB of 5 GB")
    expect(quotas).to_contain_text("Nothing is left")
    expect(quotas.get_by_role("progressbar", name="Files")).to_have_attribute("aria-valuenow", "12")
    expect(quotas).to_contain_text("600 at most")
    expect(page.get_by_role("region", name="By kind")).to_contain_text("Images")
    chart = page.get_by_role("img", name="Uploaded bytes on each of the last 90 days")
    expect(chart).to_have_accessible_name(
        f"Uploaded bytes on each of the last 90 days: 2 MB in all, 2 MB at most on {shown_day(page, 3)}. "
        "The table below has each day."
    )
    assert chart.locator("rect").count() == 90
    assert chart.locator("rect:not(.none)").count() == 2
    page.get_by_label("Show").select_option(label="Uploaded files")
    expect(page.get_by_role("region", name="The last 90 days")).to_contain_text("7 in all")
    page.get_by_text("3 days with use, as a table").click()
    expect(page.get_by_role("region", name="Use by day").get_by_role("row")).to_have_count(4)
    axe.check(page)


def shown_day(page: Page, ago: int) -> str:
    text: str = page.evaluate(
        "text => new Intl.DateTimeFormat(undefined, {dateStyle: 'medium'}).format(new Date(text))",
        str(TODAY - timedelta(days=ago)),
    )
    return text


@pytest.mark.parametrize("width", [390, 1024, 1920])
@pytest.mark.parametrize("route", ["keys", "tokens", "webhooks", "usage", "audit"])
def test_no_view_is_wider_than_the_screen(console: Callable[..., Page], route: str, width: int) -> None:
    page = console(f"#/{route}")
    page.set_viewport_size({"width": width, "height": 800})
    expect(page.locator("main h1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_real_usage_is_shown(console: Callable[..., Page], api: Api) -> None:
    api("POST", "/v1/files", json={"filename": "a.txt", "content_type": "text/plain", "size": 1000})
    page = console("#/usage")
    expect(page.get_by_role("region", name="By kind")).to_be_visible()
    axe.check(page)


def test_an_answer_that_does_not_come_is_told_and_asked_for_again(console: Callable[..., Page]) -> None:
    page = console("#/keys")
    page.route("**/v1/usage", lambda route: route.fulfill(status=500, body='{"detail": "Broken."}'))
    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_role("alert")).to_contain_text("Broken.")
    page.unroute("**/v1/usage")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("region", name="Quotas")).to_be_visible()


def test_the_audit_is_filtered_by_what_the_address_says(console: Callable[..., Page], api: Api) -> None:
    made = api("POST", "/v1/keys", json={"name": "audited", "scopes": ["files:read"]}).json()
    api("DELETE", f"/v1/keys/{made['id']}")
    deadline = time.monotonic() + 60
    while made["id"] not in api("GET", "/v1/audit?type=filemill.audit.key.ended").text:  # it follows by a moment
        assert time.monotonic() < deadline
        time.sleep(0.5)
    page = console("#/audit")
    changes = page.get_by_role("list", name="Changes")
    expect(changes.get_by_text("Key deleted").first).to_be_visible()
    axe.check(page)
    page.get_by_label("Changes of").select_option(label="Webhooks")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(changes.get_by_text("Key deleted")).to_have_count(0)
    page.get_by_role("link", name="All", exact=True).click()
    expect(changes.get_by_text("Key deleted").first).to_be_visible()
    page.get_by_label("By (an id)").fill("nobody")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("No change passes these filters.")).to_be_visible()
    page.go_back()
    expect(changes.get_by_text("Key deleted").first).to_be_visible()


def test_a_filter_that_the_api_refuses_is_told_at_its_field(console: Callable[..., Page]) -> None:
    page = console("#/audit?type=nonsense")
    expect(page.get_by_text("Must be a type")).to_be_visible()
    expect(page.get_by_label("Changes of")).to_have_attribute("aria-invalid", "true")
