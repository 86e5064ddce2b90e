"""The page of a file of each kind: it is shown as its kind is best seen, by keyboard alone, and axe finds nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.console import axe
from tests.console.file_samples import KINDS, opened, uploaded
from tests.local import Api

Records = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def records(api: Api) -> Records:
    """A ready file of each kind."""
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda make: uploaded(api, make(), tags=["demo"], metadata={"shelf": 4}), KINDS.values()))
    found = dict(zip(KINDS, made, strict=True))
    assert {kind: record["status"] for kind, record in found.items()} == dict.fromkeys(KINDS, "ready")
    return found


def viewer(page: Page) -> Locator:
    return page.locator(".file-view")


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_on_the_page_of_a_kind(console: Callable[..., Page], records: Records, kind: str) -> None:
    page = opened(console, records[kind])
    expect(page.locator(".stage").first).to_be_visible()
    expect(page.get_by_text("Loading …")).to_have_count(0)
    axe.check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_no_panel_has_anything_that_axe_finds(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["video"])
    for name in ("Renditions", "Code", "Share", "Captions", "History"):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        expect(page.get_by_text("Loading …")).to_have_count(0)
        axe.check(page)


def _box(picture: Locator, holds: Callable[[FloatRect], bool]) -> FloatRect:
    """The place of a picture, once this holds for it."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        box = picture.bounding_box()
        if box and holds(box):
            return box
        time.sleep(0.05)
    raise AssertionError(f"the picture stays at {picture.bounding_box()}")


def test_a_picture_is_zoomed_and_moved_with_the_keyboard(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["image"])
    frame = page.get_by_role("group", name=re.compile("^Picture"))
    picture = frame.get_by_role("img", name="By the lake")
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    before = picture.bounding_box()
    assert before
    frame.focus()
    page.keyboard.press("+")
    expect(page.locator(".picture.zoomed")).to_have_count(1)
    # The picture grows and moves within some frames.
    grown = before["width"] * 1.5
    larger = _box(picture, lambda box: box["width"] == pytest.approx(grown, rel=0.02))
    page.keyboard.press("ArrowRight")
    _box(picture, lambda box: box["x"] < larger["x"])
    page.keyboard.press("1")
    expect(page.get_by_role("status", name="Zoom")).to_have_text("100%")
    page.keyboard.press("0")
    expect(page.locator(".picture.zoomed")).to_have_count(0)


def test_a_picture_is_moved_with_the_mouse_and_zoomed_with_its_buttons(
    console: Callable[..., Page], records: Records
) -> None:
    page = opened(console, records["image"])
    picture = page.get_by_role("img", name="By the lake")
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator(".zoomable")).to_have_attribute("style", re.compile(r"scale\(2\.25\)"))
    before = picture.bounding_box()
    frame = page.locator(".frame").bounding_box()
    assert before
    assert frame
    page.mouse.move(frame["x"] + 100, frame["y"] + 100)
    page.mouse.down()
    page.mouse.move(frame["x"] + 140, frame["y"] + 110)
    page.mouse.up()
    after = picture.bounding_box()
    assert after
    assert after["x"] == pytest.approx(before["x"] + 40, abs=1)


def test_a_private_film_plays_with_its_sound(console: Callable[..., Page], records: Records, faults: list[str]) -> None:
    page = opened(console, records["video"])
    video = page.locator("video")
    expect(video).to_have_attribute("poster", re.compile(r"Signature="))
    page.wait_for_function("media => media.src.startsWith('blob:')", arg=video.element_handle())
    assert page.evaluate("media => media.buffered.length", video.element_handle()) == 0, "nothing is loaded before"
    video.evaluate("media => { media.muted = true; return media.play() }")
    page.wait_for_function("media => media.currentTime > 1 && media.videoWidth > 0", arg=video.element_handle())
    # The stream has its sound apart, which a player without that part would leave out.
    assert video.evaluate("media => media.webkitAudioDecodedByteCount") > 0


