"""The page of a share link as a person sees it: in Chromium, on a phone and on a desk, light and dark."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from chalicelib.settings import settings
from tests.client import Client
from tests.contract import gateway
from tests.making import PHOTO, ready_photo
from tests.stage import Calls

NAME = "Holiday <i>in the Alps " + "x" * 90 + ".jpg"


def heard(page: Page) -> list[str]:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_a_person_opens_a_link_with_a_password(
    client: Client,
    stage: Calls,
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    scheme: str,
) -> None:
    import app

    file_id = ready_photo(client, name=NAME)
    with gateway(app.app) as base:
        monkeypatch.setenv("FILEMILL_FRONT_DOOR", base)
        settings.cache_clear()
        url = client("POST", f"/v1/files/{file_id}/shares", {"password": "open sesame"}).json["url"]
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=False,
        )
        page = context.new_page()
        said = heard(page)
        page.route("**/f/private/**", lambda route: route.fulfill(body=PHOTO, content_type="image/jpeg"))
        page.goto(url)
        assert page.title() == "A shared file"
        assert page.locator("html").get_attribute("lang") == "en"
        page.screenshot(path=tmp_path / "password.png")
        page.get_by_label("Password").fill("open sesame")
        page.get_by_role("button", name="Show the file").click()
        assert page.get_by_role("heading").inner_text() == NAME
        picture = page.get_by_role("img", name=f"Preview of {NAME}").bounding_box()
        assert picture
        assert 200 < picture["width"] <= width - 32
        button = page.get_by_role("link", name="Download")
        box = button.bounding_box()
        assert box
        assert box["height"] >= 44, "a finger can hit it"
        assert box["x"] + box["width"] <= width
        assert "X-Amz-Expires=300" in urlsplit(str(button.get_attribute("href"))).query
        whole = page.locator("main").bounding_box()
        assert whole
        assert whole["width"] <= width, "nothing is wider than the screen"
        page.screenshot(path=tmp_path / "file.png", full_page=True)
        context.close()
    settings.cache_clear()
    assert not said


def test_a_link_that_is_over_says_so(stage: Calls, browser: Browser) -> None:
    import app

    with gateway(app.app) as base:
        context = browser.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        answer = page.goto(f"{base}/s/{'0' * 60}")
        assert answer
        assert answer.status == 404
        assert page.get_by_role("heading").inner_text() == "There is nothing here"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()
