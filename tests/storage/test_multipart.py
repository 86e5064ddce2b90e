"""Multipart uploads to the originals bucket."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.model import original_key
from chalicelib.storage import multipart, originals
from chalicelib.storage.multipart import Part, UploadMissingError
from tests import making
from tests.stage import Calls, aws_client

FILE = making.file(1, content_type="video/mp4")
KEY = original_key(FILE.tenant, FILE.id)
BODY = bytes(5 * 1024**2)


def put_part(upload_id: str, number: int, body: bytes) -> None:
    aws_client("s3").upload_part(Bucket="originals", Key=KEY, UploadId=upload_id, PartNumber=number, Body=body)


def test_an_upload_is_begun_filled_listed_and_completed(stage: Calls) -> None:
    upload_id = multipart.begin(FILE)
    put_part(upload_id, 1, BODY)
    put_part(upload_id, 2, b"end")
    parts = multipart.list_parts(FILE, upload_id)
    assert [(part.part_number, part.size) for part in parts] == [(1, len(BODY)), (2, 3)]
    assert not any('"' in part.etag for part in parts)
    multipart.complete(FILE, upload_id, parts)
    stored = aws_client("s3").head_object(Bucket="originals", Key=KEY)
    assert (stored["ContentLength"], stored["ContentType"]) == (len(BODY) + 3, "video/mp4")
    with pytest.raises(UploadMissingError):
        multipart.list_parts(FILE, upload_id)


def test_an_upload_does_not_replace_an_original_that_came_first(stage: Calls) -> None:
    upload_id = multipart.begin(FILE)
    put_part(upload_id, 1, b"late")
    aws_client("s3").put_object(Bucket="originals", Key=KEY, Body=b"first")
    with pytest.raises(UploadMissingError):
        multipart.complete(FILE, upload_id, multipart.list_parts(FILE, upload_id))
    assert aws_client("s3").get_object(Bucket="originals", Key=KEY)["Body"].read() == b"first"


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"])
def test_an_upload_that_is_gone_or_too_late_is_missing(
    code: str, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, "CompleteMultipartUpload")

    monkeypatch.setattr(aws.s3(), "complete_multipart_upload", refuse)
    with pytest.raises(UploadMissingError):
        multipart.complete(FILE, "u", [])


def test_other_trouble_is_raised(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "X")

    monkeypatch.setattr(aws.s3(), "complete_multipart_upload", refuse)
    monkeypatch.setattr(aws.s3(), "abort_multipart_upload", refuse)
    with pytest.raises(ClientError):
        multipart.complete(FILE, "u", [])
    with pytest.raises(ClientError):
        multipart.abort(FILE, "u")


def test_aborting_frees_the_parts_and_may_be_repeated(stage: Calls) -> None:
    upload_id = multipart.begin(FILE)
    put_part(upload_id, 1, b"x")
    multipart.abort(FILE, upload_id)
    assert not aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads")
    multipart.abort(FILE, upload_id)
    assert stage.count("s3.AbortMultipartUpload") == 2


@pytest.mark.parametrize("checksums", [False, True])
def test_part_checksums_are_completed_only_for_an_upload_that_was_begun_with_them(
    checksums: bool, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, Any] = {}
    monkeypatch.setattr(aws.s3(), "complete_multipart_upload", lambda **asked: sent.update(asked))
    monkeypatch.setattr(
        aws.s3(), "create_multipart_upload", lambda **asked: sent.update(begun=asked) or {"UploadId": "u"}
    )
    file = FILE.model_copy(update={"part_checksums": checksums})
    multipart.complete(file, multipart.begin(file), [Part(1, "e", 5, "sum"), Part(2, "f", 5)])
    assert ("ChecksumAlgorithm" in sent["begun"]) == checksums
    first, second = sent["MultipartUpload"]["Parts"]
    assert first == {"PartNumber": 1, "ETag": "e"} | ({"ChecksumSHA256": "sum"} if checksums else {})
    assert second == {"PartNumber": 2, "ETag": "f"}


def test_signed_addresses_name_the_upload_and_its_part(stage: Calls) -> None:
    part = urlsplit(multipart.sign_part(FILE, "u", 7, 60, "00" * 32))
    query = parse_qs(part.query)
    assert part.path == f"/{KEY}"
    assert (query["uploadId"], query["partNumber"], query["X-Amz-Expires"]) == (["u"], ["7"], ["60"])
    assert query["X-Amz-SignedHeaders"] == ["host;x-amz-checksum-sha256"], "the sender must send it"
    assert "checksum" not in multipart.sign_part(FILE, "u", 7, 60)
    of_a_length = urlsplit(multipart.sign_part(FILE, "u", 7, 60, length=9))
    assert parse_qs(of_a_length.query)["X-Amz-SignedHeaders"] == ["content-length;host"], "S3 takes no other length"
    for operation in ("list_parts", "complete_multipart_upload", "abort_multipart_upload"):
        asked = urlsplit(multipart.sign_request(operation, FILE, "u", 60))
        assert (asked.path, parse_qs(asked.query)["uploadId"]) == (f"/{KEY}", ["u"])
    assert stage.names == []


def test_the_etag_of_parts_is_that_of_the_object_that_s3_makes_of_them(stage: Calls) -> None:
    upload_id = multipart.begin(FILE)
    etags = []
    for number, body in enumerate((b"a" * 5 * 1024**2, b"b"), 1):
        reply = aws_client("s3").upload_part(
            Bucket="originals", Key=KEY, UploadId=upload_id, PartNumber=number, Body=body
        )
        etags.append((number, reply["ETag"].strip('"')))
    multipart.complete(FILE, upload_id, multipart.list_parts(FILE, upload_id))
    stored = originals.newest(FILE)
    assert stored
    assert multipart.etag_of(reversed(etags)) == stored.etag
    assert multipart.etag_of(etags[:1]) != stored.etag
    assert multipart.etag_of([(1, "no MD5")]) is None


def test_open_uploads_are_given_with_their_ids_and_beginnings(stage: Calls) -> None:
    begun = {multipart.begin(FILE) for _ in range(2)}
    page = multipart.page("", "")
    assert {(each.key, each.version_id) for each in page.objects} == {(KEY, upload_id) for upload_id in begun}
    assert all(each.modified.tzinfo for each in page.objects)
    assert page.after is None
