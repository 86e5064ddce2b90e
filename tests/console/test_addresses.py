"""Signed addresses that have ended, as after a night in which the computer slept: each viewer gets new ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.file_samples import KINDS, uploaded
from tests.console.routed import RoutedApi, record
from tests.local import Api

# A signed address, in whatever order its query is, and the number of the answer that it came with.
_SIGNED = re.compile(r"Key-Pair-Id=[A-Za-z0-9]+")
_NUMBER = re.compile(r"&n=([0-9]+)")


@dataclass
class Door:
    """A front door that takes only addresses of the record's `valid`-th answer, or a later one."""

    valid: float = 1
    fetched: int = 0
    refused: list[str] = field(default_factory=list)
    let_in: list[str] = field(default_factory=list)

    def install(self, page: Page, file_id: str) -> None:
        page.route(re.compile(rf"/v1/files/{file_id}(\?|$)"), self._record)
        page.route(re.compile(rf"/f/[^?]*{file_id}/"), self._bytes)

    def _record(self, route: Route) -> None:
        answer = route.fetch()
        self.fetched += 1
        route.fulfill(response=answer, body=_SIGNED.sub(rf"\g<0>&n={self.fetched}", answer.text()))

    def _bytes(self, route: Route) -> None:
        number = _NUMBER.search(route.request.url)
        if number and int(number[1]) >= self.valid:
            self.let_in.append(route.request.url)
            # The address of a rendition opens only as it was signed.
            route.continue_(url=_NUMBER.sub("", route.request.url))
        else:
            self.refused.append(route.request.url)
            route.fulfill(status=403, body="<Error><Code>AccessDenied</Code></Error>")

    def end(self) -> None:
        """All addresses that were given have ended; those of the next answer are good."""
        self.valid = self.fetched + 1
        self.refused.clear()


@pytest.fixture
def through(console: Callable[..., Page], api: Api) -> Callable[..., tuple[Page, Door]]:
    """`through("pdf", refuse=True)`: a file's page of that kind, and its front door, which refuses all addresses."""

    def through(kind: str, *, refuse: bool = False) -> tuple[Page, Door]:
        made = uploaded(api, KINDS[kind]())
        door = Door(valid=float("inf") if refuse else 1)
        page = console("#/usage")
        door.install(page, made["id"])
        page.goto(page.url.split("#")[0] + f"#/files/{made['id']}")
        expect(page.get_by_role("heading", level=1)).to_have_text(made["filename"])
        return page, door

    return through


def test_a_picture_that_was_refused_is_there_after_try_again(through: Callable[..., tuple[Page, Door]]) -> None:
    page, door = through("image", refuse=True)
    again = page.get_by_role("button", name="Try again")
    again.wait_for()
    page.wait_for_timeout(500)
    door.end()
    again.click()
    # Each try is another element.
    page.wait_for_function("() => document.querySelector('.picture img')?.naturalWidth > 0")
    expect(again).to_have_count(0)
    assert not door.refused, "no address that has ended is tried again"


def test_a_picture_that_is_made_for_the_first_request_is_asked_for_once_more(
    console: Callable[..., Page], api: Api
) -> None:
    made = uploaded(api, KINDS["image"]())
    asked: list[str] = []

    def slow(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            route.fulfill(status=503, body="")
        else:
            route.continue_()

    page = console("#/usage")
    page.route(re.compile(rf"/f/[^?]*{made['id']}/"), slow)
    page.goto(page.url.split("#")[0] + f"#/files/{made['id']}")
    picture = page.get_by_role("img", name="By the lake")
    page.wait_for_function("() => document.querySelector('.picture img')?.naturalWidth > 0")
    expect(picture).to_be_visible()
    assert len(asked) == 2


def test_a_page_of_a_pdf_that_was_refused_is_there_after_try_again(through: Callable[..., tuple[Page, Door]]) -> None:
    page, door = through("pdf", refuse=True)
    again = page.get_by_role("button", name="Try again").first
    again.wait_for()
    page.wait_for_timeout(500)
    door.end()
    again.click()
    expect(page.get_by_role("img", name="Page 1", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    assert not door.refused


def test_a_film_that_was_refused_plays_after_try_again(through: Callable[..., tuple[Page, Door]]) -> None:
    page, door = through("video", refuse=True)
    video = page.locator("video")
    video.evaluate("media => { media.muted = true; media.play().catch(() => {}) }")
    again = page.get_by_role("button", name="Try again")
    again.wait_for()
    door.end()
    again.click()
    page.wait_for_function("media => media.currentTime > 1 && media.videoWidth > 0", arg=video.element_handle())
    expect(again).to_have_count(0)
    assert not door.refused


def test_a_film_plays_on_when_its_signature_ends(through: Callable[..., tuple[Page, Door]]) -> None:
    page, door = through("video")
    page.wait_for_function("() => document.querySelector('video')?.src.startsWith('blob:')")
    door.end()
    video = page.locator("video")
    video.evaluate("media => { media.muted = true; media.play().catch(() => {}) }")
    page.wait_for_function("media => media.currentTime > 1 && media.videoWidth > 0", arg=video.element_handle())
    assert door.refused, "it was refused, and got another address by itself"


def test_a_text_that_was_refused_is_read_with_a_new_address(through: Callable[..., tuple[Page, Door]]) -> None:
    page, door = through("text", refuse=True)
    again = page.get_by_role("button", name="Try again")
    again.wait_for()
    door.end()
    again.click()
    expect(page.locator(".stage pre")).to_contain_text("One line of these notes.")
    assert not door.refused


def test_a_link_whose_signature_has_ended_is_renewed_by_the_click(through: Callable[..., tuple[Page, Door]]) -> None:
    page, door = through("archive")
    link = page.get_by_role("link", name="Download lake.txt")
    expect(link).to_be_attached()
    door.end()
    # The computer slept for a week: no timer ran, and nobody has looked at another tab.
    page.evaluate("(() => { const now = Date.now; Date.now = () => now() + 7 * 86_400_000 })()")
    before = door.fetched
    with page.expect_download() as downloading:
        link.click(force=True)
    assert downloading.value.suggested_filename == "lake.txt"
    assert door.fetched > before
    assert f"n={before}" not in downloading.value.url.partition("?")[2].split("&")


def test_tiles_get_new_addresses_once_the_network_is_back(context: Any, visit: Callable[..., Page]) -> None:
    old = record(1)
    old["renditions"][0]["url"] = "/f/ended/w320.webp"
    routed = RoutedApi([old])
    routed.install(context)
    context.route("**/f/ended/**", lambda route: route.fulfill(status=403, body=""))
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.url)
        route.abort()

    routed.answers["POST /v1/files/batch-get"] = lose
    page = visit(key="fm_routed")
    page.locator(".tile[role=option]").wait_for()
    while not lost:
        page.wait_for_timeout(100)
    routed.answers["POST /v1/files/batch-get"] = lambda route: route.fulfill(
        body=json.dumps({"items": [record(1)], "omitted": []}), content_type="application/json"
    )
    page.wait_for_timeout(300)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("img.there")).to_be_visible()
