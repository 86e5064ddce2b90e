"""A delivery costs as many units of DynamoDB as the page of costs says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bench import costs
from bench.capacity_units import indexes, item_size, write_units
from chalicelib import aws
from tests.events.hooks import Hooks, announce, changed, hook
from tests.stage import stream_records

TABLE = indexes(costs.resources()["Table"]["Properties"])


def writes() -> list[int]:
    """The units of each change of the table so far, those of its indexes included."""
    found = []
    for record in stream_records([{}]):
        before, after = record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage")
        units = write_units(item_size(before or {}), item_size(after or {}))
        found.append(units + sum(more for index in TABLE for _, more in index.writes(before or None, after or None)))
    return found


class Reads:
    """Counts the units of reads. Every item and page here is smaller than 4 KB."""

    def __init__(self) -> None:
        self.units = 0.0

    def __call__(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        match model.name:
            case "GetItem" | "Query":
                self.units += 1 if params.get("ConsistentRead") else 0.5
            case "BatchGetItem":
                for wanted in params["RequestItems"].values():
                    self.units += len(wanted["Keys"]) * (1 if wanted.get("ConsistentRead") else 0.5)


@pytest.fixture
def reads(world: Hooks) -> Iterator[Reads]:
    counted, events = Reads(), aws.dynamodb().meta.events
    events.register("before-parameter-build.dynamodb", counted)
    yield counted
    events.unregister("before-parameter-build.dynamodb", counted)


def test_one_event_for_one_webhook(world: Hooks, reads: Reads) -> None:
    hook("https://a.example/")
    announce(changed())
    world.drain()
    file, before = changed(), len(writes())  # the first event of a webhook makes its state, too
    reads.units = 0
    announce(file)
    assert reads.units == costs.ANNOUNCE_READS
    world.drain()
    assert [each.status for each in world.came] == [200, 200]
    assert sum(writes()[before:]) == costs.DELIVERY_WRITES
    assert reads.units - costs.ANNOUNCE_READS == costs.DELIVERY_READS


def test_a_tenant_without_webhooks_costs_one_read(world: Hooks, reads: Reads) -> None:
    file, before = changed(), len(writes())
    reads.units = 0
    announce(file)
    assert reads.units == costs.ANNOUNCE_READS
    assert len(writes()) == before
