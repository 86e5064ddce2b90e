"""The session's cookie, and what every answer below `/s3` has."""

from __future__ import annotations

import pytest

from chalicelib.api.auth.callers import COOKIE
from chalicelib.catalog.credentials import new_credential
from chalicelib.settings import settings
from tests.api.routes.uppy.asking import NEW, params, presign
from tests.client import Answer, Client
from tests.stage import Calls


def cookie_of(answer: Answer) -> tuple[str, dict[str, str]]:
    value, *attributes = answer.headers["Set-Cookie"].split("; ")
    return value, {name: text for name, _, text in (a.partition("=") for a in attributes)}


def test_a_token_becomes_a_cookie_that_only_s3_routes_and_no_script_see(browser: Client) -> None:
    opened = browser("POST", "/s3/session")
    assert opened.status == 200
    value, attributes = cookie_of(opened)
    assert value == f"{COOKIE}={browser.key}"
    age = int(attributes.pop("Max-Age"))
    assert 3590 <= age <= 3600
    assert attributes == {"Path": "/s3", "HttpOnly": "", "SameSite": "Strict", "Secure": ""}
    assert browser.key and browser.key not in opened.text


def test_on_a_laptop_without_tls_the_cookie_is_not_secure(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_FRONT_DOOR", "http://localhost:8000")
    settings.cache_clear()
    try:
        assert "Secure" not in cookie_of(browser("POST", "/s3/session"))[1]
    finally:
        settings.cache_clear()


def test_the_cookie_alone_uploads_and_gives_no_more(client: Client, browser: Client) -> None:
    with_cookie = {"Cookie": f"theme=dark; {COOKIE}={browser.key}", "Sec-Fetch-Site": "same-origin"}
    anyone = Client(None)
    made = anyone("POST", "/s3/multipart", NEW, headers=with_cookie)
    assert made.status == 200
    query = {"key": made.json["key"]}
    path = f"/s3/multipart/{made.json['uploadId']}"
    assert anyone("GET", path, query=query, headers=with_cookie).json == []
    assert anyone("DELETE", path, query=query, headers=with_cookie).status == 200
    assert anyone("GET", "/v1/files", headers=with_cookie).status == 401
    assert anyone("POST", "/s3/session", headers=with_cookie).status == 401


@pytest.mark.parametrize("site", ["same-site", "cross-site", "none"])
def test_the_cookie_is_for_our_own_origins_pages(browser: Client, site: str) -> None:
    sent = {"Cookie": f"{COOKIE}={browser.key}", "Sec-Fetch-Site": site}
    query = {"filename": "a.jpg", "type": "image/jpeg"}
    assert Client(None)("GET", "/s3/params", query=query, headers=sent).status == 401


def test_neither_an_api_key_nor_a_made_up_token_makes_a_session(client: Client) -> None:
    for wrong in (client, Client(new_credential("fmu")[1])):
        refused = wrong("POST", "/s3/session")
        assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
        assert "Set-Cookie" not in refused.headers
    sent = {"Cookie": f"{COOKIE}={client.key}"}
    query = {"filename": "a.jpg", "type": "image/jpeg"}
    assert Client(None)("GET", "/s3/params", query=query, headers=sent).status == 401


def test_a_session_ends(stage: Calls) -> None:
    ended = Client(None)("DELETE", "/s3/session")
    assert ended.status == 204
    value, attributes = cookie_of(ended)
    assert (value, attributes["Max-Age"], attributes["Path"]) == (f"{COOKIE}=", "0", "/s3")


def test_no_credentials_of_s3_are_given_away(client: Client) -> None:
    refused = client("GET", "/s3/sts")
    assert (refused.status, refused.json["code"]) == (404, "unknown_route")
    assert "signRequest" in refused.json["message"]


def test_refusals_are_told_in_uppys_words_too_and_with_cors(client: Client, browser: Client) -> None:
    refused = [
        Client(None)("GET", "/s3/params"),
        browser("GET", "/s3/params"),
        browser("POST", "/s3/multipart", "{"),
        browser("GET", "/s3/multipart/u/1", query={"key": "acme/x"}),
        presign(browser, method="DELETE", key="x"),
        client("GET", "/s3/sts"),
        client("PUT", "/s3/params", {}),
    ]
    assert [answer.status for answer in refused] == [401, 422, 400, 404, 422, 404, 405]
    for answer in refused:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["error"] == answer.json["message"] == answer.json["detail"]
    assert "message" not in Client(None)("GET", "/v1/files").json


def test_answers_carry_cors_and_are_not_kept(browser: Client) -> None:
    made = params(browser)
    assert made.headers["Access-Control-Allow-Origin"] == "*"
    assert made.headers["Cache-Control"] == "no-store"
