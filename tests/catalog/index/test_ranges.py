"""Lists of the table, a chunk at a time, at the edges of their bounds."""

from __future__ import annotations

import pytest

from chalicelib.catalog.index.ranges import Budget, BudgetSpentError, Walk, before, end, past
from chalicelib.catalog.keys import LAST
from tests.catalog.fake import FakeDynamoDB

KEYS = [f"k{number}" for number in range(5)]


@pytest.fixture
def listed(table: FakeDynamoDB) -> FakeDynamoDB:
    for key in KEYS:
        table.put({"pk": {"S": "P"}, "sk": {"S": key}})
    table.measure()
    return table


def walk(*, forward: bool = True, chunk: int = 2, queries: int = 99, low: str = "", high: str = LAST) -> Walk:
    return Walk("P", forward, chunk, Budget(queries), low, high)


def rest(of: Walk) -> list[str]:
    found = []
    while (item := of.peek()) is not None:
        found.append(of.key(item))
        of.step()
    return found


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 6])
def test_every_key_comes_once_in_either_direction_whatever_the_chunk(listed: FakeDynamoDB, chunk: int) -> None:
    assert rest(walk(chunk=chunk)) == KEYS
    assert rest(walk(chunk=chunk, forward=False)) == KEYS[::-1]


def test_both_bounds_are_included(listed: FakeDynamoDB) -> None:
    for forward, found in ((True, ["k1", "k2", "k3"]), (False, ["k3", "k2", "k1"])):
        assert rest(walk(forward=forward, low="k1", high="k3")) == found
        assert rest(walk(forward=forward, low="k2", high="k2")) == ["k2"]
    listed.measure()
    assert rest(walk(low="k3", high="k2")) == []
    assert not listed.calls, "an empty range is not asked for"


def test_nothing_is_read_before_it_is_asked_for_nor_beyond_the_chunk(listed: FakeDynamoDB) -> None:
    one = walk(chunk=2)
    assert listed.calls["Query"] == 0
    one.peek()
    one.step()
    one.peek()
    assert listed.calls["Query"] == 1
    one.step()
    one.peek()
    assert listed.calls["Query"] == 2
    assert [item["sk"]["S"] for item in walk(chunk=3).first()] == KEYS[:3]


def test_the_place_is_before_what_comes_next_and_after_what_was_passed(listed: FakeDynamoDB) -> None:
    for forward, keys, start, after_all in ((True, KEYS, "", LAST), (False, KEYS[::-1], LAST, "")):
        one = walk(forward=forward)
        assert one.place == start
        for number, key in enumerate(keys):
            assert one.peek()
            assert one.place == key
            one.step()
            if number < len(keys) - 1:
                assert not before(keys[number + 1], one.place, forward=forward)
                assert before(key, one.place, forward=forward)
        assert one.peek() is None
        assert one.place == after_all == end(forward=forward)


def test_seeking_goes_to_the_key_or_the_first_after_it_and_never_back(listed: FakeDynamoDB) -> None:
    def sought(forward: bool, key: str) -> str | None:
        one = walk(forward=forward, chunk=2)
        item = one.seek(key)
        return one.key(item) if item else None

    assert [sought(True, key) for key in ("", "k0", "k1", "k1!", "k4", "k4!", LAST)] == [
        *("k0", "k0", "k1", "k2", "k4"),
        None,
        None,
    ]
    assert [sought(False, key) for key in (LAST, "k4", "k3", "k2~", "k0", "")] == ["k4", "k4", "k3", "k2", "k0", None]
    one = walk(chunk=5)
    assert [one.key(item) for key in ("k3", "k1") if (item := one.seek(key))] == ["k3", "k3"]


def test_seeking_within_what_was_read_costs_no_query(listed: FakeDynamoDB) -> None:
    one = walk(chunk=3)
    one.seek("k1")
    one.seek("k2")
    assert listed.calls["Query"] == 1
    one.seek("k4")
    assert listed.calls["Query"] == 2, "and beyond it one, however far it is"


def test_a_budget_is_spent_to_its_last_query_and_leaves_the_place(listed: FakeDynamoDB) -> None:
    one = walk(chunk=2, queries=2)
    found = []
    with pytest.raises(BudgetSpentError):
        while (item := one.peek()) is not None:
            found.append(one.key(item))
            one.step()
    assert found == KEYS[:4]
    assert listed.calls["Query"] == 2
    assert before("k3", one.place, forward=True)
    assert not before("k4", one.place, forward=True)
    with pytest.raises(BudgetSpentError):
        one.peek()
    with pytest.raises(BudgetSpentError):
        Budget(0).spend()


@pytest.mark.parametrize("forward", [True, False])
def test_a_key_comes_before_another_by_its_bytes_and_never_before_itself(forward: bool) -> None:
    # By its code units (UTF-16) the first would come after the second.
    small, large = "\uffee", "\U0001f408"
    assert before(small, large, forward=True)
    assert before(large, small, forward=False)
    assert not before(small, small, forward=forward)


def test_past_a_key_is_after_it_and_before_the_next_one() -> None:
    one, next_ = "file_A", "file_B"
    assert before(one, past(one, forward=True), forward=True)
    assert before(past(one, forward=True), next_, forward=True)
    assert before(next_, past(next_, forward=False), forward=False)
    assert before(past(next_, forward=False), one, forward=False)
