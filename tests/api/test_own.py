"""Every route by callers with `files:own` by their own file, another's and nobody's.

The routes are read off the app. `DECIDED` says for each if such callers may use it, so a route that nobody decided
about fails here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.api import routing
from chalicelib.api.auth import callers
from chalicelib.api.auth.callers import Caller, Scope, User
from chalicelib.api.routing import Operation
from chalicelib.settings import settings
from tests.client import Answer, Client, new_client
from tests.making import PHOTO, begin_multipart, deliver, item, put, upload
from tests.operations import NOBODYS, Target, asked, example, guarded, named, names_a_file
from tests.stage import Calls

SECRET = "secret"

OWN = (
    *("create_file", "get_file", "patch_file", "delete_file", "restore_file", "reprocess_file"),
    *("sign_parts", "list_parts", "complete_upload"),
    *("list_files", "search_files", "list_changes", "batch_get_files"),
    *("add_captions", "delete_captions", "create_grant", "create_grants", "get_original", "list_entries"),
    *("get_history", "get_me"),
    *("create_share", "list_shares", "revoke_share"),
    *("uppy_params", "uppy_create_multipart", "uppy_sign_part", "uppy_sign_batch", "uppy_list_parts", "uppy_complete"),
    *("uppy_abort", "uppy_presign", "uppy_begun", "create_socket_ticket"),
)
# Counts, usage and the audit are the whole tenant's, and a hold is its administrator's. Tokens, keys, webhooks and
# sessions are a backend's. Tenants are an operator's.
REFUSED = (
    *("get_stats", "get_usage", "list_audit", "hold_file", "release_file"),
    *("create_upload_token", "list_upload_tokens", "revoke_upload_token", "begin_session"),
    *("create_key", "list_keys", "get_key", "patch_key", "rotate_key", "delete_key"),
    *("list_tenants", "get_tenant", "put_tenant", "patch_tenant", "create_tenant_key"),
    *("create_webhook", "list_webhooks", "get_webhook", "patch_webhook", "delete_webhook", "rotate_webhook_secret"),
    *("send_test_event", "list_deliveries", "get_delivery", "retry_delivery", "replay_events"),
)
DECIDED = {**dict.fromkeys(OWN, True), **dict.fromkeys(REFUSED, False)}

USER = Caller("acme", "user:1", frozenset({Scope.FILES_OWN}), user=User("https://id.example", "a", "alice", 2**33))


@dataclass(frozen=True)
class Held:
    """A file that is ready, and one whose upload in parts is open."""

    ready: str
    waiting: str
    upload_id: str = field(default="u")

    @property
    def ids(self) -> list[str]:
        return [self.ready, self.waiting]


def held(client: Client, **more: Any) -> Held:
    """`secret` stands in everything that clients tell of these files."""
    told = {"tags": [SECRET], "metadata": {SECRET: SECRET}, **more}
    ready = upload(client, b"a,b", name=f"{SECRET}.csv", content_type="text/csv", **told)
    deliver(ready)
    waiting = begin_multipart(client, **{"filename": f"{SECRET}.jpg", **told})["id"]
    return Held(ready, waiting, item(waiting)["upload_id"]["S"])


@pytest.fixture(params=["key", "user"])
def caller(request: Any, stage: Calls, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of a caller with `files:own`: a key, or a user as a sign-in token gives one."""
    if request.param == "key":
        return new_client("acme", "files:own")
    known = callers.authenticate

    def authenticate(authorization: str | None, cookie: str | None = None) -> Caller:
        return USER if authorization == "Bearer user" else known(authorization, cookie)

    monkeypatch.setattr(routing, "authenticate", authenticate)
    return Client("user")


