"""Keys and upload tokens in the console: made, shown once, changed, rotated and ended, by somebody who may."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.console import axe
from tests.local import Api

HOSTILE = "<img src=x onerror=\"document.title='run'\">\u202e"


@pytest.fixture(autouse=True)
def alone(api: Api) -> None:
    """The tenant has no key but the one that these tests use, so that names are found once and on the first page."""
    own = api("GET", "/v1/me").json()["id"]
    for each in api("GET", "/v1/keys", params={"limit": 100}).json()["items"]:
        if each["id"] != own:
            api("DELETE", f"/v1/keys/{each['id']}")


def make(api: Api, **body: object) -> dict[str, str]:
    answer = api("POST", "/v1/keys", json={"name": "a key", "scopes": ["files:read"], **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


def works(api: Api, key: str) -> bool:
    return Api(api.base, key)("GET", "/v1/me").status_code == 200


def test_a_key_is_made_shown_once_and_works(console: Callable[..., Page], api: Api) -> None:
    page = console("#/keys")
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("the build server")
    dialog.get_by_role("checkbox", name="files:write").uncheck()
    dialog.get_by_label("The key ends").select_option(label="In 30 days")
    axe.check(page)
    dialog.get_by_role("button", name="Make the key").click()
    shown = page.get_by_label("API key", exact=True)
    expect(shown).to_have_text(re.compile("^fm_"))
    axe.check(page)
    secret = shown.inner_text()
    me = Api(api.base, secret)("GET", "/v1/me").json()
    assert (me["name"], me["scopes"]) == ("the build server", ["files:read"])
    assert me["expires_at"]
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="the build server")).to_be_visible()
    assert secret not in page.content(), "nobody sees it later"
    page.reload()
    expect(page.get_by_role("heading", name="the build server")).to_be_visible()


def test_the_keyboard_alone_makes_a_key_and_gives_the_focus_back(console: Callable[..., Page]) -> None:
    page = console("#/keys")
    new = page.get_by_role("button", name="New key")
    new.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    expect(page.get_by_label("API key", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="by keyboard")).to_be_visible()


def test_the_api_s_word_stands_at_its_field_which_gets_the_focus(console: Callable[..., Page]) -> None:
    page = console("#/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name", exact=True).fill("x")
    networks = page.get_by_label("Networks")
    networks.fill("203.0.113.0/24\n1.2.3.4/33")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("Must be a network such as")).to_be_visible()
    expect(networks).to_have_attribute("aria-invalid", "true")
    expect(networks).to_be_focused()
    axe.check(page)
    page.get_by_label("Name", exact=True).fill("")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("Give the key a name")).to_be_visible()


def test_a_key_gives_no_right_that_it_lacks_and_says_so(visit: Callable[..., Page], api: Api) -> None:
    own = make(api, name="keys only", scopes=["keys:admin", "files:read"])
    page = visit("#/keys", key=own["key"])
    page.get_by_role("button", name="New key").click()
    expect(page.get_by_role("checkbox", name="files:write")).to_be_disabled()
    expect(page.get_by_role("checkbox", name="files:own")).to_be_disabled()
    expect(page.get_by_role("checkbox", name="files:read")).to_be_enabled()
    expect(page.get_by_text("Your own credential has no")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    # One that was stronger before can't be changed by it: the API says why.
    strong = make(api, name="stronger", scopes=["files:write"])
    page.reload()
    page.get_by_role("button", name="Actions for stronger").click()
    page.get_by_role("button", name="Rotate the secret").click()
    page.get_by_role("button", name="Rotate", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("files:write")
    assert works(api, strong["key"])


def test_a_key_is_changed(console: Callable[..., Page], api: Api) -> None:
    made = make(api, name="to change")
    page = console("#/keys")
    page.get_by_role("button", name="Actions for to change").click()
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_label("Name", exact=True).fill("changed")
    page.get_by_role("checkbox", name="events:read").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="changed", exact=True)).to_be_visible()
    now = api("GET", f"/v1/keys/{made['id']}").json()
    assert (now["name"], sorted(now["scopes"])) == ("changed", ["events:read", "files:read"])


def test_a_rotated_key_works_beside_its_earlier_secret(console: Callable[..., Page], api: Api) -> None:
    made = make(api, name="to rotate")
    page = console("#/keys")
    page.get_by_role("button", name="Actions for to rotate").click()
    page.get_by_role("button", name="Rotate the secret").click()
    axe.check(page)
    page.get_by_role("button", name="Rotate", exact=True).click()
    secret = page.get_by_label("API key", exact=True)
    expect(secret).to_be_visible()
    assert works(api, secret.inner_text())
    assert works(api, made["key"])
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("Earlier secret works until").first).to_be_visible()


def test_a_deleted_key_is_gone_after_a_question(console: Callable[..., Page], api: Api) -> None:
    made = make(api, name="to delete")
    page = console("#/keys")
    page.get_by_role("button", name="Actions for to delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    assert api("GET", f"/v1/keys/{made['id']}").status_code == 200
    page.get_by_role("button", name="Actions for to delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="to delete")).to_have_count(0)
    assert api("GET", f"/v1/keys/{made['id']}").status_code == 404


def test_who_deletes_the_own_key_is_signed_out(visit: Callable[..., Page], api: Api) -> None:
    own = make(api, name="my own", scopes=["keys:admin", "files:read"])
    page = visit("#/keys", key=own["key"])
    page.get_by_role("button", name="Actions for my own").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("you will be signed out")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_names_of_others_are_text(console: Callable[..., Page], api: Api) -> None:
    make(api, name=HOSTILE)
    page = console("#/keys")
    expect(page.get_by_role("heading", name="onerror").first).to_be_visible()
    assert page.locator("main img").count() == 0
    assert page.title() != "run"
    axe.check(page)


@pytest.mark.parametrize(
    ("route", "scope"),
    [("keys", "keys:admin"), ("audit", "keys:admin"), ("webhooks", "webhooks:admin"), ("usage", "files:read")],
)
def test_who_lacks_the_scope_is_told_which(visit: Callable[..., Page], api: Api, route: str, scope: str) -> None:
    own = make(api, name="writes only", scopes=["files:write"])
    page = visit(f"#/{route}", key=own["key"])
    expect(page.locator("main")).to_contain_text(f"Your credential has no {scope}")
    expect(page.get_by_role("navigation").get_by_role("link", name=route.capitalize())).to_have_count(0)
    axe.check(page)


# --- Upload tokens


def test_an_upload_token_is_made_shown_once_and_revoked(console: Callable[..., Page], api: Api) -> None:
    page = console("#/tokens")
    page.get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Each file at most").fill("5")
    dialog.get_by_label("Files at most").fill("3")
    dialog.get_by_label("Types").fill("image/*, application/pdf")
    dialog.get_by_label("Tags").fill(f"Lisbon 2024, {HOSTILE[:20]}")
    dialog.get_by_label("Owner").fill("ana@example.com")
    axe.check(page)
    dialog.get_by_role("button", name="Make the token").click()
    shown = page.get_by_label("Upload token", exact=True)
    expect(shown).to_have_text(re.compile("^fmu_"))
    token = shown.inner_text()
    page.get_by_role("button", name="Done").click()
    token_id = token.split("_")[1]
    (listed,) = (each for each in api("GET", "/v1/upload-tokens").json()["items"] if each["id"] == token_id)
    assert (listed["max_bytes"], listed["max_files"]) == (5_000_000, 3)
    assert listed["content_types"] == ["image/*", "application/pdf"]
    assert listed["tags"] == ["Lisbon 2024", HOSTILE[:20]]
    assert listed["owner"] == "ana@example.com"
    axe.check(page)
    page.get_by_role("button", name=f"Revoke {token_id}").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("button", name=f"Revoke {token_id}")).to_have_count(0)
    assert token_id not in api("GET", "/v1/upload-tokens").text


def test_a_wrong_bound_of_a_token_is_told_at_its_field(console: Callable[..., Page]) -> None:
    page = console("#/tokens")
    page.get_by_role("button", name="New token").click()
    page.get_by_label("Files at most").fill("many")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("Say a whole number")).to_be_visible()
    page.get_by_label("Files at most").fill("99999")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_label("Files at most")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Files at most").fill("1")
    page.get_by_label("Types").fill("no type")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("Must be a type")).to_be_visible()
