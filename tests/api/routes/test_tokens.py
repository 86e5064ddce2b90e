"""Upload tokens: what a browser may do with one, and nothing else."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.catalog import credentials, memory
from tests.client import Client, new_client
from tests.making import deliver, put
from tests.stage import Calls, aws_client

PICTURE = {"filename": "a.png", "content_type": "image/png", "size": 9}
TOKEN = {"max_bytes": 1000, "max_files": 3, "content_types": ["image/*", "text/csv"], "tags": ["from-web"]}


def mint(client: Client, **more: Any) -> Client:
    answer = client("POST", "/v1/upload-tokens", TOKEN | more)
    assert answer.status == 201, answer.text
    return Client(answer.json["token"])


def test_a_token_says_what_it_allows_and_is_kept_as_a_hash(client: Client) -> None:
    answer = client("POST", "/v1/upload-tokens", TOKEN | {"expires_in": 120}).json
    assert answer["token"].startswith("fmu_")
    assert (answer["max_files"], answer["max_bytes"], answer["tags"]) == (3, 1000, ["from-web"])
    assert answer["expires_at"] > answer["created_at"]
    assert answer["token"].rpartition("_")[2] not in repr(aws_client("dynamodb").scan(TableName="filemill-test"))


def test_a_browser_uploads_with_the_tokens_tags_visibility_and_recipe(client: Client) -> None:
    browser = mint(client, visibility="public", recipe="original-only")
    record = browser("POST", "/v1/files", PICTURE).json
    assert (record["tags"], record["visibility"], record["recipe"]) == (["from-web"], "public", "original-only")
    assert client("GET", f"/v1/files/{record['id']}").status == 200


@pytest.mark.parametrize(
    "more",
    [
        {"tags": ["x"]},
        {"visibility": "public"},
        {"recipe": "photo"},
        {"source_url": "https://a.example/"},
        {"tags": []},
    ],
)
def test_what_the_token_says_is_not_the_browsers_to_say(client: Client, more: dict[str, Any]) -> None:
    answer = mint(client)("POST", "/v1/files", PICTURE | more)
    assert (answer.status, answer.json["field"]) == (422, next(iter(more)))


def test_a_type_or_size_that_is_not_allowed_is_refused_and_costs_nothing(client: Client) -> None:
    browser = mint(client, max_files=1)
    for more, code, field in (
        ({"content_type": "text/html"}, "type_not_allowed", "content_type"),
        ({"size": 1001}, "too_large_for_token", "size"),
    ):
        answer = browser("POST", "/v1/files", PICTURE | more)
        assert (answer.status, answer.json["code"], answer.json["field"]) == (403, code, field)
    assert browser("POST", "/v1/files", PICTURE).status == 201


def test_the_fourth_file_of_three_is_refused_and_nothing_is_left_of_it(client: Client) -> None:
    browser = mint(client)
    for _ in range(3):
        assert browser("POST", "/v1/files", PICTURE).status == 201
    answer = browser("POST", "/v1/files", PICTURE)
    assert (answer.status, answer.json["code"]) == (403, "token_spent")
    assert len(client("GET", "/v1/files").json["items"]) == 3
    big = mint(client, max_bytes=10**8, max_files=1)
    multipart = PICTURE | {"size": 10**7, "upload": "multipart"}
    assert [big("POST", "/v1/files", multipart).status for _ in range(2)] == [201, 403]
    assert len(aws_client("s3").list_multipart_uploads(Bucket="originals")["Uploads"]) == 1


def test_an_expired_token_opens_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    minted = client("POST", "/v1/upload-tokens", TOKEN | {"expires_in": 60}).json
    browser, end = Client(minted["token"]), datetime.fromisoformat(minted["expires_at"])
    monkeypatch.setattr("chalicelib.api.auth.callers.now", lambda: end - timedelta(milliseconds=1))
    record = browser("POST", "/v1/files", PICTURE).json
    assert record["status"] == "awaiting_upload"
    monkeypatch.setattr("chalicelib.api.auth.callers.now", lambda: end)
    for method, path in (("POST", "/v1/files"), ("GET", f"/v1/files/{record['id']}")):
        answer = browser(method, path, PICTURE if method == "POST" else None)
        assert (answer.status, answer.json["code"]) == (401, "token_expired")


def test_a_browser_sees_its_own_files_status_and_nothing_else(client: Client) -> None:
    browser, other = mint(client), mint(client)
    own = browser("POST", "/v1/files", PICTURE).json["id"]
    foreign = client("POST", "/v1/files", PICTURE).json["id"]
    assert browser("GET", f"/v1/files/{own}").status == 200
    assert browser("GET", f"/v1/files/{foreign}").status == 404
    assert other("GET", f"/v1/files/{own}").status == 404
    for method, path, body in (("GET", "/v1/files", None), ("POST", "/v1/upload-tokens", TOKEN)):
        answer = browser(method, path, body)
        assert (answer.status, answer.json["code"]) == (403, "missing_scope")


def test_a_browser_gives_up_its_own_upload_but_deletes_nothing_that_was_uploaded(client: Client) -> None:
    browser = mint(client, max_bytes=10**8)
    multipart = browser("POST", "/v1/files", PICTURE | {"size": 10**7, "upload": "multipart"}).json["id"]
    assert browser("DELETE", f"/v1/files/{multipart}").status == 204
    assert not aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads")
    done = browser("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json["id"]
    put(done, b"a,b")
    deliver(done)
    answer = browser("DELETE", f"/v1/files/{done}")
    assert (answer.status, answer.json["code"]) == (409, "already_uploaded")
    assert client("GET", f"/v1/files/{done}").json["status"] == "ready"


@pytest.mark.parametrize(
    "more",
    [
        {"expires_in": 59},
        {"expires_in": 86401},
        {"max_files": 0},
        {"max_bytes": 0},
        {"content_types": ["image"]},
        {"content_types": ["*/*"]},
        {"recipe": "nope"},
        {"maxbytes": 1},
    ],
)
def test_a_token_out_of_bounds_is_refused(client: Client, more: dict[str, Any]) -> None:
    answer = client("POST", "/v1/upload-tokens", TOKEN | more)
    assert (answer.status, answer.json["field"].partition(".")[0]) == (422, next(iter(more)))


def test_only_a_writing_key_mints(stage: Calls) -> None:
    assert new_client("acme", "files:read")("POST", "/v1/upload-tokens", TOKEN).status == 403


# --- How a token ends


def uses(browser: Client, file_id: str, key: str, upload_id: str) -> dict[str, int]:
    """The answers to everything that a browser may ask with its token about an upload in parts."""
    base, query = f"/s3/multipart/{upload_id}", {"key": key}
    signed = {"key": key, "uploadId": upload_id}
    asked = {
        "create": browser("POST", "/v1/files", PICTURE),
        "read": browser("GET", f"/v1/files/{file_id}"),
        "sign": browser("POST", f"/v1/files/{file_id}/parts", {"part_numbers": [1]}),
        "list": browser("GET", f"/v1/files/{file_id}/parts"),
        "complete": browser("POST", f"/v1/files/{file_id}/complete", {"parts": [{"part_number": 1, "etag": "x"}]}),
        "abort": browser("DELETE", f"/v1/files/{file_id}"),
        "Uppy's form": browser("GET", "/s3/params", query={"filename": "a.png", "type": "image/png"}),
        "Uppy's part": browser("GET", f"{base}/1", query=query),
        "Uppy's request": browser("POST", "/s3/presign", {"method": "PUT", "partNumber": 1, **signed}),
        "Uppy's begun": browser("POST", f"{base}/begun", {}, query=query),
        "session": browser("POST", "/s3/session"),
    }
    return {name: answer.status for name, answer in asked.items()}


def upload_of(browser: Client) -> tuple[str, str, str]:
    begun = browser("POST", "/s3/multipart", {"filename": "a.png", "type": "image/png"}).json
    return begun["key"].partition("/")[2], begun["key"], begun["uploadId"]


def minutes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute goes by: what a warm function remembers of credentials is that old."""
    later = time.monotonic() + 60
    monkeypatch.setattr("chalicelib.catalog.memory.time.monotonic", lambda: later)


