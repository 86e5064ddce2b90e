"""One entry of a real archive through the front door: of a public file, of a private one, and a large one from S3."""

from __future__ import annotations

import io
import random
import time
import zipfile
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from ops.local.stage import LocalStage
from tests.e2e.stack import stored_path, upload
from tests.local import Api

PAGE = b"<script>alert(1)</script>"
LARGE = random.Random(4).randbytes(6_000_000)
SAVED = {
    "Content-Type": "application/octet-stream",
    "Cache-Control": "public, max-age=3600",
    "Content-Disposition": "attachment; filename=\"page u.html\"; filename*=UTF-8''page%20%C3%BC.html",
}


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("folder/", b"")
        packed.writestr("folder/page ü.html", PAGE)
        packed.writestr("large.bin", LARGE)
    return out.getvalue()


@pytest.fixture(scope="module")
def data() -> bytes:
    return archive()


def entries(api: Api, data: bytes, visibility: str) -> list[dict[str, Any]]:
    record = upload(api, data, filename="a.zip", content_type="application/zip", visibility=visibility)
    assert (record["status"], record["kind"]) == ("ready", "archive")
    items: list[dict[str, Any]] = api("GET", f"/v1/files/{record['id']}/entries").json()["items"]
    return items


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_an_entry_is_saved_through_the_front_door(
    local_stage: LocalStage, api: Api, data: bytes, visibility: str
) -> None:
    folder, page, _ = entries(api, data, visibility)
    assert folder["url"] is None
    head = requests.head(page["url"], timeout=60)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(PAGE)))
    for _ in range(2):  # from the function, and from S3 or the edge's cache
        answer = requests.get(page["url"], timeout=60)
        assert (answer.status_code, answer.content) == (200, PAGE)
        assert {name: answer.headers[name] for name in SAVED} == SAVED
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    bucket = local_stage.variables()["FILEMILL_DERIVED_BUCKET"]
    key = stored_path(urlsplit(page["url"]).path).lstrip("/")
    # The emulator makes a bucket without its lifecycle. tests/storage/test_derived.py holds the tag to the rule.
    tags = local_stage.client("s3").get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    assert tags == [{"Key": "filemill-keep", "Value": "day"}]


def test_without_its_signature_a_private_entry_is_closed(api: Api, data: bytes) -> None:
    _, page, _ = entries(api, data, "private")
    assert requests.get(page["url"].partition("?")[0], timeout=60).status_code == 403
    assert requests.get(page["url"].replace("/f/private/", "/f/public/"), timeout=60).status_code == 404
    assert requests.get(page["url"].replace("/e1.bin", "/e3.bin"), timeout=60).status_code == 404


def test_a_large_entry_comes_from_s3_and_is_only_saved_there_too(api: Api, data: bytes) -> None:
    _, _, large = entries(api, data, "private")
    first = requests.get(large["url"], timeout=60, allow_redirects=False)
    assert (first.status_code, first.headers["Cache-Control"]) == (302, "no-store")
    direct = requests.get(first.headers["Location"], timeout=60)
    time.sleep(1.5)  # CloudFront keeps any answer for the least time of its policy, which is a second
    again = requests.get(large["url"], timeout=60, allow_redirects=False)
    for answer in (direct, again):
        assert (answer.status_code, answer.content) == (200, LARGE)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="large.bin"'
