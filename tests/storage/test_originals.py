"""The originals bucket: one versioned object for each file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.storage import forms, multipart, objects, originals
from tests import making
from tests.stage import Calls, aws_client

FILE = making.file(1, content_type="image/jpeg")
KEY = original_key(FILE.tenant, FILE.id)


def put(body: bytes = b"x", key: str = KEY) -> str:
    version: str = aws_client("s3").put_object(Bucket="originals", Key=key, Body=body)["VersionId"]
    return version


def of_version(version_id: str) -> File:
    return FILE.model_copy(update={"version_id": version_id})


def listed() -> list[tuple[str, str]]:
    """Every version and delete marker: (key, version id)."""
    reply = aws_client("s3").list_object_versions(Bucket="originals")
    entries = [*reply.get("Versions", []), *reply.get("DeleteMarkers", [])]
    return [(entry["Key"], entry["VersionId"]) for entry in entries]


# --- written while its bytes arrive


class Sent:
    """What is sent of a multipart upload, without S3's least size of a part."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: dict[int, bytes] = {}
        self.completed: list[int] = []
        monkeypatch.setattr(aws.s3(), "upload_part", self._upload_part)
        monkeypatch.setattr(aws.s3(), "complete_multipart_upload", self._complete)

    def _upload_part(self, *, PartNumber: int, Body: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto's names
        self.parts[PartNumber] = Body
        return {"ETag": f'"{PartNumber}"'}

    def _complete(self, *, MultipartUpload: dict[str, Any], IfNoneMatch: str, **_: Any) -> None:  # noqa: N803
        assert IfNoneMatch == "*"
        assert [part["ETag"] for part in MultipartUpload["Parts"]] == [
            str(part["PartNumber"]) for part in MultipartUpload["Parts"]
        ]
        self.completed = [part["PartNumber"] for part in MultipartUpload["Parts"]]


@pytest.mark.parametrize("chunk", [1, 3, 4, 5, 100])
@pytest.mark.parametrize(
    ("size", "parts"),
    [(0, []), (1, []), (3, []), (4, [4]), (5, [4, 1]), (7, [4, 3]), (8, [4, 4]), (9, [4, 4, 1]), (23, [4] * 5 + [3])],
)
def test_bytes_are_sent_in_parts_of_one_size_and_a_small_file_with_one_put(
    size: int, parts: list[int], chunk: int, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "IMPORT_PART", 4)
    sent = Sent(monkeypatch)
    body = bytes(range(size))
    assert originals.put(FILE, [body[at : at + chunk] for at in range(0, size, chunk)])
    assert [len(part) for _, part in sorted(sent.parts.items())] == parts
    assert sent.completed == list(range(1, len(parts) + 1))
    if parts:
        assert b"".join(part for _, part in sorted(sent.parts.items())) == body
    else:
        assert aws_client("s3").get_object(Bucket="originals", Key=KEY)["Body"].read() == body
    assert stage.count("s3.PutObject") == (not parts)


def test_no_more_than_a_few_blocks_are_in_memory(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(originals, "IMPORT_PART", 4)
    sent = Sent(monkeypatch)
    ahead = []

    def chunks() -> Iterator[bytes]:
        for number in range(20):
            ahead.append(number - len(sent.parts))
            yield b"abcd"

    assert originals.put(FILE, chunks())
    assert max(ahead) <= originals.IMPORT_SENDERS + 2


@pytest.mark.parametrize("body", [b"new", b"new and long"], ids=["one put", "parts"])
def test_the_first_original_stays(body: bytes, stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(originals, "IMPORT_PART", 20 if body == b"new" else 12)
    put(b"first")
    assert not originals.put(FILE, [body])
    assert aws_client("s3").get_object(Bucket="originals", Key=KEY)["Body"].read() == b"first"
    assert len(listed()) == 1
    assert not aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads")


def test_other_trouble_than_an_original_that_is_there_is_raised(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    monkeypatch.setattr(aws.s3(), "put_object", denied)
    with pytest.raises(ClientError):
        originals.put(FILE, [b"x"])


# --- found


def test_a_file_whose_version_is_known_exists_while_that_version_does(stage: Calls) -> None:
    assert not originals.exists(FILE)
    first = put(b"first")
    assert originals.exists(FILE)
    put(b"second")
    aws_client("s3").delete_object(Bucket="originals", Key=KEY, VersionId=first)
    assert originals.exists(FILE)
    assert not originals.exists(of_version(first))


def test_a_file_under_a_delete_marker_exists_by_its_version_only(stage: Calls) -> None:
    version = put()
    originals.hide([KEY])
    assert originals.exists(of_version(version))
    assert not originals.exists(FILE)


def test_the_newest_version_is_given_with_its_size(stage: Calls) -> None:
    assert originals.newest(FILE) is None
    put(b"first")
    version = put(b"second")
    assert originals.newest(FILE) == originals.Newest(version, 6)


@pytest.mark.parametrize(("status", "missing"), [(403, True), (404, True), (500, False), (503, False)])
def test_only_s3_s_two_answers_for_a_missing_object_mean_that_it_is_missing(
    status: int, missing: bool, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(**_: Any) -> None:
        # A GET for a role without ListBucket says AccessDenied; a HEAD has no body, and so no code.
        code: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(code, "S3")

    monkeypatch.setattr(aws.s3(), "head_object", answer)
    monkeypatch.setattr(aws.s3(), "get_object", answer)
    for look in (originals.exists, originals.newest):
        if missing:
            assert not look(FILE)
        else:
            with pytest.raises(ClientError):
                look(FILE)
    with pytest.raises(originals.OriginalMissingError if missing else ClientError):
        originals.open_version(KEY, "v1")


def test_a_version_is_opened_and_a_missing_one_is_named(stage: Calls) -> None:
    first = put(b"first")
    put(b"second")
    opened = originals.open_version(KEY, first)
    with opened.body as body:
        assert (opened.size, body.read()) == (5, b"first")
    originals.delete_version(KEY, first)
    for version in (first, ""):
        originals.hide([KEY])
        with pytest.raises(originals.OriginalMissingError, match=KEY):
            originals.open_version(KEY, version)


def test_a_signed_address_is_for_the_file_s_version_type_and_name(stage: Calls) -> None:
    query = parse_qs(urlsplit(originals.sign(of_version("v1"), "audio/flac", "inline", 60)).query)
    assert (query["versionId"], query["X-Amz-Expires"]) == (["v1"], ["60"])
    assert query["response-content-type"] == ["audio/flac"]
    assert query["response-content-disposition"] == ["inline"]
    assert query["response-cache-control"] == ["private, no-store"]
    assert "versionId" not in parse_qs(urlsplit(originals.sign(FILE, "audio/flac", "inline", 60)).query)
    assert stage.names == []


# --- listed


def test_pages_have_each_version_and_delete_marker_once(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    page_of = aws.s3().list_object_versions
    asked: list[dict[str, Any]] = []

    def small(**parameters: Any) -> Any:
        asked.append(parameters)
        return page_of(MaxKeys=2, **parameters)

    monkeypatch.setattr(aws.s3(), "list_object_versions", small)
    for key in ("acme/a", "acme/b"):
        put(b"one", key)
        put(b"three", key)
    originals.hide(["acme/a"])
    found = []
    at: tuple[str, str] | None = ("", "")
    while at is not None:
        page = originals.page(*at)
        found += page.objects
        at = page.after
    assert sorted((each.key, each.version_id) for each in found) == sorted(listed())
    assert [each.key for each in found if each.is_marker] == ["acme/a"]
    assert sorted(each.size for each in found) == [0, 3, 3, 5, 5]
    assert len(asked) == 3
    assert [sorted(each) for each in asked[:2]] == [["Bucket"], ["Bucket", "KeyMarker", "VersionIdMarker"]]


def test_a_page_begins_behind_a_key_without_a_version_too(stage: Calls) -> None:
    for key in ("acme/a", "acme/b"):
        put(key=key)
    assert [each.key for each in originals.page("acme/a", "").objects] == ["acme/b"]


# --- deleted


def test_all_versions_of_one_original_are_deleted_and_none_of_another(
    stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "DELETE_BATCH", 2)
    for _ in range(4):
        put()
    originals.hide([KEY])
    kept = {(f"{KEY}0", put(key=f"{KEY}0")), ("acme/a", put(key="acme/a"))}
    originals.delete_all_versions(KEY)
    assert set(listed()) == kept
    assert stage.count("s3.DeleteObjects") == 1 + 3


def test_one_version_is_deleted_and_the_others_stay(stage: Calls) -> None:
    first, second = put(), put()
    originals.delete_version(KEY, second)
    assert listed() == [(KEY, first)]


def test_versions_and_markers_of_a_page_are_deleted(stage: Calls) -> None:
    first, _ = put(), put()
    originals.hide([KEY])
    originals.delete_versions(each for each in originals.page("", "").objects if each.version_id != first)
    assert listed() == [(KEY, first)]
    assert originals.exists(FILE)


def test_hidden_originals_are_still_there(stage: Calls) -> None:
    version = put()
    other = put(key="acme/b")
    originals.hide([KEY])
    assert originals.newest(FILE) is None
    assert {(KEY, version), ("acme/b", other)} < set(listed())


# --- What a stranger chose

STRANGE = making.file(2, content_type="image/jpeg;\r\nX-A: b\x0b\u2028")


@pytest.fixture
def requests_sent(stage: Calls) -> Iterator[list[Any]]:
    """What the code sends to S3, before anybody answers it."""
    sent: list[Any] = []

    def keep(request: Any, **_: Any) -> None:
        sent.append(request)

    aws.s3().meta.events.register("before-sign.s3", keep)
    yield sent
    aws.s3().meta.events.unregister("before-sign.s3", keep)


def test_no_answer_of_s3_repeats_a_header_that_a_stranger_chose(requests_sent: list[Any]) -> None:
    """A client that begins a multipart upload itself chooses the headers that S3 keeps with the object."""
    chosen: dict[str, Any] = {"ContentType": "a/b", "ContentEncoding": "x", "CacheControl": "x", "ContentLanguage": "x"}
    aws_client("s3").put_object(Bucket="originals", Key=KEY, Body=b"x", ContentDisposition="x", **chosen)
    originals.exists(FILE)
    version = originals.newest(FILE)
    assert version
    originals.open_version(KEY, version.version_id).body.close()
    assert len(requests_sent) == 3
    for request in requests_sent:
        overridden = {name for name in parse_qs(urlsplit(request.url).query) if name.startswith("response-")}
        assert overridden == {
            *("response-cache-control", "response-content-disposition", "response-content-encoding"),
            *("response-content-language", "response-content-type", "response-expires"),
        }


def test_a_record_with_a_type_that_no_header_can_carry_goes_on(stage: Calls) -> None:
    """Older releases took such types. Their records must neither fail for ever nor break a header."""
    key = original_key(STRANGE.tenant, STRANGE.id)
    assert originals.put(STRANGE, [b"abc"])
    stored = aws_client("s3").head_object(Bucket="originals", Key=key)
    assert stored["ContentType"] == "application/octet-stream"
    assert forms.sign(STRANGE, 60).fields["Content-Type"] == "application/octet-stream"
    other = STRANGE.model_copy(update={"id": making.file(3).id})
    assert multipart.begin(other)
