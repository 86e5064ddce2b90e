"""Changes that a person makes on a file's page: edit, share, caption, delete; also when others make them, too."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.console import axe
from tests.console.file_samples import KINDS, key_of, opened, uploaded
from tests.e2e.stack import finished
from tests.local import Api

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photo(api: Api) -> dict[str, Any]:
    return uploaded(api, KINDS["image"](), tags=["lake"], metadata={"rating": 4, "place": {"country": "CH"}})


def fresh(api: Api, record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api("GET", f"/v1/files/{record['id']}").json()
    return found


def toast(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator(".toast").filter(has_text=text)).to_be_visible()


def test_a_file_is_edited_with_the_keyboard_alone(
    console: Callable[..., Page], api: Api, photo: dict[str, Any]
) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="Edit").press("Enter")
    name = page.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    axe.check(page)
    name.fill("evening.jpg")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Tags", exact=True)).to_be_focused()
    page.keyboard.type("alps,")
    page.keyboard.type("evening")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add a row").press("Enter")
    page.get_by_label("Name of row 3").fill("approved")
    page.get_by_label("Type of row 3").select_option("yes or no")
    page.get_by_role("button", name="Remove row 1").press("Enter")
    end = (datetime.now() + timedelta(days=30)).strftime("%Y-%m-%dT12:00")
    page.get_by_label("Delete by itself on").fill(end)
    page.get_by_role("button", name="Save").press("Enter")
    toast(page, "Saved")
    expect(page.get_by_role("heading", level=1)).to_have_text("evening.jpg")
    record = fresh(api, photo)
    assert record["filename"] == "evening.jpg"
    assert record["tags"] == ["lake", "alps", "evening"]
    assert record["metadata"] == {"place": {"country": "CH"}, "approved": True}
    assert 29 * 86400 < record["expires_after"] < 31 * 86400


def test_a_wrong_value_is_said_beside_its_field(console: Callable[..., Page], photo: dict[str, Any]) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Name", exact=True).fill("a/b.jpg")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="A name has no slashes.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.get_by_label("Name", exact=True).fill("b.jpg")
    page.get_by_label("Value of row 1").fill("many")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="“rating” is no number.")).to_be_visible()


def test_another_s_change_is_shown_and_nothing_is_lost(
    console: Callable[..., Page], api: Api, photo: dict[str, Any]
) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Name", exact=True).fill("mine.jpg")
    assert api("PATCH", f"/v1/files/{photo['id']}", json={"tags": ["theirs"]}).status_code == 200
    page.get_by_role("button", name="Save").click()
    conflict = page.get_by_role("alert").filter(has_text="Somebody changed this file while you edited it.")
    expect(conflict).to_contain_text("Changed: tags.")
    assert fresh(api, photo)["filename"] == photo["filename"], "it was saved over the other's change"
    axe.check(page, ".file-side")
    conflict.get_by_role("button", name="Save my changes on top").click()
    toast(page, "Saved")
    record = fresh(api, photo)
    assert (record["filename"], record["tags"]) == ("mine.jpg", ["theirs"])


def test_the_other_s_change_can_be_taken(console: Callable[..., Page], api: Api, photo: dict[str, Any]) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Name", exact=True).fill("mine.jpg")
    api("PATCH", f"/v1/files/{photo['id']}", json={"filename": "theirs.jpg"})
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Discard mine").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("theirs.jpg")


def test_a_change_of_somebody_else_appears_by_itself(
    console: Callable[..., Page], api: Api, photo: dict[str, Any]
) -> None:
    page = opened(console, photo)
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    api("PATCH", f"/v1/files/{photo['id']}", json={"filename": "renamed elsewhere.jpg"})
    expect(page.get_by_role("heading", level=1)).to_have_text("renamed elsewhere.jpg")


def test_a_file_becomes_public_and_its_addresses_lose_their_signatures(
    console: Callable[..., Page], api: Api, photo: dict[str, Any]
) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Public").check()
    page.get_by_role("button", name="Save").click()
    toast(page, "Saved")
    expect(page.locator(".file-badges")).to_contain_text("Public")
    page.get_by_role("tab", name="Renditions").click()
    expect(page.get_by_text("The addresses are public and never change.")).to_be_visible()
    picture = page.get_by_role("img", name="By the lake")
    page.wait_for_function(
        "image => image.src.includes('/public/') && image.naturalWidth > 0", arg=picture.element_handle()
    )


def test_the_focal_point_is_chosen_by_a_click_and_by_the_keyboard(
    console: Callable[..., Page], api: Api, photo: dict[str, Any]
) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="Choose").click()
    dialog = page.get_by_role("dialog", name="Focal point")
    picture = dialog.get_by_role("img")
    page.wait_for_function("image => image.naturalWidth > 0", arg=picture.element_handle())
    axe.check(page, "dialog")
    box = picture.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75)
    across = dialog.get_by_role("slider", name="From the left")
    expect(across).to_have_value("25")
    across.focus()
    page.keyboard.press("ArrowRight")
    dialog.get_by_role("button", name="Save").press("Enter")
    toast(page, "The focal point is saved")
    assert fresh(api, photo)["focus"] == {"x": pytest.approx(0.26), "y": pytest.approx(0.75, abs=0.01)}
    expect(page.get_by_role("complementary")).to_contain_text("26% from the left, 75% from the top")


def test_the_frame_that_is_shown_becomes_the_poster(console: Callable[..., Page], api: Api) -> None:
    film = uploaded(api, KINDS["video"]())
    page = opened(console, film)
    video = page.locator("video")
    page.wait_for_function("media => media.src.startsWith('blob:')", arg=video.element_handle())
    video.evaluate("media => { media.muted = true; return media.play() }")
    page.wait_for_function("media => media.currentTime > 0", arg=video.element_handle())
    video.evaluate("media => { media.pause(); media.currentTime = 7.5 }")
    page.get_by_role("button", name="Use frame at 0:08 as poster").click()
    toast(page, "The poster is made")
    record = finished(api, film["id"])
    assert record["poster"] == {"time": 7.5}
    # The page follows: the film has new addresses, and can be given back.
    expect(page.get_by_text("Somebody chose it.")).to_be_visible()
    page.wait_for_function("media => media.src.startsWith('blob:')", arg=page.locator("video").element_handle())
    page.get_by_role("button", name="Choose it for me").click()
    expect(page.get_by_text("It was chosen by itself.")).to_be_visible()


def test_captions_are_added_shown_and_removed(console: Callable[..., Page], api: Api, tmp_path: Path) -> None:
    film = uploaded(api, KINDS["video"]())
    captions = tmp_path / "captions.srt"
    captions.write_text("1\n00:00:00,000 --> 00:00:12,000\n<b>Hello</b> <script>window.hacked=1</script>\n")
    page = opened(console, film)
    page.get_by_role("tab", name="Captions").click()
    page.get_by_label("File", exact=True).set_input_files(captions)
    page.get_by_label("Language", exact=True).fill("english")
    page.get_by_role("button", name="Add captions").click()
    expect(page.locator("#captions-language-error")).to_be_visible()
    page.get_by_label("Language", exact=True).fill("en")
    page.get_by_label("Shown as").fill("<i>English</i>")
    page.get_by_label("Show them at once").check()
    page.get_by_role("button", name="Add captions").click()
    toast(page, "The captions are added")
    track = page.locator("video track")
    expect(track).to_have_attribute("label", "<i>English</i>")
    page.wait_for_function("track => track.track.cues?.length === 1", arg=track.element_handle())
    page.get_by_role("button", name="Remove the captions <i>English</i>").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator("video track")).to_have_count(0)
    assert page.evaluate("window.hacked") is None


def test_a_share_link_is_made_opened_and_revoked(console: Callable[..., Page], photo: dict[str, Any]) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="Share").click()
    page.get_by_label("Password").fill("abc")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("At least 4 characters.")).to_be_visible()
    page.get_by_label("Password").fill("open sesame")
    page.get_by_label("Most views").fill("5")
    page.get_by_label("Ends after").select_option(label="1 day")
    page.get_by_role("button", name="Make a link").click()
    url = page.get_by_role("textbox", name="The link").input_value()
    assert urlsplit(url).path.startswith("/s/")
    assert "Password" in requests.get(url, timeout=60).text
    links = page.locator(".share-list > li")
    expect(links).to_have_count(1)
    expect(links).to_contain_text("0 of 5 views")
    axe.check(page)
    links.get_by_role("button", name=re.compile("^Revoke")).click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Nobody has a link to this file.")).to_be_visible()
    assert requests.get(url, timeout=60).status_code == 404


def test_a_deleted_file_comes_back_by_undo(console: Callable[..., Page], api: Api, photo: dict[str, Any]) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Files")
    page.get_by_role("button", name="Undo").click()
    page.goto(page.url.split("#")[0] + f"#/files/{photo['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text(photo["filename"])
    assert fresh(api, photo)["status"] == "ready"


def test_a_deleted_file_is_gone_and_its_page_says_so(
    console: Callable[..., Page], api: Api, photo: dict[str, Any]
) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Dismiss").first.click()
    page.goto(page.url.split("#")[0] + f"#/files/{photo['id']}")
    expect(page.get_by_role("heading", name="This file was deleted")).to_be_visible()
    axe.check(page)
    assert api("GET", f"/v1/files/{photo['id']}").status_code == 404


def test_a_held_file_can_t_be_deleted(console: Callable[..., Page], api: Api, photo: dict[str, Any]) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Put under legal hold").click()
    expect(page.locator(".file-badges")).to_contain_text("Legal hold")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("button", name="Can\u2019t be deleted: legal hold")).to_be_disabled()
    page.get_by_role("button", name="Release the legal hold").click()
    toast(page, "The file is released")
    assert not fresh(api, photo).get("legal_hold")


def test_a_file_is_processed_again_by_another_recipe(
    console: Callable[..., Page], api: Api, photo: dict[str, Any]
) -> None:
    page = opened(console, photo)
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Process again").click()
    page.get_by_label("Recipe").select_option("original-only")
    page.get_by_role("dialog").get_by_role("button", name="Process again").click()
    expect(page.get_by_role("heading", name="No preview")).to_be_visible()
    assert fresh(api, photo)["recipe"] == "original-only"


def test_a_key_that_only_reads_sees_no_way_to_change(
    visit: Callable[..., Page], api: Api, photo: dict[str, Any]
) -> None:
    key = key_of(api, "files:read")
    page = opened(lambda route: visit(route, key=key), photo)
    expect(page.get_by_role("button", name="Download the original")).to_be_visible()
    for name in ("Edit", "Share", "More", "Choose"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("tab", name="Share")).to_have_count(0)
    axe.check(page)


def code_of(page: Page, label: str) -> str:
    page.get_by_role("tab", name="Code").click()
    page.get_by_role("tab", name=label, exact=True).click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("tabpanel", name=label).get_by_role("button", name="Copy").click()
    expect(page.get_by_role("tabpanel", name=label).get_by_role("button", name="Copied")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_the_code_to_copy_works(console: Callable[..., Page], api: Api, tmp_path: Path, visibility: str) -> None:
    _, content_type, data = KINDS["image"]()
    record = uploaded(api, (f"it's {visibility}.jpg", content_type, data), visibility=visibility)
    page = opened(console, record)

    markup = code_of(page, "<picture>")
    addresses = re.findall(r'src="([^"]+)"', markup)
    assert addresses
    assert requests.get(addresses[0].replace("&amp;", "&"), timeout=60).status_code == 200

    commands = code_of(page, "curl")
    environment = {"PATH": "/usr/bin:/bin", "FILEMILL_KEY": api.key}
    subprocess.run(["sh", "-e", "-c", commands], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert (tmp_path / f"it's {visibility}.jpg").read_bytes() == data

    script = code_of(page, "JavaScript")
    body = re.sub(r'import \{ Filemill \} from ("[^"]+")', r"const { Filemill } = await import(\1)", script)
    given = f"const credential = {api.key!r}, image = new Image();"
    source = page.evaluate(f"async () => {{ {given} {body} await image.decode(); return image.src }}")
    assert f"/{visibility}/" in source

    client = ROOT / "client" / "src"
    if client.exists():
        code = code_of(page, "Python")
        environment |= {"PYTHONPATH": str(client), "FILEMILL_KEY": api.key}
        saved = tmp_path / "python"
        saved.mkdir()
        subprocess.run([sys.executable, "-c", code], cwd=saved, env=environment, check=True, capture_output=True)
        assert (saved / f"it's {visibility}.jpg").read_bytes() == data
