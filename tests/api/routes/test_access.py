"""Delivery of a record, grants for viewers, and addresses of originals."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib import aws, settings
from chalicelib.catalog.keys import file_key
from chalicelib.delivery import access
from chalicelib.model import Status
from tests import images
from tests.client import Client, new_client
from tests.making import deliver, upload
from tests.signers import parameters
from tests.stage import Calls, aws_client

PHOTO = images.jpeg(400, 300)


def ready(client: Client, **more: Any) -> str:
    file_id = upload(client, PHOTO, **more)
    deliver(file_id)
    return file_id


def policy(query: str) -> dict[str, Any]:
    text = parse_qs(query)["Policy"][0].translate(str.maketrans("-_~", "+=/"))
    statement: dict[str, Any] = json.loads(base64.b64decode(text))["Statement"][0]
    return statement


def left(query: str) -> float:
    seconds: float = policy(query)["Condition"]["DateLessThan"]["AWS:EpochTime"] - time.time()
    return seconds


def test_a_record_has_what_a_page_needs_if_it_is_asked_for(client: Client) -> None:
    file_id = ready(client)
    record = client("GET", f"/v1/files/{file_id}?include=delivery").json
    shown = record.pop("delivery")
    assert record == client("GET", f"/v1/files/{file_id}").json
    assert list(shown["srcset"]) == ["avif", "webp", "jpeg"]
    assert shown["srcset"]["webp"].startswith(f"{shown['base_url']}w160.webp?{shown['query']} 160w, ")
    assert shown["picture"].startswith("<picture>")
    assert shown["expires_at"] is not None


def test_each_rendition_has_an_address_that_opens_it_alone(client: Client) -> None:
    record = client("GET", f"/v1/files/{ready(client)}?include=delivery").json
    base = record["delivery"]["base_url"]
    for each in record["renditions"]:
        address, _, query = each["url"].partition("?")
        assert address == f"{base}{each['name']}.{'jpg' if each['format'] == 'jpeg' else each['format']}"
        assert list(parameters(query)) == ["Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"]
        assert 3600 < int(parameters(query)["Expires"]) - time.time() <= 7200
    assert len({each["url"] for each in record["renditions"]}) == len(record["renditions"])


def test_nobody_gets_delivery_who_did_not_ask_for_it(client: Client, stage: Calls) -> None:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO)}
    assert "delivery" not in client("POST", "/v1/files", body).json
    file_id = ready(client)
    stage.settle()
    for answer in (
        client("GET", f"/v1/files/{file_id}").json,
        client("PATCH", f"/v1/files/{file_id}", {"tags": ["a"]}).json,
        client("GET", "/v1/files?include=details").json["items"][0],
        client("GET", "/v1/changes").json["items"][0]["file"],
        client("POST", "/v1/files/batch-get", {"ids": [file_id]}).json["items"][0],
    ):
        assert "delivery" not in answer
        assert "sha256" in answer


def test_a_public_files_delivery_needs_no_signature_and_does_not_expire(client: Client, stage: Calls) -> None:
    file_id = ready(client, visibility="public")
    stage.clear()
    shown = client("GET", f"/v1/files/{file_id}?expires_in=60&include=delivery").json["delivery"]
    assert (shown["query"], shown["expires_at"]) == ("", None)
    assert "Policy" not in shown["picture"]
    assert stage.names == ["dynamodb.GetItem"]


def test_a_file_that_is_no_picture_or_is_not_ready_has_no_delivery(client: Client) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json
    other = upload(client, b"\0\1", name="a.bin", content_type="application/octet-stream")
    deliver(other)
    for file_id in (waiting["id"], other):
        assert client("GET", f"/v1/files/{file_id}?include=delivery").json["delivery"] is None


def test_lists_have_delivery_when_asked_for_and_within_a_bound(client: Client, stage: Calls) -> None:
    file_id = ready(client)
    stage.settle()
    shown = client("GET", f"/v1/files/{file_id}?include=delivery").json["delivery"]
    for alone in ("fields=delivery", "fields=id&include=delivery"):
        assert client("GET", f"/v1/files?{alone}&limit=50").json["items"] == [{"id": file_id, "delivery": shown}]
    for word in ("include=delivery", "fields=delivery"):
        for path, name in (("/v1/files?", "items"), ("/v1/search?q=jpg&", "items"), ("/v1/changes?", "items")):
            [item] = client("GET", f"{path}{word}&limit=50").json[name]
            assert item.get("file", item)["delivery"] == shown
            answer = client("GET", f"{path}{word}&limit=51")
            assert (answer.status, answer.json["field"]) == (422, "limit"), path
    for word in ("include", "fields"):
        [item] = client("POST", "/v1/files/batch-get", {"ids": [file_id], word: ["delivery"]}).json["items"]
        assert item["delivery"] == shown
        answer = client("POST", "/v1/files/batch-get", {"ids": ["x"] * 51, word: ["delivery"]})
        assert (answer.status, answer.json["field"]) == (422, "ids")


@pytest.mark.parametrize("path", ["/v1/files/file_x", "/v1/files", "/v1/search", "/v1/changes"])
@pytest.mark.parametrize("value", ["image", "", "delivery,", "DELIVERY"])
def test_only_what_there_is_can_be_included(client: Client, path: str, value: str) -> None:
    answer = client("GET", f"{path}?q=cat&include={value}" if "search" in path else f"{path}?include={value}")
    assert answer.status == 422
    assert answer.json["field"].startswith("include")
    assert "'delivery'" in answer.json["detail"]


@pytest.mark.parametrize("seconds", [60, 604800])
def test_a_client_says_how_long_its_addresses_live(client: Client, seconds: int) -> None:
    record = client("GET", f"/v1/files/{ready(client)}?expires_in={seconds}&include=delivery").json
    assert abs(left(record["delivery"]["query"]) - seconds) < 2
    expires = int(parameters(record["renditions"][0]["url"].partition("?")[2])["Expires"])
    assert abs(expires - time.time() - seconds) < 2


@pytest.mark.parametrize("seconds", ["0", "59", "604801", "-1", "x", ""])
def test_addresses_can_not_live_shorter_or_longer_than_the_bounds(client: Client, seconds: str) -> None:
    answer = client("GET", f"/v1/files/file_x?expires_in={seconds}")
    assert (answer.status, answer.json["field"]) == (422, "expires_in")


def test_a_stage_may_allow_less(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready(client)
    monkeypatch.setenv("FILEMILL_MAX_URL_EXPIRY", "600")
    settings.settings.cache_clear()
    for method, path, body in (
        ("GET", f"/v1/files/{file_id}?expires_in=601", None),
        ("POST", f"/v1/files/{file_id}/grant", {"expires_in": 601}),
        ("POST", "/v1/grants", {"ids": [file_id], "expires_in": 601}),
    ):
        answer = client(method, path, body)
        assert (answer.status, answer.json["field"]) == (422, "expires_in"), path
    assert client("POST", f"/v1/files/{file_id}/grant", {"expires_in": 600}).status == 200


# --- grants


def test_a_grant_opens_all_of_a_files_renditions_for_a_while(client: Client, stage: Calls) -> None:
    file_id = ready(client)
    client("GET", f"/v1/files/{file_id}")  # the signing key is kept from here on
    stage.clear()
    grant = client("POST", f"/v1/files/{file_id}/grant", {"expires_in": 600}).json
    assert stage.names == ["dynamodb.GetItem"]
    assert grant["resource"] == f"https://d111.cloudfront.net/f/private/{file_id}/*"
    assert policy(grant["query"])["Resource"] == grant["resource"]
    assert 598 < left(grant["query"]) <= 600
    assert grant["base_url"] == client("GET", f"/v1/files/{file_id}?include=delivery").json["delivery"]["base_url"]
    assert [cookie.partition("=")[0] for cookie in grant["cookies"]] == [
        "CloudFront-Policy",
        "CloudFront-Signature",
        "CloudFront-Key-Pair-Id",
        "CloudFront-Hash-Algorithm",
    ]


def test_a_grant_may_be_given_before_the_file_is_there(client: Client) -> None:
    file_id = client("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3}).json["id"]
    grant = client("POST", f"/v1/files/{file_id}/grant", {}).json
    assert grant["base_url"] is None
    assert 3598 < left(grant["query"]) <= 3600


def test_a_public_file_needs_no_grant(client: Client, stage: Calls) -> None:
    file_id = ready(client, visibility="public")
    grant = client("POST", f"/v1/files/{file_id}/grant", {}).json
    assert grant == {
        "id": file_id,
        "base_url": grant["base_url"],
        "resource": None,
        "query": "",
        "cookies": [],
        "expires_at": None,
    }
    assert grant["base_url"].startswith(f"https://d111.cloudfront.net/f/public/{file_id}/")


def test_a_set_of_files_is_granted_at_once_but_nobody_elses(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = ready(client), ready(client)
    gone = ready(client)
    client("DELETE", f"/v1/files/{gone}")
    foreign = new_client("other")("POST", "/v1/files", {"filename": "a", "content_type": "a/b", "size": 1}).json["id"]
    client("GET", f"/v1/files/{one}")  # the signing key is kept from here on
    stage.clear()
    signed: list[str] = []
    sign = access.sign

    def counted(resource: str, expires: int) -> str:
        signed.append(resource)
        return sign(resource, expires)

    monkeypatch.setattr(access, "sign", counted)
    grants = client("POST", "/v1/grants", {"ids": [two, foreign, "nope", gone, one, two]}).json["items"]
    assert stage.names == ["dynamodb.BatchGetItem"]
    assert len(signed) == 2, "one signature a file"
    assert [grant["id"] for grant in grants] == [two, one]
    for grant in grants:
        assert policy(grant["query"])["Resource"].endswith(f"/f/private/{grant['id']}/*")
        assert all(f"; Path=/f/private/{grant['id']}/;" in cookie for cookie in grant["cookies"])


@pytest.mark.parametrize("domain", ["cloudfront.net", "d111.cloudfront.net"])
def test_cookies_are_for_the_domain_that_was_asked_for(client: Client, domain: str) -> None:
    grant = client("POST", f"/v1/files/{ready(client)}/grant", {"cookie_domain": domain}).json
    assert all(f"; Domain={domain};" in cookie for cookie in grant["cookies"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cookie_domain", "evil.example"),
        ("cookie_domain", "net"),
        ("cookie_domain", "oudfront.net"),
        ("cookie_domain", "x.d111.cloudfront.net"),
        ("cookie_domain", "cloudfront.net; Path=/"),
        ("expires_in", 59),
        ("expires_in", 604801),
        ("expires_in", "600"),
        ("expires_in", None),
        ("sizes", ["w640"]),
    ],
)
def test_a_wrong_grant_is_refused(client: Client, field: str, value: Any) -> None:
    file_id = ready(client)
    for path, more in ((f"/v1/files/{file_id}/grant", {}), ("/v1/grants", {"ids": [file_id]})):
        answer = client("POST", path, {field: value, **more})
        assert (answer.status, answer.json["field"]) == (422, field), path


@pytest.mark.parametrize("ids", [[], ["x"] * 101, "file_x", [1], None])
def test_a_set_of_grants_is_bounded(client: Client, ids: Any) -> None:
    answer = client("POST", "/v1/grants", {"ids": ids})
    assert (answer.status, answer.json["field"].partition(".")[0]) == (422, "ids")


# --- originals


def test_an_original_is_a_short_lived_address_of_s3(client: Client, stage: Calls) -> None:
    file_id = ready(client, name="Menü é.jpg")
    stage.clear()
    answer = client("GET", f"/v1/files/{file_id}/original")
    assert stage.names == ["dynamodb.GetItem", "s3.HeadObject"]
    assert (answer.status, answer.text, answer.headers["Cache-Control"]) == (302, "", "no-store")
    address = urlsplit(answer.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.path == f"/acme/{file_id}"
    assert query["response-content-type"] == "image/jpeg"
    assert query["response-content-disposition"] == (
        "inline; filename=\"Menu e.jpg\"; filename*=UTF-8''Men%C3%BC%20%C3%A9.jpg"
    )
    assert query["response-cache-control"] == "private, no-store"
    head = aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")
    assert query["versionId"] == head["VersionId"]
    assert (query.get("X-Amz-Expires") or left_of(query)) == "300"


def left_of(query: dict[str, str]) -> str:
    return str(round((int(query["Expires"]) - time.time()) / 10) * 10)


def test_an_originals_address_comes_as_json_too(client: Client) -> None:
    file_id = ready(client)
    answer = client("GET", f"/v1/files/{file_id}/original?redirect=false&expires_in=3600&disposition=attachment")
    assert answer.status == 200
    query = parse_qs(urlsplit(answer.json["url"]).query)
    assert query["response-content-disposition"] == ['attachment; filename="a.jpg"']
    assert set(answer.json) == {"url", "expires_at"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<!doctype html><script>alert(1)</script>"),
        ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("application/pdf", b"%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n"),
    ],
)
def test_what_could_run_scripts_is_never_shown(client: Client, content_type: str, body: bytes) -> None:
    file_id = upload(client, body, name="x", content_type=content_type, recipe="original-only")
    deliver(file_id)
    answer = client("GET", f"/v1/files/{file_id}/original?disposition=inline")
    assert answer.status == 302, client("GET", f"/v1/files/{file_id}").json
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["response-content-disposition"] == ['attachment; filename="x"']


def test_a_file_that_is_not_what_it_says_is_never_shown(client: Client) -> None:
    file_id = upload(client, b"<!doctype html><script>alert(1)</script>", content_type="image/jpeg")
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["error"]["code"] == "type_mismatch"
    query = parse_qs(urlsplit(client("GET", f"/v1/files/{file_id}/original").headers["Location"]).query)
    assert query["response-content-disposition"][0].startswith("attachment;")


HTML = b"<!doctype html><script>alert(1)</script>"
AAC = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(60)


def served(client: Client, file_id: str, wanted: str = "inline") -> tuple[str, str]:
    """(disposition, content type) of what S3 answers at an original's address."""
    answer = client("GET", f"/v1/files/{file_id}/original?disposition={wanted}")
    assert answer.status == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    (disposition,), (content_type,) = query["response-content-disposition"], query["response-content-type"]
    return disposition.partition(";")[0], content_type


