"""Sign in with a key or at an issuer, and what happens when a credential ends."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from ops.local.stage import LocalStage
from tests.console import axe
from tests.console.routed import RoutedApi, drop
from tests.local import Api

Visit = Callable[..., Page]


def test_a_person_without_a_key_is_told_where_to_find_it(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="No key yet?").click()
    expect(page.get_by_text("cat .local/api-key")).to_be_visible()
    axe.check(page)


def test_on_aws_the_help_names_the_command_of_the_operator(visit: Visit, context: BrowserContext) -> None:
    context.route("**/console/config.json", lambda route: route.fulfill(json={"stage": "prod", "sign_in": []}))
    page = visit()
    page.get_by_role("button", name="No key yet?").click()
    expect(page.get_by_text("python -m ops keys create --stage prod --tenant TENANT")).to_be_visible()
    expect(page.get_by_text(".local/api-key")).to_have_count(0)


def test_a_key_signs_in_and_the_route_stays(visit: Visit, api: Api) -> None:
    page = visit("#/?kind=image")
    page.get_by_label("API key").fill(f"  {api.key} ")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Files")).to_be_visible()
    assert page.url.endswith("#/?kind=image")
    page.reload()
    expect(page.get_by_role("heading", name="Files")).to_be_visible()
    page.get_by_role("button", name="Account: demo").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})").count("fm_") == 0


def test_wrong_keys_are_refused_with_a_sentence(visit: Visit) -> None:
    page = visit()
    for wrong, sentence in (
        ("", "Paste a key first."),
        ("fm_wrong", "This key is not known here, or it was revoked."),
        ("fm_with a blank", "This is no key"),
        ("schlüssel", "This is no key"),
        ("<img src=x onerror=alert(1)>", "This is no key"),
    ):
        page.get_by_label("API key").fill(wrong)
        page.get_by_label("API key").press("Enter")
        expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()


def test_a_revoked_key_leads_to_the_sign_in_and_keeps_uploads(context: BrowserContext, visit: Visit) -> None:
    routed = RoutedApi([])
    routed.install(context)
    page = visit(key="fm_routed")
    expect(page.get_by_text("Drop your first files here")).to_be_visible()
    problem = {"status": 401, "code": "unauthenticated", "detail": "The key is unknown."}
    routed.answers["POST /v1/files"] = lambda route: route.fulfill(status=401, json=problem)
    drop(page, ("kept.txt", "hello", "text/plain"))
    expect(page.get_by_text("Your key is no longer valid.")).to_be_visible()
    del routed.answers["POST /v1/files"]
    made: list[str] = []

    def create(route: Route) -> None:
        made.append(route.request.post_data or "")
        route.fulfill(status=403, json={"code": "missing_scope", "detail": "Not this key."})

    routed.answers["POST /v1/files"] = create
    page.get_by_label("API key").fill("fm_other")
    page.get_by_role("button", name="Sign in").click()
    # The upload goes on with the new key, without anybody choosing the file again.
    expect(page.get_by_text("Not this key.", exact=True)).to_be_visible()
    assert "kept.txt" in made[0]


STORED = "JSON.stringify({...sessionStorage, ...localStorage})"


@pytest.fixture
def uploading(context: BrowserContext, visit: Visit) -> tuple[Page, RoutedApi]:
    """A console whose upload of `secret plan.txt` has begun; the API has not answered its request yet."""
    routed = RoutedApi([])
    routed.answers["POST /v1/files"] = lambda route: None
    routed.install(context)
    page = visit("#/search?q=merger", key="fm_routed")
    page.get_by_text("Nothing was found").wait_for()
    drop(page, ("secret plan.txt", "hello", "text/plain"))
    page.locator(".upload.sending").wait_for()
    page.wait_for_function(f"() => ({STORED}.match(/secret plan/g) ?? []).length >= 2")
    return page, routed


def test_after_the_sign_out_nothing_of_the_former_user_is_left(uploading: tuple[Page, RoutedApi]) -> None:
    page, _ = uploading
    page.evaluate("window.sameMemory = true")
    account = page.get_by_role("button", name="Account: routed")
    account.click()
    page.get_by_role("button", name="Sign out").click()
    question = page.get_by_role("dialog", name="An upload has not ended")
    axe.check(page, "dialog")
    question.get_by_role("button", name="Cancel").click()
    expect(page.locator(".upload.sending")).to_have_count(1)
    account.click()
    page.get_by_role("button", name="Sign out").click()
    question.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.evaluate("window.sameMemory") is None, "the page began anew"
    stored = page.evaluate(STORED)
    assert "secret" not in stored and "fm_" not in stored, stored
    assert "merger" not in page.url and page.title() == "Sign in \u2013 Filemill"
    page.get_by_label("API key").fill("fm_routed")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Drop your first files here").wait_for()
    assert "secret" not in page.content()


def test_another_user_sees_nothing_of_the_one_whose_key_has_ended(uploading: tuple[Page, RoutedApi]) -> None:
    page, routed = uploading
    routed.answers["GET /v1/search"] = lambda route: route.fulfill(status=401, json={"code": "unauthenticated"})
    page.get_by_label("Search files").fill("more")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your key is no longer valid.")).to_be_visible()
    person = {"type": "user", "id": "grace", "name": None, "tenant": "routed", "owner": "grace"}
    routed.answers = {
        "GET /v1/me": lambda route: route.fulfill(json={**person, "scopes": ["files:own"], "expires_at": None})
    }
    page.get_by_label("API key").fill("e.y.J")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Account: routed").wait_for()
    page.wait_for_timeout(500)
    assert page.locator(".tray").count() == 0
    assert "secret" not in page.content() + page.evaluate(STORED)
    since = len(routed.asked) - routed.asked[::-1].index("GET /v1/search")
    assert "POST /v1/files" not in routed.asked[since:], "nothing is sent for the former"


def test_sign_in_at_an_issuer_uses_the_code_flow_with_pkce(
    visit: Visit, context: BrowserContext, local_stage: LocalStage, api: Api
) -> None:
    door = local_stage.front_door
    provider = {
        "name": "Acme ID",
        "issuer": "https://id.example.com/",
        "client_id": "console",
        "authorize": f"{door}/__issuer__/authorize",
        "token": f"{door}/__issuer__/token",
        "scope": "openid filemill",
    }
    context.route("**/console/config.json", lambda route: route.fulfill(json={"stage": "dev", "sign_in": [provider]}))
    asked: dict[str, str] = {}

    def authorize(route: Route) -> None:
        asked.update({name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()})
        back = f"{asked['redirect_uri']}?code=c0de&state={asked['state']}"
        route.fulfill(status=302, headers={"Location": back})

    def token(route: Route) -> None:
        given = {name: values[0] for name, values in parse_qs(route.request.post_data or "").items()}
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert given["code"] == "c0de" and given["redirect_uri"] == asked["redirect_uri"] == f"{door}/"
        assert "client_secret" not in given
        route.fulfill(json={"access_token": api.key, "token_type": "Bearer", "expires_in": 300})

    context.route("**/__issuer__/authorize**", authorize)
    context.route("**/__issuer__/token", token)
    page = visit("#/?kind=pdf")
    page.get_by_role("button", name="Continue with Acme ID").click()
    expect(page.get_by_role("heading", name="Files")).to_be_visible()
    assert page.url == f"{door}/#/?kind=pdf"  # no code is left in the address
    assert asked["code_challenge_method"] == "S256" and asked["scope"] == "openid filemill"


def test_an_answer_of_an_issuer_that_nobody_asked_for_signs_nobody_in(visit: Visit, local_stage: LocalStage) -> None:
    page = visit()
    page.goto(f"{local_stage.front_door}/?code=stolen&state=other")
    expect(page.get_by_text("This sign-in was not begun in this tab")).to_be_visible()
    assert "code=" not in page.url
