"""The audit finds differences between records and buckets, and mends some of them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.catalog import deletion, edits
from chalicelib.catalog.files import records
from chalicelib.model import File, Status, now
from chalicelib.storage import originals
from chalicelib.storage.objects import Stored
from ops.restore.audit import MEANING, Finding, Problem, audit, left, of_original
from ops.restore.items import Items
from tests import images
from tests.client import Client
from tests.making import deliver, derived, file, put, upload
from tests.stage import aws_client
from tests.upkeep.making import messages

PHOTO = images.jpeg(64, 48)


def findings(*, mend: bool) -> list[Finding]:
    return list(audit(Items(aws_client("dynamodb"), "filemill-test"), mend=mend))


def problems(*, mend: bool = False) -> dict[str, tuple[Problem, bool]]:
    return {each.file_id: (each.problem, each.mended) for each in findings(mend=mend)}


def record(file_id: str) -> File:
    return records([file_id], consistent=True)[file_id]


@pytest.fixture
def photo(client: Client) -> str:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    return file_id


def versions(file_id: str) -> list[dict[str, Any]]:
    reply = aws_client("s3").list_object_versions(Bucket="originals", Prefix=f"acme/{file_id}")
    return [*reply.get("Versions", []), *reply.get("DeleteMarkers", [])]


def test_every_problem_has_a_meaning() -> None:
    assert set(MEANING) == set(Problem)


def test_records_and_buckets_that_agree_have_no_findings(client: Client, photo: str) -> None:
    client("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 10})
    retired = upload(client, PHOTO)
    deliver(retired)
    client("DELETE", f"/v1/files/{retired}")
    assert findings(mend=False) == []


def test_an_original_without_a_record_is_listed_and_left(client: Client, photo: str) -> None:
    stray = f"file_{'0' * 26}"
    put(stray, b"x")
    aws_client("s3").put_object(Bucket="originals", Key="not/ours", Body=b"x")
    assert problems(mend=True) == {stray: (Problem.ORIGINAL_WITHOUT_RECORD, False)}
    assert len(versions(stray)) == 1


def test_a_delete_marker_over_a_living_original_is_removed(client: Client, photo: str) -> None:
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{photo}")
    assert problems() == {photo: (Problem.ORIGINAL_HIDDEN, False)}
    assert problems(mend=True) == {photo: (Problem.ORIGINAL_HIDDEN, True)}
    assert findings(mend=False) == []
    assert [each["VersionId"] for each in versions(photo)] == [record(photo).version_id]


def test_an_original_that_nobody_announced_is_processed(client: Client) -> None:
    file_id = upload(client, PHOTO)
    messages()
    assert problems(mend=True) == {file_id: (Problem.ORIGINAL_NOT_TOLD, True)}
    assert len(messages()) == 1
    deliver(file_id)
    assert findings(mend=False) == []


def test_a_version_that_came_later_is_left_to_the_sweep(client: Client, photo: str) -> None:
    put(photo, b"other")
    assert problems(mend=True) == {photo: (Problem.OTHER_VERSION, False)}
    assert len(versions(photo)) == 2


def test_a_record_whose_original_is_gone_is_listed(client: Client, photo: str) -> None:
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{photo}", VersionId=record(photo).version_id)
    assert problems(mend=True) == {photo: (Problem.RECORD_WITHOUT_ORIGINAL, False)}
    assert record(photo).status is Status.READY, "its renditions are still there"


def test_renditions_that_are_gone_are_made_again_at_a_new_address(client: Client, photo: str) -> None:
    before = record(photo).source_version
    aws_client("s3").delete_object(Bucket="derived", Key=derived()[0])
    assert problems() == {photo: (Problem.RENDITIONS_MISSING, False)}
    assert record(photo).status is Status.READY
    assert problems(mend=True)[photo] == (Problem.RENDITIONS_MISSING, True)
    assert len(messages()) == 1
    deliver(photo)
    assert record(photo).status is Status.READY
    assert record(photo).source_version != before
    assert problems() == {}


def test_renditions_without_their_original_cannot_be_made_again(client: Client, photo: str) -> None:
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{photo}", VersionId=record(photo).version_id)
    aws_client("s3").delete_object(Bucket="derived", Key=derived()[0])
    found = findings(mend=True)
    assert {each.problem for each in found} == {Problem.RECORD_WITHOUT_ORIGINAL, Problem.RENDITIONS_MISSING}
    assert left(found) == found
    assert record(photo).status is Status.READY


def test_renditions_of_another_generation_are_told_from_those_of_no_file(client: Client, photo: str) -> None:
    s3, stray = aws_client("s3"), f"file_{'0' * 26}"
    for file_id in (photo, stray):
        for name in ("w160.webp", "w160.jpg"):
            s3.put_object(Bucket="derived", Key=f"f/private/{file_id}/{'0' * 16}/{name}", Body=b"x")
    s3.put_object(Bucket="derived", Key="console.html", Body=b"x")
    assert [(each.problem, each.file_id, each.detail) for each in findings(mend=True)] == [
        (Problem.RENDITIONS_WITHOUT_RECORD, stray, f"f/private/{stray}/{'0' * 16}/"),
        (Problem.RENDITIONS_OF_ANOTHER_GENERATION, photo, f"f/private/{photo}/{'0' * 16}/"),
    ]


def test_a_deletion_that_is_not_finished_is_left_to_the_sweep(client: Client, photo: str) -> None:
    deletion.mark_deleted("acme", photo)
    assert findings(mend=True) == []


def test_a_file_that_is_being_processed_is_left_alone(client: Client, photo: str) -> None:
    edits.reprocess(record(photo), "photo")
    aws_client("s3").delete_object(Bucket="derived", Key=derived()[0])
    assert findings(mend=True) == []


def test_a_record_that_cannot_be_read_is_listed(client: Client) -> None:
    item = {"pk": {"S": f"FILE#file_{'1' * 26}"}, "sk": {"S": "FILE"}, "tenant": {"S": "acme"}, "status": {"S": "x"}}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=item)
    assert problems() == {f"file_{'1' * 26}": (Problem.RECORD_UNREADABLE, False)}


def test_a_record_that_changes_meanwhile_is_no_finding(
    client: Client, photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = originals.exists

    def changed_meanwhile(file: File) -> bool:
        assert client("DELETE", f"/v1/files/{photo}").status == 204
        return exists(file)

    monkeypatch.setattr(originals, "exists", changed_meanwhile)
    assert findings(mend=True) == []


def test_a_marker_is_no_finding_of_its_own_where_the_record_has_no_bytes() -> None:
    marker = Stored("acme/f", now(), "m", is_marker=True)
    failed = file(1, status=Status.FAILED, version_id=None)
    assert of_original(failed, marker) is Problem.OTHER_VERSION
    assert of_original(file(1, version_id="v"), marker) is Problem.ORIGINAL_HIDDEN
    assert of_original(None, marker) is None
