"""The bytes of one entry as a viewer gets them: from the function `render`, and from S3 afterwards."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws, settings
from chalicelib.catalog import files
from chalicelib.delivery import first_view, missing
from chalicelib.processing import email, entry_bytes
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from tests import archives, offices
from tests.archives import Packed, by_hand
from tests.client import Client
from tests.making import deliver, derived, invalidations, upload, work_off
from tests.stage import Calls, aws_client, lambda_context

PAGE = b"<html><script>alert(1)</script>"
FILES = {"folder/": b"", "folder/page.html": PAGE, "report.txt": b"words " * 5000, "empty": b""}
SAVED = {
    "Content-Type": "application/octet-stream",
    "Cache-Control": "public, max-age=3600",
    "Content-Disposition": 'attachment; filename="page.html"',
    "Accept-Ranges": "bytes",
}
NONE = (404, "not_found")


def ready(client: Client, data: bytes | None = None, content_type: str = "application/zip", **more: Any) -> str:
    data = archives.zip_of(FILES) if data is None else data
    file_id = upload(client, data, name="a.zip", content_type=content_type, **more)
    deliver(file_id)
    file = files.get("acme", file_id)
    assert file
    assert file.status == "ready"
    return file_id


def address(file_id: str, number: int) -> missing.Address:
    file = files.get("acme", file_id)
    assert file
    found = missing.parse(file.visibility, file.id, str(file.source_version), f"e{number}.bin")
    assert found
    return found


def ask(asked: missing.Address, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of the function's answer, as CloudFront asks its URL."""
    import app

    path = f"/{asked.key}"
    event = {"version": "2.0", "rawPath": path, "requestContext": {"http": {"method": method, "path": path}}}
    answer = app.render(event, lambda_context())
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    return answer["statusCode"], answer["headers"], body


def problem(asked: missing.Address) -> tuple[int, str]:
    status, _, body = ask(asked)
    return status, json.loads(body)["code"]


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_an_entry_is_made_once_and_is_only_saved(client: Client, stage: Calls, visibility: str) -> None:
    file_id = ready(client, visibility=visibility)
    before = client("GET", f"/v1/files/{file_id}").json
    asked = address(file_id, 1)
    assert asked.key.startswith(f"f/{visibility}/{file_id}/")
    stage.clear()
    assert ask(asked) == (200, SAVED, PAGE)
    assert stage.count("s3.PutObject") == 1
    stored = aws_client("s3").get_object(Bucket="derived", Key=asked.key)
    assert {name: stored["ResponseMetadata"]["HTTPHeaders"][name.lower()] for name in SAVED} == SAVED
    assert stored["Body"].read() == PAGE
    assert aws_client("s3").get_object_tagging(Bucket="derived", Key=asked.key)["TagSet"] == [
        {"Key": "filemill-keep", "Value": "day"}
    ]
    stage.clear()
    assert ask(asked) == (200, SAVED, PAGE)
    assert stage.names == ["dynamodb.GetItem", "s3.GetObject"]
    assert client("GET", f"/v1/files/{file_id}").json.keys() == before.keys()
    assert client("GET", f"/v1/files/{file_id}").json["revision"] == before["revision"]


def test_an_empty_entry_is_empty(client: Client) -> None:
    status, headers, body = ask(address(ready(client), 3))
    assert (status, headers["Content-Disposition"], body) == (200, 'attachment; filename="empty"', b"")


