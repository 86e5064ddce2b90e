"""Pictures on a page in Chromium: the format that the browser takes, and private ones with a grant only."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Response, Route

from ops.local.stage import LocalStage
from tests import images
from tests.browser.cookies import set_by_the_application
from tests.e2e.stack import upload
from tests.local import Api

OpenPage = Callable[[str, str], tuple[Page, list[Response]]]

CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
WITHOUT_AVIF = "image/webp,image/apng,image/*,*/*;q=0.8"
PLAIN = "image/png,image/*;q=0.8,*/*;q=0.5"


@pytest.fixture
def show(context: BrowserContext) -> OpenPage:
    """`show(origin, body)`: a page of that origin once its pictures came or failed, and what came of `/f/`."""

    def show(origin: str, body: str) -> tuple[Page, list[Response]]:
        page = context.new_page()
        came: list[Response] = []
        page.on("response", lambda response: came.append(response) if "/f/" in response.url else None)
        html = f"<!doctype html><title>Pictures</title><body style='margin:0'>{body}"
        page.route("**/__test__/**", lambda route: route.fulfill(body=html, content_type="text/html"))
        page.goto(f"{origin}/__test__/page")
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        return page, came

    return show


def ready(api: Api, visibility: str) -> dict[str, Any]:
    record = upload(api, images.jpeg(1000, 750), content_type="image/jpeg", visibility=visibility)
    assert record["status"] == "ready", record["error"]
    whole: dict[str, Any] = api("GET", f"/v1/files/{record['id']}?include=delivery").json()
    return whole


def photo(api: Api, visibility: str) -> tuple[str, str]:
    """Where a photo's renditions are, and the query that opens them."""
    delivery = ready(api, visibility)["delivery"]
    return delivery["base_url"].rstrip("/"), delivery["query"]


