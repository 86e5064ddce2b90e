"""DELETE and restore, on stages with and without a delete window."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.catalog import claims, deletion, files
from chalicelib.model import now
from chalicelib.renditions import places
from chalicelib.storage import derived as derived_objects
from tests.client import Client, delete, get, new_client, patch, post
from tests.making import (
    PHOTO,
    deliver,
    derived,
    invalidations,
    item,
    put_objects,
    ready_other,
    ready_photo,
    rendition_keys,
    set_item,
    take_messages,
    upload,
    work_off,
)
from tests.stage import Calls, aws_client

PICTURE = {"filename": "IMG 1.jpg", "content_type": "image/jpeg", "size": 2766997}


# --- Without a delete window


def test_delete_removes_record_original_versions_and_renditions(client: Client) -> None:
    file_id = client("POST", "/v1/files", PICTURE).json["id"]
    put_objects(file_id)
    answer = client("DELETE", f"/v1/files/{file_id}")
    assert (answer.status, answer.text) == (204, "")
    assert client("GET", f"/v1/files/{file_id}").status == 404
    assert client("GET", "/v1/files").json["items"] == []
    assert client("DELETE", f"/v1/files/{file_id}").status == 404
    s3 = aws_client("s3")
    assert [v["Key"] for v in s3.list_object_versions(Bucket="originals").get("Versions", [])] == ["acme/neighbour"]
    assert s3.list_objects_v2(Bucket="derived")["KeyCount"] == 0


def test_a_delete_that_crashed_half_way_is_ended_by_repeating_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.storage import originals

    file_id = client("POST", "/v1/files", PICTURE).json["id"]
    put_objects(file_id)

    def crash(_: str) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as patch:
        patch.setattr(originals, "delete_all_versions", crash)
        assert client("DELETE", f"/v1/files/{file_id}").status == 500
    assert client("GET", f"/v1/files/{file_id}").status == 404
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert aws_client("s3").list_objects_v2(Bucket="derived")["KeyCount"] == 0


def test_delete_of_a_public_file_costs_this(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client, visibility="public")
    stage.clear()
    assert delete(client, file_id).status == 204
    assert stage.names == [
        "dynamodb.UpdateItem",
        "dynamodb.Query",  # of the file's share links
        "s3.ListObjectVersions",
        "s3.DeleteObjects",
        "s3.ListObjectsV2",
        "s3.DeleteObjects",
        "s3.ListObjectsV2",
        "cloudfront.CreateInvalidation",
        "dynamodb.UpdateItem",
    ]
    assert invalidations() == [f"/f/public/{file_id}/*"]
    assert "due_pk" not in item(file_id)


def test_only_an_upload_that_was_not_completed_is_aborted(client: Client, stage: Calls) -> None:
    body = {"filename": "v", "content_type": "text/csv", "size": 5 * 1024**2, "upload": "multipart"}
    waiting, done = (client("POST", "/v1/files", body).json["id"] for _ in range(2))
    claims.claim(done, version_id="v", sequencer="0", claim_id="c", lease=timedelta(60))
    stage.clear()
    delete(client, done)
    assert stage.count("s3.AbortMultipartUpload") == 0
    delete(client, waiting)
    assert stage.count("s3.AbortMultipartUpload") == 1


def test_without_a_window_a_delete_is_for_good(client: Client) -> None:
    file_id = ready_photo(client)
    delete(client, file_id)
    assert post(client, file_id, "restore").status == 404
    assert item(file_id)["purged"]["BOOL"]


# --- With a delete window


@pytest.mark.usefixtures("window")
def test_within_the_window_a_delete_can_be_taken_back(client: Client) -> None:
    file_id = ready_photo(client, visibility="public", tags=["t"], sha256=None)
    before = get(client, file_id).json
    assert delete(client, file_id).status == 204
    assert get(client, file_id).status == 404
    assert patch(client, file_id, {"tags": []}).status == 404
    assert delete(client, file_id).status == 404
    assert derived() == [], "public addresses end with the delete"
    assert invalidations() == [f"/f/public/{file_id}/*"]
    assert aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")
    stone = item(file_id)
    assert stone["due_sk"]["S"].startswith(stone["restore_until"]["S"]), "the sweep finds it when its time is over"
    assert "list_pk" not in stone
    answer = post(client, file_id, "restore")
    assert (answer.status, answer.json["status"]) == (202, "processing")
    assert answer.json["revision"] == before["revision"] + 2
    assert answer.json["renditions"] == []
    assert work_off() == 1
    after = get(client, file_id).json
    assert (after["status"], after["tags"], after["sha256"]) == ("ready", ["t"], before["sha256"])
    assert len(rendition_keys(after)) == len(rendition_keys(before))
    assert set(derived()) == rendition_keys(after)
    assert not rendition_keys(after) & rendition_keys(before)
    assert {"list_pk", "sha_pk"} <= item(file_id).keys()
    assert not {"ttl", "restore_until", "restore_to", "leftovers", "due_pk"} & item(file_id).keys()


@pytest.mark.usefixtures("window")
def test_what_has_no_renditions_is_restored_at_once(client: Client) -> None:
    done, failed = ready_other(client), upload(client, b"no jpeg at all")
    deliver(failed)
    for file_id, status in ((done, "ready"), (failed, "failed")):
        before = get(client, file_id).json
        delete(client, file_id)
        answer = post(client, file_id, "restore")
        assert (answer.status, answer.json["status"]) == (200, status)
        changed = {"revision": before["revision"] + 2, "updated_at": answer.json["updated_at"]}
        assert answer.json == get(client, file_id).json == before | changed
        assert "due_pk" not in item(file_id)
    assert take_messages() == []


@pytest.mark.usefixtures("window")
def test_a_file_that_is_processed_can_be_deleted_and_restored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = upload(client, PHOTO)
    finish = claims.finish

    def delete_and_restore(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(claims, "finish", finish)
        assert delete(client, file_id).status == 204
        assert post(client, file_id, "restore").status == 202
        return finish(*args, **more)

    monkeypatch.setattr(claims, "finish", delete_and_restore)
    deliver(file_id)
    assert derived() == [], "the first worker's renditions are nobody's"
    assert work_off() == 1
    record = get(client, file_id).json
    assert record["status"] == "ready"
    assert set(derived()) == rendition_keys(record)


@pytest.mark.usefixtures("window")
def test_a_late_event_does_not_take_the_original_of_a_file_that_may_come_back(client: Client) -> None:
    file_id = ready_photo(client)
    delete(client, file_id)
    deliver(file_id)
    assert aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")


@pytest.mark.usefixtures("window")
def test_a_soft_delete_that_crashed_is_ended_by_repeating_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_photo(client)

    def crash(_: str) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as context:
        context.setattr(derived_objects, "delete_below", crash)
        assert delete(client, file_id).status == 500
    assert item(file_id)["due_sk"]["S"] < item(file_id)["restore_until"]["S"], "due at once"
    assert delete(client, file_id).status == 204
    assert derived() == []
    assert item(file_id)["due_sk"]["S"].startswith(item(file_id)["restore_until"]["S"])
    assert delete(client, file_id).status == 404


@pytest.mark.usefixtures("window")
def test_what_cannot_be_restored_says_why(client: Client) -> None:
    file_id = ready_photo(client)
    answer = post(client, file_id, "restore")
    assert (answer.status, answer.json["code"]) == (409, "not_deleted")
    delete(client, file_id)
    other = new_client("other")
    assert post(other, file_id, "restore").status == 404
    set_item(file_id, "restore_until", {"S": "2020-01-01T00:00:00.000Z"})
    assert (post(client, file_id, "restore").status, post(client, "nope", "restore").status) == (404, 404)
    assert delete(client, file_id).status == 204, "what the window leaves is purged"
    assert "Versions" not in aws_client("s3").list_object_versions(Bucket="originals")
    assert item(file_id)["purged"]["BOOL"]
    waiting = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json["id"]
    assert delete(client, waiting).status == 204
    assert item(waiting)["purged"]["BOOL"], "there is nothing to bring back"
    assert post(client, waiting, "restore").status == 404


@pytest.mark.usefixtures("window")
def test_an_upload_that_waits_has_no_way_back(client: Client) -> None:
    """It would be one without a due time: nobody would ever end it."""
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO)}
    file_id = client("POST", "/v1/files", body).json["id"]
    waiting = files.get("acme", file_id)
    assert waiting
    with pytest.raises(AssertionError, match="for good"):
        deletion.retire(waiting, until=now() + timedelta(hours=1), leftovers=[])
    assert delete(client, file_id).status == 204
    assert post(client, file_id, "restore").status == 404
    assert item(file_id)["purged"] == {"BOOL": True}


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("headers", [{"If_Match": '"999-0123456789abcdef"'}, {"If_None_Match": "*"}])
def test_conditions_hold_within_the_window_too(client: Client, headers: dict[str, str]) -> None:
    file_id = ready_other(client)
    tag = get(client, file_id).headers["ETag"]
    answer = delete(client, file_id, **headers)
    assert (answer.status, answer.json["code"]) == (412, "precondition_failed")
    assert get(client, file_id).status == 200
    assert delete(client, file_id, If_Match=tag).status == 204


@pytest.mark.usefixtures("window")
def test_another_tenant_neither_deletes_restores_nor_completes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_photo(client)
    other = new_client("other")
    assert delete(other, file_id).status == 404

    def crash(_: str) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as context:
        context.setattr(derived_objects, "delete_below", crash)
        assert delete(client, file_id).status == 500
    left = derived()
    assert left
    assert (delete(other, file_id).status, post(other, file_id, "restore").status) == (404, 404)
    assert derived() == left
    set_item(file_id, "restore_until", {"S": "2020-01-01T00:00:00.000Z"})
    assert delete(other, file_id).status == 404
    assert "purged" not in item(file_id)


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("file_id", ["file_" + "0" * 26, "nope", ""])
def test_an_unknown_file_is_neither_deleted_nor_restored(client: Client, file_id: str) -> None:
    for answer in (delete(client, file_id), post(client, file_id, "restore")):
        assert answer.status == 404


@pytest.mark.usefixtures("window")
def test_a_delete_within_the_window_costs_this(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client, visibility="public")
    stage.clear()
    assert delete(client, file_id).status == 204
    assert stage.names == [
        "dynamodb.GetItem",
        "dynamodb.UpdateItem",
        "s3.ListObjectsV2",
        "s3.DeleteObjects",
        "cloudfront.CreateInvalidation",
        "dynamodb.UpdateItem",
    ]
    stage.clear()
    assert delete(client, file_id).status == 404
    assert stage.names == ["dynamodb.GetItem", "dynamodb.GetItem"]


@pytest.mark.usefixtures("window")
def test_a_processed_files_delete_takes_what_its_worker_is_making(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client)
    assert post(client, file_id, "reprocess", {"recipe": "avatar"}).status == 202
    file = files.get("acme", file_id)
    assert file
    making = f"{places.made_prefix(file)}w64.webp"
    aws_client("s3").put_object(Bucket="derived", Key=making, Body=b"made before the worker crashed")
    assert delete(client, file_id).status == 204
    assert derived() == []


@pytest.mark.usefixtures("window")
def test_the_window_ends_when_its_seconds_are_over(client: Client) -> None:
    file_id = ready_other(client)
    begun = now()
    delete(client, file_id)
    until = datetime.fromisoformat(item(file_id)["restore_until"]["S"])
    assert timedelta(0) <= until - begun - timedelta(seconds=3600) < timedelta(seconds=10)