@pytest.fixture(params=[0, 3600], ids=["no window", "window"])
def window(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", str(request.param))
    settings.cache_clear()
    yield
    settings.cache_clear()


def about(client: Client, operation: Operation, file_id: str, upload_id: str) -> Answer:
    """The request with all that can name this file, and without an owner."""
    body = example(operation)
    if body:
        body.pop("owner", None)
    return asked(client, operation, Target(file_id=file_id, upload_id=upload_id), body)


def told(answer: Answer) -> Any:
    """All that an answer tells, without what is of the request itself."""
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    return answer.status, {name: value for name, value in answer.json.items() if name != "request_id"}, headers


def test_each_route_is_decided() -> None:
    assert {named(operation): operation.own for operation in guarded()} == DECIDED


@pytest.mark.parametrize("operation", [o for o in guarded() if o.own], ids=named)
def test_anothers_file_is_like_none(client: Client, caller: Client, stage: Calls, operation: Operation) -> None:
    others = [held(client, owner="bob"), held(client), held(new_client("acme", "files:own"))]
    before = [item(file_id) for each in others for file_id in each.ids]
    about(caller, operation, NOBODYS, "u")  # what a process reads once is read
    for each in others:
        for file_id in each.ids:
            stage.clear()
            theirs, of_theirs = about(caller, operation, file_id, each.upload_id), list(stage.names)
            stage.clear()
            nobodys, of_nobodys = about(caller, operation, NOBODYS, each.upload_id), list(stage.names)
            if names_a_file(operation):
                assert theirs.json["code"] == "not_found"
                assert told(theirs) == told(nobodys)
                assert of_theirs == of_nobodys
            assert not any(text in theirs.text for text in (*each.ids, SECRET, "bob"))
    assert [item(file_id) for each in others for file_id in each.ids] == before


@pytest.mark.parametrize("operation", [o for o in guarded() if o.own], ids=named)
def test_their_own_file_is_theirs(client: Client, caller: Client, stage: Calls, operation: Operation) -> None:
    mine = held(caller)
    stage.settle()
    answers = [about(caller, operation, file_id, mine.upload_id) for file_id in mine.ids]
    codes = [answer.json.get("code") for answer in answers if answer.text and answer.text.startswith("{")]
    assert not {"missing_scope", "unauthenticated", "internal"} & {*codes}, codes
    if names_a_file(operation) and named(operation) not in ("restore_file", "delete_captions"):
        assert "not_found" not in codes
    if named(operation) in ("list_files", "search_files", "list_changes"):
        assert mine.ready in answers[0].text


@pytest.mark.usefixtures("window")
def test_a_deleted_file_of_another_is_like_none(client: Client, caller: Client, stage: Calls) -> None:
    theirs = upload(client, PHOTO, owner="bob")
    deliver(theirs)
    assert client("DELETE", f"/v1/files/{theirs}").status == 204
    caller("GET", f"/v1/files/{NOBODYS}")  # what a process reads once is read
    for method, path in (("POST", "/restore"), ("DELETE", "")):
        stage.clear()
        answer, calls = caller(method, f"/v1/files/{theirs}{path}"), list(stage.names)
        stage.clear()
        assert told(answer) == told(caller(method, f"/v1/files/{NOBODYS}{path}"))
        assert calls == stage.names
        assert answer.status == 404


@pytest.mark.usefixtures("window")
def test_they_delete_and_restore_their_own(client: Client, caller: Client) -> None:
    mine = upload(caller, PHOTO)
    deliver(mine)
    assert caller("DELETE", f"/v1/files/{mine}").status == 204
    assert caller("GET", f"/v1/files/{mine}").status == 404
    restored = caller("POST", f"/v1/files/{mine}/restore").status
    assert restored == (202 if settings().delete_window else 404)
    if restored == 202:
        assert caller("GET", f"/v1/files/{mine}").json["owner"] == client("GET", f"/v1/files/{mine}").json["owner"]


# --- lists, search and the feed


def test_lists_have_their_own_files_only(client: Client, caller: Client, stage: Calls) -> None:
    mine = [upload(caller, PHOTO, name=f"{n}.jpg", tags=["t"]) for n in range(3)]
    for n in range(4):
        upload(client, PHOTO, name=f"{n}.jpg", tags=["t"], owner="bob")
    put(mine[1], PHOTO)
    deliver(mine[1])
    stage.settle()

    def listed(**query: str) -> list[str]:
        answer = caller("GET", "/v1/files", query=query)
        assert answer.status == 200, answer.text
        return [each["id"] for each in answer.json["items"]]

    assert listed() == listed(sort="-created") == mine[::-1]
    assert listed(sort="created", tag="t") == mine
    assert listed(status="ready") == [mine[1]]
    sha256 = client("GET", f"/v1/files/{mine[1]}").json["sha256"]
    assert listed(sha256=sha256) == [mine[1]]
    assert listed(owner="bob") == []
    owner = client("GET", f"/v1/files/{mine[0]}").json["owner"]
    assert listed(owner=owner) == mine[::-1]
    page = caller("GET", "/v1/files", query={"limit": "2"}).json
    rest = caller("GET", "/v1/files", query={"limit": "2", "cursor": page["next_cursor"]}).json
    assert [each["id"] for each in page["items"] + rest["items"]] == mine[::-1]


@pytest.mark.parametrize("query", [{"sort": "size"}, {"sort": "-updated"}, {"filename_prefix": "a"}], ids=str)
def test_another_order_is_refused_with_a_reason(caller: Client, query: dict[str, str]) -> None:
    answer = caller("GET", "/v1/files", query=query)
    assert (answer.status, answer.json["code"]) == (422, "conflicting_parameters")
    assert "`sort=created` or `-created`" in answer.json["detail"]


def test_a_key_that_reads_filters_by_owner(client: Client, stage: Calls) -> None:
    ids = {owner: upload(client, PHOTO, owner=owner) for owner in ("alice", "bob", "a#0=b")}
    upload(client, PHOTO)
    stage.settle()
    for owner, file_id in ids.items():
        listed = client("GET", "/v1/files", query={"owner": owner, "kind": "image"}).json["items"]
        assert listed == []
        listed = client("GET", "/v1/files", query={"owner": owner, "content_type": "image/*"}).json["items"]
        assert [each["id"] for each in listed] == [file_id]
        assert listed[0]["owner"] == owner
    assert client("GET", "/v1/files", query={"owner": "carol"}).json["items"] == []


def test_search_misses_none_of_their_own(
    client: Client, caller: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.catalog.index import search

    monkeypatch.setattr(search, "WORD_READS", 2)
    mine = upload(caller, PHOTO, name="holiday beach.jpg")
    others = [upload(client, PHOTO, name=f"holiday {n}.jpg", owner="bob") for n in range(8)]
    stage.settle()
    for words, matched in (("holiday", 1), ("holi", 1), ("holiday beach", 2)):
        found = caller("GET", "/v1/search", query={"q": words}).json["items"]
        assert [(each["file"]["id"], each["matched_words"]) for each in found] == [(mine, matched)]
    assert caller("GET", "/v1/search", query={"q": "mountain"}).json["items"] == []
    assert mine not in {
        each["file"]["id"] for each in client("GET", "/v1/search", query={"q": "holiday"}).json["items"]
    }
    assert others


@pytest.mark.usefixtures("window")
def test_the_feed_tells_of_their_own_and_of_its_end(client: Client, caller: Client, stage: Calls) -> None:
    mine, theirs = upload(caller, PHOTO), upload(client, PHOTO, owner="bob")
    upload(client, PHOTO)
    stage.settle()
    first = caller("GET", "/v1/changes").json
    assert [each["id"] for each in first["items"]] == [mine]
    assert caller("DELETE", f"/v1/files/{mine}").status == client("DELETE", f"/v1/files/{theirs}").status == 204
    stage.settle()
    second = caller("GET", "/v1/changes", query={"after": first["next_after"]}).json
    assert [(each["id"], each["deleted"]) for each in second["items"]] == [(mine, True)]
    assert len(client("GET", "/v1/changes").json["items"]) == 3


def test_the_feed_of_one_owner_goes_on_behind_many_changes_of_others(
    client: Client, caller: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.catalog.index import feed

    monkeypatch.setattr(feed, "OWN_READS", 3)
    mine = []
    for n in range(9):
        upload(client, PHOTO, owner="bob")
        if n % 2:
            mine.append(upload(caller, PHOTO))
        stage.settle()
    found: list[str] = []
    after: dict[str, str] = {}
    pages = 0
    while True:
        page = caller("GET", "/v1/changes", query={"limit": "1", **after}).json
        found += [each["id"] for each in page["items"]]
        after, pages = {"after": page["next_after"]}, pages + 1
        assert pages < 100
        if not page["more"]:
            break
    assert sorted(found) == sorted(mine)
    assert len(found) == len(mine)


def test_a_deleted_files_record_and_its_index_keep_no_owners_name(client: Client, stage: Calls) -> None:
    file_id = upload(client, PHOTO, owner="alice@example.com")
    stage.settle()
    assert "alice@example.com" in stored()
    client("DELETE", f"/v1/files/{file_id}")
    stage.settle()
    assert "alice" not in stored()
    assert item(file_id)["owner_mark"]["S"].isalnum()


def stored() -> str:
    from tests.stage import aws_client

    items = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    return json.dumps([each for each in items if not each["pk"]["S"].startswith(("KEY#", "IDEM#"))])


# --- creation


def test_they_own_what_they_create_and_can_not_name_another_owner(client: Client, caller: Client) -> None:
    described = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3}
    made = caller("POST", "/v1/files", described)
    assert made.status == 201
    assert made.json["owner"] == ("alice" if caller.key == "user" else f"key:{str(caller.key).split('_')[1]}")
    refused = caller("POST", "/v1/files", {**described, "owner": "bob"})
    assert (refused.status, refused.json["field"]) == (422, "owner")
    more = {"tags": ["a"], "metadata": {"a": 1}, "visibility": "public", "recipe": "document"}
    assert caller("POST", "/v1/files", {**described, **more}).status == 201


def test_a_duplicate_is_reused_for_its_owner_only(client: Client, caller: Client, stage: Calls) -> None:
    import hashlib

    theirs = upload(client, PHOTO, owner="bob")
    deliver(theirs)
    stage.settle()
    described = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO)}
    assert caller("POST", "/v1/files", described).status == 201  # what a process reads once is read
    asking = {**described, "sha256": hashlib.sha256(PHOTO).hexdigest(), "on_duplicate": "reuse"}
    stage.clear()
    made, calls = caller("POST", "/v1/files", asking), list(stage.names)
    assert made.status == 201
    stage.clear()
    assert caller("POST", "/v1/files", {**asking, "sha256": "0" * 64}).status == 201
    assert calls == stage.names, "the reads are the same if nobody has these bytes"
    mine = made.json["id"]
    put(mine, PHOTO)
    deliver(mine)
    stage.settle()
    assert caller("POST", "/v1/files", asking).json["id"] == mine
    assert client("POST", "/v1/files", {**asking, "owner": "bob"}).json["id"] == theirs
    assert client("POST", "/v1/files", {**asking, "owner": "carol"}).status == 201


