"""`POST /s3/presign`, Uppy's `signRequest`: each request to S3 is signed by itself."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.settings import MAX_PARTS
from tests.api.routes.uppy.asking import RANDOM, begin_signed, presign, record, send_part, token_client
from tests.client import Client
from tests.making import MIB


def test_put_becomes_a_form_under_a_key_of_ours(client: Client, browser: Client) -> None:
    signed = presign(browser, method="PUT", key=f"{RANDOM}-Menü 1.jpg", contentType="image/jpeg")
    assert signed.status == 200, signed.text
    fields = signed.json["fields"]
    assert signed.json["key"] == fields["key"]
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert ["content-length-range", 1, 50 * MIB] in policy["conditions"]
    file = record(client, fields["key"])
    assert (file["filename"], file["content_type"]) == ("Menü 1.jpg", "image/jpeg")


def test_what_an_app_adds_is_used(client: Client, browser: Client) -> None:
    signed = presign(
        browser,
        method="PUT",
        key="photos/x",
        contentType="image/png",
        filename="猫.png",
        size=1234,
        metadata={"name": "猫.png", "album": "cats"},
    )
    policy = json.loads(base64.b64decode(signed.json["fields"]["policy"]))
    assert ["content-length-range", 1234, 1234] in policy["conditions"]
    file = record(client, signed.json["key"])
    assert (file["filename"], file["size"], file["metadata"]) == ("猫.png", 1234, {"album": "cats"})


@pytest.mark.parametrize(
    ("key", "filename", "content_type"),
    [
        (f"{RANDOM}-a.JPG", "a.JPG", "image/jpeg"),
        ("holiday/2026/b.avif", "b.avif", "image/avif"),
        (f"{RANDOM}-", f"{RANDOM}-", "application/octet-stream"),
        ("c.unheard-of", "c.unheard-of", "application/octet-stream"),
    ],
)
def test_a_key_tells_name_and_type_where_nothing_else_does(
    client: Client, browser: Client, key: str, filename: str, content_type: str
) -> None:
    begun = presign(browser, method="POST", key=key)
    assert begun.status == 200, begun.text
    file = record(client, begun.json["key"])
    assert (file["filename"], file["content_type"]) == (filename, content_type)


def test_each_request_of_an_upload_in_parts_is_signed(browser: Client) -> None:
    key, upload_id = begin_signed(browser)
    going_on = {"key": key, "uploadId": upload_id}
    put = presign(browser, method="PUT", partNumber=1, **going_on)
    assert parse_qs(urlsplit(put.json["url"]).query)["partNumber"] == ["1"]
    send_part(key, upload_id)
    for method in ("GET", "POST", "DELETE"):
        signed = presign(browser, method=method, **going_on)
        assert signed.status == 200, signed.text
        url = urlsplit(signed.json["url"])
        assert (url.path.endswith(f"/{key}"), parse_qs(url.query)["uploadId"]) == (True, [upload_id])
        assert not {"key", "fields"} & set(signed.json)


def test_what_is_too_large_is_not_signed_for_completion(client: Client) -> None:
    small = token_client(client, max_bytes=10)
    key, upload_id = begin_signed(small)
    send_part(key, upload_id, 1, 11)
    refused = presign(small, method="POST", key=key, uploadId=upload_id)
    assert (refused.status, refused.json["code"]) == (422, "size_mismatch")


def test_a_cancelled_uploads_record_ends(client: Client, browser: Client) -> None:
    key, upload_id = begin_signed(browser)
    assert presign(browser, method="DELETE", key=key, uploadId=upload_id).status == 200
    assert client("GET", f"/v1/files/{key.partition('/')[2]}").status == 404
    assert presign(browser, method="PUT", key=key, uploadId=upload_id, partNumber=1).status == 404


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "DELETE", "key": "KEY"}, "invalid_field"),
        ({"method": "GET", "key": "KEY"}, "invalid_field"),
        ({"method": "PUT", "key": "KEY", "partNumber": 1}, "invalid_field"),
        ({"method": "HEAD", "key": "KEY"}, "invalid_field"),
        ({"method": "PUT", "key": ""}, "invalid_field"),
        ({"method": "PUT", "key": f"{RANDOM}-a\nb.jpg"}, "invalid_field"),
        ({"method": "PUT", "key": "KEY", "uploadId": "UPLOAD"}, "part_out_of_range"),
        ({"method": "PUT", "key": "KEY", "uploadId": "UPLOAD", "partNumber": 0}, "part_out_of_range"),
        ({"method": "PUT", "key": "KEY", "uploadId": "UPLOAD", "partNumber": MAX_PARTS + 1}, "part_out_of_range"),
    ],
)
def test_what_is_no_request_of_uppys_is_not_signed(browser: Client, request_: dict[str, Any], code: str) -> None:
    key, upload_id = begin_signed(browser)
    real = {"KEY": key, "UPLOAD": upload_id}
    refused = presign(browser, **{name: real.get(value, value) for name, value in request_.items()})
    assert (refused.status, refused.json["code"]) == (422, code)
