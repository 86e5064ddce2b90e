"""`python -m ops tenants erase`: nothing of the tenant is left, whenever it is killed, and all of the others."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib import keyring
from chalicelib.catalog import files as catalog_files
from chalicelib.catalog import holds, tenants
from chalicelib.catalog.audit import pages
from chalicelib.model import File, Status, now
from chalicelib.upkeep import sealing
from ops import redrive
from ops import tenants as command
from ops.__main__ import main
from ops.audit_trail import verify
from ops.erasure.command import report
from ops.erasure.erase import Eraser, HeldError
from ops.erasure.owners import BY_ID, BY_SORT_KEY, BY_TENANT
from ops.errors import OpsError
from ops.progress import Pace
from tests.ops.erasure.filled import about, fill, items, objects
from tests.stage import STAGE, Calls, aws_client

# `make erase` runs it with 2,000.
FILES = int(os.environ.get("FILEMILL_TEST_ERASE_FILES", "40"))
# The AWS calls at which it is killed. Each run of many files takes long, so there are fewer: while it walks, deletes
# files, objects and items.
KILLS = (1, 3, 8, 20, 40, 45, 60, 80, 120, 160, 240, 320) if FILES <= 100 else (20, FILES, 4 * FILES)


@pytest.fixture(autouse=True)
def dead_letters(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> str:
    """Gives the stage's queues their queues of dead letters; the URL of the webhooks' one."""
    monkeypatch.setattr(redrive, "EMPTY", 1)
    sqs = aws_client("sqs")
    urls = {}
    for queue in ("webhook", "import", "ingest"):
        url = urls[queue] = sqs.create_queue(QueueName=f"{queue}-dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
        of = STAGE[f"FILEMILL_{queue.upper()}_QUEUE_URL"]
        sqs.set_queue_attributes(QueueUrl=of, Attributes={"RedrivePolicy": policy})
    return str(urls["webhook"])


ERASE = {"type": "system", "id": "erase"}


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """Kills the process at its n-th AWS call: that one and all after it are not made, in no thread."""
    call, made = BaseClient._make_api_call, count(1)  # type: ignore[attr-defined]

    def counted(client: Any, operation: str, parameters: Any) -> Any:
        if next(made) >= number:
            raise Killed
        return call(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", counted)
        yield


def caught_up(calls: Calls) -> None:
    calls.settle()
    calls.published()


def eraser(calls: Calls, **more: Any) -> Eraser:
    """One whose pauses let the index, and those who hear of changes, catch up with the table."""
    return Eraser("acme", Pace(10**6), sleep=lambda _: caught_up(calls), **more)


def tenants_side_by_side(calls: Calls, number: int) -> tuple[list[File], list[File]]:
    ours = fill("acme", number)
    theirs = fill("acme-2", max(6, number // 10), first=10_000, mentions=ours[0].id)
    theirs += fill("ac", 6, first=20_000, mentions="acme")
    caught_up(calls)
    return ours, theirs


def of_others(theirs: list[File]) -> tuple[list[str], list[str]]:
    """All that the other tenants have."""
    found: tuple[set[str], set[str]] = (set(), set())
    for tenant in ("acme-2", "ac"):
        for kept, texts in zip(found, (items(), objects()), strict=True):
            kept.update(about(texts, tenant, theirs))
    return sorted(found[0]), sorted(found[1])


def left(ours: list[File], kept: tuple[list[str], list[str]]) -> list[str]:
    """All that names the erased tenant or its files, and is nobody else's."""
    others = {*kept[0], *kept[1]}
    return [text for text in about([*items(), *objects()], "acme", ours) if text not in others]


