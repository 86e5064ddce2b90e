"""Uppy's `companionEndpoint`: what @uppy/aws-s3 sends, and what it needs back. tests/browser has Uppy itself."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.catalog import claims
from chalicelib.settings import MAX_PARTS, MIN_PART_BYTES, settings
from tests.api.routes.uppy.asking import begin, begin_signed, params, presign, record, send_part, token_client
from tests.client import Answer, Client
from tests.making import MIB, open_uploads
from tests.stage import Calls, aws_client


def test_a_form_whose_every_field_the_policy_covers(client: Client, browser: Client) -> None:
    made = params(browser, filename="Menü 1+2.jpg")
    assert made.status == 200
    form = made.json
    assert (form["method"], urlsplit(form["url"]).scheme) == ("POST", "https")
    assert 3590 <= form["expires"] <= 3600
    fields = {name.lower(): value for name, value in form["fields"].items()}
    assert fields["success_action_status"] == "201"
    assert not {"file", "redirect", "success_action_redirect"} & set(fields)
    conditions = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    covered = {name.lower() for c in conditions if isinstance(c, dict) for name in c}
    assert set(fields) - {"policy", "x-amz-signature"} <= covered
    assert ["content-length-range", 1, 50 * MIB] in conditions
    file = record(client, fields["key"])
    assert (file["filename"], file["content_type"], file["size"]) == ("Menü 1+2.jpg", "image/jpeg", None)
    assert fields["key"] == f"acme/{file['id']}"


def test_the_stage_bounds_what_an_api_key_sends(client: Client) -> None:
    policy = json.loads(base64.b64decode(params(client).json["fields"]["policy"]))
    assert ["content-length-range", 1, min(settings().max_upload_bytes, 5 * 1024**3)] in policy["conditions"]


def test_uppys_metadata_becomes_the_files(client: Client, browser: Client) -> None:
    said = {"name": "a.jpg", "type": "image/jpeg", "relativePath": "null", "album": "Été & co", "n": "3"}
    made = params(browser, **{f"metadata[{name}]": value for name, value in said.items()})
    assert record(client, made.json["fields"]["key"])["metadata"] == {"album": "Été & co", "n": "3"}
    said = {"name": "a.jpg", "relativePath": "2026/a.jpg", "n": 3, "yes": True, "none": None}  # type: ignore[dict-item]
    key, _ = begin(browser, metadata=said)
    assert record(client, key)["metadata"] == {"relativePath": "2026/a.jpg", "n": "3", "yes": "true"}


def test_a_type_that_the_browser_does_not_know_is_generic(client: Client, browser: Client) -> None:
    made = browser("GET", "/s3/params", query={"filename": "a", "type": ""})
    assert record(client, made.json["fields"]["key"])["content_type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"type": "image/jpeg"}, "filename"),
        ({"filename": "a/b.jpg"}, "filename"),
        ({"filename": "a.jpg", "type": "jpeg"}, "type"),
        ({"filename": "a.jpg", "metadata[x]": "x" * 9000}, "metadata"),
    ],
)
def test_what_breaks_the_bounds_of_a_record_is_refused(browser: Client, query: dict[str, str], field: str) -> None:
    made = browser("GET", "/s3/params", query=query)
    assert (made.status, made.json["code"], made.json["field"]) == (422, "invalid_field", field)


def test_an_upload_in_parts_from_begin_to_end(client: Client, browser: Client) -> None:
    key, upload_id = begin(browser)
    assert record(client, key)["metadata"] == {"album": "Été"}
    signed = browser("GET", f"/s3/multipart/{upload_id}/2", query={"key": key})
    assert signed.status == 200
    asked = parse_qs(urlsplit(signed.json["url"]).query)
    assert (asked["partNumber"], asked["uploadId"]) == (["2"], [upload_id])
    assert urlsplit(signed.json["url"]).path.endswith(f"/{key}")

    first = send_part(key, upload_id, 1, MIN_PART_BYTES)
    second = send_part(key, upload_id, 2)
    listed = browser("GET", f"/s3/multipart/{upload_id}", query={"key": key})
    assert listed.json == [
        {"PartNumber": 1, "ETag": first, "Size": MIN_PART_BYTES},
        {"PartNumber": 2, "ETag": second, "Size": 3},
    ]
    # v6 sends what the browser read, unquoted; after a resume what the list said, quoted.
    parts = [{"PartNumber": 1, "ETag": first.strip('"')}, {"PartNumber": 2, "ETag": second}]
    done = browser("POST", f"/s3/multipart/{upload_id}/complete", {"parts": parts}, query={"key": key})
    assert done.status == 200, done.text
    location = f"{settings().front_door}/v1/files/{key.partition('/')[2]}"
    assert done.json == {"location": location, "key": key, "bucket": "originals"}
    assert aws_client("s3").head_object(Bucket="originals", Key=key)["ContentLength"] == MIN_PART_BYTES + 3

    again = browser("POST", f"/s3/multipart/{upload_id}/complete", {"parts": parts}, query={"key": key})
    assert (again.status, again.json) == (200, done.json)
    # The same once processing has begun; but not for an upload that never was this file's.
    claims.claim(key.partition("/")[2], version_id="v", sequencer="1", claim_id="c", lease=timedelta(seconds=60))
    again = browser("POST", f"/s3/multipart/{upload_id}/complete", {"parts": parts}, query={"key": key})
    assert (again.status, again.json) == (200, done.json)
    other = browser("POST", "/s3/multipart/another/complete", {"parts": parts}, query={"key": key})
    assert (other.status, other.json["code"]) == (409, "already_uploaded")


def test_every_part_is_listed_though_s3_lists_a_thousand_at_a_time(browser: Client) -> None:
    key, upload_id = begin(browser)
    for number in range(1, 1003):
        send_part(key, upload_id, number, 1)
    listed = browser("GET", f"/s3/multipart/{upload_id}", query={"key": key}).json
    assert [part["PartNumber"] for part in listed] == list(range(1, 1003))


def test_a_cancelled_upload_leaves_neither_parts_nor_record(client: Client, browser: Client) -> None:
    key, upload_id = begin(browser)
    assert open_uploads() == [upload_id]
    ended = browser("DELETE", f"/s3/multipart/{upload_id}", query={"key": key})
    assert (ended.status, ended.json) == (200, {})
    assert open_uploads() == []
    assert client("GET", f"/v1/files/{key.partition('/')[2]}").status == 404


def test_many_parts_at_once_for_older_uppys(client: Client) -> None:
    browser = token_client(client, max_bytes=50 * 1000**3)
    key, upload_id = begin(browser)
    signed = browser("GET", f"/s3/multipart/{upload_id}/batch", query={"key": key, "partNumbers": "1,2,9537"})
    assert signed.status == 200
    assert list(signed.json) == ["presignedUrls"]
    numbers = {n: parse_qs(urlsplit(url).query)["partNumber"] for n, url in signed.json["presignedUrls"].items()}
    assert numbers == {"1": ["1"], "2": ["2"], "9537": ["9537"]}


@pytest.mark.parametrize(("most", "last"), [(1, 1), (5 * MIB, 1), (5 * MIB + 1, 2), (6_000_000, 2), (50 * MIB, 10)])
def test_a_token_bounds_the_part_numbers(client: Client, most: int, last: int) -> None:
    browser = token_client(client, max_bytes=most)
    for key, upload_id in (begin(browser), begin_signed(browser)):
        batch = f"/s3/multipart/{upload_id}/batch"
        assert browser("GET", batch, query={"key": key, "partNumbers": str(last)}).status == 200
        answers = (
            browser("GET", batch, query={"key": key, "partNumbers": f"1,{last + 1}"}),
            browser("GET", f"/s3/multipart/{upload_id}/{last + 1}", query={"key": key}),
            presign(browser, method="PUT", key=key, uploadId=upload_id, partNumber=last + 1),
            browser("POST", f"/v1/files/{key.partition('/')[2]}/parts", {"part_numbers": [last + 1]}),
        )
        assert {(answer.status, answer.json["code"]) for answer in answers} == {(422, "part_out_of_range")}


@pytest.mark.parametrize("number", ["0", "10001", "-1", "1.5", "one", "1,2", "²", "9" * 30])
def test_a_part_number_out_of_range_is_refused_by_uppys_routes(browser: Client, number: str) -> None:
    key, upload_id = begin(browser)
    signed = browser("GET", f"/s3/multipart/{upload_id}/{number}", query={"key": key})
    assert (signed.status, signed.json["code"]) == (422, "part_out_of_range")
    if number != "1,2":
        query = {"key": key, "partNumbers": f"1,{number}"}
        assert browser("GET", f"/s3/multipart/{upload_id}/batch", query=query).status == 422


@pytest.mark.parametrize("query", [{}, {"partNumbers": ""}, {"partNumbers": "1,,2"}])
def test_a_batch_without_part_numbers_is_refused(browser: Client, query: dict[str, str]) -> None:
    key, upload_id = begin(browser)
    assert browser("GET", f"/s3/multipart/{upload_id}/batch", query=query | {"key": key}).status == 422


def test_more_than_the_token_allows_is_not_completed(client: Client) -> None:
    small = token_client(client, max_bytes=10)
    key, upload_id = begin(small)
    etag = send_part(key, upload_id, 1, 11)
    body = {"parts": [{"PartNumber": 1, "ETag": etag}]}
    refused = small("POST", f"/s3/multipart/{upload_id}/complete", body, query={"key": key})
    assert (refused.status, refused.json["code"]) == (422, "size_mismatch")
    assert open_uploads() == []
    assert record(client, key)["error"]["code"] == "too_large"
    again = small("POST", f"/s3/multipart/{upload_id}/complete", body, query={"key": key})
    assert (again.status, again.json["code"]) == (409, "already_uploaded")


def test_ten_thousand_parts_can_be_named(browser: Client) -> None:
    key, upload_id = begin(browser)
    parts = [{"PartNumber": n, "ETag": f'"{n:032x}"'} for n in range(1, MAX_PARTS + 1)]
    refused = browser("POST", f"/s3/multipart/{upload_id}/complete", {"parts": parts}, query={"key": key})
    assert (refused.status, refused.json["code"]) == (422, "part_missing")


@pytest.mark.parametrize(
    "parts", [[], [{"PartNumber": 0, "ETag": "x"}], [{"PartNumber": MAX_PARTS + 1, "ETag": "x"}], [{"PartNumber": 1}]]
)
def test_a_list_without_valid_parts_is_refused(browser: Client, parts: list[dict[str, Any]]) -> None:
    key, upload_id = begin(browser)
    refused = browser("POST", f"/s3/multipart/{upload_id}/complete", {"parts": parts}, query={"key": key})
    assert (refused.status, refused.json["code"]) == (422, "invalid_field")


@pytest.mark.parametrize("way", ["params", "multipart", "sign PUT", "sign POST"])
def test_a_token_bounds_types_and_number_on_every_way_in(client: Client, way: str) -> None:
    images = token_client(client, content_types=["image/*"], max_files=1)

    def send(content_type: str, name: str) -> Answer:
        return {
            "params": lambda: params(images, filename=name, type=content_type),
            "multipart": lambda: images("POST", "/s3/multipart", {"filename": name, "type": content_type}),
            "sign PUT": lambda: presign(images, method="PUT", key=name, contentType=content_type),
            "sign POST": lambda: presign(images, method="POST", key=name),
        }[way]()

    refused = send("application/pdf", "a.pdf")
    assert (refused.status, refused.json["code"]) == (403, "type_not_allowed")
    assert send("image/jpeg", "a.jpg").status == 200
    spent = send("image/jpeg", "b.jpg")
    assert (spent.status, spent.json["code"]) == (403, "token_spent")
    assert len(open_uploads()) == (1 if way in ("multipart", "sign POST") else 0)


def test_a_tokens_tags_and_visibility_are_the_files(client: Client) -> None:
    tagged = token_client(client, tags=["web"], visibility="public")
    key, _ = begin(tagged)
    file = record(client, key)
    assert (file["tags"], file["visibility"]) == (["web"], "public")


def test_signing_calls_nobody_but_the_table(client: Client, stage: Calls) -> None:
    key, upload_id = begin(client)
    stage.clear()
    client("GET", f"/s3/multipart/{upload_id}/1", query={"key": key})
    assert stage.names == ["dynamodb.GetItem"]
    stage.clear()
    params(client)
    assert stage.names == ["dynamodb.PutItem"]


def test_a_name_longer_than_any_is_not_looked_for(client: Client) -> None:
    query = {"key": "k", "partNumbers": "1"}
    longest, longer = (client("GET", f"/s3/multipart/{'n' * n}/batch", query=query) for n in (1024, 1025))
    assert {(answer.status, answer.json["code"]) for answer in (longest, longer)} == {(404, "not_found")}
    assert "upload of this key" in longest.json["detail"]
    assert "nothing of this name" in longer.json["detail"]
