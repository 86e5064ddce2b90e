"""ETag, If-None-Match and If-Match: what a client need not get again, and which writes come too late."""

from __future__ import annotations

import json
import re
import time
from types import SimpleNamespace

import pytest

from chalicelib.api import etags
from chalicelib.api.auth.callers import Caller
from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call
from chalicelib.settings import settings
from tests import making
from tests.client import Client, delete, get, patch, post
from tests.making import ready_other, ready_photo
from tests.stage import Calls

# --- ETag and 304


def test_a_record_the_client_has_is_304_with_the_headers_of_200_and_no_body(client: Client, stage: Calls) -> None:
    file_id = ready_other(client)
    first = get(client, file_id)
    assert first.headers["Cache-Control"] == "private, no-cache"
    stage.clear()
    second = get(client, file_id, If_None_Match=first.headers["ETag"])
    assert (second.status, second.text) == (304, "")
    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.headers["Cache-Control"] == "private, no-cache"
    assert "Content-Type" not in second.headers or "json" not in second.headers["Content-Type"]
    assert stage.names == ["dynamodb.GetItem"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a,b" , W/{} ', ", {}", "*"])
def test_if_none_match_compares_weakly_and_takes_lists_and_a_star(client: Client, form: str) -> None:
    file_id = ready_other(client)
    tag = get(client, file_id).headers["ETag"]
    assert get(client, file_id, If_None_Match=form.format(tag)).status == 304
    assert patch(client, file_id, {"tags": ["new"]}).status == 200
    assert get(client, file_id, If_None_Match=form.format(tag)).status == (304 if form == "*" else 200)


@pytest.mark.parametrize("name", ["If-None-Match", "If-Match"])
@pytest.mark.parametrize("value", ["x", "7", '"', '"a" "b"', "W/x", 'w/"a"', ",", "", '*, "a"', '"a"x, ' + "," * 5000])
def test_what_is_no_entity_tag_names_the_header(client: Client, name: str, value: str) -> None:
    file_id = ready_other(client)
    method = "GET" if name == "If-None-Match" else "PATCH"
    answer = client(method, f"/v1/files/{file_id}", {"tags": []} if method == "PATCH" else None, headers={name: value})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", name)


def test_a_304_never_keeps_addresses_that_are_over(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_photo(client)
    first = get(client, file_id)
    before = set(json.dumps(first.json["renditions"]).split())
    later = time.time() + settings().url_expiry
    monkeypatch.setattr("chalicelib.delivery.access.time.time", lambda: later)
    second = get(client, file_id, If_None_Match=first.headers["ETag"])
    assert second.status == 200, "the addresses are others by now, though the revision is the same"
    assert second.json["revision"] == first.json["revision"]
    assert before != set(json.dumps(second.json["renditions"]).split())
    assert patch(client, file_id, {"tags": ["a"]}, If_Match=first.headers["ETag"]).status == 200


def test_every_answer_that_is_one_record_has_the_records_tag(client: Client) -> None:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 9, "focus": {"x": 0, "y": 0.12345678}}
    created = client(
        "POST", "/v1/files", body | {"metadata": {"n": 0.1, "big": 10**40}}, headers={"Idempotency-Key": "k"}
    )
    again = client(
        "POST", "/v1/files", body | {"metadata": {"n": 0.1, "big": 10**40}}, headers={"Idempotency-Key": "k"}
    )
    file_id = created.json["id"]
    tag = get(client, file_id).headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert created.headers["ETag"] == again.headers["ETag"] == tag
    changed = patch(client, file_id, {"tags": ["x"]})
    assert changed.headers["ETag"] == get(client, file_id).headers["ETag"] != tag
    photo = ready_photo(client)
    done = post(client, photo, "reprocess", {"force": True})
    assert done.headers["ETag"] == get(client, photo).headers["ETag"]


def test_fields_make_the_answer_small_and_have_a_tag_of_their_own(client: Client) -> None:
    file_id = ready_other(client)
    whole = get(client, file_id)
    few = client("GET", f"/v1/files/{file_id}", query={"fields": "status,tags"})
    assert few.json == {"id": file_id, "status": "ready", "tags": []}
    assert few.headers["ETag"] != whole.headers["ETag"]
    assert patch(client, file_id, {"tags": ["a"]}, If_Match=few.headers["ETag"]).status == 200


@pytest.mark.parametrize("fields", ["tenant", "", "id,", "version_id", "x" * 10_000])
def test_an_unknown_field_is_refused(client: Client, fields: str) -> None:
    answer = client("GET", f"/v1/files/{ready_other(client)}", query={"fields": fields})
    assert answer.status == 422
    assert answer.json["field"].startswith("fields")


# --- If-Match


def test_a_write_on_an_old_revision_is_412_and_changes_nothing(client: Client) -> None:
    file_id = ready_other(client)
    old = get(client, file_id).headers["ETag"]
    new = patch(client, file_id, {"tags": ["first"]}, If_Match=old)
    assert new.status == 200
    record = get(client, file_id).json
    for answer in (
        patch(client, file_id, {"tags": ["second"]}, If_Match=old),
        patch(client, file_id, {"tags": ["second"]}, If_Match=f"W/{new.headers['ETag']}"),
        patch(client, file_id, {"tags": ["second"]}, If_Match='"999-0123456789abcdef"'),
        patch(client, file_id, {"tags": ["second"]}, If_None_Match="*"),
        post(client, file_id, "reprocess", {"force": True}, If_Match=old),
        delete(client, file_id, If_Match=old),
        delete(client, file_id, If_None_Match=new.headers["ETag"]),
    ):
        assert (answer.status, answer.json["code"]) == (412, "precondition_failed")
    assert get(client, file_id).json == record
    assert patch(client, file_id, {"tags": ["second"]}, If_Match=f'"x", {new.headers["ETag"]}').status == 200
    assert delete(client, file_id, If_Match="*").status == 204
    assert patch(client, file_id, {"tags": []}, If_Match="*").status == 404


# --- The conditions by themselves

OURS = '"7-0123456789abcdef"'


def sent(**headers: str) -> Call:
    """A request with these headers."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Call(SimpleNamespace(headers=named), "r", Caller("acme", "k", frozenset()))


@pytest.mark.parametrize(
    "value",
    [OURS, "*", " * ", f'"x", {OURS}', f'{OURS},"x"', f'"a,b" ,, {OURS} ,', f"W/{OURS}, {OURS}"],
)
def test_if_match_holds_at_the_records_revision(value: str) -> None:
    assert etags.holds(sent(If_Match=value), making.file(1, revision=7)) == 7


@pytest.mark.parametrize(
    "value",
    [
        '"8-0123456789abcdef"',
        '"6-0123456789abcdef"',
        '"77-0123456789abcdef"',
        f"W/{OURS}",
        f'W/{OURS}, "x"',
        '"7"',
        '"7-"',
        '"7-0123456789abcde"',
        '"7-0123456789abcdef0"',
        '"x7-0123456789abcdef"',
        '"7-0123456789ABCDEF"',
        '""',
    ],
)
def test_if_match_fails_for_every_other_tag(value: str) -> None:
    with pytest.raises(Problem) as failed:
        etags.holds(sent(If_Match=value), making.file(1, revision=7))
    assert failed.value.code == "precondition_failed"


def test_a_write_compares_the_revision_and_not_the_rest_of_the_tag() -> None:
    assert etags.holds(sent(If_Match='"7-ffffffffffffffff"'), making.file(1, revision=7)) == 7


@pytest.mark.parametrize("value", ["*", OURS, f"W/{OURS}", f'"x", {OURS}'])
def test_a_write_fails_where_if_none_match_names_the_record(value: str) -> None:
    for more in ({}, {"If_Match": OURS}):
        with pytest.raises(Problem) as failed:
            etags.holds(sent(If_None_Match=value, **more), making.file(1, revision=7))
        assert failed.value.code == "precondition_failed"


def test_a_write_without_if_match_has_no_revision_to_meet() -> None:
    file = making.file(1, revision=7)
    assert etags.holds(sent(), file) is None
    assert etags.holds(sent(If_None_Match='"8-0123456789abcdef"'), file) is None
    assert etags.holds(sent(If_None_Match='"8-0123456789abcdef"', If_Match="*"), file) == 7


@pytest.mark.parametrize("name", ["If_Match", "If_None_Match"])
def test_each_condition_makes_a_write_conditional(name: str) -> None:
    assert etags.is_conditional(sent(**{name: "*"}))
    assert not etags.is_conditional(sent())


@pytest.mark.parametrize(
    ("value", "expected"),
    [(OURS, True), (f"W/{OURS}", True), ("*", True), ('"x"', False), (f'"x",{OURS}', True), (f"{OURS[:-1]}0", None)],
)
def test_not_modified_compares_the_whole_tag(value: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(Problem):
            etags.not_modified(sent(If_None_Match=value), OURS)
    else:
        assert etags.not_modified(sent(If_None_Match=value), OURS) is expected


def test_not_modified_needs_the_header() -> None:
    assert not etags.not_modified(sent(), OURS)
    assert not etags.not_modified(sent(If_None_Match='"7-0123456789abcdee"'), OURS), "same revision, other answer"


def test_a_tag_is_of_the_revision_and_of_every_byte_of_the_answer() -> None:
    tags = {
        etags.etag(revision, body) for revision in (1, 2) for body in ("{}", '{"a":1}', '{"a":2}', '{"a":"\u00e9"}')
    }
    assert len(tags) == 8
    assert all(re.fullmatch(r'"[12]-[0-9a-f]{16}"', tag) for tag in tags)
    assert etags.etag(1, "{}") == etags.etag(1, "{}")
