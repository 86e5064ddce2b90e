"""Usage by day: what the index counts in its own transactions, over days, twice told changes and a new index."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.catalog import usage
from chalicelib.catalog.index import counts, writer
from chalicelib.catalog.index.writer import Change
from chalicelib.catalog.keys import marker_key, usage_key
from chalicelib.model import File, Status, now
from tests.catalog.fake import FakeDynamoDB
from tests.faults.clock import Clock
from tests.making import file
from tests.strict.watching import Checked


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> FakeDynamoDB:
    table = FakeDynamoDB()
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    return table


def new(number: int = 1, **values: Any) -> File:
    return file(number, created_at=now(), version_id="v", **values)


def numbers(table: FakeDynamoDB) -> dict[str, dict[str, int]]:
    """The index's numbers by day: those of the heads, and those of days that are over."""
    found = {day: dict(each.numbers) for day, each in counts.stats("acme").days.items()}
    for (pk, sk), item in table.items.items():
        if pk == "USAGE#acme":
            day = found.setdefault(sk, {})
            for name in usage.OF_THE_INDEX:
                day[name] = day.get(name, 0) + int(item.get(name, {"N": "0"})["N"])
    return found


def day_with(files: int, size: int, deleted: int = 0, deleted_size: int = 0) -> dict[str, int]:
    return dict(zip(usage.OF_THE_INDEX, (files, size, deleted, deleted_size), strict=True))


def test_a_life_counts_one_upload_and_one_deletion(table: FakeDynamoDB) -> None:
    life = [
        new(status=Status.AWAITING_UPLOAD, kind=None, size=500, revision=1),
        new(status=Status.PROCESSING, kind=None, size=500, revision=2),
        new(size=500, revision=3),
        new(status=Status.PROCESSING, size=500, revision=4),  # processed again
        new(size=500, revision=5),
    ]
    life[0].version_id = None
    for each in life:
        for _ in range(2):  # a batch may come twice
            writer.index([Change(each)])
    today = usage.day_of(now())
    assert numbers(table) == {today: day_with(1, 500)}
    writer.index([Change(new(status=Status.DELETED, size=500, revision=6))])
    writer.index([Change(new(size=500, revision=7))])  # restored
    assert numbers(table) == {today: day_with(1, 500, 1, 500)}


def test_a_life_in_one_batch_counts_too_and_no_bytes_no_upload(table: FakeDynamoDB) -> None:
    came = new(size=7, revision=2)
    writer.index([Change(new(status=Status.DELETED, size=7, revision=3), older=(came,))])
    never = file(2, created_at=now(), status=Status.FAILED, kind=None, size=9, version_id=None)
    writer.index([Change(never)])
    assert numbers(table) == {usage.day_of(now()): day_with(1, 7, 1, 7)}


def test_a_size_that_turns_out_other_is_counted_as_it_is(table: FakeDynamoDB) -> None:
    writer.index([Change(new(status=Status.PROCESSING, kind=None, size=None, revision=1))])
    writer.index([Change(new(size=900, revision=2))])
    assert numbers(table) == {usage.day_of(now()): day_with(1, 900)}


def test_days_that_are_over_get_their_item_with_the_next_change(table: FakeDynamoDB, clock: Clock) -> None:
    first = usage.day_of(now())
    writer.index([Change(new(1, size=10))])
    clock.forward(timedelta(days=1))
    second = usage.day_of(now())
    writer.index([Change(file(2, created_at=now(), status=Status.AWAITING_UPLOAD, version_id=None))])
    assert numbers(table) == {first: day_with(1, 10)}
    writer.index([Change(new(3, size=20))])
    assert numbers(table) == {first: day_with(1, 10), second: day_with(1, 20)}
    key = usage_key("acme", first)
    assert table.items[key["pk"], key["sk"]]["ttl"]["N"] == str(usage.forget_at(first))


def test_an_upload_costs_no_write_unit_more_for_it(table: FakeDynamoDB) -> None:
    writer.index([Change(new(1))])
    table.measure()
    writer.index([Change(new(2))])
    with_usage, calls = table.units, dict(table.calls)
    table.measure()
    writer.index([Change(file(3, created_at=now(), version_id=None))])
    assert (table.units, dict(table.calls)) == (with_usage, calls)


def test_an_index_that_is_made_anew_counts_no_old_upload(table: FakeDynamoDB, clock: Clock) -> None:
    old = new(1, size=10, revision=4)
    writer.index([Change(old)])
    clock.forward(timedelta(days=3))
    key = marker_key(old.id)
    table._delete((key["pk"], key["sk"]))
    before = numbers(table)
    writer.index([Change(old)])
    assert numbers(table) == before


def test_a_marker_of_a_former_release_says_that_the_file_came(table: FakeDynamoDB) -> None:
    each = new(1, size=10)
    writer.index([Change(each)])
    key = marker_key(each.id)
    table.items[key["pk"], key["sk"]].pop("uploaded")
    before = numbers(table)
    writer.index([Change(new(1, size=10, revision=each.revision + 1))])
    assert numbers(table) == before
