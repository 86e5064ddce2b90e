"""Share links: how they are made, listed and revoked, and the page that they lead to."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from chalicelib.catalog import memory, shares, tenants
from chalicelib.catalog.shares import MAX_SHARES, MAX_WRONG
from chalicelib.catalog.tenants import Tenant
from tests.client import Answer, Client, new_client
from tests.making import PHOTO, deliver, ready_photo, set_item, upload
from tests.stage import Calls, aws_client

NOBODY = Client(None)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def share(client: Client, file_id: str, **body: Any) -> dict[str, Any]:
    answer = client("POST", f"/v1/files/{file_id}/shares", body)
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


def path_of(made: dict[str, Any]) -> str:
    return urlsplit(str(made["url"])).path


def page(made: dict[str, Any]) -> Answer:
    return NOBODY("GET", path_of(made))


def tried(made: dict[str, Any], password: str) -> Answer:
    return NOBODY("POST", path_of(made), urlencode({"password": password}), headers=FORM)


def items(prefix: str = "SHARES#") -> list[Any]:
    found = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    return [item for item in found if item["pk"]["S"].startswith(prefix)]


@pytest.fixture
def photo(client: Client) -> str:
    return ready_photo(client, name='<b>"Fish" & chips.jpg')


# --- making, listing, revoking


def test_a_link_is_made_listed_and_revoked(client: Client, photo: str) -> None:
    made = share(client, photo, max_views=3, password="open sesame")
    assert (made["password"], made["views"], made["max_views"], made["download"]) == (True, 0, 3, True)
    url = made.pop("url")
    assert re.fullmatch(r"https://d111\.cloudfront\.net/s/[0-9A-Za-z_-]{60}", url)
    assert client("GET", f"/v1/files/{photo}/shares").json == {"items": [made]}
    for _ in range(2):
        assert client("DELETE", f"/v1/files/{photo}/shares/{made['id']}").status == 204
    assert client("GET", f"/v1/files/{photo}/shares").json == {"items": []}
    assert NOBODY("GET", urlsplit(url).path).status == 404


def test_the_table_has_neither_the_link_nor_the_password(client: Client, photo: str) -> None:
    made = share(client, photo, password="open sesame")
    (item,) = items()
    assert "open sesame" not in str(item)
    assert path_of(made)[-32:] not in str(item)
    other = share(client, photo, password="open sesame")
    assert other["id"] != made["id"]
    assert len({item["password"]["S"] for item in items()}) == 2, "each has a salt of its own"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expires_in", 59),
        ("expires_in", 30 * 86_400 + 1),
        ("password", "abc"),
        ("password", "a" * 129),
        ("max_views", 0),
        ("download", "yes"),
        ("views", 0),
    ],
)
def test_a_link_has_bounds(client: Client, field: str, value: Any) -> None:
    answer = client("POST", f"/v1/files/{upload(client, b'a,b')}/shares", {field: value})
    assert (answer.status, answer.json["field"]) == (422, field)


def test_a_file_without_bytes_is_not_shared(client: Client) -> None:
    answer = client("POST", f"/v1/files/{upload(client, b'a,b')}/shares", {})
    assert (answer.status, answer.json["code"]) == (409, "not_uploaded")


def test_a_file_has_twenty_links_at_most_even_at_once(client: Client, photo: str) -> None:
    def make(_: int) -> int:
        return client("POST", f"/v1/files/{photo}/shares", {}).status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(make, range(MAX_SHARES + 5)))
    assert sorted(statuses) == [201] * MAX_SHARES + [409] * 5
    assert len(client("GET", f"/v1/files/{photo}/shares").json["items"]) == MAX_SHARES


def test_the_place_of_a_link_that_is_over_is_free_again(client: Client, photo: str, clock: Any) -> None:
    old = [share(client, photo, expires_in=60, password="open", max_views=2) for _ in range(MAX_SHARES)]
    clock.forward(timedelta(seconds=61))
    new = share(client, photo)
    assert page(new).status == 200
    assert {page(each).status for each in old} == {404}
    assert [each["id"] for each in client("GET", f"/v1/files/{photo}/shares").json["items"]] == [new["id"]]


def test_another_tenant_makes_sees_and_revokes_none(client: Client, photo: str) -> None:
    made, other = share(client, photo), new_client("other")
    for method, path in (("POST", ""), ("GET", ""), ("DELETE", f"/{made['id']}")):
        answer = other(method, f"/v1/files/{photo}/shares{path}", {} if method == "POST" else None)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert page(made).status == 200


def test_a_key_that_may_only_write_shares_nothing(client: Client, photo: str) -> None:
    answer = new_client("acme", "files:write")("POST", f"/v1/files/{photo}/shares", {})
    assert (answer.status, answer.json["code"]) == (403, "missing_scope")


# --- the page


def test_the_page_shows_the_file_and_offers_it(client: Client, photo: str) -> None:
    answer = page(share(client, photo))
    assert answer.status == 200
    text = answer.text
    assert "<b>" not in text.partition("</style>")[2]
    assert "&lt;b&gt;&quot;Fish&quot; &amp; chips.jpg</h1>" in text
    assert "<script" not in text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_name_that_is_written_backwards_is_shown_as_it_is(client: Client) -> None:
    """With U+202E, `gpj.exe` would be read as `exe.jpg`."""
    text = page(share(client, ready_photo(client, name="invoice\u202egpj.exe"))).text
    assert "<h1>invoicegpj.exe</h1>" in text
    assert "\u202e" not in text


def test_what_the_page_signs_works_for_five_minutes(client: Client, photo: str) -> None:
    import base64
    import html
    import json

    text = page(share(client, photo)).text
    picture = html.unescape(re.search(r'<img src="([^"]+)"', text)[1])  # type: ignore[index]
    policy = parse_qs(urlsplit(picture).query)["Policy"][0].translate(str.maketrans("-_~", "+=/"))
    (statement,) = json.loads(base64.b64decode(policy))["Statement"]
    assert 200 < statement["Condition"]["DateLessThan"]["AWS:EpochTime"] - time.time() <= 300
    original = html.unescape(re.search(r'href="([^"]+)"', text)[1])  # type: ignore[index]
    query = parse_qs(urlsplit(original).query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["response-content-disposition"][0].startswith("attachment")


def test_a_link_without_download_signs_no_original(client: Client, photo: str) -> None:
    text = page(share(client, photo, download=False)).text
    assert "<a " not in text
    assert "X-Amz" not in text


def test_a_file_without_a_preview_has_its_kinds_icon(client: Client) -> None:
    file_id = upload(client, b"\x00\x01", name="a.bin", content_type="application/x-a")
    deliver(file_id)
    text = page(share(client, file_id)).text
    assert "/docs/icon-other.svg" in text
    assert "2 bytes" in text


def test_views_are_counted_and_bounded_also_at_once(client: Client, photo: str) -> None:
    made = share(client, photo, max_views=5)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: page(made).status, range(9)))
    assert sorted(statuses) == [200] * 5 + [404] * 4
    assert items()[0]["views"]["N"] == "5"
    assert client("GET", f"/v1/files/{photo}/shares").json["items"] == []


# --- what ends a link


def test_every_end_looks_like_a_wrong_link(client: Client, clock: Any, stage: Calls) -> None:
    def revoked(file_id: str, made: dict[str, Any]) -> None:
        client("DELETE", f"/v1/files/{file_id}/shares/{made['id']}")

    def deleted(file_id: str, _: Any) -> None:
        client("DELETE", f"/v1/files/{file_id}")

    def made_private(file_id: str, _: Any) -> None:
        assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "private"}).status == 200

    def infected(file_id: str, _: Any) -> None:
        set_item(file_id, "scan", {"M": {"status": {"S": "infected"}}})
        set_item(file_id, "scan_version", client_item(file_id)["version_id"])

    def suspended(*_: Any) -> None:
        tenants.put_tenant(Tenant("acme", suspended=True))
        memory.forget()

    def over(*_: Any) -> None:
        clock.forward(timedelta(days=8))

    from tests.making import item as client_item

    wrong = NOBODY("GET", "/s/" + "0" * 60)
    assert wrong.status == 404
    for end in (revoked, deleted, made_private, infected, over, suspended):
        file_id = ready_photo(client, visibility="public")
        made, locked = share(client, file_id), share(client, file_id, password="open")
        assert page(made).status == 200
        end(file_id, made)
        end(file_id, locked)
        for answer in (page(made), page(locked), tried(locked, "open")):
            assert (answer.status, answer.text) == (404, wrong.text), end.__name__


def test_a_private_file_can_be_shared(client: Client, photo: str) -> None:
    assert client("GET", f"/v1/files/{photo}").json["visibility"] == "private"
    made = share(client, photo)
    assert client("PATCH", f"/v1/files/{photo}", {"visibility": "public"}).status == 200
    assert page(made).status == 200


def test_a_deleted_files_links_are_gone(client: Client, photo: str) -> None:
    share(client, photo)
    share(client, photo)
    assert client("DELETE", f"/v1/files/{photo}").status == 204
    assert items() == []


# --- guessing


def test_a_wrong_link_costs_one_read_and_no_write(client: Client, photo: str, stage: Calls) -> None:
    token = path_of(share(client, photo))
    for guess in (token[:-1] + ("a" if token[-1] != "a" else "b"), "/s/" + "0" * 60):
        stage.clear()
        assert NOBODY("GET", guess).status == 404
        assert stage.names == ["dynamodb.GetItem"]
    for guess in ("/s/x", "/s/" + "0" * 61, token.replace("/s/", "/s/%20")):
        stage.clear()
        assert NOBODY("GET", guess).status == 404
        assert stage.names == []


def test_a_password_opens_the_page(client: Client, photo: str) -> None:
    made = share(client, photo, password="öpen sesame+&=")
    asking = page(made)
    assert asking.status == 200
    assert '<label for="password">' in asking.text
    assert "chips" not in asking.text
    assert items()[0]["views"]["N"] == "0"
    assert tried(made, "wrong").status == 403
    assert tried(made, "").status == 403
    opened = tried(made, "öpen sesame+&=")
    assert opened.status == 200
    assert "chips" in opened.text
    assert items()[0]["views"]["N"] == "1"


def test_ten_wrong_passwords_lock_a_link_for_the_hour_also_at_once(client: Client, photo: str, clock: Any) -> None:
    made = share(client, photo, password="open sesame")
    for _ in range(3 * MAX_WRONG):
        assert tried(made, "open sesame").status == 200, "right ones are not counted"
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: tried(made, "wrong").status, range(MAX_WRONG + 5)))
    assert sorted(statuses) == [403] * MAX_WRONG + [429] * 5
    locked = tried(made, "open sesame")
    assert locked.status == 429
    assert 1 <= int(locked.headers["Retry-After"]) <= 3600
    clock.forward(timedelta(hours=1))
    assert tried(made, "open sesame").status == 200


def test_a_locked_link_compares_nothing(client: Client, photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = share(client, photo, password="open sesame")
    for _ in range(MAX_WRONG):
        tried(made, "wrong")
    monkeypatch.setattr(shares, "opens", lambda *_: pytest.fail("it costs 50 ms of CPU"))
    assert tried(made, "open sesame").status == 429


@pytest.mark.parametrize(
    "body", ["", "password", "a=" * 9000, "&" * 50, "password=%ff%fe", "\x00", '{"password": 1}', "password=\ud800"]
)
def test_a_form_may_be_anything(client: Client, photo: str, body: str) -> None:
    made = share(client, photo, password="open sesame")
    assert NOBODY("POST", path_of(made), body, headers=FORM).status == 403


def test_other_methods_are_refused(client: Client, photo: str) -> None:
    path = path_of(share(client, photo))
    for method in ("HEAD", "PUT", "PATCH", "DELETE"):
        answer = NOBODY(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_an_end_user_shares_its_own(client: Client) -> None:
    owner = new_client("acme", "files:own")
    file_id = upload(owner, PHOTO)
    deliver(file_id)
    made = share(owner, file_id)
    assert page(made).status == 200
    assert owner("DELETE", f"/v1/files/{file_id}/shares/{made['id']}").status == 204
