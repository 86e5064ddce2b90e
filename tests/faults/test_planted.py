"""The harness can fail: bugs planted one at a time, and what it says of each."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.catalog import claims, deletion, edits
from chalicelib.model import File, original_key
from chalicelib.processing import pipeline
from chalicelib.queues import worker
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from tests.faults.harness import crash_everywhere
from tests.faults.killing import Killed, Point, Process, run
from tests.faults.operations import OPERATIONS

pytestmark = pytest.mark.usefixtures("broken_stage")
index_module = import_module("chalicelib.catalog.index.writer")

Plant = Callable[[pytest.MonkeyPatch], None]


def finish_before_renditions(patch: pytest.MonkeyPatch) -> None:
    put, finish = derived_objects.put, claims.finish
    waiting: list[tuple[str, bytes, str]] = []
    patch.setattr(derived_objects, "put", lambda *object_: waiting.append(object_))

    def finish_first(*arguments: Any, **more: Any) -> File | None:
        written = finish(*arguments, **more)
        while waiting:
            put(*waiting.pop())
        return written

    patch.setattr(claims, "finish", finish_first)


def unconditional_claim(patch: pytest.MonkeyPatch) -> None:
    update: Any = vars(claims)["update"]

    def careless(key: Any, *, condition: str, using: dict[str, Any], **more: Any) -> dict[str, Any]:
        if ":expired" in condition:
            condition, using = "attribute_exists(pk)", {}
        written: dict[str, Any] = update(key, condition=condition, using=using, **more)
        return written

    patch.setattr(claims, "update", careless)


def acknowledged_before_written(patch: pytest.MonkeyPatch) -> None:
    work_off = worker.work_off

    def hasty(event: dict[str, Any], context: Any, queue_url: str, work: Any) -> None:
        for record in event["Records"]:
            aws.sqs().delete_message(QueueUrl=queue_url, ReceiptHandle=record["receiptHandle"])
        work_off(event, context, queue_url, work)

    patch.setattr(worker, "work_off", hasty)


def objects_deleted_before_the_record(patch: pytest.MonkeyPatch) -> None:
    mark_deleted = deletion.mark_deleted

    def hasty(tenant: str, file_id: str, **more: Any) -> File | None:
        original_objects.delete_all_versions(original_key(tenant, file_id))
        return mark_deleted(tenant, file_id, **more)

    patch.setattr(deletion, "mark_deleted", hasty)


def postings_after_the_marker(patch: pytest.MonkeyPatch) -> None:
    write, commit = index_module._write_postings, index_module._commit
    waiting: list[Any] = []
    patch.setattr(index_module, "_write_postings", lambda *arguments: waiting.append(arguments))

    def commit_first(*arguments: Any) -> None:
        commit(*arguments)
        while waiting:
            write(*waiting.pop())

    patch.setattr(index_module, "_commit", commit_first)


def replaced_renditions_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pipeline, "_replaced", lambda file: [])
    patch.setenv("FILEMILL_SWEEP_PAGES", "0")  # else the sweep's walk over the buckets finds them


def a_change_keeps_its_revision(patch: pytest.MonkeyPatch) -> None:
    update: Any = vars(edits)["update"]
    patch.setattr(edits, "update", lambda key, *, add=None, **more: update(key, **more))


@pytest.mark.parametrize(
    ("plant", "operation", "says"),
    [
        (finish_before_renditions, "process an image", "`ready` without"),
        (unconditional_claim, "process an image", "processed twice"),
        (acknowledged_before_written, "process an image", "vanished"),
        (acknowledged_before_written, "import", "vanished"),
        (objects_deleted_before_the_record, "delete", "without its original"),
        (postings_after_the_marker, "index", "postings too many"),
        (replaced_renditions_forgotten, "process again", "left for ever"),
        (a_change_keeps_its_revision, "change tags", "the revision did not"),
    ],
)
def test_a_planted_bug_is_found(plant: Plant, operation: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [one for one in OPERATIONS if one.name == operation]
    plant(monkeypatch)

    report = crash_everywhere(chosen, ways=[("after", "retries")])

    assert any(says in str(crash.broken) for crash in report.broken), [crash.broken for crash in report.broken]
    assert "BROKEN" in "\n".join(report.lines())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_is_killed_cleans_up_nothing(moment: Any) -> None:
    cleaned: list[object] = []

    def work() -> None:
        try:
            aws.s3().put_object(Bucket="derived", Key="f/a", Body=b"")
        except Exception as error:
            cleaned.append(error)
        finally:
            try:
                aws.s3().delete_object(Bucket="derived", Key="f/a")
            except Killed:
                pass
            else:
                cleaned.append("deleted")

    process = run(work, Process(kill_at=Point(0, moment)))

    assert process.calls == ["s3.PutObject"]
    assert not cleaned
    stored = aws.s3().list_objects_v2(Bucket="derived", Prefix="f/a")["KeyCount"]
    assert stored == (moment == "after")