def test_a_chapter_leads_into_the_film(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["video"])
    video = page.locator("video")
    page.wait_for_function("media => media.src.startsWith('blob:')", arg=video.element_handle())
    video.evaluate("media => { media.muted = true }")
    page.get_by_role("button", name="0:06 The end").press("Enter")
    page.wait_for_function("media => media.currentTime >= 6", arg=video.element_handle())


def test_a_sound_has_a_waveform_that_the_keyboard_seeks_in(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["audio"])
    slider = page.get_by_role("slider", name="Position")
    expect(slider).to_have_attribute("aria-valuetext", "0:00 of 0:20")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0:05 of 0:20")
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    page.wait_for_function(drawn, arg=page.locator(".waveform canvas").element_handle())


def test_only_the_pages_that_are_seen_are_loaded(console: Callable[..., Page], records: Records) -> None:
    asked: list[str] = []
    page = console("#/")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page.url.split("#")[0] + f"#/files/{records['pdf']['id']}")
    expect(page.get_by_role("img", name="Page 1", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    loaded = {int(found[1]) for url in asked if (found := re.search(r"/p(\d+)-w\d+\.webp", url))}
    assert loaded
    assert max(loaded) <= 4, loaded
    pages = page.get_by_role("group", name=re.compile("^Pages"))
    pages.focus()
    page.keyboard.press("End")
    last = page.get_by_role("img", name="Page 24", exact=True)
    expect(last).to_be_visible()
    page.wait_for_function("image => image.naturalWidth > 0", arg=last.element_handle())
    expect(page.get_by_role("textbox", name="Page, of 24")).to_have_value("24")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("textbox", name="Page, of 24")).to_have_value("23")


def test_the_number_of_a_page_leads_there(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["pdf"])
    number = page.get_by_role("textbox", name="Page, of 24")
    number.fill("12")
    number.press("Enter")
    expect(page.get_by_role("img", name="Page 12", exact=True)).to_be_in_viewport()


def test_a_text_is_shown(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["text"])
    expect(viewer(page).locator("pre")).to_contain_text("One line of these notes.")


def test_a_long_text_is_shown_a_piece_at_a_time(console: Callable[..., Page], api: Api) -> None:
    lines = "".join(f"Line {number}: ünïcödé\n" for number in range(30_000)).encode()
    record = uploaded(api, ("long.txt", "text/plain", lines))
    page = opened(console, record)
    text = viewer(page).locator("pre")
    expect(text).to_contain_text("Line 100: ünïcödé")
    expect(page.get_by_text(re.compile("are shown"))).to_be_visible()
    length = len(text.inner_text())
    assert length < len(lines) / 2
    page.get_by_role("button", name="Show more").click()
    page.wait_for_function("([pre, length]) => pre.textContent.length > length", arg=[text.element_handle(), length])
    assert "\ufffd" not in text.inner_text(), "a letter of several bytes was cut"


def test_a_workbook_has_its_sheets_with_all_their_rows(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["spreadsheet"])
    table = page.get_by_role("table", name="Sales")
    expect(table.get_by_role("columnheader", name="Amount")).to_be_visible()
    expect(table.get_by_role("cell", name="2026-12")).to_be_visible()
    page.get_by_role("tab", name="Sales").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("This sheet is empty.")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("cell", name="All amounts in euro")).to_be_visible()


def test_a_csv_file_is_a_table(console: Callable[..., Page], api: Api) -> None:
    rows = "".join(f'"part, {number}";{number},5\n' for number in range(3)).encode()
    page = opened(console, uploaded(api, ("parts.csv", "text/csv", b"name;price\n" + rows)))
    expect(page.get_by_role("columnheader", name="price")).to_be_visible()
    expect(page.get_by_role("cell", name="part, 2")).to_be_visible()