def test_nothing_of_the_tenant_is_left_and_the_others_are_as_they_were(stage: Calls) -> None:
    ours, theirs = tenants_side_by_side(stage, 12)
    kept = of_others(theirs)
    assert len(left(ours, kept)) > 100
    said = report(eraser(stage))
    assert said["proof"]["left"] == {}
    assert said["removed"]["files"] == len(ours)
    caught_up(stage)
    (note,) = left(ours, kept)
    assert json.loads(note).keys() == {"pk", "sk", "name", "suspended", "erased_at"}
    assert tenants.get_tenant("acme").suspended
    assert of_others(theirs) == kept


def test_it_is_killed_again_and_again_and_does_what_is_left(stage: Calls) -> None:
    ours, theirs = tenants_side_by_side(stage, FILES)
    kept = of_others(theirs)
    kills = 0
    for number in KILLS:
        with killed_at(number):
            try:
                eraser(stage).erase()
            except Killed:
                kills += 1
        caught_up(stage)
    done = eraser(stage).erase()
    assert kills >= len(KILLS) * 2 // 3
    assert done.proof.nothing
    caught_up(stage)
    (note,) = left(ours, kept)
    assert "erased_at" in note
    assert of_others(theirs) == kept


def test_it_is_repeated_without_harm(stage: Calls) -> None:
    ours, theirs = tenants_side_by_side(stage, 6)
    kept = of_others(theirs)
    eraser(stage).erase()
    again = report(eraser(stage))
    assert again["removed"] == {}
    assert len(left(ours, kept)) == 1
    assert of_others(theirs) == kept


def test_a_file_under_legal_hold_keeps_all_of_it(stage: Calls) -> None:
    ours, _ = tenants_side_by_side(stage, 6)
    held = next(each for each in ours if each.status is Status.READY)
    assert holds.hold(held)
    before = items(), objects()
    with pytest.raises(HeldError, match=held.id):
        eraser(stage).erase()
    assert (items(), objects()) == before
    assert eraser(stage, including_held=True).erase().proof.nothing


def test_a_hold_that_comes_while_it_runs_is_kept(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = tenants_side_by_side(stage, 6)
    held = next(each for each in ours if each.status is Status.READY)
    begun = Eraser._end_access

    def hold_first(self: Eraser, *words: Any) -> bool:
        if record := catalog_files.record(held.id):
            holds.hold(record)
        return begun(self, *words)

    monkeypatch.setattr(Eraser, "_end_access", hold_first)
    with pytest.raises(HeldError, match=held.id):
        eraser(stage).erase()
    record = catalog_files.record(held.id)
    assert record
    assert record.status is Status.READY
    assert any(f"acme/{held.id} " in each for each in objects())


def test_items_of_kinds_that_nobody_knew_go_and_the_audit_stays_if_it_is_to(stage: Calls) -> None:
    fill("acme", 2)
    new = {"pk": {"S": "NEWKIND#2026-11-26#acme"}, "sk": {"S": "a"}}
    caught_up(stage)
    audit = of_audit()
    assert {kind for kind, _ in audit} == {"AUDIT", "AUDITED", "SEAL", "SEALED"}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=new)
    assert eraser(stage, keep_audit=True).erase().proof.nothing
    assert audit < of_audit()
    assert not any("NEWKIND#" in text for text in items())
    eraser(stage).erase()
    assert of_audit() == set()


def of_audit() -> set[tuple[str, str]]:
    """(kind, item) of every item of the audit."""
    kinds = {text: json.loads(text)["pk"]["S"].partition("#")[0] for text in items()}
    return {(kind, text) for text, kind in kinds.items() if kind.startswith(("AUDIT", "SEAL"))}


def test_the_tenant_has_items_of_every_kind_that_there_is(stage: Calls) -> None:
    fill("acme", 6)
    caught_up(stage)
    there = {json.loads(text)["pk"]["S"].partition("#")[0] for text in items()}
    lists_in_indexes = {"LIST", "SHA", "DELIVER", "HOOKLOG", "SOCKETS"}
    assert (BY_TENANT | BY_ID | BY_SORT_KEY) - lists_in_indexes <= there


