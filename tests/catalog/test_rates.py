"""Requests a minute: nobody passes a quota, few requests write, and no item gets too many writes."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from bench.capacity_units import PARTITION_WRITE_UNITS
from chalicelib.catalog import rates, usage
from chalicelib.catalog.keys import Key, usage_partition
from chalicelib.catalog.rates import MINUTE, PARTS, Rates, shards_of
from tests.stage import Calls

INSTANCES = 200
NOON = 29_000_000 * MINUTE


class Counters:
    """The shards' items, as DynamoDB would keep them for processes that write at the same time."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, key: Key, wanted: int, share: int, minute: int) -> tuple[int, int]:
        with self._lock:
            self.writes[key["pk"]] += 1
            got = max(0, min(wanted, share - self.taken[key["pk"]]))
            self.taken[key["pk"]] += got
            return got, self.taken[key["pk"]]


def served(counters: Counters, limit: int, requests: int, instances: int = INSTANCES) -> int:
    """How many of so many requests in one minute are served, by instances that work at the same time."""
    fleet = [Rates(counters.take) for _ in range(instances)]
    locks = [threading.Lock() for _ in fleet]
    dice = random.Random(7)
    turns = [dice.randrange(instances) for _ in range(requests)]

    def send(turn: int) -> bool:
        with locks[turn]:  # an instance serves one request at a time
            return fleet[turn].request("acme", limit, NOON).allowed

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(send, turns, chunksize=200))


@pytest.mark.parametrize("limit", [0, 1, 100, 6_000, 60_000])
def test_200_instances_serve_no_more_than_the_quota_and_leave_little_of_it(limit: int) -> None:
    counters = Counters()
    done = served(counters, limit, 2 * limit + 1000)
    unused = INSTANCES * max(0, limit / PARTS - 1)
    assert limit - unused <= done <= limit
    # In use, it is far less than the bound: an instance that goes on uses up what it has taken.
    assert done >= 0.95 * limit


def test_few_requests_write_and_no_item_is_hot() -> None:
    counters, limit = Counters(), 60_000
    done = served(counters, limit, limit)
    assert sum(counters.writes.values()) < done / 4
    busiest = max(counters.writes.values())
    assert busiest / MINUTE < PARTITION_WRITE_UNITS / 10
    # At the worst moment every instance takes its first block in the same second.
    assert INSTANCES / shards_of(limit) < PARTITION_WRITE_UNITS / 10


def test_an_instance_alone_writes_once_for_many_requests() -> None:
    counters, one = Counters(), None
    one = Rates(counters.take)
    assert all(one.request("acme", 60_000, NOON).allowed for _ in range(5_000))
    assert counters.writes.total() < 80


def test_a_used_up_minute_costs_nothing_until_the_next_one() -> None:
    counters = Counters()
    one = Rates(counters.take)
    assert [one.request("acme", 2, NOON).allowed for _ in range(3)] == [True, True, False]
    before = counters.writes.total()
    last = [one.request("acme", 2, NOON + 10) for _ in range(100)]
    assert not any(rate.allowed for rate in last)
    assert counters.writes.total() == before
    assert (last[0].remaining, last[0].resets_in) == (0, 50)
    assert one.request("acme", 2, NOON + MINUTE).allowed


def test_the_table_keeps_to_the_quota_and_gives_what_is_left(stage: Calls) -> None:
    ones = [Rates() for _ in range(8)]

    def send(number: int) -> bool:
        return ones[number % 8].request("acme", 20, NOON).allowed

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(8))) == 8
    assert sum(send(number) for number in range(40)) == 12
    assert set(stage.names) == {"dynamodb.UpdateItem"}


def test_a_table_that_does_not_answer_stops_nobody(stage: Calls) -> None:
    def busy(*_: object) -> tuple[int, int]:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")

    assert Rates(busy).request("acme", 1, NOON).allowed


def test_served_requests_reach_the_days_usage(stage: Calls) -> None:
    one = Rates(Counters().take)
    for seconds in (0, 1, rates.TOLD_EVERY):
        one.request("acme", 100, NOON + seconds)
    stage.clear()
    one.request("acme", 100, NOON + 86_400)  # the next day
    assert stage.names == ["dynamodb.UpdateItem"]
    from chalicelib.catalog.dynamodb import items_of

    (item,) = items_of(usage_partition("acme"))
    assert (item["requests"], item["ttl"]) == (3, usage.forget_at(item["sk"]))