def test_a_token_ends_within_a_minute_of_the_key_that_made_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    minter = new_client("acme")
    browser, other = mint(minter, max_files=9), mint(client)
    upload = upload_of(browser)
    assert 401 not in uses(browser, *upload).values()
    upload = upload_of(browser)
    assert minter.key
    credentials.revoke_api_key(minter.key.split("_")[1])
    minutes_later(monkeypatch)
    refused = uses(browser, *upload)
    assert refused == dict.fromkeys(refused, 401)
    assert browser("POST", "/v1/files", PICTURE).json["code"] == "unauthenticated"
    assert other("POST", "/v1/files", PICTURE).status == 201
    assert client("GET", f"/v1/files/{upload[0]}").json["status"] == "awaiting_upload", "its files stay"


def test_a_token_of_a_key_that_is_gone_opens_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    minter = new_client("acme")
    browser = mint(minter)
    assert minter.key
    aws_client("dynamodb").delete_item(
        TableName="filemill-test", Key={"pk": {"S": f"KEY#{minter.key.split('_')[1]}"}, "sk": {"S": "KEY"}}
    )
    minutes_later(monkeypatch)
    assert browser("POST", "/v1/files", PICTURE).status == 401


def test_a_token_of_an_earlier_release_which_names_no_key_works_until_its_end(client: Client) -> None:
    minted = client("POST", "/v1/upload-tokens", TOKEN).json
    aws_client("dynamodb").update_item(
        TableName="filemill-test",
        Key={"pk": {"S": f"TOKEN#{minted['id']}"}, "sk": {"S": "TOKEN"}},
        UpdateExpression="REMOVE key_id",
    )
    assert Client(minted["token"])("POST", "/v1/files", PICTURE).status == 201


