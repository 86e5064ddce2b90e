"""The harness can fail: it is shown one planted bug at a time, and must name it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.catalog import claims, deletion, dynamodb, edits, record_writer, subscriptions
from chalicelib.catalog.index import turns, writer
from chalicelib.catalog.keys import file_key
from chalicelib.catalog.transitions import CLAIM
from chalicelib.events import bus, publish, sockets, webhooks
from chalicelib.events.envelope import change_of, envelope_of
from chalicelib.model import File, Status, original_key
from chalicelib.queues import worker
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from tests.faults.harness import crash_everywhere, quiet, world_of
from tests.faults.killing import Killed, Point, Process, run
from tests.faults.looking import record_of
from tests.faults.operations import OPERATIONS
from tests.faults.plants import unguarded, written_without
from tests.faults.promises import BrokenError

pytestmark = pytest.mark.usefixtures("broken_stage")
NAMED = {operation.name: operation for operation in OPERATIONS}

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
    written_without(patch, CLAIM.condition)


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
    write: Any = vars(writer)["batch_write"]
    carry_out = turns.carry_out
    waiting: list[Any] = []

    def turn_first(*arguments: Any) -> bool:
        done = carry_out(*arguments)
        while done and waiting:
            write(*waiting.pop(0))
        return done

    patch.setattr(writer, "batch_write", lambda *arguments: waiting.append(arguments))
    patch.setattr(turns, "carry_out", turn_first)


def replaced_renditions_forgotten(patch: pytest.MonkeyPatch) -> None:
    finish = claims.finish
    patch.setattr(claims, "finish", lambda file, *, leftovers=(), **more: finish(file, **more))
    patch.setenv("FILEMILL_SWEEP_PAGES", "0")  # otherwise the sweep's walk over the buckets finds them


def a_change_keeps_its_revision(patch: pytest.MonkeyPatch) -> None:
    update: Any = vars(record_writer)["update"]
    patch.setattr(record_writer, "update", lambda key, *, add=None, **more: update(key, **more))


def a_change_that_also_ends_the_file(patch: pytest.MonkeyPatch) -> None:
    update: Any = vars(record_writer)["update"]

    def hasty(key: Any, *, values: dict[str, Any], **more: Any) -> dict[str, Any]:
        written: dict[str, Any] = update(key, values={**values, "status": Status.FAILED}, **more)
        return written

    patch.setattr(record_writer, "update", hasty)


def a_write_of_somebodys_own(patch: pytest.MonkeyPatch) -> None:
    """Not by `record_writer` at all: any module could ask DynamoDB."""

    def change(file: File, values: dict[str, Any]) -> File | None:
        item = dynamodb.update(
            file_key(file.id),
            values={**values, "status": Status.FAILED},
            condition="revision = :revision",
            using={":revision": file.revision},
            add={"revision": 1},
        )
        return File.model_validate(item)

    patch.setattr(edits, "change", change)


def refusals_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What the bus does not take at the first try is taken for told."""
    put = bus.put

    def hasty(events: Any) -> None:
        with suppress(bus.RefusedError):
            put(event for number, event in enumerate(events) if number % 5)

    patch.setattr(bus, "put", hasty)


def webhooks_of_the_first_event_only(patch: pytest.MonkeyPatch) -> None:
    announce = webhooks.announce
    patch.setattr(webhooks, "announce", lambda files, changed: announce(files[:1], changed))


def noted_before_it_is_told(patch: pytest.MonkeyPatch) -> None:
    tell = sockets._tell_page

    def hasty(tenant: str, listeners: Any, page: Any, before: Any) -> None:
        subscriptions.note_told(tenant, page.reached)
        tell(tenant, listeners, page, before)

    patch.setattr(sockets, "_tell_page", hasty)


def told_from_the_table(patch: pytest.MonkeyPatch) -> None:
    """An event has the record as it is when it is told, not as the change left it."""
    patch.setattr(publish, "envelope", lambda file: envelope_of(record_of(file.id), change_of(file), file.revision))


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
        (refusals_forgotten, "publish", "never heard of"),
        (told_from_the_table, "publish", "a state that never was"),
        (webhooks_of_the_first_event_only, "publish", "a webhook never hears of"),
        (noted_before_it_is_told, "publish", "a socket never heard"),
        (a_change_keeps_its_revision, "change tags", "the revision did not"),
        (a_write_of_somebodys_own, "change tags", "no transition leads from this `ready` to this `failed`"),
    ],
)
def test_a_planted_bug_is_found(plant: Plant, operation: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it leads to, even where the write itself would show it."""
    plant(monkeypatch)
    unguarded(monkeypatch)

    report = crash_everywhere(
        [NAMED[operation]], ways=[("after", "retries")], enough=lambda crash: says in str(crash.broken)
    )

    assert any(says in str(crash.broken) for crash in report.broken), [crash.broken for crash in report.broken]
    assert "BROKEN" in "\n".join(report.lines())


@pytest.mark.parametrize(
    ("plant", "operation"),
    [
        (unconditional_claim, "process an image"),
        (a_change_keeps_its_revision, "change tags"),
        (a_change_that_also_ends_the_file, "change tags"),
        (a_write_of_somebodys_own, "change tags"),
    ],
)
def test_a_write_that_is_not_in_the_table_of_transitions_is_found(
    plant: Plant, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = NAMED[operation]
    plant(monkeypatch)

    with quiet(), pytest.raises(BrokenError, match="not in the table of transitions"), world_of(chosen) as world:
        chosen.run(world, chosen.prepare(world))
        world.drain()
        world.check()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_process_cleans_up_nothing(moment: Any) -> None:
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
