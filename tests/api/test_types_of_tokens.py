"""The types that an upload token allows: the name and the browser may say what they like, the bytes decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import images
from tests.client import Answer, Client
from tests.making import deliver, put

EXE = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0" + bytes(200)
HTML = b"<!doctype html><script>alert(1)</script>"
JPEG = images.jpeg(64, 48)


def browser(client: Client, *types: str) -> Client:
    made = client("POST", "/v1/upload-tokens", {"max_bytes": 10_000_000, "max_files": 50, "content_types": list(types)})
    assert made.status == 201, made.text
    return Client(made.json["token"])


def outcome(client: Client, file_id: str, body: bytes) -> tuple[str, str]:
    """(status, error's code or the content type) after the bytes arrived."""
    put(file_id, body)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    return record["status"], record["error"]["code"] if record["error"] else record["content_type"]


@pytest.mark.parametrize("body", [EXE, HTML, b"PK\x03\x04" + bytes(60), b"plain text", b"%PDF-1.7\n"])
@pytest.mark.parametrize("declared", ["image/foo", "image/x-icon", "image/vnd.djvu", "image/png;a=b"])
def test_what_is_no_picture_does_not_become_one_by_its_declared_type(
    client: Client, declared: str, body: bytes
) -> None:
    made = browser(client, "image/*")(
        "POST", "/v1/files", {"filename": "a", "content_type": declared, "size": len(body)}
    )
    assert made.status == 201, made.text
    assert outcome(client, made.json["id"], body) == ("failed", "type_mismatch")


def test_a_picture_of_any_declared_type_is_a_picture(client: Client) -> None:
    new = {"filename": "a", "content_type": "image/foo", "size": len(JPEG)}
    made = browser(client, "image/*")("POST", "/v1/files", new)
    assert outcome(client, made.json["id"], JPEG)[0] == "ready"


@pytest.mark.parametrize("types", [["image/*"], []])
@pytest.mark.parametrize("declared", ["image/a*", "*/png", "**/*", "image/**", "ima*/*"])
def test_a_wildcard_is_a_whole_subtype_or_both(client: Client, types: list[str], declared: str) -> None:
    uploads = browser(client, *types)
    for answer, field in (
        (uploads("POST", "/v1/files", {"filename": "a", "content_type": declared, "size": 1}), "content_type"),
        (uploads("POST", "/s3/multipart", {"filename": "a", "type": declared}), "type"),
        (uploads("GET", "/s3/params", query={"filename": "a", "type": declared}), "type"),
        (uploads("POST", "/s3/presign", {"method": "PUT", "key": "a", "contentType": declared}), "contentType"),
    ):
        assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", field)


def test_without_types_a_token_takes_what_an_api_key_does(client: Client) -> None:
    new = {"filename": "a", "content_type": "image/foo", "size": len(EXE)}
    made = browser(client)("POST", "/v1/files", new)
    assert outcome(client, made.json["id"], EXE) == ("ready", "image/foo")


def test_a_reprocessed_file_is_held_to_its_token_again(client: Client) -> None:
    made = browser(client, "image/*")(
        "POST", "/v1/files", {"filename": "a", "content_type": "image/foo", "size": len(EXE)}
    )
    assert outcome(client, made.json["id"], EXE) == ("failed", "type_mismatch")
    assert "allowed_types" not in client("GET", f"/v1/files/{made.json['id']}").json


# --- A browser that says no type

Way = Callable[[Client, str, Any], Answer]


def params(uploads: Client, name: str, told: Any) -> Answer:
    return uploads("GET", "/s3/params", query={"filename": name} | ({} if told is None else {"type": told}))


def multipart(uploads: Client, name: str, told: Any) -> Answer:
    return uploads("POST", "/s3/multipart", {"filename": name, "type": told})


def presign(uploads: Client, name: str, told: Any) -> Answer:
    return uploads("POST", "/s3/presign", {"method": "PUT", "key": name, "contentType": told})


def key_of(answer: Answer) -> str:
    body = answer.json
    key: str = body["key"] if "key" in body else body["fields"]["key"]
    return key.partition("/")[2]


WAYS = (params, multipart, presign)


def plain(uploads: Client, name: str, told: Any) -> Answer:
    return uploads("POST", "/v1/files", {"filename": name, "content_type": told, "size": len(JPEG)})


def in_parts(uploads: Client, name: str, told: Any) -> Answer:
    new = {"filename": name, "content_type": told, "size": 6_000_000, "upload": "multipart"}
    return uploads("POST", "/v1/files", new)


def id_of(answer: Answer) -> str:
    return answer.json["id"] if "id" in answer.json else key_of(answer)


VAGUE = ("image/*", "*/*", "image/unknown", "application/x-download", "multipart/form-data", "binary/octet-stream")


@pytest.mark.parametrize("told", VAGUE)
@pytest.mark.parametrize("way", [*WAYS, plain, in_parts])
@pytest.mark.parametrize("types", [["image/jpeg"], ["image/*"], []])
def test_a_type_that_says_nothing_is_taken_on_every_way(client: Client, way: Way, told: str, types: list[str]) -> None:
    made = way(browser(client, *types), "a.jpg", told)
    assert made.status in (200, 201), made.text
    record = client("GET", f"/v1/files/{id_of(made)}").json
    fits = not types or (types == ["image/*"] and told.startswith("image/"))
    assert record["content_type"] == (told if fits else "image/jpeg")
    fields = made.json.get("fields") or made.json.get("upload", {}).get("fields")
    assert way in (multipart, in_parts) or fields["Content-Type"] == record["content_type"], "S3 holds the client to it"


@pytest.mark.parametrize("told", VAGUE)
@pytest.mark.parametrize("way", [*WAYS, plain, in_parts])
def test_a_type_that_says_nothing_opens_nothing(client: Client, way: Way, told: str) -> None:
    for name in ("a.exe", "a", "a.png"):
        refused = way(browser(client, "image/jpeg"), name, told)
        assert (refused.status, refused.json["code"]) == (403, "type_not_allowed")
    assert way(browser(client, "video/*"), "a.jpg", told).status == 403


@pytest.mark.parametrize("told", VAGUE)
@pytest.mark.parametrize(
    ("body", "types", "expected"),
    [
        (JPEG, [], ("ready", "image/jpeg")),
        (JPEG, ["image/*"], ("ready", "image/jpeg")),
        (JPEG, ["image/png", "image/jpeg"], ("ready", "image/jpeg")),
        (EXE, ["image/*"], ("failed", "type_mismatch")),
        (HTML, ["image/*"], ("failed", "type_mismatch")),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), ["image/jpeg"], ("failed", "type_mismatch")),
    ],
)
def test_the_bytes_decide_where_the_type_says_nothing(
    client: Client, told: str, body: bytes, types: list[str], expected: tuple[str, str]
) -> None:
    new = {"filename": "a.jpg", "content_type": told, "size": len(body)}
    made = browser(client, *types)("POST", "/v1/files", new)
    assert made.status == 201, made.text
    assert outcome(client, made.json["id"], body) == expected


