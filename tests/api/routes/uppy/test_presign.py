"""`POST /s3/presign`, Uppy's `signRequest`: each request to S3 is signed by itself."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from chalicelib.catalog import claims
from chalicelib.model import now
from chalicelib.settings import MAX_PARTS
from tests.api.routes.uppy.asking import (
    RANDOM,
    ask_begun,
    begin_signed,
    presign,
    record,
    send_part,
    token_client,
    upload_id_of,
)
from tests.client import Client
from tests.making import MIB, open_uploads, takes


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
    assert open_uploads() == []
    assert record(client, key)["status"] == "failed"


def test_an_address_that_begins_an_upload_begins_one_however_often_it_is_asked(browser: Client) -> None:
    url = presign(browser, method="POST", key=f"{RANDOM}-a.jpg").json["url"]
    assert [upload_id_of(url) for _ in range(5)] == open_uploads() * 5
    assert len(open_uploads()) == 1


def test_an_address_that_begins_an_upload_ends_with_the_file(
    client: Client, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun() -> tuple[str, str]:
        answer = presign(browser, method="POST", key=f"{RANDOM}-a.jpg").json
        return answer["url"], answer["key"]

    deleted, key = begun()
    assert client("DELETE", f"/v1/files/{key.partition('/')[2]}").status == 204
    uploaded, key = begun()
    claims.claim(key.partition("/")[2], version_id="v", sequencer="1", claim_id="c", lease=timedelta(seconds=60))
    expired, _ = begun()
    told = [(ask_begun(url).status, ask_begun(url).json["code"]) for url in (deleted, uploaded)]
    assert told == [(404, "not_found"), (409, "already_uploaded")]
    later = now() + timedelta(days=8)
    monkeypatch.setattr("chalicelib.catalog.files.now", lambda: later)
    assert (ask_begun(expired).status, ask_begun(expired).json["code"]) == (410, "upload_expired")


def test_an_address_that_begins_an_upload_can_be_neither_changed_nor_kept(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, other = (presign(browser, method="POST", key=f"{RANDOM}-a.jpg").json["url"] for _ in range(2))
    mine, theirs = (parse_qs(urlsplit(each).query) for each in (url, other))
    changed = (
        url.replace(mine["signature"][0], theirs["signature"][0]),
        url.replace(mine["until"][0], str(int(mine["until"][0]) + 1)),
        url.replace(quote(mine["key"][0], safe=""), quote(theirs["key"][0], safe="")),
        url.replace(upload_id_of(url), upload_id_of(other)),
        url.partition("&signature")[0],
    )
    for wrong in changed:
        assert wrong != url
        assert ask_begun(wrong).status == 401
    later = time.time() + 3601
    monkeypatch.setattr("chalicelib.api.routes.uppy.begun.time.time", lambda: later)
    assert ask_begun(url).status == 401


def test_parts_are_signed_for_their_length_where_an_app_tells_it(browser: Client) -> None:
    more = {"size": 11 * MIB, "partSize": 5 * MIB}
    begun = presign(browser, method="POST", key="a.jpg", **more).json
    going_on = {"key": begun["key"], "uploadId": upload_id_of(begun["url"])}
    for number, length in ((1, 5 * MIB), (3, MIB)):
        url = presign(browser, method="PUT", partNumber=number, **going_on).json["url"]
        assert (takes(url, length), takes(url, length + 1), takes(url, None)) == (True, False, False)
    assert presign(browser, method="PUT", partNumber=4, **going_on).status == 422
    small = presign(browser, method="POST", key="a.jpg", size=11 * MIB, partSize=1)
    assert (small.status, small.json["field"]) == (422, "part_size")


def test_uppy_may_send_parts_of_its_own_size_of_a_file_whose_size_is_known(browser: Client) -> None:
    begun = presign(browser, method="POST", key="a.jpg", size=40 * MIB).json
    going_on = {"key": begun["key"], "uploadId": upload_id_of(begun["url"])}
    signed = [presign(browser, method="PUT", partNumber=number, **going_on) for number in (1, 8, 9)]
    assert [answer.status for answer in signed] == [200, 200, 422]
    assert takes(signed[0].json["url"], None)


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
