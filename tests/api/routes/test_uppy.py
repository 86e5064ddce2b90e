"""`/s3`: what @uppy/aws-s3 sends, and what it needs back. tests/browser does the same with Uppy itself."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.api.auth.callers import COOKIE
from chalicelib.catalog import claims
from chalicelib.catalog.credentials import new_credential
from chalicelib.settings import MAX_PARTS, MIN_PART_BYTES, settings
from tests.client import Answer, Client, new_client
from tests.stage import Calls, aws_client

MIB = 1024**2
NEW = {"filename": "Menü 1.jpg", "type": "image/jpeg", "metadata": {"album": "Été"}}


def token_client(client: Client, **limits: Any) -> Client:
    """A browser with an upload token of the client's tenant."""
    made = client("POST", "/v1/upload-tokens", {"max_bytes": 50 * MIB, "max_files": 5, **limits})
    assert made.status == 201, made.text
    return Client(made.json["token"])


@pytest.fixture
def browser(client: Client) -> Client:
    return token_client(client)


def begin(client: Client, **fields: Any) -> tuple[str, str]:
    """(key, upload id) of a multipart upload begun as `companionEndpoint` does."""
    made = client("POST", "/s3/multipart", NEW | fields)
    assert made.status == 200, made.text
    return made.json["key"], made.json["uploadId"]


def send_part(key: str, upload_id: str, number: int = 1, size: int = 3) -> str:
    """S3 holds this part from here on; its ETag, in S3's quotes."""
    reply = aws_client("s3").upload_part(
        Bucket="originals", Key=key, UploadId=upload_id, PartNumber=number, Body=b"x" * size
    )
    return str(reply["ETag"])


def record(client: Client, key: str) -> dict[str, Any]:
    got = client("GET", f"/v1/files/{key.partition('/')[2]}")
    assert got.status == 200, got.text
    body: dict[str, Any] = got.json
    return body


def open_uploads() -> list[str]:
    found = aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads", [])
    return [upload["UploadId"] for upload in found]


# --- companionEndpoint: one piece


def params(client: Client, **query: str) -> Answer:
    return client("GET", "/s3/params", query={"filename": "a.jpg", "type": "image/jpeg", **query})


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


# --- companionEndpoint: in parts


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


def test_many_parts_at_once_for_older_uppys(browser: Client) -> None:
    key, upload_id = begin(browser)
    signed = browser("GET", f"/s3/multipart/{upload_id}/batch", query={"key": key, "partNumbers": "1,2,10000"})
    assert signed.status == 200
    assert list(signed.json) == ["presignedUrls"]
    numbers = {n: parse_qs(urlsplit(url).query)["partNumber"] for n, url in signed.json["presignedUrls"].items()}
    assert numbers == {"1": ["1"], "2": ["2"], "10000": ["10000"]}


@pytest.mark.parametrize("number", ["0", "10001", "-1", "1.5", "one", "1,2", "²", "9" * 30])
def test_a_part_number_out_of_range(browser: Client, number: str) -> None:
    key, upload_id = begin(browser)
    signed = browser("GET", f"/s3/multipart/{upload_id}/{number}", query={"key": key})
    assert (signed.status, signed.json["code"]) == (422, "part_out_of_range")
    if number != "1,2":
        query = {"key": key, "partNumbers": f"1,{number}"}
        assert browser("GET", f"/s3/multipart/{upload_id}/batch", query=query).status == 422


@pytest.mark.parametrize("query", [{}, {"partNumbers": ""}, {"partNumbers": "1,,2"}])
def test_a_batch_without_numbers(browser: Client, query: dict[str, str]) -> None:
    key, upload_id = begin(browser)
    assert browser("GET", f"/s3/multipart/{upload_id}/batch", query=query | {"key": key}).status == 422


def test_more_than_the_token_allows_is_not_completed(client: Client) -> None:
    small = token_client(client, max_bytes=10)
    key, upload_id = begin(small)
    etag = send_part(key, upload_id, 1, 11)
    body = {"parts": [{"PartNumber": 1, "ETag": etag}]}
    refused = small("POST", f"/s3/multipart/{upload_id}/complete", body, query={"key": key})
    assert (refused.status, refused.json["code"]) == (422, "size_mismatch")
    assert open_uploads() == [upload_id]


def test_ten_thousand_parts_can_be_named(browser: Client) -> None:
    key, upload_id = begin(browser)
    parts = [{"PartNumber": n, "ETag": f'"{n:032x}"'} for n in range(1, MAX_PARTS + 1)]
    refused = browser("POST", f"/s3/multipart/{upload_id}/complete", {"parts": parts}, query={"key": key})
    assert (refused.status, refused.json["code"]) == (422, "part_missing")


@pytest.mark.parametrize(
    "parts", [[], [{"PartNumber": 0, "ETag": "x"}], [{"PartNumber": MAX_PARTS + 1, "ETag": "x"}], [{"PartNumber": 1}]]
)
def test_a_list_of_parts_that_is_none(browser: Client, parts: list[dict[str, Any]]) -> None:
    key, upload_id = begin(browser)
    refused = browser("POST", f"/s3/multipart/{upload_id}/complete", {"parts": parts}, query={"key": key})
    assert (refused.status, refused.json["code"]) == (422, "invalid_field")