def test_head_makes_it_and_has_the_length_of_get(client: Client) -> None:
    asked = address(ready(client), 2)
    head = ask(asked, "HEAD")
    assert head == ask(asked)
    assert len(head[2]) == aws_client("s3").head_object(Bucket="derived", Key=asked.key)["ContentLength"] == 30_000


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_large_entry_is_fetched_from_s3_where_it_is_only_saved_too(
    client: Client, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(first_view, "MAX_BODY", 10)
    asked = address(ready(client), 1)
    status, headers, body = ask(asked, method)
    assert (status, headers["Cache-Control"], body) == (302, "no-store", b"")
    assert urlsplit(headers["Location"]).path.endswith(asked.key)
    # S3 answers a signed address with the headers of the object, unless the address says others.
    assert "response-" not in headers["Location"]
    stored = aws_client("s3").head_object(Bucket="derived", Key=asked.key)
    assert (stored["ContentType"], stored["ContentDisposition"]) == (
        SAVED["Content-Type"],
        SAVED["Content-Disposition"],
    )


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("a/b/ü.txt", "attachment; filename=\"u.txt\"; filename*=UTF-8''%C3%BC.txt"),
        ("..\\..\\boot.ini", 'attachment; filename="boot.ini"'),
        ("x/..", 'attachment; filename="file"'),
        ("a\0\r\nSet-Cookie: x.txt", 'attachment; filename="a___Set-Cookie: x.txt"'),
        ("photo\u202egpj.exe", 'attachment; filename="photogpj.exe"'),
    ],
)
def test_its_name_is_only_a_name(client: Client, name: str, filename: str) -> None:
    data = by_hand(Packed(name=name.encode()))
    _, headers, body = ask(address(ready(client, data), 0))
    assert (headers["Content-Disposition"], body) == (filename, b"words")


def test_an_attachment_is_had_likewise(client: Client) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Date"] = "a@x.org", "b@x.org", "s", "1 Jan 2026"
    message.set_content("text")
    message.add_attachment(b"\0\1\2" * 999, maintype="application", subtype="pdf", filename="ünter/lagen.pdf")
    message.add_attachment("Grüße", filename="b.html", subtype="html")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    message.add_attachment(inner)
    file_id = ready(client, message.as_bytes(), "message/rfc822")
    status, headers, body = ask(address(file_id, 0))
    assert (status, headers["Content-Type"], body) == (200, "application/octet-stream", b"\0\1\2" * 999)
    assert headers["Content-Disposition"] == 'attachment; filename="lagen.pdf"'
    assert ask(address(file_id, 1))[2].decode().strip() == "Grüße"
    assert problem(address(file_id, 2)) == NONE, "a message"
    assert problem(address(file_id, 3)) == NONE
    items = client("GET", f"/v1/files/{file_id}/entries").json["items"]
    assert [item["url"] is not None for item in items] == [True, True, False]