def test_a_token_can_be_revoked_by_itself(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    minted = client("POST", "/v1/upload-tokens", TOKEN | {"max_files": 9}).json
    browser, other = Client(minted["token"]), mint(client)
    upload = upload_of(browser)
    writer = new_client("acme", "files:write")
    assert writer("DELETE", f"/v1/upload-tokens/{minted['id']}").status == 204
    first = credentials.get_token(minted["id"])
    assert client("DELETE", f"/v1/upload-tokens/{minted['id']}").status == 204
    again = credentials.get_token(minted["id"])
    assert first and again
    assert first.revoked_at == again.revoked_at is not None
    minutes_later(monkeypatch)
    refused = uses(browser, *upload)
    assert refused == dict.fromkeys(refused, 401)
    assert other("POST", "/v1/files", PICTURE).status == 201


def test_only_a_writing_key_of_the_tenant_revokes_its_tokens(client: Client) -> None:
    minted = client("POST", "/v1/upload-tokens", TOKEN).json
    path = f"/v1/upload-tokens/{minted['id']}"
    for stranger, status in (
        (new_client("other"), 404),
        (new_client("acme", "files:read"), 403),
        (Client(minted["token"]), 403),
        (Client(None), 401),
    ):
        assert stranger("DELETE", path).status == status
    for unknown in ("0" * 12, "x", "..", "0" * 13):
        assert client("DELETE", f"/v1/upload-tokens/{unknown}").status == 404
    assert Client(minted["token"])("POST", "/v1/files", PICTURE).status == 201


def test_a_tokens_key_is_read_once_in_a_while(client: Client, stage: Calls) -> None:
    browser = mint(new_client("acme"), max_files=9)
    memory.forget()
    stage.clear()
    browser("POST", "/v1/files", PICTURE)
    # The token, its key, and their tenant.
    assert stage.names == [*["dynamodb.GetItem"] * 3, "dynamodb.TransactWriteItems"]
    stage.clear()
    browser("POST", "/v1/files", PICTURE)
    assert stage.names == ["dynamodb.TransactWriteItems"]
