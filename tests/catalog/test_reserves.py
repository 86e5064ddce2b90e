"""Quotas of files and bytes: files that are created at the same time never pass one together."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chalicelib.catalog.index.counts import Count, Stats
from chalicelib.catalog.quotas import ExceededError
from chalicelib.catalog.reserves import WINDOW, Reserves
from chalicelib.catalog.usage import Day, day_of, end_of_day
from chalicelib.model import now
from tests.faults.clock import Clock
from tests.stage import Calls

INSTANCES = 200
GB = 1000**3


class Index:
    """The index's counts, which know a file only `behind` seconds after it was created."""

    def __init__(self, clock: Clock, behind: float = 2) -> None:
        self.clock = clock
        self.behind = timedelta(seconds=behind)
        self.made: list[tuple[object, int]] = []

    def create(self, size: int) -> None:
        self.made.append((now(), size))

    def read(self, _: str) -> Stats:
        known = [size for moment, size in self.made if moment <= now() - self.behind]  # type: ignore[operator]
        today = day_of(now())
        day = Day(today, {"uploaded_bytes": sum(known)})
        return Stats({"ready": Count(len(known), sum(known))}, {}, {today: day})


def created(fleet: list[Reserves], index: Index, limits: dict[str, int], turns: list[int], size: int) -> int:
    """How many files of `size` bytes are created, one by each of these turns, all at the same time."""

    def create(turn: int) -> bool:
        try:
            assert fleet[turn].reserve("acme", limits, size) == size
        except ExceededError:
            return False
        index.create(size)
        return True

    with ThreadPoolExecutor(32 if len(turns) == len(fleet) else 1) as pool:  # a process handles one request at a time
        return sum(pool.map(create, turns))


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ({"files": 100}, 1000),
        ({"stored_bytes": 100 * GB + 5}, GB),
        ({"uploaded_bytes_per_day": 100 * GB}, GB),
        ({"files": 500, "stored_bytes": 10**15, "uploaded_bytes_per_day": 100 * GB + 1}, GB),
    ],
)
def test_200_creates_at_the_same_time_do_not_pass_a_quota_of_100(
    stage: Calls, clock: Clock, limits: dict[str, int], size: int
) -> None:
    index = Index(clock)
    fleet = [Reserves(index.read) for _ in range(INSTANCES)]
    assert created(fleet, index, limits, list(range(INSTANCES)), size) == 100


def test_creates_over_a_long_time_end_at_the_quota_and_not_before(stage: Calls, clock: Clock) -> None:
    index, done = Index(clock), 0
    fleet = [Reserves(index.read) for _ in range(5)]
    for _ in range(30):
        done += created(fleet, index, {"files": 100}, [random.Random(done).randrange(5) for _ in range(4)], 1)
        clock.forward(timedelta(seconds=WINDOW / 3))
    assert done == 100


def test_deleted_files_make_room_within_seconds(stage: Calls, clock: Clock) -> None:
    index = Index(clock)
    one = Reserves(index.read)
    assert created([one], index, {"files": 3}, [0] * 5, 1) == 3
    clock.forward(timedelta(seconds=WINDOW * 2))
    del index.made[:2]
    assert created([one], index, {"files": 3}, [0] * 5, 1) == 2


@pytest.mark.parametrize("behind", [0, 10, WINDOW - 1, 2 * WINDOW, 4 * WINDOW])
def test_the_overshoot_is_what_an_index_lacks_that_is_behind(stage: Calls, clock: Clock, behind: int) -> None:
    index = Index(clock, behind)
    one, done, each = Reserves(index.read), 0, 5
    for _ in range(40):
        done += created([one], index, {"files": 10}, [0], 1)
        clock.forward(timedelta(seconds=each))
    bound = max(0, behind - WINDOW) / each
    assert 10 <= done <= 10 + bound


def test_a_new_day_begins_with_the_whole_quota(stage: Calls, clock: Clock) -> None:
    index = Index(clock, behind=0)
    one, limits = Reserves(index.read), {"uploaded_bytes_per_day": 10}
    assert created([one], index, limits, [0, 0, 0], 5) == 2
    with pytest.raises(ExceededError) as exceeded:
        one.reserve("acme", limits, 5)
    assert (exceeded.value.used, exceeded.value.resets_at) == (10, end_of_day(now()))
    clock.forward(end_of_day(now()) - now() + timedelta(seconds=2 * WINDOW))
    index.made.clear()
    assert created([one], index, limits, [0, 0, 0], 5) == 2


def test_a_busy_process_writes_once_for_many_files(stage: Calls, clock: Clock) -> None:
    index = Index(clock)
    one = Reserves(index.read)
    assert created([one], index, {"files": 10_000}, [0] * 500, 1) == 500
    assert stage.count("dynamodb.") < 40


def test_a_file_of_unknown_size_may_have_what_is_left(stage: Calls, clock: Clock) -> None:
    index = Index(clock)
    one = Reserves(index.read)
    limits = {"stored_bytes": 1000, "uploaded_bytes_per_day": 600}
    assert one.reserve("acme", limits, 100) == 100
    assert one.reserve("acme", limits, None) == 500
    assert one.reserve("acme", limits, 499) == 499
    with pytest.raises(ExceededError):
        one.reserve("acme", limits, None)


def test_no_quota_costs_nothing(stage: Calls) -> None:
    assert Reserves().reserve("acme", {"requests_per_minute": 1}, 10**15) > 10**15
    assert stage.names == []