@pytest.mark.parametrize(
    "declared",
    [
        *("audio/x-ape", "video/x-dv", "audio/x-made-up", "image/foo", "image/x", "video/x", "font/x", "text/css"),
        *("text/html", "text/html; charset=utf-8", "TEXT/HTML", "application/xhtml+xml", "text/javascript"),
        *("application/octet-stream", "multipart/x-mixed-replace", "audio/x-ape; a=b", "application/x-shockwave-flash"),
    ],
)
@pytest.mark.parametrize("body", [HTML, b"  " + HTML, AAC, b"alert(1)"], ids=["html", "blanks", "aac", "script"])
def test_what_the_bytes_do_not_prove_is_saved_as_bytes(client: Client, declared: str, body: bytes) -> None:
    file_id = upload(client, body, name="x.html", content_type=declared, recipe="original-only")
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"
    assert served(client, file_id) == ("attachment", "application/octet-stream")


@pytest.mark.parametrize(
    ("declared", "body", "disposition", "proven"),
    [
        ("application/octet-stream", b"fLaC" + bytes(99), "inline", "audio/flac"),
        ("audio/aac", b"ID3\x03" + bytes(99), "inline", "audio/mpeg"),
        ("audio/mp4", b"\0\0\0\x18ftypM4A " + bytes(99), "inline", "audio/mp4"),
        (
            "image/foo",
            images.encoded(images.picture(4, 4), "GIF") + HTML,
            "inline",
            "image/gif",
        ),  # no browser runs what comes as an image
        ("image/foo", images.png(4, 4), "inline", "image/png"),
        ("application/x-made-up", b"%PDF-1.7\n", "attachment", "application/pdf"),
        ("application/x-made-up", b"<svg onload='alert(1)'/>", "attachment", "image/svg+xml"),
        ("application/x-made-up", b"PK\3\4" + bytes(99), "attachment", "application/zip"),
    ],
)
def test_an_original_is_served_as_what_its_bytes_are(
    client: Client, declared: str, body: bytes, disposition: str, proven: str
) -> None:
    file_id = upload(client, body, name="x", content_type=declared, recipe="original-only")
    deliver(file_id)
    assert served(client, file_id) == (disposition, proven)
    assert served(client, file_id, "attachment") == ("attachment", proven)


