"""POST /v1/files: a new file, its bounds, and duplicates."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.client import Answer, Client, new_client
from tests.making import deliver, put
from tests.stage import Calls

PHOTO = {"filename": "IMG 1.jpg", "content_type": "image/jpeg", "size": 2766997, "tags": ["cats"]}


def test_create_answers_with_the_record_and_an_upload_fixed_to_key_size_type_and_time(client: Client) -> None:
    answer = client("POST", "/v1/files", PHOTO)
    assert answer.status == 201
    record = answer.json
    assert answer.headers["Location"] == f"/v1/files/{record['id']}"
    assert record["status"] == "awaiting_upload"
    assert (record["revision"], record["visibility"], record["recipe"]) == (1, "private", "photo")
    assert (record["filename"], record["tags"], record["metadata"]) == ("IMG 1.jpg", ["cats"], {})
    upload = record["upload"]
    assert upload["method"] == "POST"
    assert upload["url"] == "https://originals.s3.eu-west-1.amazonaws.com/"
    policy = json.loads(base64.b64decode(upload["fields"]["policy"]))
    conditions = policy["conditions"]
    assert ["content-length-range", 2766997, 2766997] in conditions
    assert {"Content-Type": "image/jpeg"} in conditions
    assert {"key": f"acme/{record['id']}"} in conditions
    assert {"bucket": "originals"} in conditions
    assert policy["expiration"][:16] == upload["expires_at"][:16] == record["expires_at"][:16]
    # Whatever the form sends is named by the policy, or S3 refuses it.
    named = {name.lower() for c in conditions if isinstance(c, dict) for name in c}
    assert {name.lower() for name in upload["fields"]} - {"policy", "x-amz-signature"} <= named


@pytest.mark.parametrize("sampled", [True, False])
def test_an_upload_can_be_in_the_trace_of_its_request(
    client: Client, monkeypatch: pytest.MonkeyPatch, sampled: bool
) -> None:
    trace = f"Root=1-69230000-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled={int(sampled)}"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    upload = client("POST", "/v1/files", PHOTO).json["upload"]
    assert upload.get("headers") == ({"X-Amzn-Trace-Id": trace} if sampled else None)


def test_create_costs_one_write_and_no_call_to_s3(client: Client, stage: Calls) -> None:
    client("POST", "/v1/files", PHOTO)  # the key is remembered from here on
    stage.clear()
    client("POST", "/v1/files", PHOTO)
    assert stage.names == ["dynamodb.PutItem"]


def test_any_unicode_file_name_comes_back_intact(client: Client) -> None:
    for name in ("Menü +1 é.jpg", "猫🐈.heic", "a%20b&c.jpg", "x" * 255, " spaced .jpg"):
        created = client("POST", "/v1/files", PHOTO | {"filename": name})
        assert created.status == 201, name
        assert client("GET", f"/v1/files/{created.json['id']}").json["filename"] == name


WRONG: list[tuple[str, Any]] = [
    ("filename", ""),
    ("filename", "   "),
    ("filename", ".."),
    ("filename", "../etc/passwd"),
    ("filename", "a\\b.jpg"),
    ("filename", "a\nb.jpg"),
    ("filename", "a\0b.jpg"),
    ("filename", "\ud800.jpg"),
    ("filename", "x" * 256),
    ("filename", "🐈" * 255 + "🐈"),
    ("filename", 7),
    ("content_type", "jpeg"),
    ("content_type", "image/jpeg\r\nX: y"),
    ("content_type", ""),
    ("size", -1),
    ("size", 10**15),
    ("size", 10**40),
    ("size", 1.5),
    ("size", "12"),
    ("size", True),
    ("size", None),
    ("sha256", "abc"),
    ("sha256", "A" * 64),
    ("tags", "cats"),
    ("tags.0", [""]),
    ("tags.0", ["a\nb"]),
    ("tags.0", ["x" * 65]),
    ("tags", [str(n) for n in range(21)]),
    ("metadata", []),
    ("metadata", {"a": "x" * 9000}),
    ("metadata", {"a": {"b": {"c": {"d": {"e": {}}}}}}),
    ("metadata", {"a": "\ud800"}),
    ("visibility", "secret"),
    ("recipe", "nope"),
    ("sizee", 1),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda v: repr(v)[:30])
def test_a_wrong_field_is_named_and_nothing_is_written(client: Client, stage: Calls, field: str, value: Any) -> None:
    client("GET", "/v1/files")
    stage.clear()
    answer = client("POST", "/v1/files", PHOTO | {field.partition(".")[0]: value})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", field)
    assert stage.names == []


@pytest.mark.parametrize("missing", ["filename", "content_type", "size"])
def test_a_missing_field_is_named(client: Client, missing: str) -> None:
    answer = client("POST", "/v1/files", {k: v for k, v in PHOTO.items() if k != missing})
    assert (answer.status, answer.json["field"], answer.json["detail"]) == (422, missing, f"`{missing}`: is required.")


def test_bad_json_is_400_and_an_oversized_body_names_the_body(client: Client) -> None:
    for text in ("{", "", "\ufffd", "[" * 100_000, '{"a":' * 5000):
        answer = client("POST", "/v1/files", text)
        assert (answer.status, answer.json["code"]) in {(400, "invalid_json"), (422, "invalid_field")}, text[:10]
    assert client("POST", "/v1/files", "{").status == 400
    answer = client("POST", "/v1/files", PHOTO | {"metadata": {"a": "x" * 70_000}})
    assert (answer.status, answer.json["field"]) == (422, "body")
    answer = client("POST", "/v1/files", "[1]")
    assert (answer.status, answer.json["field"]) == (422, "body")


def test_nan_in_metadata_is_refused(client: Client) -> None:
    text = json.dumps(PHOTO | {"metadata": {"a": float("nan")}})
    answer = client("POST", "/v1/files", text)
    assert (answer.status, answer.json["field"]) == (422, "metadata")


# --- Duplicates


CSV = b"a,b\n1,2\n"


SHA = hashlib.sha256(CSV).hexdigest()


def csv(client: Client, **more: Any) -> Answer:
    body = {"filename": "a.csv", "content_type": "text/csv", "size": len(CSV), "sha256": SHA}
    return client("POST", "/v1/files", body | more)


def ready(client: Client, tenant: str = "acme", **more: Any) -> str:
    file_id: str = csv(client, **more).json["id"]
    put(file_id, CSV, tenant)
    deliver(file_id, tenant=tenant)
    return file_id


def test_a_known_file_is_given_back_when_asked_for(client: Client) -> None:
    file_id = ready(client)
    answer = csv(client, on_duplicate="reuse")
    assert (answer.status, answer.json["id"], answer.json["status"]) == (200, file_id, "ready")
    assert "upload" not in answer.json


def test_duplicates_are_both_kept_by_default(client: Client) -> None:
    file_id = ready(client)
    answer = csv(client)
    assert answer.status == 201
    assert answer.json["id"] != file_id


def test_what_is_not_ready_not_alike_or_not_ours_is_no_duplicate(client: Client) -> None:
    csv(client)  # awaits its upload
    other = new_client("other")
    ready(other, "other")
    ready(client, visibility="public")
    assert csv(client, on_duplicate="reuse").status == 201
    gone = ready(client)
    assert csv(client, on_duplicate="reuse").json["id"] == gone
    client("DELETE", f"/v1/files/{gone}")
    assert csv(client, on_duplicate="reuse").status == 201


def test_reuse_needs_the_hash(client: Client) -> None:
    answer = csv(client, on_duplicate="reuse", sha256=None)
    assert (answer.status, answer.json["field"]) == (422, "sha256")


def test_a_body_with_half_a_surrogate_pair_is_no_json(client: Client) -> None:
    answer = client("POST", "/v1/files", '{"filename": "\ud800"}')
    assert (answer.status, answer.json["code"]) == (400, "invalid_json")
