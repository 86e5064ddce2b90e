"""The gallery: it fills itself, shows many files, and everything can be done with the mouse and by the keyboard."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.console import axe
from tests.console.routed import RoutedApi, record
from tests.e2e import stack
from tests.local import Api

Visit = Callable[..., Page]

TILE = ".tile[role=option]"  # the choices of a field are options, too


@pytest.fixture
def gallery(context: BrowserContext, visit: Visit) -> Callable[..., tuple[Page, RoutedApi]]:
    """`gallery(records)`: the gallery of a test's own API, as far as it shows files."""

    def gallery(records: list[dict[str, Any]], route: str = "#/") -> tuple[Page, RoutedApi]:
        routed = RoutedApi(records)
        routed.install(context)
        page = visit(route, key="fm_routed")
        page.locator(TILE).first.wait_for()
        return page, routed

    return gallery


def some(count: int) -> list[dict[str, Any]]:
    """Records, the newest first."""
    return [record(number) for number in range(count, 0, -1)]


def chosen(page: Page) -> list[str]:
    return page.locator(f"{TILE}.chosen .tile-name").all_inner_texts()


def test_a_file_appears_by_itself_and_its_picture_follows(console: Visit, api: Api) -> None:
    page = console()
    expect(page.locator(".live-state")).to_have_text("Live")
    made = stack.upload(api, stack.png((500, 400)), filename="appears.png")
    tile = page.locator(f"#{made['id']}")
    expect(tile).to_contain_text("appears.png")
    expect(tile.locator("img.there")).to_be_visible()
    axe.check(page)
    api("DELETE", f"/v1/files/{made['id']}")
    expect(tile).to_have_count(0)


def test_ten_thousand_files_are_scrolled_while_the_page_stays_small(
    gallery: Callable[..., tuple[Page, RoutedApi]],
) -> None:
    # One picture for all: each request of a page that is routed takes milliseconds of this process.
    page, _ = gallery([{**each, "renditions": some(1)[0]["renditions"]} for each in some(10_000)])
    # To the end, page after page.
    until = time.monotonic() + 240
    while time.monotonic() < until:
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(10)
        if page.get_by_role("option", name="picture 1.jpg").count():
            break
    expect(page.get_by_role("option", name="picture 1.jpg")).to_be_visible()
    assert page.locator(".tile").count() < 60
    assert page.evaluate("document.getElementsByTagName('*').length") < 1500
    # All the way back in steps, as a wheel does: the page stays small in each frame.
    most = page.evaluate("""async () => {
      const end = scrollY
      let most = 0
      for (let step = 0; step < 120; step++) {
        scrollTo(0, end * (1 - step / 120))
        await new Promise(requestAnimationFrame)
        most = Math.max(most, document.getElementsByTagName('*').length)
      }
      return most
    }""")
    assert most < 1500
    page.evaluate("scrollTo(0, 0)")
    expect(page.get_by_role("option", name="picture 10000.jpg")).to_be_visible()


def test_nothing_moves_when_pictures_come(gallery: Callable[..., tuple[Page, RoutedApi]]) -> None:
    page, _ = gallery(some(60))
    page.locator("img.there").first.wait_for()
    shift = page.evaluate("""() => new Promise(resolve => {
      let sum = 0
      new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value })
        .observe({type: 'layout-shift', buffered: true})
      setTimeout(() => resolve(sum), 300)
    })""")
    assert shift < 0.01


def test_the_placeholder_stands_there_before_the_picture(
    context: BrowserContext, gallery: Callable[..., tuple[Page, RoutedApi]]
) -> None:
    records = some(3)
    for each in records:
        each["renditions"][0]["url"] = f"/f/never/{each['id']}"
    context.route("**/f/never/**", lambda route: None)  # never answered
    page, _ = gallery(records)
    thumb = page.locator(".thumb").first
    page.wait_for_function("() => getComputedStyle(document.querySelector('.thumb')).backgroundImage !== 'none'")
    assert "rgb(51, 170, 119)" in thumb.evaluate("each => getComputedStyle(each).backgroundColor")
    assert thumb.evaluate("each => getComputedStyle(each).backgroundImage").startswith('url("data:image/png')