def test_of_a_message_that_is_too_large_none_is_had(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"], message["Date"] = "a@x.org", "b@x.org", "s", "1 Jan 2026"
    message.set_content("text")
    message.add_attachment(b"x" * 99, maintype="application", subtype="pdf", filename="a.pdf")
    asked = address(ready(client, message.as_bytes(), "message/rfc822"), 0)
    monkeypatch.setattr(email, "MAX_BYTES", 200)
    assert problem(asked) == NONE


# --- what is not given


@pytest.mark.parametrize(
    ("packed", "code"),
    [
        (Packed(name=b"a/", body=b""), "directory"),
        (Packed(lies={"bits": 1}), "encrypted"),
        (Packed(lies={"crc": 1}), "damaged"),
        (Packed(lies={"method": 97}), "method"),
        (Packed(lies={"attributes": 0o120777 << 16}), "link"),
        (Packed(lies={"size": 200_000_000}), "too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_entry_that_is_refused_is_not_there_and_the_log_says_why(
    client: Client, stage: Calls, packed: Packed, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = address(ready(client, by_hand(packed)), 0)
    stage.clear()
    assert problem(asked) == NONE
    assert [getattr(each, "code", None) for each in caplog.records if each.levelname == "WARNING"][-1] == code
    assert stage.count("s3.PutObject") == 0
    stage.clear()
    assert problem(asked) == NONE
    assert stage.names == ["dynamodb.GetItem", "s3.GetObject", "dynamodb.UpdateItem"], "the original is not read again"


def test_an_archive_whose_entries_share_bytes_gives_none(client: Client, stage: Calls) -> None:
    file_id = ready(client, by_hand(Packed(), Packed(lies={"offset": 0}), Packed(name=b"apart")))
    addresses = [address(file_id, number) for number in range(3)]
    stage.clear()
    for asked in addresses:
        assert problem(asked) == NONE
    assert stage.names == ["dynamodb.GetItem"] * 3


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (archives.tar_of({"a.txt": b"x"}), "application/x-tar"),
        (archives.tar_of({"a.txt": b"x"}, "gz"), "application/gzip"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "application/x-7z-compressed"),
        (b"just text", "text/plain"),
        (offices.docx("Words."), "application/octet-stream"),
    ],
    ids=["tar", "tar.gz", "7z", "text", "docx"],
)
def test_other_files_have_no_entries_to_give(client: Client, stage: Calls, data: bytes, content_type: str) -> None:
    asked = address(ready(client, data, content_type), 0)
    stage.clear()
    assert problem(asked) == NONE
    assert stage.names == ["dynamodb.GetItem"]


def test_a_number_beyond_the_last_entry_costs_one_read(client: Client, stage: Calls) -> None:
    asked = address(ready(client), len(FILES))
    stage.clear()
    assert problem(asked) == NONE
    assert stage.names == ["dynamodb.GetItem"]


@pytest.mark.parametrize(("old", "new"), [("private", "public"), ("/file_0", "/file_1")])
def test_an_invented_address_costs_one_read(client: Client, stage: Calls, old: str, new: str) -> None:
    asked = address(ready(client), 1)
    invented = missing.parse(*asked.key.replace(old, new).split("/")[1:])
    assert invented
    stage.clear()
    assert problem(invented) == NONE
    assert stage.names == ["dynamodb.GetItem"]


def test_only_the_directory_and_the_entry_are_fetched(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("large", bytes(30_000_000))
        archive.writestr("small", b"words")
    asked = address(ready(client, out.getvalue()), 1)
    ranges, get = [], aws.s3().get_object

    def counted(**request: Any) -> Any:
        if request["Bucket"] == "originals":
            ranges.append(request["Range"])
        return get(**request)

    monkeypatch.setattr(aws.s3(), "get_object", counted)
    assert ask(asked)[2] == b"words"
    first, last = map(int, ranges[0].removeprefix("bytes=").split("-"))
    assert (len(ranges), last - first < 512 * 1024) == (1, True)


# --- its life


def test_an_original_that_is_gone_has_no_entries(client: Client) -> None:
    asked = address(ready(client), 1)
    original_objects.delete_all_versions(f"acme/{asked.file_id}")
    assert problem(asked) == NONE


def test_trouble_of_aws_is_not_held_against_the_entry(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = address(ready(client), 1)

    def busy(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")

    with monkeypatch.context() as patched:
        patched.setattr(aws.s3(), "put_object", busy)
        assert problem(asked) == (503, "unavailable")
    assert ask(asked)[0] == 200


def test_a_file_deleted_meanwhile_leaves_nothing_behind(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = address(ready(client), 1)
    read = entry_bytes.read

    def deleted_while_at_work(*args: Any) -> Any:
        assert client("DELETE", f"/v1/files/{asked.file_id}").status == 204
        return read(*args)

    monkeypatch.setattr(entry_bytes, "read", deleted_while_at_work)
    assert problem(asked) == NONE
    assert derived() == []


@pytest.mark.parametrize("ends", ["becomes private", "is deleted", "is processed again"])
def test_an_entry_ends_with_its_address(client: Client, ends: str) -> None:
    asked = address(ready(client, visibility="public"), 1)
    assert ask(asked)[0] == 200
    path = f"/v1/files/{asked.file_id}"
    if ends == "is deleted":
        assert client("DELETE", path).status == 204
    elif ends == "becomes private":
        assert client("PATCH", path, {"visibility": "private"}).status == 200
    else:
        assert client("POST", f"{path}/reprocess", {"force": True}).status == 202
        work_off()
    assert asked.key not in derived()
    assert problem(asked) == NONE
    assert invalidations() == ([] if ends == "is processed again" else [f"/f/public/{asked.file_id}/*"])
    if ends != "is deleted":
        assert ask(address(asked.file_id, 1)) == (200, SAVED, PAGE)


def test_a_file_that_is_restored_has_its_entries_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    settings.settings.cache_clear()
    file_id = ready(client)
    ask(address(file_id, 1))
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert client("POST", f"/v1/files/{file_id}/restore").status in (200, 202)
    work_off()
    assert ask(address(file_id, 1)) == (200, SAVED, PAGE)


def test_what_s3_has_deleted_after_a_day_is_made_again(client: Client) -> None:
    asked = address(ready(client), 1)
    ask(asked)
    derived_objects.delete(asked.key)
    later = missing.MADE_FOR + 1
    now = time.time()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("chalicelib.catalog.render_leases.time.time", lambda: now + later)
        assert ask(asked) == (200, SAVED, PAGE)