# --- signRequest


def presign(client: Client, **request: Any) -> Answer:
    return client("POST", "/s3/presign", request)


RANDOM = "3f0f6d53-8f0b-4d0c-9e83-2f8d1f3c7a11"


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


def begin_signed(client: Client) -> tuple[str, str]:
    """(key, upload id) of a multipart upload that the browser began by itself, by a signed address."""
    begun = presign(client, method="POST", key=f"{RANDOM}-a.jpg")
    assert begun.status == 200, begun.text
    # Uppy sends a Content-Type that it does not tell, so none may be signed.
    assert parse_qs(urlsplit(begun.json["url"]).query)["X-Amz-SignedHeaders"] == ["host"]
    key = begun.json["key"]
    return key, aws_client("s3").create_multipart_upload(Bucket="originals", Key=key)["UploadId"]


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


# --- whose upload it is


def each_route(client: Client, key: str, upload_id: str) -> dict[str, Answer]:
    """Every route that goes on with an upload, asked with this key and upload id."""
    query, parts = {"key": key}, {"parts": [{"PartNumber": 1, "ETag": "x"}]}
    base = f"/s3/multipart/{upload_id}"
    signed = {"key": key, "uploadId": upload_id}
    return {
        "part": client("GET", f"{base}/1", query=query),
        "batch": client("GET", f"{base}/batch", query=query | {"partNumbers": "1"}),
        "list": client("GET", base, query=query),
        "complete": client("POST", f"{base}/complete", parts, query=query),
        "abort": client("DELETE", base, query=query),
        "sign PUT": presign(client, method="PUT", partNumber=1, **signed),
        "sign GET": presign(client, method="GET", **signed),
        "sign POST": presign(client, method="POST", **signed),
        "sign DELETE": presign(client, method="DELETE", **signed),
    }


def refused_everywhere(answers: dict[str, Answer]) -> bool:
    found = {name: (answer.status, answer.json.get("code")) for name, answer in answers.items()}
    assert set(found.values()) == {(404, "not_found")}, found
    return True


def test_another_tenants_upload_is_not_there(client: Client, browser: Client) -> None:
    key, upload_id = begin(browser)
    stranger = new_client("other")
    assert refused_everywhere(each_route(stranger, key, upload_id))
    assert refused_everywhere(each_route(token_client(stranger), key, upload_id))
    assert refused_everywhere(each_route(stranger, key.replace("acme", "other"), upload_id))
    assert refused_everywhere(each_route(browser, key.replace("acme", "other"), upload_id))
    assert open_uploads() == [upload_id]


def test_another_tokens_upload_is_not_there(client: Client, browser: Client) -> None:
    key, upload_id = begin(browser)
    assert refused_everywhere(each_route(token_client(client), key, upload_id))
    by_key, by_key_id = begin(client)
    assert refused_everywhere(each_route(browser, by_key, by_key_id))
    assert sorted(open_uploads()) == sorted([upload_id, by_key_id])


def test_a_key_opens_no_other_upload_than_its_own(browser: Client) -> None:
    (key, upload_id), (other_key, other_id) = begin(browser), begin(browser)
    assert refused_everywhere(each_route(browser, key, other_id))
    assert refused_everywhere(each_route(browser, other_key, upload_id))
    assert refused_everywhere(each_route(browser, key, "no-such-upload"))


@pytest.mark.parametrize("key", ["", "acme/", "acme/../other/x", "file_x", "acme/file_00000000000000000000000000"])
def test_a_key_that_is_none_of_ours(browser: Client, key: str) -> None:
    _, upload_id = begin(browser)
    answers = each_route(browser, key, upload_id)
    assert {answer.status for answer in answers.values()} <= ({404} if key else {422})


def test_each_route_wants_a_credential(stage: Calls) -> None:
    anyone = Client(None)
    answers = {
        **each_route(anyone, "acme/file_00000000000000000000000000", "u"),
        "params": params(anyone),
        "create": anyone("POST", "/s3/multipart", NEW),
        "presign": presign(anyone, method="PUT", key="a.jpg"),
        "session": anyone("POST", "/s3/session"),
    }
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 401)


def test_a_key_without_the_scope_uploads_nothing(client: Client) -> None:
    reader = new_client("acme", "files:read")
    assert {params(reader).status, reader("POST", "/s3/multipart", NEW).status} == {403}
    assert presign(reader, method="PUT", key="a.jpg").status == 403


# --- a token's limits


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
    assert len(open_uploads()) == (1 if way == "multipart" else 0)


def test_a_tokens_tags_and_visibility_are_the_files(client: Client) -> None:
    tagged = token_client(client, tags=["web"], visibility="public")
    key, _ = begin(tagged)
    file = record(client, key)
    assert (file["tags"], file["visibility"]) == (["web"], "public")