def test_the_keyboard_alone_chooses_opens_and_deletes(gallery: Callable[..., tuple[Page, RoutedApi]]) -> None:
    page, routed = gallery(some(40))
    page.locator(TILE).first.focus()
    press = page.keyboard.press
    press("ArrowRight")
    expect(page.get_by_role("option", name="picture 39.jpg")).to_be_focused()
    press("Space")
    press("Shift+ArrowRight")
    press("Shift+ArrowRight")
    assert chosen(page) == ["picture 39.jpg", "picture 38.jpg", "picture 37.jpg"]
    press("Escape")
    assert chosen(page) == []
    press("Control+a")
    expect(page.get_by_text("40 chosen")).to_be_visible()
    press("Escape")
    press("End")
    expect(page.get_by_role("option", name="picture 1.jpg")).to_be_focused()
    press("Home")
    press("Delete")
    expect(page.get_by_role("option", name="picture 40.jpg")).to_have_count(0)
    expect(page.get_by_role("option", name="picture 39.jpg")).to_be_focused()
    # The undo is reached by Tab, and nothing was deleted yet.
    page.get_by_role("button", name="Undo").focus()
    press("Enter")
    expect(page.get_by_role("option", name="picture 40.jpg")).to_be_visible()
    assert not [name for name in routed.asked if name.startswith("DELETE")]
    page.get_by_role("option", name="picture 39.jpg").focus()
    press("Enter")
    page.wait_for_url(f"**/#/files/{record(39)['id']}")


def test_a_delete_is_sent_when_the_time_to_undo_it_is_over(gallery: Callable[..., tuple[Page, RoutedApi]]) -> None:
    page, routed = gallery(some(5))
    routed.answers["DELETE"] = lambda route: route.fulfill(status=204)
    page.locator(TILE).first.press("Delete")
    with page.expect_request(lambda request: request.method == "DELETE"):
        page.get_by_role("button", name="Dismiss").click()
    assert f"DELETE /v1/files/{record(5)['id']}" in routed.asked


def test_a_delete_that_is_refused_brings_the_file_back(gallery: Callable[..., tuple[Page, RoutedApi]]) -> None:
    page, routed = gallery(some(5))
    problem = {"code": "legal_hold", "detail": "The file is under legal hold."}
    routed.answers["DELETE"] = lambda route: route.fulfill(status=409, json=problem)
    page.locator(TILE).first.press("Delete")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("The file is under legal hold.")).to_be_visible()
    expect(page.get_by_role("option", name="picture 5.jpg")).to_be_visible()


def test_the_mouse_chooses_with_shift_and_control(gallery: Callable[..., tuple[Page, RoutedApi]]) -> None:
    page, _ = gallery(some(12))
    tiles = page.locator(TILE)
    tiles.nth(1).click(modifiers=["Control"])
    tiles.nth(3).click(modifiers=["Shift"])
    assert chosen(page) == ["picture 11.jpg", "picture 10.jpg", "picture 9.jpg"]
    tiles.nth(2).click()  # with a choice, a click chooses
    assert chosen(page) == ["picture 11.jpg", "picture 9.jpg"]
    axe.check(page)
    page.get_by_role("button", name="Choose none").click()
    tiles.nth(0).click()
    page.wait_for_url("**/#/files/*")


def test_tags_visibility_and_links_of_several_files(console: Visit, api: Api) -> None:
    ids = [stack.upload(api, stack.png((90, 60)), filename=f"bulk {n}.png", tags=["old"])["id"] for n in range(2)]
    page = console("#/?tag=old")
    for file_id in ids:
        page.locator(f"#{file_id} .tile-check").click()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Add tags").fill("new, <b>bold</b>")
    page.get_by_text("old", exact=True).last.click()
    axe.check(page, "dialog")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("2 files tagged")).to_be_visible()
    for file_id in ids:
        assert api("GET", f"/v1/files/{file_id}").json()["tags"] == ["new", "<b>bold</b>"]
    page.goto(page.url.replace("tag=old", "tag=new"))
    for file_id in ids:
        page.locator(f"#{file_id} .tile-check").click()
    page.get_by_role("button", name="Visibility").click()
    page.get_by_role("button", name="Make public").click()
    page.get_by_role("dialog").get_by_role("button", name="Make public").click()
    expect(page.get_by_text("2 files public now")).to_be_visible()
    assert {api("GET", f"/v1/files/{file_id}").json()["visibility"] for file_id in ids} == {"public"}
    page.get_by_role("button", name="Share").click()
    axe.check(page, "dialog")
    page.get_by_role("button", name="Make the links").click()
    link = page.locator("dialog .command code").first.inner_text()
    page.get_by_role("button", name="Done").click()
    page.goto(link)
    expect(page.get_by_text("bulk").first).to_be_visible()
    for file_id in ids:
        api("DELETE", f"/v1/files/{file_id}")


def test_filters_are_in_the_address_and_ask_the_api(gallery: Callable[..., tuple[Page, RoutedApi]]) -> None:
    page, _ = gallery(some(3))
    with page.expect_request(lambda request: "kind=pdf" in request.url):
        page.get_by_label("Kind").select_option("pdf")
    with page.expect_request(lambda request: "status=failed" in request.url and "kind=pdf" in request.url):
        page.get_by_label("Status").select_option("failed")
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Tag", exact=True).last.fill("näh & so")
    with page.expect_request(lambda request: "tag=n%C3%A4h+%26+so" in request.url):
        page.keyboard.press("Enter")
    assert "kind=pdf" in page.url and "tag=" in page.url
    assert page.get_by_label("Order").locator("option[value='size']").is_disabled()
    page.get_by_role("button", name="Clear").click()
    with page.expect_request(lambda request: "sort=-size" in request.url):
        page.get_by_label("Order").select_option("-size")