@pytest.mark.parametrize("keep_audit", [True, False])
def test_the_audit_tells_of_the_erasure_before_it_goes(stage: Calls, keep_audit: bool) -> None:
    ours, _ = tenants_side_by_side(stage, 6)
    heard: set[str] = set()
    delete = Eraser._delete_items

    def look_first(self: Eraser, *words: Any) -> None:
        heard.update(str(e["id"]) for page in pages.all_of("acme", "") for e in page.entries if e["actor"] == ERASE)
        delete(self, *words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Eraser, "_delete_items", look_first)
        eraser(stage, keep_audit=keep_audit).erase()
    assert {f"evt_{each.id}_2" for each in ours} <= heard
    assert len(heard) >= len(ours) + 3, "those of the key, the token and the tenant, too"
    caught_up(stage)
    kept = {str(e["id"]) for page in pages.all_of("acme", "") for e in page.entries}
    assert (heard <= kept) if keep_audit else not kept


def test_it_ends_if_the_audit_does_not_hear_of_it_and_goes_on_later(stage: Calls) -> None:
    tenants_side_by_side(stage, 6)
    deaf = Eraser("acme", Pace(10**6), sleep=lambda _: stage.settle())
    with pytest.raises(OpsError, match="`publish` is behind"):
        deaf.erase()
    assert any('"sk": {"S": "FILE"}' in text for text in items()), "tombstones wait for their entries"
    assert eraser(stage).erase().proof.nothing
    caught_up(stage)
    assert eraser(stage).look().nothing


def test_a_kept_audit_is_sealed_and_verified(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = tenants_side_by_side(stage, 6)
    eraser(stage, keep_audit=True).erase()
    later = now() + timedelta(hours=3)
    monkeypatch.setattr(sealing, "now", lambda: later)
    sealing.run(float("inf"))
    found = verify("acme", keyring.seal_public_key(), None)
    assert found.faults == []
    assert found.seals > 1
    assert found.unsealed == 0
    assert found.entries > len(ours)


def test_events_say_that_the_erasure_deleted_the_files(stage: Calls) -> None:
    fill("acme", 2)
    table = aws_client("dynamodb")
    actors = set()
    delete = Eraser._delete_items

    def look_first(self: Eraser, *words: Any) -> None:
        pages = table.get_paginator("scan").paginate(TableName="filemill-test")
        for item in (item for page in pages for item in page["Items"] if item["sk"]["S"] == "FILE"):
            actors.add((item["status"]["S"], item["last_change"]["M"]["actor"]["M"]["id"]["S"]))
        delete(self, *words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Eraser, "_delete_items", look_first)
        eraser(stage).erase()
    assert actors == {("deleted", "erase")}


def test_dead_letters_of_the_tenant_go_and_those_of_others_stay(stage: Calls, dead_letters: str) -> None:
    fill("acme", 2)
    for tenant in ("acme", "acme-2"):
        aws_client("sqs").send_message(QueueUrl=dead_letters, MessageBody=json.dumps({"tenant": tenant}))
    assert eraser(stage).erase().removed["dead letters"] == 1
    (kept,) = aws_client("sqs").receive_message(QueueUrl=dead_letters)["Messages"]
    assert json.loads(kept["Body"]) == {"tenant": "acme-2"}


def test_a_dry_run_counts_and_changes_nothing(
    stage: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, _ = tenants_side_by_side(stage, 6)
    monkeypatch.setattr(command, "load_stage", lambda *_: STAGE)
    before = items(), objects()
    words = ["tenants", "erase", "acme", "--stage", "test"]
    assert main([*words, "--dry-run", "--json", "--rate", "1000"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["found"]["FILE"] == len(ours)
    assert said["found"]["open uploads"] == 1
    assert main([*words, "--rate", "1000"]) == 1, "without a terminal it needs --yes"
    assert (items(), objects()) == before
