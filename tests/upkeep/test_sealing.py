"""Seals of the audit: every page is in one, whenever it was written, and whatever ends a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib import keyring
from chalicelib.catalog.audit import checking, pages, seals
from chalicelib.catalog.audit.checking import Report
from chalicelib.catalog.audit.entries import Entry
from chalicelib.model import new_file_id, now, timestamp
from chalicelib.upkeep import sealing
from tests.faults.clock import Clock
from tests.stage import Calls

FOREVER = float("inf")


@pytest.fixture(autouse=True)
def at_noon(clock: Clock, stage: Calls) -> None:
    """The hour has just begun."""
    clock.moment = clock.moment.replace(minute=1, second=0, microsecond=0)


def wrote(count: int, tenant: str = "acme", *, ago: timedelta = timedelta()) -> None:
    """So many pages, each of one entry about a moment some time ago."""
    for _ in range(count):
        subject = new_file_id()
        at = timestamp(now() - ago)
        pages.write(
            [Entry(f"evt_{subject}_1", tenant, subject, "filemill.file.created", at, {"type": "key", "id": "1"})]
        )


def checked(tenant: str = "acme") -> Report:
    return checking.check(
        seals.all_of(tenant),
        seals.head_of(tenant),
        list(pages.all_of(tenant, "")),
        public_key=keyring.seal_public_key(),
        finished=sealing.finished(),
        moment=now(),
    )


def covered(tenant: str = "acme") -> list[int]:
    """The number of pages of each seal."""
    return [len(each.seal.pages) for each in seals.all_of(tenant) if each.seal]


def test_an_hour_is_sealed_when_it_is_over_for_every_tenant(clock: Clock) -> None:
    wrote(3)
    wrote(1, "other")
    clock.forward(timedelta(minutes=70))
    assert sealing.run(FOREVER)["Sealed"] == 0, "a page of that hour may still be on its way"
    assert checked().unsealed == 3
    clock.forward(timedelta(minutes=15))
    assert sealing.run(FOREVER)["Sealed"] == 2
    assert sealing.run(FOREVER)["Sealed"] == 0
    assert (covered(), covered("other")) == ([3], [1])
    for tenant in ("acme", "other"):
        found = checked(tenant)
        assert (found.faults, found.unsealed, found.seals) == ([], 0, 1)
    assert sorted(seals.sealed_tenants()) == ["acme", "other"]


def test_an_entry_that_comes_late_is_in_a_later_seal(clock: Clock) -> None:
    wrote(1)
    clock.forward(timedelta(hours=3))
    sealing.run(FOREVER)
    wrote(2, ago=timedelta(hours=3))
    wrote(1)
    assert checked().unsealed == 3
    clock.forward(timedelta(hours=3))
    sealing.run(FOREVER)
    assert covered() == [1, 3]
    assert checked().faults == []


def test_hours_without_a_sweep_are_sealed_afterwards(clock: Clock) -> None:
    wrote(1)
    sealing.run(FOREVER)
    for _ in range(3):
        clock.forward(timedelta(hours=7))
        wrote(1)
    clock.forward(timedelta(hours=2))
    sealing.run(FOREVER)
    assert covered() == [1, 1, 1, 1]
    assert checked().faults == []


def test_a_busy_hour_has_several_seals(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST_PAGES", 2)
    wrote(5)
    clock.forward(timedelta(hours=2))
    sealing.run(FOREVER)
    assert covered() == [2, 2, 1]
    assert checked().faults == []


def test_a_run_that_ends_half_way_is_gone_on_with(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST_PAGES", 2)
    wrote(5)
    wrote(1, "other")
    clock.forward(timedelta(hours=2))
    seal = seals.seal
    left = [2]

    def killed(*args: Any) -> Any:
        if not left[0]:
            raise TimeoutError
        left[0] -= 1
        return seal(*args)

    with monkeypatch.context() as patch:
        patch.setattr(seals, "seal", killed)
        with pytest.raises(TimeoutError):
            sealing.run(FOREVER)
    sealing.run(FOREVER)
    assert (covered(), covered("other")) == ([2, 2, 1], [1])
    assert checked().faults == checked("other").faults == []


def test_two_sweeps_at_once_seal_each_page_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    wrote(2)
    clock.forward(timedelta(hours=2))
    seal = seals.seal

    def overtaken(*args: Any) -> Any:
        monkeypatch.setattr(seals, "seal", seal)
        assert sealing.run(FOREVER)["Sealed"] == 1
        return seal(*args)

    monkeypatch.setattr(seals, "seal", overtaken)
    sealing.run(FOREVER)
    assert covered() == [2]
    assert checked().faults == []


def test_nothing_is_begun_after_the_deadline(clock: Clock) -> None:
    wrote(1)
    clock.forward(timedelta(hours=2))
    assert sealing.run(0)["Sealed"] == 0
    assert sealing.run(FOREVER)["Sealed"] == 1


def test_a_stage_without_activity_costs_a_read_a_run(clock: Clock, stage: Calls) -> None:
    sealing.run(FOREVER)
    stage.clear()
    sealing.run(FOREVER)
    assert stage.names == ["dynamodb.GetItem"]


def test_a_seal_costs_two_writes_in_one_transaction(clock: Clock, stage: Calls) -> None:
    sealing.run(FOREVER)
    wrote(3)
    clock.forward(timedelta(minutes=85))
    keyring.mac("x", b"")
    stage.clear()
    sealing.run(FOREVER)
    assert stage.count("dynamodb.TransactWriteItems") == 1
    assert stage.count("dynamodb.UpdateItem") == 1, "how far it has come: nothing was written in the hour before"


def test_weeks_without_activity_cost_a_read_an_hour_and_one_write(clock: Clock, stage: Calls) -> None:
    wrote(1)
    clock.forward(timedelta(hours=2))
    sealing.run(FOREVER)
    clock.forward(timedelta(days=20))
    stage.clear()
    assert sealing.run(FOREVER)["Sealed"] == 0
    assert (stage.count("dynamodb.Query"), stage.count("dynamodb.UpdateItem")) == (20 * 24, 1)
    stage.clear()
    sealing.run(FOREVER)
    assert stage.names == ["dynamodb.GetItem"], "and they are not looked at again"


def test_a_run_that_ends_at_its_deadline_goes_on_behind_the_hours_that_are_sealed(clock: Clock) -> None:
    clock.forward(timedelta(hours=5))
    sealing.run(FOREVER)
    clock.forward(timedelta(hours=5))
    wrote(1)
    clock.forward(timedelta(hours=2))
    assert sealing.run(deadline=0)["Sealed"] == 0
    before = sealing.finished()
    assert before == timestamp(now() - timedelta(hours=3))[: len(before)], "all hours before the one that is not sealed"
    assert sealing.run(FOREVER)["Sealed"] == 1
    assert (covered(), checked().unsealed) == ([1], 0)