def is_shown(page: Page, path: Path, size: tuple[int, int]) -> bool:
    """True if the screenshot has the photo at the page's top left."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    with Image.open(BytesIO(page.screenshot(path=path))) as shot:
        pixels = shot.convert("RGB")
    width, height = size
    for name, color in images.QUADRANTS.items():
        x = width // 4 if name.endswith("left") else width * 3 // 4
        y = height // 4 if name.startswith("top") else height * 3 // 4
        seen = pixels.getpixel((x, y))
        assert isinstance(seen, tuple)
        if any(abs(a - b) > 16 for a, b in zip(seen, color, strict=True)):
            return False
    return True


@pytest.mark.parametrize("kind", ["avif", "webp", "jpeg"])
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_the_records_picture_shows_the_best_that_the_browser_takes_on_another_site(
    api: Api, show: OpenPage, tmp_path: Path, visibility: str, kind: str
) -> None:
    """Chromium takes them all: for another browser its source is given a type that nobody knows."""
    delivery = ready(api, visibility)["delivery"]
    snippet = delivery["picture"]
    for better in ("avif", "webp")[: ("avif", "webp", "jpeg").index(kind)]:
        snippet = snippet.replace(f'type="image/{better}"', 'type="image/x-unknown"')
    page, came = show("http://shop.example", f'<div style="width:640px">{snippet}</div>')
    # The page is 1280 wide, and `sizes` goes by the page: the picture's own width is its widest rendition's.
    extension = "jpg" if kind == "jpeg" else kind
    assert [(r.url.partition("?")[0], r.status, r.headers["content-type"]) for r in came] == [
        (f"{delivery['base_url']}w960.{extension}", 200, f"image/{kind}")
    ]
    if kind == "avif":
        assert came[0].headers["x-cache"] == "Miss from cloudfront"
    assert page.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]") == [960, 720]
    assert is_shown(page, tmp_path / f"{visibility}-{kind}.png", (960, 720))


def test_a_picture_is_foreshadowed_by_its_placeholder(api: Api, context: BrowserContext, tmp_path: Path) -> None:
    """As long as the network has not brought it."""
    snippet = ready(api, "public")["delivery"]["picture"]
    page = context.new_page()
    page.route("**/f/**", lambda route: None)  # never answered
    page.set_viewport_size({"width": 960, "height": 720})
    page.set_content(f"<!doctype html><body style='margin:0'>{snippet}", wait_until="commit")
    page.wait_for_selector("img")
    with Image.open(BytesIO(page.screenshot(path=tmp_path / "placeholder.png"))) as shot:
        pixels = shot.convert("RGB")
    for name, color in images.QUADRANTS.items():
        x, y = (120 if name.endswith("left") else 840), (90 if name.startswith("top") else 630)
        seen = pixels.getpixel((x, y))
        assert isinstance(seen, tuple)
        assert all(abs(a - b) < 70 for a, b in zip(seen, color, strict=True)), (name, seen)


@pytest.mark.parametrize(
    ("accept", "kind"), [(None, "avif"), (CHROMIUM, "avif"), (WITHOUT_AVIF, "webp"), (PLAIN, "jpeg")]
)
def test_an_address_without_extension_gives_what_the_browser_takes(
    api: Api, context: BrowserContext, show: OpenPage, tmp_path: Path, accept: str | None, kind: str
) -> None:
    def as_another_browser(route: Route) -> None:
        route.continue_(headers={**route.request.headers, **({"accept": accept} if accept else {})})

    context.route("**/f/**", as_another_browser)
    base, _ = photo(api, "public")
    page, came = show("http://shop.example", f'<img src="{base}/w640" width="640" height="480" alt="">')
    assert [(r.status, r.headers["content-type"]) for r in came] == [(200, f"image/{kind}")]
    assert "Accept" in came[0].headers["vary"]
    with Image.open(BytesIO(came[0].body())) as image:
        assert (image.format, image.size) == (kind.upper(), (640, 480))
    assert is_shown(page, tmp_path / f"{kind}.png", (640, 480))


def test_a_private_picture_opens_with_its_query_and_not_without(
    local_stage: LocalStage, api: Api, show: OpenPage, tmp_path: Path
) -> None:
    base, query = photo(api, "private")
    image = '<img src="{}" width="640" height="480" alt="">'
    # From another site Chromium keeps back the answer's status, too, since it is no image: opaque response blocking.
    page, came = show("http://shop.example", image.format(f"{base}/w640"))
    assert (came, page.evaluate("document.images[0].naturalWidth")) == ([], 0)
    _, came = show(local_stage.front_door, image.format(f"{base}/w640"))
    assert [r.status for r in came] == [403]
    page, came = show("http://shop.example", image.format(f"{base}/w640?{query}".replace("&", "&amp;")))
    assert [(r.status, r.headers["content-type"]) for r in came] == [(200, "image/avif")]
    assert is_shown(page, tmp_path / "private.png", (640, 480))


def test_a_private_picture_opens_with_a_grants_cookies_and_not_without(
    local_stage: LocalStage, api: Api, context: BrowserContext, show: OpenPage, tmp_path: Path
) -> None:
    record = ready(api, "private")
    base = record["delivery"]["base_url"].rstrip("/")
    other, _ = photo(api, "private")
    body = "".join(
        f'<img src="{address}" width="640" height="480" style="display:block" alt="">'
        for address in (f"{base}/w640", f"{base}/w320.webp", f"{other}/w640")
    )
    _, came = show(local_stage.front_door, body)
    assert [r.status for r in came] == [403] * 3
    grant = api("POST", f"/v1/files/{record['id']}/grant", json={"expires_in": 600}).json()
    set_by_the_application(context, local_stage.front_door, grant["cookies"])
    page, came = show(local_stage.front_door, body)
    assert {r.url: (r.status, r.headers["content-type"].partition(";")[0]) for r in came} == {
        f"{base}/w640": (200, "image/avif"),
        f"{base}/w320.webp": (200, "image/webp"),
        f"{other}/w640": (403, "text/xml"),
    }
    assert is_shown(page, tmp_path / "cookies.png", (640, 480))


def test_a_grants_query_opens_what_its_file_has(api: Api, show: OpenPage) -> None:
    record = ready(api, "private")
    grants = api("POST", "/v1/grants", json={"ids": [record["id"]], "expires_in": 60}).json()["items"]
    address = f"{grants[0]['base_url']}w640?{grants[0]['query']}".replace("&", "&amp;")
    page, came = show("http://shop.example", f'<img src="{address}" width="640" height="480" alt="">')
    assert [(r.status, r.headers["content-type"]) for r in came] == [(200, "image/avif")]
    assert page.evaluate("document.images[0].naturalWidth") == 640