def test_the_entries_of_an_archive_are_a_tree_for_the_keyboard(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["archive"])
    tree = page.get_by_role("tree", name="Inside the archive")
    expect(tree.get_by_role("treeitem", name="summit.txt")).to_be_visible()
    tree.focus()
    page.keyboard.press("Home")
    expect(tree.locator("[aria-selected=true]")).to_contain_text("2025")
    page.keyboard.press("ArrowLeft")
    expect(tree.get_by_role("treeitem", name="sea.txt")).to_have_count(0)
    page.keyboard.press("End")
    with page.expect_download() as downloading:
        page.keyboard.press("Enter")
    download = downloading.value
    assert download.suggested_filename == "read me.txt"
    assert download.path().read_bytes() == b"This is read me.txt\n"


def test_entries_are_found_by_a_part_of_their_names(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["archive"])
    page.get_by_role("searchbox", name="Find in the archive").fill("HUT")
    expect(page.get_by_role("treeitem")).to_have_count(1)
    expect(page.get_by_role("treeitem")).to_contain_text("2026/alps/hut.txt")


def test_a_message_has_its_header_text_and_attachments(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["email"])
    message = viewer(page)
    expect(message.get_by_role("heading", name="Minutes of Monday")).to_be_visible()
    expect(message).to_contain_text("Ada <ada@example.com>")
    expect(message.locator("pre")).to_contain_text("the minutes are attached")
    with page.expect_download() as downloading:
        message.get_by_role("link", name="Download minutes.csv").click()
    assert downloading.value.path().read_bytes().startswith(b"1;2;3")


def test_a_font_shows_its_specimen(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["font"])
    picture = viewer(page).get_by_role("img")
    page.wait_for_function("image => image.naturalWidth > 0", arg=picture.element_handle())
    expect(page.get_by_role("complementary")).to_contain_text("Aileron")


def test_any_other_file_has_its_facts_and_its_download(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["other"])
    expect(viewer(page)).to_contain_text("The original (10.2 KB) can be downloaded.")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download the original").click()
    assert downloading.value.suggested_filename == "firmware.bin"
    assert downloading.value.path().read_bytes() == KINDS["other"]()[2]


def test_every_rendition_is_there_with_its_size_and_address(console: Callable[..., Page], records: Records) -> None:
    record = records["image"]
    page = opened(console, record)
    page.get_by_role("tab", name="Renditions").click()
    expect(page.locator(".rendition-list > li")).to_have_count(len(record["renditions"]))
    wide = page.locator(".rendition-list > li").filter(has_text="w640").filter(has_text="WebP")
    expect(wide).to_contain_text("640 \u00d7 427")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    wide.get_by_role("button", name="Copy address").click()
    expect(wide.get_by_role("button", name="Copied")).to_be_visible()
    address = page.evaluate("navigator.clipboard.readText()")
    assert page.request.get(address).headers["content-type"] == "image/webp"


def test_exif_and_metadata_are_shown(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["image"])
    panel = page.get_by_role("complementary")
    for text in ("Pathfinder 2", "Ada Lovelace", "shelf", "1,800 \u00d7 1,200 pixels"):
        expect(panel).to_contain_text(text)


def test_the_history_tells_who_changed_what(console: Callable[..., Page], api: Api) -> None:
    record = uploaded(api, KINDS["text"]())
    api("PATCH", f"/v1/files/{record['id']}", json={"tags": ["read"], "filename": "other.md"})
    page = opened(console, {**record, "filename": "other.md"})
    page.get_by_role("tab", name="History").click()
    newest = page.locator(".timeline > li").first
    expect(newest).to_contain_text("Changed:")
    expect(newest).to_contain_text("tags")
    expect(page.locator(".timeline > li").last).to_contain_text("Created")


def test_the_keyboard_alone_reaches_every_panel_and_the_viewer(console: Callable[..., Page], records: Records) -> None:
    page = opened(console, records["image"])
    focused = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        label = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
        focused.add(page.evaluate(label))
    wanted = {
        "Back to the files",
        "Download the original",
        "Share",
        "More",
        "Zoom in",
        "Fit",
        "Details",
        "Edit",
        "Copy id",
    }
    assert wanted <= focused, wanted - focused
    page.get_by_role("tab", name="Details").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Renditions")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