def test_a_token_gives_its_owner_to_what_it_creates(client: Client) -> None:
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 9, "owner": "alice"}).json
    assert token["owner"] == "alice"
    browser = Client(token["token"])
    described = {"filename": "a.txt", "content_type": "text/plain", "size": 3}
    file_id = browser("POST", "/v1/files", described).json["id"]
    assert client("GET", f"/v1/files/{file_id}").json["owner"] == "alice"
    assert browser("POST", "/v1/files", {**described, "owner": "bob"}).status == 422
    assert "owner" not in client("POST", "/v1/upload-tokens", {"max_bytes": 9}).json


@pytest.mark.parametrize("owner", ["", "a" * 129, "a\tb", "a\u0000", 5])
def test_an_owner_has_bounds(client: Client, owner: Any) -> None:
    described = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3, "owner": owner}
    answer = client("POST", "/v1/files", described)
    assert (answer.status, answer.json["field"]) == (422, "owner")


def test_an_owner_never_changes(client: Client) -> None:
    file_id = upload(client, PHOTO, owner="alice")
    answer = client("PATCH", f"/v1/files/{file_id}", {"owner": "bob"})
    assert (answer.status, answer.json["field"]) == (422, "owner")


def test_a_repeated_request_is_the_callers_own(client: Client, caller: Client) -> None:
    described = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3}
    keyed = {"Idempotency-Key": "one"}
    theirs = client("POST", "/v1/files", described, headers=keyed).json["id"]
    mine = caller("POST", "/v1/files", described, headers=keyed).json["id"]
    assert mine != theirs
    assert caller("POST", "/v1/files", described, headers=keyed).json["id"] == mine
