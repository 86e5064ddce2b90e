"""A delivery costs as many units of DynamoDB as the page of costs says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bench.capacity_units import indexes, item_size, write_units
from chalicelib import aws
from chalicelib.catalog import webhooks
from chalicelib.catalog.webhook_deliveries import DeliveryState
from chalicelib.model import ChangeType
from ops.costs import idle
from tests.events.hooks import Hooks, announce, changed, delivery, hook
from tests.stage import Calls, stream_records

# `publish` asks which webhooks a tenant has, once a batch, also where there is none.
ANNOUNCE_READS = 1
TABLE = indexes(idle.resources()["Table"]["Properties"])


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
    world.drain()
    assert [each.status for each in world.came] == [200, 200]
    assert sum(writes()[before:]) == idle.delivery_writes()
    assert reads.units == ANNOUNCE_READS + idle.delivery_reads()


def test_a_tenant_without_webhooks_costs_one_read(world: Hooks, reads: Reads) -> None:
    file, before = changed(), len(writes())
    reads.units = 0
    announce(file)
    assert reads.units == ANNOUNCE_READS
    assert len(writes()) == before


def test_the_largest_batch_costs_some_hundred_calls(world: Hooks, stage: Calls) -> None:
    """A hundred files of a tenant end, and its hundred webhooks are disabled: ten thousand lines of their logs."""
    hooks = [hook(f"https://{number}.example/", enabled=False) for number in range(webhooks.MOST)]
    some = [changed(ChangeType.DELETED) for _ in range(100)]
    stage.clear()
    announce(*some)
    assert stage.count("dynamodb.BatchGetItem") == 100
    assert stage.count("dynamodb.BatchWriteItem") == 400
    assert stage.count("dynamodb.Query") == 1 + 100
    assert len(stage.names) == 601
    assert delivery(hooks[-1], some[-1]).state is DeliveryState.MISSED
    stage.clear()
    announce(*some)
    assert len(stage.names) == 201, "nothing is written again"
