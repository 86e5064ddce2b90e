"""A file's page in every state: processed, failed or gone, with hostile and with very much in it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests import images, offices
from tests.console import axe
from tests.console.file_samples import (
    HOSTILE,
    KINDS,
    LONG,
    RIGHT_TO_LEFT,
    book,
    created,
    message,
    opened,
    photo,
    uploaded,
)
from tests.e2e.stack import store
from tests.local import Api


def test_the_page_follows_a_file_from_its_upload_to_its_pictures(console: Callable[..., Page], api: Api) -> None:
    name, content_type, data = KINDS["image"]()
    body = {"filename": name, "content_type": content_type, "size": len(data)}
    record = api("POST", "/v1/files", json=body).json()
    page = opened(console, record)
    expect(page.get_by_role("heading", name="Waiting for the upload")).to_be_visible()
    axe.check(page)
    store(record["upload"], data)
    picture = page.get_by_role("img", name="By the lake")
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.naturalWidth > 0", arg=picture.element_handle())


@pytest.mark.parametrize(
    ("sample", "heading", "todo"),
    [
        (
            lambda: ("broken.jpg", "image/jpeg", images.truncated(photo(), 0.05)),
            "The file is damaged",
            "upload it again",
        ),
        (lambda: ("wrong.png", "image/png", book(1)), "The bytes are of another type", "the bytes decide"),
        (lambda: ("nothing.txt", "text/plain", b""), "The file is empty", "zero bytes"),
    ],
)
def test_a_failed_file_says_why_and_what_helps(
    console: Callable[..., Page], api: Api, sample: Callable[[], Any], heading: str, todo: str
) -> None:
    record = uploaded(api, sample())
    assert record["status"] == "failed"
    page = opened(console, record)
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator(".stage")).to_contain_text(record["error"]["message"])
    expect(page.locator(".stage")).to_contain_text(todo)
    axe.check(page)


def test_warnings_say_what_is_missing_and_what_helps(console: Callable[..., Page], api: Api) -> None:
    record = uploaded(api, ("things.7z", "application/x-7z-compressed", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(200)))
    page = opened(console, record)
    expect(page.locator(".warnings")).to_contain_text("A zip archive would be listed here.")
    axe.check(page)


@pytest.mark.parametrize("file_id", ["file_01M8D1NXG147FP1X2WPPN2VJD0", "nonsense"])
def test_a_missing_file_has_a_page_that_says_so(console: Callable[..., Page], file_id: str) -> None:
    page = console(f"#/files/{file_id}")
    expect(page.get_by_role("heading", name="There is no such file")).to_be_visible()
    axe.check(page)
    page.get_by_role("link", name="Back to the files").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Files")


def test_an_id_that_would_lead_elsewhere_is_no_page(console: Callable[..., Page]) -> None:
    page = console("#/files/%2e%2e%2fv1")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    axe.check(page)
    page.get_by_role("link", name="Show all files").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Files")


def test_a_file_that_somebody_deletes_leaves_the_page(console: Callable[..., Page], api: Api) -> None:
    record = uploaded(api, KINDS["other"]())
    page = opened(console, record)
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    assert api("DELETE", f"/v1/files/{record['id']}").status_code == 204
    expect(page.get_by_role("heading", name="This file was deleted")).to_be_visible()


def test_html_in_texts_is_text(console: Callable[..., Page], api: Api) -> None:
    more = {"tags": [HOSTILE[:60]], "metadata": {HOSTILE: HOSTILE}}
    named = HOSTILE.replace("/", "\u2215")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(f"{HOSTILE}.txt", "x")
        archive.writestr("../../etc/passwd", "x")
    docx = offices.docx(HOSTILE, title=HOSTILE)
    samples = {
        "image": ("image/jpeg", photo(title=HOSTILE)),
        "pdf": ("application/pdf", book(1)),
        "spreadsheet": (
            KINDS["spreadsheet"]()[1],
            offices.xlsx({HOSTILE[:28]: [(HOSTILE, "b"), ("1", HOSTILE)]}, title=HOSTILE),
        ),
        "archive": ("application/zip", zipped.getvalue()),
        "email": ("message/rfc822", message(HOSTILE, HOSTILE)),
        "text": ("text/html", f"<html><body>{HOSTILE}<svg onload=window.hacked=1></body></html>".encode()),
        "document": (KINDS["document"]()[1], docx),
    }
    for kind, (content_type, data) in samples.items():
        record = uploaded(api, (named, content_type, data), **more)
        assert record["kind"] == kind, record
        page = opened(console, record)
        expect(page.locator(".stage").first).to_be_visible()
        expect(page.get_by_text("Loading …")).to_have_count(0)
        for panel in page.get_by_role("tablist", name="About this file").get_by_role("tab").all():
            panel.click()
        page.wait_for_timeout(200)
        assert page.evaluate("window.hacked") is None, kind
        assert page.locator("main script, main [onerror], main svg[onload], main iframe").count() == 0, kind
        page.close()


def test_names_from_right_to_left_and_long_names_keep_the_page_whole(console: Callable[..., Page], api: Api) -> None:
    for width in (390, 1024, 1920):
        for name in (RIGHT_TO_LEFT, LONG):
            record = uploaded(api, (name, "text/plain", b"words"), tags=[name[:64]])
            page = opened(console, record)
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, name)
            expect(page.get_by_role("button", name="Download the original")).to_be_in_viewport()
            page.close()


def test_ten_thousand_entries_are_scrolled_with_few_of_them_in_the_page(console: Callable[..., Page], api: Api) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for number in range(10_000):
            archive.writestr(f"entry {number:05}.txt", b"x")
    page = opened(console, uploaded(api, ("many.zip", "application/zip", zipped.getvalue())))
    tree = page.get_by_role("tree")
    expect(tree.get_by_role("treeitem", name="entry 00000.txt")).to_be_visible()
    expect(tree.get_by_role("treeitem").first).to_have_attribute("aria-setsize", "10000")
    assert tree.get_by_role("treeitem").count() < 100
    tree.focus()
    page.keyboard.press("End")
    expect(tree.get_by_role("treeitem", name="entry 09999.txt")).to_be_in_viewport()
    assert tree.get_by_role("treeitem").count() < 100
    page.get_by_role("searchbox", name="Find in the archive").fill("0777")
    expect(page.get_by_text("11 matches")).to_be_visible()


def test_addresses_that_are_about_to_end_are_fetched_anew(console: Callable[..., Page], api: Api) -> None:
    record = uploaded(api, KINDS["image"]())
    asked: list[str] = []

    def soon(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        asked.append(route.request.url)
        left = timedelta(seconds=62 if len(asked) == 1 else 3600)
        body["delivery"]["expires_at"] = (datetime.now(UTC) + left).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        body["delivery"]["query"] += f"&n={len(asked)}"
        route.fulfill(response=answer, body=json.dumps(body))

    page = console("#/")
    page.route(re.compile(rf"/v1/files/{record['id']}(\?|$)"), soon)
    page.goto(page.url.split("#")[0] + f"#/files/{record['id']}")
    expect(page.get_by_role("img", name="By the lake")).to_be_visible()
    page.wait_for_timeout(5000)
    assert len(asked) >= 2, "a minute before their end, the addresses are fetched"


def test_a_lost_network_keeps_what_is_there(console: Callable[..., Page], api: Api) -> None:
    record = uploaded(api, KINDS["text"]())
    page = opened(console, record)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Name", exact=True).fill("offline.md")
    page.context.set_offline(True)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="can't be reached")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("offline.md")
    page.context.set_offline(False)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("offline.md")


def test_arrows_lead_to_the_files_beside_it_and_escape_back(console: Callable[..., Page], api: Api) -> None:
    records = [
        uploaded(api, (f"step {number}.bin", "application/octet-stream", bytes([number])), tags=["steps"])
        for number in (1, 2, 3)
    ]
    page = console("#/?tag=steps")
    page.get_by_text("step 2.bin").first.dblclick()
    if "files/" not in page.url:
        page.goto(page.url.split("#")[0] + f"#/files/{records[1]['id']}")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("step 2.bin")
    page.get_by_role("link", name="Next file").click()
    expect(heading).to_have_text("step 1.bin")
    expect(page.get_by_role("link", name="Previous file")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(heading).to_have_text("step 2.bin")
    expect(page.get_by_role("link", name="Previous file")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(heading).to_have_text("step 3.bin")
    page.keyboard.press("Escape")
    expect(heading).to_have_text("Files")
    assert "tag=steps" in page.url


def test_a_link_from_elsewhere_leads_to_the_files_beside_it_in_time(console: Callable[..., Page], api: Api) -> None:
    older, newer = (created(api, (f"{name}.bin", "application/octet-stream", b"x")) for name in ("older", "newer"))
    page = console(f"#/files/{older}")
    page.get_by_role("link", name="Previous file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("newer.bin")
    assert newer in page.url
