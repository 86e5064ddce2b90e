"""POST /v1/files/{id}/reprocess: the renditions are made again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import claims, files
from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.queues import ingest
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from chalicelib.upkeep import removal
from tests.client import Client, delete, get, patch, post
from tests.making import PHOTO, deliver, derived, item, ready_photo, rendition_keys, take_messages, upload, work_off
from tests.stage import Calls


def test_reprocess_by_another_recipe_serves_the_old_until_the_new_are_made(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client)
    before = get(client, file_id).json
    stage.clear()
    answer = post(client, file_id, "reprocess", {"recipe": "avatar"})
    assert stage.names == ["dynamodb.GetItem", "s3.HeadObject", "dynamodb.UpdateItem", "sqs.SendMessage"]
    assert (answer.status, answer.json["status"], answer.json["recipe"]) == (202, "processing", "photo")
    assert answer.json["revision"] == before["revision"] + 1
    assert rendition_keys(answer.json) == rendition_keys(before) == set(derived())
    stage.clear()
    assert work_off() == 1
    assert stage.count("dynamodb.") == 3  # claim, finish, and that nothing is left of the old
    after = get(client, file_id).json
    assert (after["status"], after["recipe"], after["error"]) == ("ready", "avatar", None)
    assert {r["width"] for r in after["renditions"]} == {64, 128, 256, 500}
    assert set(derived()) == rendition_keys(after)
    assert not rendition_keys(after) & rendition_keys(before)
    assert not {"leftovers", "due_pk", "wanted_recipe", "lease_until"} & item(file_id).keys()


def test_reprocess_does_nothing_where_there_is_nothing_to_do(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_photo(client)
    before = get(client, file_id).json
    for body in ({}, {"recipe": "photo"}):
        answer = post(client, file_id, "reprocess", body)
        assert (answer.status, answer.json) == (200, before)
    assert take_messages() == []
    moved = patch(client, file_id, {"visibility": "public"}).json
    assert post(client, file_id, "reprocess", {}).json == moved, "a move makes nothing new"
    assert post(client, file_id, "reprocess", {"force": True}).status == 202
    assert work_off() == 1
    after = get(client, file_id).json
    assert after["status"] == "ready"
    assert set(derived()) == rendition_keys(after)
    assert not rendition_keys(after) & rendition_keys(moved), "forced renditions are not behind a cached address"


def test_reprocess_after_an_upgrade_of_the_engine_makes_them_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready_photo(client)
    monkeypatch.setattr("chalicelib.renditions.engine.ENGINE_VERSION", "next")
    assert post(client, file_id, "reprocess", {}).status == 202


def test_a_lost_message_is_sent_again_by_repeating_the_request(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_photo(client)

    def lose(*_: Any) -> None:
        raise ConnectionError("SQS is away")

    with monkeypatch.context() as context:
        context.setattr(ingest, "send", lose)
        assert post(client, file_id, "reprocess", {"recipe": "avatar"}).status == 500
    record = get(client, file_id).json
    assert (record["status"], len(record["renditions"])) == ("processing", 4)
    assert item(file_id)["due_pk"], "the sweep finds it"
    for body in ({"recipe": "avatar"}, {}):
        answer = post(client, file_id, "reprocess", body)
        assert (answer.status, answer.json["revision"]) == (202, record["revision"])
    assert post(client, file_id, "reprocess", {"recipe": "document"}).json["code"] == "file_processing"
    assert work_off() == 2, "sent twice, worked off once"
    after = get(client, file_id).json
    assert (after["recipe"], after["revision"]) == ("avatar", record["revision"] + 2)


def test_a_lost_message_of_a_new_focal_point_is_sent_again_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_photo(client, recipe="avatar")

    def lose(*_: Any) -> None:
        raise ConnectionError("SQS is away")

    with monkeypatch.context() as context:
        context.setattr(ingest, "send", lose)
        assert patch(client, file_id, {"focus": {"x": 0, "y": 0}}).status == 500
    assert patch(client, file_id, {"focus": {"x": 0, "y": 0}}).status == 200
    assert work_off() == 1
    assert get(client, file_id).json["status"] == "ready"


def test_a_request_while_a_worker_is_at_it_sends_nothing(client: Client) -> None:
    file_id = ready_photo(client)
    post(client, file_id, "reprocess", {"recipe": "avatar"})
    (body,) = take_messages()
    stored = json.loads(body)["Records"][0]["s3"]["object"]
    claim = {"version_id": stored["versionId"], "sequencer": stored["sequencer"], "claim_id": "c"}
    claims.claim(file_id, lease=timedelta(seconds=60), **claim)
    assert post(client, file_id, "reprocess", {"recipe": "avatar"}).status == 202
    assert take_messages() == []


def test_reprocessing_that_fails_for_good_leaves_what_there_was(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready_photo(client)
    before = get(client, file_id).json

    def fail(*_: Any, **__: Any) -> Any:
        raise PermanentFault(ErrorCode.CORRUPT, "The image is damaged.")

    post(client, file_id, "reprocess", {"recipe": "avatar"})
    with monkeypatch.context() as context:
        context.setattr(claims, "finish", fail)  # after all renditions were made
        work_off()
    after = get(client, file_id).json
    assert (after["status"], after["recipe"], after["error"]["code"]) == ("ready", "photo", "corrupt")
    assert after["renditions"] == before["renditions"]
    assert set(derived()) == rendition_keys(after)
    assert post(client, file_id, "reprocess", {}).status == 202, "the error says that something is to do"
    work_off()
    after = get(client, file_id).json
    assert (after["status"], after["error"]) == ("ready", None)
    assert set(derived()) == rendition_keys(after)


def test_a_failed_file_can_be_processed_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = upload(client, PHOTO)

    def fail(*_: Any) -> None:
        raise ConnectionError("S3 is away")

    with monkeypatch.context() as context:
        context.setattr(derived_objects, "put", fail)
        with pytest.raises(ConnectionError):
            deliver(file_id, receives=5)
    assert get(client, file_id).json["status"] == "failed"
    answer = post(client, file_id, "reprocess", {})
    assert (answer.status, answer.json["error"]) == (202, None)
    work_off()
    record = get(client, file_id).json
    assert (record["status"], record["error"], len(record["renditions"])) == ("ready", None, 4)


def test_a_worker_that_crashed_while_removing_the_old_leaves_it_to_be_found(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready_photo(client)
    post(client, file_id, "reprocess", {"recipe": "avatar"})

    def crash(_: str) -> None:
        raise ConnectionError("S3 is away")

    with monkeypatch.context() as context:
        context.setattr(derived_objects, "delete_below", crash)
        work_off()
    assert get(client, file_id).json["status"] == "ready"
    assert item(file_id)["leftovers"]
    assert item(file_id)["due_pk"]
    file = files.get("acme", file_id)
    assert file
    removal.clear(file)  # what the sweep will do
    assert set(derived()) == rendition_keys(get(client, file_id).json)
    assert not {"leftovers", "due_pk"} & item(file_id).keys()


def test_a_worker_whose_file_was_deleted_meanwhile_leaves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready_photo(client)
    post(client, file_id, "reprocess", {"recipe": "avatar"})
    put = derived_objects.put

    def delete_midway(*args: Any) -> None:
        monkeypatch.setattr(derived_objects, "put", put)
        assert delete(client, file_id).status == 204
        put(*args)

    monkeypatch.setattr(derived_objects, "put", delete_midway)
    work_off()
    assert derived() == []


def test_what_cannot_be_processed_again_says_why(client: Client) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3}).json["id"]
    answer = post(client, waiting, "reprocess", {})
    assert (answer.status, answer.json["code"]) == (409, "not_uploaded")
    gone = ready_photo(client)
    original_objects.delete_all_versions(f"acme/{gone}")
    for body in ({"force": True}, {"recipe": "avatar"}):
        answer = post(client, gone, "reprocess", body)
        assert (answer.status, answer.json["code"]) == (409, "original_missing")
    for field, wrong in (("recipe", {"recipe": "nope"}), ("force", {"force": "yes"}), ("x", {"x": 1})):
        answer = post(client, gone, "reprocess", wrong)
        assert (answer.status, answer.json["field"]) == (422, field)
    assert post(client, "file_" + "0" * 26, "reprocess", {}).status == 404
