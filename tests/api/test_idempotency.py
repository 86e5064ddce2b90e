"""Idempotency-Key on POST /v1/files."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.api import uploads
from chalicelib.model import now
from chalicelib.settings import settings
from tests.client import Answer, Client, new_client
from tests.making import VIDEO_OF_THREE_PARTS, deliver, open_uploads, put
from tests.stage import aws_client


def again(client: Client, body: Any, key: str = "k1") -> Answer:
    return client("POST", "/v1/files", body, headers={"Idempotency-Key": key})


def test_the_same_key_and_body_get_the_same_answer(client: Client) -> None:
    for body in (VIDEO_OF_THREE_PARTS, VIDEO_OF_THREE_PARTS | {"upload": "post", "part_size": None}):
        key = hashlib.sha256(repr(body).encode()).hexdigest()
        first, second = again(client, body, key), again(client, dict(reversed(body.items())), key)
        assert (first.status, second.status) == (201, 201)
        assert first.json == second.json
        assert second.headers["Idempotency-Replayed"] == "true"
        assert second.headers["Location"] == f"/v1/files/{first.json['id']}"
    assert len(client("GET", "/v1/files").json["items"]) == 2
    assert len(open_uploads()) == 1


def test_the_same_key_with_another_body_is_422(client: Client) -> None:
    again(client, VIDEO_OF_THREE_PARTS)
    answer = again(client, VIDEO_OF_THREE_PARTS | {"filename": "other"})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (
        422,
        "idempotency_key_reused",
        "Idempotency-Key",
    )


def test_the_same_key_sent_twice_at_once_makes_one_file(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[Answer] = []
    write = uploads.write

    def after_the_other(*args: Any) -> None:
        if not first:
            first.append(Answer(0, {}, ""))
            first.append(again(client, VIDEO_OF_THREE_PARTS))
        write(*args)

    monkeypatch.setattr(uploads, "write", after_the_other)
    late = again(client, VIDEO_OF_THREE_PARTS)
    assert (late.status, late.json) == (201, first[1].json)
    assert len(client("GET", "/v1/files").json["items"]) == 1
    assert len(open_uploads()) == 1


def test_a_key_is_its_callers_own(client: Client) -> None:
    first = again(client, VIDEO_OF_THREE_PARTS).json["id"]
    assert again(new_client("acme"), VIDEO_OF_THREE_PARTS).json["id"] != first
    assert again(new_client("other"), VIDEO_OF_THREE_PARTS).json["id"] != first


def test_a_keys_answer_is_for_its_credential_alone_tokens_included(client: Client) -> None:
    minted = client("POST", "/v1/upload-tokens", {"max_bytes": 10**9, "max_files": 9}).json["token"]
    another = client("POST", "/v1/upload-tokens", {"max_bytes": 10**9, "max_files": 9}).json["token"]
    callers = (client, Client(minted), Client(another), new_client("other"))
    made = [again(caller, VIDEO_OF_THREE_PARTS) for caller in callers]
    assert [answer.headers.get("Idempotency-Replayed") for answer in made] == [None] * 4
    assert len({answer.json["id"] for answer in made}) == 4
    for caller, answer in zip(callers, made, strict=True):
        assert again(caller, VIDEO_OF_THREE_PARTS).json == answer.json


def test_the_answer_is_forgotten_with_its_file_and_the_key_is_not(client: Client) -> None:
    """A late repetition of the request must not make a deleted file anew."""
    file_id = again(client, VIDEO_OF_THREE_PARTS | {"filename": "secret.mov"}).json["id"]
    other = again(client, VIDEO_OF_THREE_PARTS | {"filename": "secret.mov"}, "k2").json["id"]
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    remembered = {item["file_id"]["S"]: item for item in idempotency_items()}
    assert (remembered[file_id]["answer"], remembered[file_id]["body_hash"]) == ({"S": ""}, {"S": ""})
    assert "secret.mov" in remembered[other]["answer"]["S"]
    for body in (VIDEO_OF_THREE_PARTS | {"filename": "secret.mov"}, VIDEO_OF_THREE_PARTS):
        answer = again(client, body)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
        assert "deleted" in answer.json["detail"]
    assert again(client, VIDEO_OF_THREE_PARTS | {"filename": "secret.mov"}, "k2").json["id"] == other


def test_a_key_that_made_another_file_since_keeps_that_files_answer(client: Client) -> None:
    first = again(client, VIDEO_OF_THREE_PARTS).json["id"]
    (item,) = idempotency_items()
    moved = {**item, "file_id": {"S": "file_of_another_day"}}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=moved)
    assert client("DELETE", f"/v1/files/{first}").status == 204
    assert idempotency_items() == [moved]
    aws_client("dynamodb").delete_item(TableName="filemill-test", Key={name: item[name] for name in ("pk", "sk")})
    second = again(client, VIDEO_OF_THREE_PARTS).json["id"]
    aws_client("dynamodb").delete_item(TableName="filemill-test", Key={name: item[name] for name in ("pk", "sk")})
    assert client("DELETE", f"/v1/files/{second}").status == 204, "the table's TTL was quicker"


def idempotency_items() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    return [item for item in found if item["sk"] == {"S": "IDEM"}]


def test_a_refused_request_leaves_its_key_new(client: Client) -> None:
    assert again(client, VIDEO_OF_THREE_PARTS | {"size": -1}).status == 422
    answer = again(client, VIDEO_OF_THREE_PARTS)
    assert (answer.status, answer.headers.get("Idempotency-Replayed")) == (201, None)


@pytest.mark.parametrize("key", ["!", "~", "k" * 255, '"a,b"'])
def test_a_key_is_visible_ascii_of_up_to_255_characters(client: Client, key: str) -> None:
    assert again(client, VIDEO_OF_THREE_PARTS, key).status == 201
    assert again(client, VIDEO_OF_THREE_PARTS, key).headers["Idempotency-Replayed"] == "true"


def test_a_key_is_new_again_after_its_day(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.catalog import idempotency

    monkeypatch.setattr(idempotency, "KEEP_SECONDS", -1)
    first = again(client, VIDEO_OF_THREE_PARTS).json["id"]
    assert again(client, VIDEO_OF_THREE_PARTS).json["id"] != first


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é"])
def test_a_key_that_is_not_visible_ascii_or_too_long_is_refused(client: Client, key: str) -> None:
    answer = again(client, VIDEO_OF_THREE_PARTS, key)
    assert (answer.status, answer.json["field"]) == (422, "Idempotency-Key")


# --- What has become of the file

SMALL = {"filename": "a.csv", "content_type": "text/csv", "size": 3}


@pytest.mark.parametrize("window", ["0", "3600"])
@pytest.mark.parametrize("body", [SMALL, VIDEO_OF_THREE_PARTS], ids=["form", "parts"])
def test_no_upload_is_given_for_a_file_that_was_deleted(
    client: Client, monkeypatch: pytest.MonkeyPatch, body: Any, window: str
) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", window)
    settings.cache_clear()
    first = again(client, body)
    assert client("DELETE", f"/v1/files/{first.json['id']}").status == 204
    replayed = again(client, body)
    settings.cache_clear()
    assert (replayed.status, replayed.json["code"]) == (404, "not_found")
    assert "upload" not in replayed.json
    assert open_uploads() == []


def test_no_upload_is_given_for_a_file_whose_time_is_over(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert again(client, SMALL).status == 201
    later = now() + timedelta(hours=2)
    monkeypatch.setattr("chalicelib.catalog.files.now", lambda: later)
    replayed = again(client, SMALL)
    assert (replayed.status, replayed.json["code"]) == (410, "upload_expired")


@pytest.mark.parametrize("content", [b"a,b", b"\x89PNG\r\n\x1a\n"], ids=["ready", "failed"])
def test_a_file_whose_bytes_have_come_is_shown_as_it_is_without_an_upload(client: Client, content: bytes) -> None:
    body = SMALL | {"size": len(content)}
    first = again(client, body)
    put(first.json["id"], content)
    deliver(first.json["id"])
    replayed = again(client, body)
    assert (replayed.status, replayed.headers["Idempotency-Replayed"]) == (201, "true")
    assert replayed.json == client("GET", f"/v1/files/{first.json['id']}").json
    assert replayed.headers["Location"] == f"/v1/files/{first.json['id']}"


def test_a_token_gets_no_second_form_either(client: Client) -> None:
    browser = Client(client("POST", "/v1/upload-tokens", {"max_bytes": 9, "max_files": 1}).json["token"])
    first = again(browser, SMALL)
    assert again(browser, SMALL).json["upload"] == first.json["upload"]
    put(first.json["id"], b"a,b")
    deliver(first.json["id"])
    assert "upload" not in again(browser, SMALL).json
    assert client("DELETE", f"/v1/files/{first.json['id']}").status == 204
    assert again(browser, SMALL).json["code"] == "not_found"