@pytest.mark.parametrize(
    ("content_type", "status", "expected"),
    [
        ("image/jpeg", Status.READY, ("inline", "image/jpeg")),
        ("Video/MP4; codecs=x", Status.READY, ("inline", "video/mp4")),
        ("audio/aac", Status.READY, ("attachment", "application/octet-stream")),
        ("text/html", Status.READY, ("attachment", "application/octet-stream")),
        ("image/jpeg", Status.FAILED, ("attachment", "application/octet-stream")),
        ("image/jpeg", Status.PROCESSING, ("attachment", "application/octet-stream")),
    ],
)
def test_a_record_from_before_the_proven_type_shows_what_its_type_alone_proves(
    client: Client, content_type: str, status: Status, expected: tuple[str, str]
) -> None:
    file_id = ready(client)
    aws_client("dynamodb").update_item(
        TableName="filemill-test",
        Key={name: {"S": value} for name, value in file_key(file_id).items()},
        UpdateExpression="SET content_type = :type, #status = :status REMOVE proven_type",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":type": {"S": content_type}, ":status": {"S": status}},
    )
    assert served(client, file_id) == expected


def test_an_original_that_has_not_come_or_is_gone_is_refused_with_its_reason(client: Client) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json["id"]
    answer = client("GET", f"/v1/files/{waiting}/original")
    assert (answer.status, answer.json["code"]) == (409, "not_uploaded")
    file_id = ready(client)
    head = aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{file_id}", VersionId=head["VersionId"])
    answer = client("GET", f"/v1/files/{file_id}/original")
    assert (answer.status, answer.json["code"]) == (409, "original_missing")