# --- the session's cookie


def cookie_of(answer: Answer) -> tuple[str, dict[str, str]]:
    value, *attributes = answer.headers["Set-Cookie"].split("; ")
    return value, {name: text for name, _, text in (a.partition("=") for a in attributes)}


def test_a_token_becomes_a_cookie_that_only_s3_routes_and_no_script_see(browser: Client) -> None:
    opened = browser("POST", "/s3/session")
    assert opened.status == 200
    value, attributes = cookie_of(opened)
    assert value == f"{COOKIE}={browser.key}"
    age = int(attributes.pop("Max-Age"))
    assert 3590 <= age <= 3600
    assert attributes == {"Path": "/s3", "HttpOnly": "", "SameSite": "Strict", "Secure": ""}
    assert browser.key and browser.key not in opened.text


def test_on_a_laptop_without_tls_the_cookie_is_not_secure(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_FRONT_DOOR", "http://localhost:8000")
    settings.cache_clear()
    try:
        assert "Secure" not in cookie_of(browser("POST", "/s3/session"))[1]
    finally:
        settings.cache_clear()


def test_the_cookie_alone_uploads_and_gives_no_more(client: Client, browser: Client) -> None:
    with_cookie = {"Cookie": f"theme=dark; {COOKIE}={browser.key}", "Sec-Fetch-Site": "same-origin"}
    anyone = Client(None)
    made = anyone("POST", "/s3/multipart", NEW, headers=with_cookie)
    assert made.status == 200
    query = {"key": made.json["key"]}
    path = f"/s3/multipart/{made.json['uploadId']}"
    assert anyone("GET", path, query=query, headers=with_cookie).json == []
    assert anyone("DELETE", path, query=query, headers=with_cookie).status == 200
    assert anyone("GET", "/v1/files", headers=with_cookie).status == 401
    assert anyone("POST", "/s3/session", headers=with_cookie).status == 401


@pytest.mark.parametrize("site", ["same-site", "cross-site", "none"])
def test_the_cookie_is_for_our_own_origins_pages(browser: Client, site: str) -> None:
    sent = {"Cookie": f"{COOKIE}={browser.key}", "Sec-Fetch-Site": site}
    query = {"filename": "a.jpg", "type": "image/jpeg"}
    assert Client(None)("GET", "/s3/params", query=query, headers=sent).status == 401


def test_neither_an_api_key_nor_a_made_up_token_makes_a_session(client: Client) -> None:
    for wrong in (client, Client(new_credential("fmu")[1])):
        refused = wrong("POST", "/s3/session")
        assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
        assert "Set-Cookie" not in refused.headers
    sent = {"Cookie": f"{COOKIE}={client.key}"}
    query = {"filename": "a.jpg", "type": "image/jpeg"}
    assert Client(None)("GET", "/s3/params", query=query, headers=sent).status == 401


def test_a_session_ends(stage: Calls) -> None:
    ended = Client(None)("DELETE", "/s3/session")
    assert ended.status == 204
    value, attributes = cookie_of(ended)
    assert (value, attributes["Max-Age"], attributes["Path"]) == (f"{COOKIE}=", "0", "/s3")


# --- what every answer has


def test_no_credentials_of_s3_are_given_away(client: Client) -> None:
    refused = client("GET", "/s3/sts")
    assert (refused.status, refused.json["code"]) == (404, "unknown_route")
    assert "signRequest" in refused.json["message"]


def test_refusals_are_told_in_uppys_words_too_and_with_cors(client: Client, browser: Client) -> None:
    refused = [
        Client(None)("GET", "/s3/params"),
        browser("GET", "/s3/params"),
        browser("POST", "/s3/multipart", "{"),
        browser("GET", "/s3/multipart/u/1", query={"key": "acme/x"}),
        presign(browser, method="DELETE", key="x"),
        client("GET", "/s3/sts"),
        client("PUT", "/s3/params", {}),
    ]
    assert [answer.status for answer in refused] == [401, 422, 400, 404, 422, 404, 405]
    for answer in refused:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["error"] == answer.json["message"] == answer.json["detail"]
    assert "message" not in Client(None)("GET", "/v1/files").json


def test_answers_carry_cors_and_are_not_kept(browser: Client) -> None:
    made = params(browser)
    assert made.headers["Access-Control-Allow-Origin"] == "*"
    assert made.headers["Cache-Control"] == "no-store"


def test_signing_calls_nobody_but_the_table(client: Client, stage: Calls) -> None:
    key, upload_id = begin(client)
    stage.clear()
    client("GET", f"/s3/multipart/{upload_id}/1", query={"key": key})
    assert stage.names == ["dynamodb.GetItem"]
    stage.clear()
    params(client)
    assert stage.names == ["dynamodb.PutItem"]


def test_a_name_longer_than_any_is_not_looked_for(client: Client) -> None:
    answer = client("GET", f"/s3/multipart/{'n' * 1025}/batch", query={"key": "k", "partNumbers": "1"})
    assert (answer.status, answer.json["code"]) == (404, "not_found")