def test_search_shows_what_is_found_and_says_when_nothing_is(console: Visit, api: Api) -> None:
    made = stack.upload(api, stack.png((80, 60)), filename="zebrafish in the reef.png")
    page = console()
    page.get_by_label("Search files").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("zebrafish")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Results for")).to_be_visible()
    expect(page.locator(f"#{made['id']}")).to_be_visible()
    page.get_by_label("Search files").fill("nosuchword")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was found")).to_be_visible()
    axe.check(page)
    api("DELETE", f"/v1/files/{made['id']}")


def test_html_in_names_and_tags_is_text(gallery: Callable[..., tuple[Page, RoutedApi]]) -> None:
    attack = "<img src=x onerror=\"document.title='run'\">"
    names = [
        attack,
        "</script><script>document.title='run'</script>",
        "javascript:alert(1)",
        "\u202egpj.exe",
        "שלום.jpg",
    ]
    hostile = {"tags": [attack], "owner": attack}
    records = [record(9 - at, filename=name, **hostile) for at, name in enumerate(names)]
    records.append(record(1, status="failed", error={"code": "corrupt", "message": attack}, renditions=[], **hostile))
    page, _ = gallery(records)
    page.get_by_role("button", name="Show as a list").click()
    page.locator(TILE).first.press("Control+a")
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.get_by_role("dialog").get_by_text(attack)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("main")).to_contain_text(attack)
    assert page.locator("main img[onerror], main script").count() == 0
    assert page.title().startswith("Files ")
    # A name from right to left does not turn its neighbours around.
    assert page.locator(".tile-name").last.evaluate("each => each.tagName") == "BDI"
    axe.check(page)


def test_an_address_that_has_ended_is_asked_for_once(
    context: BrowserContext, gallery: Callable[..., tuple[Page, RoutedApi]]
) -> None:
    old = record(1)
    old["renditions"][0]["url"] = "/f/ended/w320.webp"
    context.route("**/f/ended/**", lambda route: route.fulfill(status=403, body=""))
    fetched: list[Any] = []

    def again(route: Route) -> None:
        fetched.append(json.loads(route.request.post_data or ""))
        route.fulfill(json={"items": [record(1)], "omitted": []})

    page, other = gallery([old])
    other.answers["POST /v1/files/batch-get"] = again
    page.reload()
    expect(page.locator("img.there")).to_be_visible()
    page.wait_for_timeout(500)
    assert len(fetched) == 1


def test_an_empty_gallery_greets_a_newcomer(context: BrowserContext, visit: Visit) -> None:
    RoutedApi([]).install(context)
    page = visit(key="fm_routed")
    expect(page.get_by_text("Drop your first files here")).to_be_visible()
    with page.expect_file_chooser():
        page.get_by_role("main").get_by_role("button", name="Choose files").click()
    axe.check(page)


def test_a_list_that_fails_says_why_and_is_tried_again(context: BrowserContext, visit: Visit) -> None:
    routed = RoutedApi(some(3))
    routed.answers["GET /v1/files"] = lambda route: route.fulfill(
        status=403, json={"code": "tenant_suspended", "detail": "The tenant is suspended.", "request_id": "r-1"}
    )
    routed.install(context)
    page = visit(key="fm_routed")
    expect(page.get_by_text("The tenant is suspended.")).to_be_visible()
    expect(page.get_by_text("r-1")).to_be_visible()
    routed.answers.clear()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(TILE)).to_have_count(3)


def test_places_are_those_that_the_scopes_allow(context: BrowserContext, visit: Visit) -> None:
    routed = RoutedApi([], scopes=["files:read"])
    routed.install(context)
    page = visit(key="fm_routed")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(2)  # files and usage
    expect(page.get_by_role("button", name="Upload")).to_have_count(0)


def test_without_a_socket_changes_come_over_the_feed(context: BrowserContext, console: Visit, api: Api) -> None:
    context.route_web_socket("**/ws", lambda socket: socket.close())
    page = console()
    expect(page.locator(".live-state")).to_have_text("Live, a little later")
    made = stack.upload(api, stack.png((70, 60)), filename="over the feed.png")
    expect(page.locator(f"#{made['id']} img.there")).to_be_visible()
    api("DELETE", f"/v1/files/{made['id']}")


@pytest.mark.parametrize("width", [390, 1024, 1920])
def test_no_width_scrolls_sideways(gallery: Callable[..., tuple[Page, RoutedApi]], width: int) -> None:
    page, _ = gallery(some(30))
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    axe.check(page)
