"""Large files are `ready` before they are hashed, and a message of its own asks for each one's hash."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import settings as stage_settings
from chalicelib.catalog import edits, files, hashes, pending
from chalicelib.model import File, Status
from chalicelib.processing import hashing, pipeline, reading
from chalicelib.queues import ingest
from chalicelib.storage import originals, parallel
from chalicelib.upkeep import sweep
from tests.client import Client
from tests.faults.clock import Clock
from tests.making import deliver, sqs_event, take_messages, upload, work_off
from tests.stage import Calls, lambda_context

LARGE = b"x" * 5000
SHA256 = hashlib.sha256(LARGE).hexdigest()


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a file of 5,000 bytes is large, and is fetched in five blocks."""
    monkeypatch.setattr(reading, "HASHED_AT_ONCE", 4999)
    monkeypatch.setattr(parallel, "BLOCK", 1024)


def large(client: Client, body: bytes = LARGE, **more: Any) -> str:
    file_id = upload(client, body, name="a.bin", content_type="application/x-thing", **more)
    deliver(file_id)
    return file_id


def stored(file_id: str) -> File:
    found = files.get("acme", file_id)
    assert found
    return found


def test_a_large_file_is_ready_at_once_and_gets_its_hash_later(client: Client, stage: Calls) -> None:
    stage.clear()
    file_id = large(client)
    assert stage.count("s3.GetObject") == 1, "its first bytes"
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["sha256"]) == ("ready", None)
    stage.clear()
    assert work_off() == 1
    assert (stage.count("s3.GetObject"), stage.count("dynamodb.GetItem")) == (5, 2)
    assert stage.count("dynamodb.UpdateItem") == 1
    hashed = client("GET", f"/v1/files/{file_id}").json
    assert hashed["sha256"] == SHA256
    assert hashed["revision"] == record["revision"] + 1
    assert {name for name in record if record[name] != hashed[name]} == {"sha256", "revision", "updated_at"}
    change = stored(file_id).last_change
    assert change
    assert (change.type, change.actor.id) == ("updated", "process")
    assert not files.with_sha256("acme", "0" * 64)
    assert [file.id for file in files.with_sha256("acme", SHA256)] == [file_id]


def test_the_largest_file_that_is_hashed_at_once_needs_no_message(client: Client) -> None:
    file_id = large(client, LARGE[:-1])
    assert stored(file_id).sha256 == hashlib.sha256(LARGE[:-1]).hexdigest()
    assert take_messages() == []


@pytest.mark.parametrize(("declared", "status"), [(SHA256, "ready"), ("0" * 64, "failed")])
def test_a_declared_hash_is_checked_before_a_large_file_is_ready(client: Client, declared: str, status: str) -> None:
    file_id = large(client, sha256=declared)
    record = client("GET", f"/v1/files/{file_id}").json
    assert record["status"] == status
    if status == "failed":
        assert record["error"]["code"] == "checksum_mismatch"
    else:
        assert record["sha256"] == SHA256
    assert take_messages() == []


def test_a_message_that_comes_twice_changes_nothing_twice(client: Client) -> None:
    file_id = large(client)
    [body] = take_messages()
    for _ in range(2):
        pipeline.handle(sqs_event(body), lambda_context())
    assert stored(file_id).sha256 == SHA256
    assert stored(file_id).revision == 4


def test_the_message_of_a_deleted_file_is_dropped(client: Client, stage: Calls) -> None:
    file_id = large(client)
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    stage.clear()
    work_off()
    assert stage.count("s3.GetObject") == 0


def test_bytes_that_are_gone_end_the_message(client: Client) -> None:
    file_id = large(client)
    originals.delete_all_versions(f"acme/{file_id}")
    work_off()
    assert stored(file_id).sha256 is None


def test_a_file_that_is_processed_again_meanwhile_gets_its_hash(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state changes between the worker's read of the record and its write."""
    file_id = large(client)
    [body] = take_messages()
    write = hashes.record

    def interrupted(file: File, sha256: str) -> File | None:
        if file.status is Status.READY:
            assert edits.reprocess(file, file.recipe)
        return write(file, sha256)

    monkeypatch.setattr(hashes, "record", interrupted)
    pipeline.handle(sqs_event(body), lambda_context())
    again = stored(file_id)
    assert (again.status, again.sha256) == (Status.PROCESSING, SHA256)
    deliver(file_id)
    assert (stored(file_id).status, stored(file_id).sha256) == (Status.READY, SHA256)
    assert take_messages() == [], "it has its hash already"


def test_an_error_brings_the_message_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = large(client)
    [body] = take_messages()
    with monkeypatch.context() as patch, pytest.raises(OSError, match="network"):
        patch.setattr(hashing, "sha256_of", _raises)
        pipeline.handle(sqs_event(body), lambda_context())
    assert stored(file_id).sha256 is None
    pipeline.handle(sqs_event(body), lambda_context())
    assert stored(file_id).sha256 == SHA256


def _raises(*_: object) -> str:
    raise OSError("network")


def test_a_file_is_ready_although_its_message_could_not_be_sent_and_the_sweep_sends_it(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "send_hash", _raises)
        file_id = large(client)
    assert stored(file_id).status is Status.READY
    assert sweep.run()["Stalled"] == 0, "it has half an hour to come"
    clock.forward(pending.HASH_COMES + timedelta(seconds=1))
    assert sweep.run()["Stalled"] == 1
    assert work_off() == 1
    assert stored(file_id).sha256 == SHA256
    clock.forward(timedelta(days=2))
    assert sum(sweep.run()[name] for name in ("Stalled", "Unhashed", "SweepErrors")) == 0


def test_a_file_that_nobody_can_hash_is_given_up_after_a_day_and_somebody_is_told(client: Client, clock: Clock) -> None:
    file_id = large(client)
    found = sent = 0
    for _ in range(30):
        clock.forward(timedelta(hours=2))
        done = sweep.run()
        found, sent = found + done["Unhashed"], sent + done["Stalled"]
    assert found == 1
    assert 3 <= sent <= 8, "ever more seldom"
    assert "Unhashed" in {name for names in sweep.METRICS.values() for name in names}
    assert stored(file_id).status is Status.READY


def test_a_restored_file_is_still_to_be_hashed(client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    stage_settings.settings.cache_clear()
    file_id = large(client)
    take_messages()
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert client("POST", f"/v1/files/{file_id}/restore").status == 200
    clock.forward(pending.HASH_COMES + timedelta(seconds=1))
    assert sweep.run()["Stalled"] == 1
    assert work_off() == 1
    assert stored(file_id).sha256 == SHA256


def test_no_one_hashes_a_file_that_a_run_could_not_read(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "MOST_HASHED", 4999)
    file_id = large(client)
    assert take_messages() == []
    assert [warning.code for warning in stored(file_id).warnings] == ["not_hashed"]


def test_a_former_release_drops_the_message(client: Client) -> None:
    """It knows S3's events by `Records`."""
    large(client)
    [body] = take_messages()
    assert "Records" not in json.loads(body)
