"""Films play to the end in Chromium: in hls.js and video.js, as npm gives them, and made as they are watched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Route

from ops.local.stage import LocalStage
from tests.browser import films_report
from tests.browser.cookies import set_by_the_application
from tests.e2e.stack import upload
from tests.local import Api
from tests.origins import ORIGINS, film

HERE = Path(__file__).parent
SHOP = "http://shop.example"

# `make films` sets FILMS, and plays every origin. Otherwise these few, which are of quite different making.
FEW = ("phone", "webm", "television")
CHOSEN = FEW if "FILMS" not in os.environ else tuple(ORIGINS)
PLAYERS = ("hls.js", "video.js")

# Times as fast as they are meant to be seen.
RATE = 3.0

Play = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def player_files(node_modules: Path) -> dict[str, tuple[str, str]]:
    """The player's page and the two libraries, by name: (content type, text)."""
    return {
        "player": ("text/html", (HERE / "player.html").read_text()),
        "hls.js": ("text/javascript", (node_modules / "hls.js" / "dist" / "hls.min.js").read_text()),
        "video.js": ("text/javascript", (node_modules / "video.js" / "dist" / "video.min.js").read_text()),
        "video-js.css": ("text/css", (node_modules / "video.js" / "dist" / "video-js.min.css").read_text()),
    }


@pytest.fixture
def page_of(context: BrowserContext, player_files: dict[str, tuple[str, str]]) -> Iterator[Callable[[str], Page]]:
    """`page_of(origin)`: the player's page as one of that origin."""

    def answer(route: Route) -> None:
        content_type, text = player_files[route.request.url.partition("/__test__/")[2].partition("?")[0]]
        route.fulfill(body=text, content_type=f"{content_type}; charset=utf-8")

    def open_(origin: str) -> Page:
        page = context.new_page()
        page.route("**/__test__/**", answer)
        page.set_viewport_size({"width": 640, "height": 360})
        page.goto(f"{origin}/__test__/player")
        return page

    yield open_


@pytest.fixture(scope="session")
def rows() -> Iterator[list[films_report.Row]]:
    """The report of each player on each film. `make films` writes it down."""
    found: list[films_report.Row] = []
    yield found
    if "FILMS" in os.environ:
        films_report.write(found)


@cache
def data_of(name: str) -> bytes:
    return film(ORIGINS[name])


def sent(api: Api, name: str, visibility: str = "public") -> dict[str, Any]:
    origin = ORIGINS[name]
    form = {"filename": f"film.{origin.form}", "content_type": origin.content_type}
    record = upload(api, data_of(name), visibility=visibility, **form)
    assert record["status"] == "ready", record
    return record


def address_of(record: dict[str, Any]) -> str:
    """The master playlist's address without a query."""
    (found,) = (each["url"] for each in record["renditions"] if each["name"] == "hls")
    return str(found).partition("?")[0]


def troubles(said: dict[str, Any]) -> list[str]:
    """The errors that a player told, without the pauses of hls.js on a busy machine, after which it asks again."""
    passing = ("bufferStalled", "LoadTimeOut false", "aborted false", "LoadError false")
    return [error for error in said["errors"] if not any(each in error for each in passing)]


def check(said: dict[str, Any], name: str, picture: bytes) -> None:
    """The film was played to its end, in one piece, and its last picture is on the page."""
    origin = ORIGINS[name]
    assert said["outcome"] == "ended", said
    assert troubles(said) == [], said
    assert said["duration"] == pytest.approx(origin.seconds, abs=0.15), said
    assert len(said["ranges"]) == 1, said
    assert said["ranges"][0][1] == pytest.approx(origin.seconds, abs=0.15), said
    assert said["corrupted"] == 0, said
    shape = origin.size[::-1] if origin.rotation % 180 else origin.size
    assert said["width"] / said["height"] == pytest.approx(shape[0] / shape[1], rel=0.02), said
    with Image.open(BytesIO(picture)) as shot:
        light = shot.convert("L").histogram()
    assert sum(light[160:]) and sum(light[:90]), "the last picture is on the page"


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("name", CHOSEN)
def test_a_film_is_played_to_its_end_on_another_site(
    api: Api, page_of: Callable[[str], Page], rows: list[films_report.Row], name: str, player: str
) -> None:
    page = page_of(SHOP)
    said = page.evaluate("play", {"player": player, "address": address_of(sent(api, name)), "rate": RATE})
    rows.append(films_report.Row(name, player, said, page.screenshot()))
    check(said, name, rows[-1].picture)


@pytest.mark.parametrize("player", PLAYERS)
def test_a_film_is_played_from_its_middle_first(
    api: Api, page_of: Callable[[str], Page], rows: list[films_report.Row], player: str
) -> None:
    page = page_of(SHOP)
    wanted = {"player": player, "address": address_of(sent(api, "phone")), "from": 8.0, "rate": RATE}
    said = page.evaluate("play", wanted)
    rows.append(films_report.Row("phone, from second 8 on", player, said, page.screenshot()))
    assert (said["outcome"], troubles(said)) == ("ended", []), said
    assert said["ranges"][-1][1] == pytest.approx(13.0, abs=0.15), said


@pytest.mark.parametrize("player", PLAYERS)
def test_a_private_film_is_played_with_a_grants_query_on_another_site(
    api: Api, page_of: Callable[[str], Page], rows: list[films_report.Row], player: str
) -> None:
    record = sent(api, "phone", "private")
    grant = api("POST", f"/v1/files/{record['id']}/grant", json={"expires_in": 600}).json()
    page = page_of(SHOP)
    wanted = {"player": player, "address": address_of(record), "query": grant["query"], "rate": RATE}
    said = page.evaluate("play", wanted)
    rows.append(films_report.Row("phone, private, by its query", player, said, page.screenshot()))
    check(said, "phone", rows[-1].picture)
    without = page_of(SHOP).evaluate("play", {"player": player, "address": address_of(record)})
    assert without["outcome"] == "error", without


@pytest.mark.parametrize("player", PLAYERS)
def test_a_private_film_is_played_with_a_grants_cookies_on_the_same_site(
    local_stage: LocalStage,
    api: Api,
    context: BrowserContext,
    page_of: Callable[[str], Page],
    rows: list[films_report.Row],
    player: str,
) -> None:
    record = sent(api, "phone", "private")
    grant = api("POST", f"/v1/files/{record['id']}/grant", json={"expires_in": 600}).json()
    set_by_the_application(context, local_stage.front_door, grant["cookies"])
    page = page_of(local_stage.front_door)
    said = page.evaluate("play", {"player": player, "address": address_of(record), "rate": RATE})
    rows.append(films_report.Row("phone, private, by cookies", player, said, page.screenshot()))
    check(said, "phone", rows[-1].picture)