def test_a_wildcard_stays_in_no_finished_record(client: Client) -> None:
    made = client("POST", "/v1/files", {"filename": "a", "content_type": "image/*", "size": len(EXE)})
    assert outcome(client, made.json["id"], EXE) == ("ready", "application/octet-stream")


@pytest.mark.parametrize("told", [None, "", "application/octet-stream"])
@pytest.mark.parametrize("way", WAYS)
def test_the_extension_stands_in_for_the_type_that_windows_does_not_know(
    client: Client, way: Way, told: str | None
) -> None:
    made = way(browser(client, "image/*"), "IMG_1.HEIC", told)
    assert made.status == 200, made.text
    assert client("GET", f"/v1/files/{key_of(made)}").json["content_type"] == "image/heic"


@pytest.mark.parametrize("way", WAYS)
def test_a_name_with_another_extension_is_still_refused(client: Client, way: Way) -> None:
    for name in ("a.exe", "a", "a.html", "a.heic.exe"):
        refused = way(browser(client, "image/*"), name, "")
        assert (refused.status, refused.json["code"]) == (403, "type_not_allowed")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "body", "types", "expected"),
    [
        ("a.jpg", JPEG, ["image/*"], ("ready", "image/jpeg")),
        ("a.heic", JPEG, ["image/*"], ("ready", "image/jpeg")),  # the name was wrong, and nobody declared a type
        ("a.heic", EXE, ["image/*"], ("failed", "type_mismatch")),
        ("a.heic", HTML, ["image/*"], ("failed", "type_mismatch")),
        ("a.jpg", JPEG, ["image/heic", "image/jpeg"], ("ready", "image/jpeg")),
        ("a.heic", JPEG, ["image/heic"], ("failed", "type_mismatch")),
        ("a.heic", JPEG, [], ("ready", "image/jpeg")),
        ("a.heic", EXE, [], ("ready", "application/octet-stream")),
        ("a.csv", b"a,b\n", ["text/csv"], ("ready", "text/csv")),
        ("a.csv", b"a,b\n", [], ("ready", "text/csv")),
    ],
)
def test_a_guess_gives_way_to_the_bytes(
    client: Client, way: Way, name: str, body: bytes, types: list[str], expected: tuple[str, str]
) -> None:
    made = way(browser(client, *types), name, None)
    assert made.status == 200, made.text
    assert outcome(client, key_of(made), body) == expected


def test_a_browsers_generic_type_is_no_type_on_the_other_route_either(client: Client) -> None:
    new = {"filename": "a.heic", "content_type": "application/octet-stream", "size": len(JPEG)}
    made = browser(client, "image/*")("POST", "/v1/files", new)
    assert (made.status, made.json["content_type"]) == (201, "image/heic")
    # A backend that says it keeps it, and so does a token that allows it.
    for uploads in (client, browser(client, "application/*"), browser(client)):
        assert uploads("POST", "/v1/files", new).json["content_type"] == "application/octet-stream"