@pytest.mark.parametrize("name", ["\ufdfa" * 255, "🐈" * 251 + ".jpg", "\uff0f\u202e" * 127, "'" * 255, "%" * 255])
def test_all_headers_of_a_redirect_fit_into_8_kb(client: Client, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With the longest type, and a session token as long as Lambda's are."""
    declared = 'image/jpeg;a="' + "%;," * 80 + '"'
    file_id = ready(client, name=name, content_type=declared)
    assert client("GET", f"/v1/files/{file_id}").json["filename"] == name
    credentials = aws.s3()._request_signer._credentials  # type: ignore[attr-defined]
    monkeypatch.setattr(credentials, "token", "IQoJb3JpZ2luX2Vj/+=" * 80)
    answer = client("GET", f"/v1/files/{file_id}/original")
    assert answer.status == 302
    assert "X-Amz-Security-Token" in answer.headers["Location"] or "x-amz-security-token" in answer.headers["Location"]
    assert sum(len(f"{header}: {value}\r\n".encode()) for header, value in answer.headers.items()) < 8192


@pytest.mark.parametrize(
    "query", ["expires_in=59", "expires_in=3601", "disposition=form-data", "redirect=maybe", "download=1"]
)
def test_a_wrong_query_is_refused(client: Client, query: str) -> None:
    answer = client("GET", f"/v1/files/file_x/original?{query}")
    assert (answer.status, answer.json["field"]) == (422, query.partition("=")[0])
