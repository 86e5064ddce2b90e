"""Deletes in batches, and the rule for what is missing, for both buckets."""

from __future__ import annotations

import re

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.storage import objects
from chalicelib.storage.objects import is_missing, sendable_type
from tests.stage import ROOT, Calls, aws_client


def put(count: int) -> list[str]:
    keys = [f"k{number}" for number in range(count)]
    for key in keys:
        aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"x")
    return keys


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (3, 1), (4, 2), (7, 3)])
def test_every_object_is_deleted_with_one_call_for_each_batch(
    count: int, calls: int, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "DELETE_BATCH", 3)
    keys = put(count)
    kept = "other"
    aws_client("s3").put_object(Bucket="derived", Key=kept, Body=b"x")
    objects.delete_each("derived", ({"Key": key} for key in keys))
    assert stage.count("s3.DeleteObjects") == calls
    assert [entry["Key"] for entry in aws_client("s3").list_objects_v2(Bucket="derived")["Contents"]] == [kept]


def test_a_batch_is_no_larger_than_s3_takes() -> None:
    assert objects.DELETE_BATCH == 1000


def test_an_object_that_s3_does_not_delete_is_an_error_with_its_key(
    stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [{"Key": "k1", "Code": "AccessDenied", "Message": "no"}]
    monkeypatch.setattr(aws.s3(), "delete_objects", lambda **_: {"Errors": errors})
    with pytest.raises(RuntimeError, match=r"1 of 2 objects: k1: no"):
        objects.delete_each("derived", iter([{"Key": "k0"}, {"Key": "k1"}]))


@pytest.mark.parametrize(
    ("status", "missing", "listable"), [(403, True, False), (404, True, True), (500, False, False)]
)
def test_403_is_a_missing_object_only_to_a_role_that_may_not_list(status: int, missing: bool, listable: bool) -> None:
    error = ClientError({"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]
    assert is_missing(error) is missing
    assert is_missing(error, may_list=True) is listable


def test_no_other_place_decides_by_itself_that_an_object_is_missing() -> None:
    deciding = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "chalicelib").rglob("*.py")
        if re.search(r"NoSuchKey|NoSuchVersion|[\"']404[\"']", path.read_text(encoding="utf-8"))
    }
    assert deciding == {"chalicelib/storage/multipart.py"}, "a missing upload is NoSuchUpload, 404 to every role"


@pytest.mark.parametrize(
    "content_type",
    ["image/jpeg\r\nX: y", "image/jpeg;\x0ba=b", "image/jpeg;\x85a=b", "a/b;\u2028a=b", "a/b\t", "a/é", "a/\x7f"],
)
def test_a_type_that_no_header_can_carry_is_not_sent(content_type: str) -> None:
    assert sendable_type(content_type) == "application/octet-stream"
    assert sendable_type('text/plain; a="b c"') == 'text/plain; a="b c"'
