"""The one walk over the table that has old tombstones forget what their file was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import aws, settings
from chalicelib.catalog import deletion, reconciliations
from chalicelib.model import File, Status
from chalicelib.upkeep import tombstones
from tests.catalog.records import full, item, stored
from tests.stage import Calls

FOREVER = float("inf")


def old(number: int, **values: Any) -> File:
    """A tombstone as the release before this one left it."""
    file_id = f"file_{number:026d}"
    gone = full(Status.DELETED, restore_until=None, restore_to=None, due_pk=None, due_sk=None, remembered_as=None)
    return stored({**gone, "id": file_id, "pk": f"FILE#{file_id}", "purged": True, **values})


@pytest.fixture
def small_pages() -> Iterator[None]:
    """A page of a Scan has two items, and a run reads two pages."""

    def limit(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 2

    event = "provide-client-params.dynamodb.Scan"
    aws.dynamodb().meta.events.register_first(event, limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILEMILL_SWEEP_PAGES", "2")
        settings.settings.cache_clear()
        yield
    aws.dynamodb().meta.events.unregister(event, limit)
    settings.settings.cache_clear()


def told(files: list[File]) -> int:
    """How many of these records say what the file was."""
    return sum(item(file.id)["filename"] != "" for file in files)


@pytest.mark.usefixtures("small_pages")
def test_old_tombstones_forget_run_by_run_and_the_walk_never_begins_again(stage: Calls) -> None:
    gone = [old(number) for number in range(9)]
    left = []
    for _ in range(4):
        tombstones.run(FOREVER)
        left.append(told(gone))
    assert left[0] >= 5, "one run reads two pages"
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    assert "sha256" not in item(gone[0].id)
    late = old(10)
    stage.clear()
    assert tombstones.run(FOREVER) == {}
    assert stage.names == ["dynamodb.GetItem"]
    assert told([late]) == 1, "the table's TTL removes it"


@pytest.mark.usefixtures("stage")
def test_only_tombstones_without_a_way_back_forget() -> None:
    others = [
        stored({**full(status), "id": f"file_{status}", "pk": f"FILE#file_{status}"})
        for status in Status
        if status is not Status.DELETED
    ]
    others.append(old(1, purged=None, restore_until=full(Status.READY)["restore_until"]))
    gone = old(2)
    assert tombstones.run(FOREVER) == {"Forgotten": 1}
    assert (told(others), told([gone])) == (len(others), 0)


@pytest.mark.usefixtures("stage")
def test_a_tombstone_of_today_is_not_written_again() -> None:
    gone = stored(full(Status.READY, remembered_as=None))
    deleted = deletion.mark_deleted("acme", gone.id)
    assert deleted
    deletion.mark_purged(deleted)
    assert tombstones.run(FOREVER)["Forgotten"] == 0


def test_a_sweep_that_was_overtaken_stops(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = old(1)
    mark_purged = deletion.mark_purged

    def overtaken(file: File) -> None:
        monkeypatch.setattr(deletion, "mark_purged", mark_purged)
        tombstones.run(FOREVER)
        mark_purged(file)

    monkeypatch.setattr(deletion, "mark_purged", overtaken)
    tombstones.run(FOREVER)
    assert told([gone]) == 0
    assert stage.count("dynamodb.Scan") == 2
    found = reconciliations.position(tombstones.WALK)
    assert found
    assert found.ended


def test_no_pages_and_no_time_mean_no_scan(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    tombstones.run(0.0)
    assert stage.count("dynamodb.Scan") == 0
    monkeypatch.setenv("FILEMILL_SWEEP_PAGES", "0")
    settings.settings.cache_clear()
    tombstones.run(FOREVER)
    settings.settings.cache_clear()
    assert stage.count("dynamodb.Scan") == 0
