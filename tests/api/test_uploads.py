"""How a file begins: in one piece or in parts, with the bounds of the stage, until it expires."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib import catalog
from chalicelib.api import uploads
from chalicelib.model import Status
from chalicelib.settings import MAX_OBJECT_BYTES, settings
from tests.client import Client
from tests.making import MIB, VIDEO, begin_multipart, deliver, open_uploads, put, send_all_parts
from tests.stage import Calls, aws_client

# --- The plan of an upload in parts


def test_a_plan_names_part_size_and_first_addresses(client: Client, stage: Calls) -> None:
    begin_multipart(client)  # key and tenant are remembered from here on
    stage.clear()
    record = begin_multipart(client)
    assert stage.names == ["s3.CreateMultipartUpload", "dynamodb.PutItem"]
    upload = record["upload"]
    assert (upload["method"], upload["part_size"], upload["part_count"]) == ("MULTIPART", 5 * MIB, 3)
    assert [part["part_number"] for part in upload["parts"]] == [1, 2, 3]
    for part in upload["parts"]:
        query = parse_qs(urlsplit(part["url"]).query)
        assert query["partNumber"] == [str(part["part_number"])]
        assert query["X-Amz-SignedHeaders"] == ["content-length;host"], "whoever sends it needs no header of ours"
    assert record["expires_at"] > upload["expires_at"]


def test_a_large_file_is_multipart_unasked_and_a_small_one_is_not(client: Client) -> None:
    large = client("POST", "/v1/files", VIDEO | {"upload": None, "size": 100_000_001}).json
    assert large["upload"]["method"] == "MULTIPART"
    assert client("POST", "/v1/files", VIDEO | {"upload": None, "size": 100_000_000}).json["upload"]["method"] == "POST"


@pytest.mark.parametrize("size", [5 * MIB, 100_000_001, 50 * 1000**3, 200 * 1000**3, 5 * 1024**4, MAX_OBJECT_BYTES])
def test_a_part_size_never_needs_more_than_ten_thousand_parts(size: int) -> None:
    part = uploads.part_bytes(size)
    assert -(-size // part) <= 10_000
    assert part % MIB == 0
    assert part <= 5 * 1024**3


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"size": 5 * MIB - 1}, "upload"),
        ({"size": 6 * 1024**3, "upload": "post"}, "upload"),
        ({"upload": "tus"}, "upload"),
        ({"part_size": 5 * MIB - 1}, "part_size"),
        ({"part_size": 6 * 1024**3}, "part_size"),
        ({"size": 50 * 1000**3, "part_size": 5 * MIB - 1}, "part_size"),
        ({"upload": "post", "part_size": 5 * MIB}, "part_size"),
        ({"upload": "post", "part_checksums": True}, "part_checksums"),
        ({"size": 50 * 1000**3 + 1}, "size"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_nothing_begun(client: Client, more: dict[str, Any], field: str) -> None:
    answer = client("POST", "/v1/files", VIDEO | more)
    assert (answer.status, answer.json["field"]) == (422, field)
    assert len(open_uploads()) == 0


# --- Integrity


def test_a_declared_hash_is_in_the_policy_for_s3_to_check(client: Client) -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    fields = client("POST", "/v1/files", VIDEO | {"upload": "post", "sha256": digest}).json["upload"]["fields"]
    expected = base64.b64encode(bytes.fromhex(digest)).decode()
    assert fields["x-amz-checksum-sha256"] == expected
    conditions = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    assert {"x-amz-checksum-sha256": expected} in conditions


def test_an_object_of_another_size_than_declared_is_never_ready(client: Client) -> None:
    record = client("POST", "/v1/files", VIDEO | {"upload": "post", "size": 10}).json
    put(record["id"], b"x" * 9)
    deliver(record["id"])
    assert client("GET", f"/v1/files/{record['id']}").json["error"]["code"] == "size_mismatch"


# --- Expiry


def test_an_abandoned_upload_ends_as_expired_everywhere(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    record = begin_multipart(client)
    parts = send_all_parts(record)
    later = catalog.files.now() + catalog.files.timedelta(days=8)  # type: ignore[attr-defined]
    monkeypatch.setattr("chalicelib.catalog.files.now", lambda: later)
    assert client("GET", f"/v1/files/{record['id']}").json["status"] == "expired"
    assert client("GET", "/v1/files").json["items"][0]["status"] == "expired"
    assert "Retry-After" not in client("GET", f"/v1/files/{record['id']}").headers
    for answer in (
        client("POST", f"/v1/files/{record['id']}/complete", {"parts": parts}),
        client("POST", f"/v1/files/{record['id']}/parts", {"part_numbers": [1]}),
        client("GET", f"/v1/files/{record['id']}/parts"),
    ):
        assert (answer.status, answer.json["code"]) == (410, "upload_expired")


def test_the_tables_ttl_forgets_what_never_came_and_keeps_what_did(client: Client) -> None:
    record = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json
    key = {"pk": {"S": f"FILE#{record['id']}"}, "sk": {"S": "FILE"}}
    table = aws_client("dynamodb")
    assert int(table.get_item(TableName="filemill-test", Key=key)["Item"]["ttl"]["N"]) > 0
    put(record["id"], b"a,b")
    deliver(record["id"])
    assert "ttl" not in table.get_item(TableName="filemill-test", Key=key)["Item"]


def test_bytes_that_came_in_time_are_taken_although_their_event_is_late(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json
    put(record["id"], b"a,b")
    later = catalog.files.now() + catalog.files.timedelta(hours=2)  # type: ignore[attr-defined]
    monkeypatch.setattr("chalicelib.catalog.files.now", lambda: later)
    assert client("GET", f"/v1/files/{record['id']}").json["status"] == "expired"
    deliver(record["id"])
    assert client("GET", f"/v1/files/{record['id']}").json["status"] == "ready"


# --- The stage's bound


def test_the_stages_own_bound_holds(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_MAX_UPLOAD_BYTES", str(MAX_OBJECT_BYTES))
    settings.cache_clear()
    record = begin_multipart(client, size=MAX_OBJECT_BYTES, part_size=5 * 1024**3)
    assert record["upload"]["part_count"] == 10_000
    assert record["status"] == Status.AWAITING_UPLOAD
