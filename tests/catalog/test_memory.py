"""The memory of keys, tokens and tenants: how long an entry is used, and what is never remembered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.catalog import memory


class Table:
    """Something to look up, which counts how often it is read."""

    def __init__(self, **entries: Any) -> None:
        self.entries = entries
        self.reads: list[str] = []

    def __call__(self, name: str) -> Any:
        self.reads.append(name)
        return self.entries.get(name)


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    memory.forget()
    yield
    memory.forget()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its one value is the moment, in seconds."""
    moment = [100.0]
    monkeypatch.setattr("chalicelib.catalog.memory.time.monotonic", lambda: moment[0])
    return moment


def test_an_entry_is_read_again_after_thirty_seconds_and_not_before(clock: list[float]) -> None:
    table = Table(a=1)
    assert memory.look_up(table, "a") == 1
    table.entries["a"] = 2
    clock[0] += 29.9
    assert memory.look_up(table, "a") == 1
    clock[0] += 0.1
    assert memory.look_up(table, "a") == 2
    assert table.reads == ["a", "a"]


def test_a_look_from_memory_does_not_make_it_last_longer(clock: list[float]) -> None:
    table = Table(a=1)
    for _ in range(4):
        memory.look_up(table, "a")
        clock[0] += 10
    assert table.reads == ["a", "a"]


def test_an_entry_that_is_gone_when_it_is_read_again_stays_gone(clock: list[float]) -> None:
    table = Table(a=1)
    memory.look_up(table, "a")
    del table.entries["a"]
    clock[0] += 30
    assert memory.look_up(table, "a") is None
    assert memory.look_up(table, "a") is None
    assert table.reads == ["a"] * 3


def test_a_missing_entry_is_not_remembered(clock: list[float]) -> None:
    table = Table()
    assert memory.look_up(table, "a") is None
    table.entries["a"] = 1
    assert memory.look_up(table, "a") == 1
    assert table.reads == ["a", "a"]


def test_entries_of_one_name_in_two_tables_are_kept_apart(clock: list[float]) -> None:
    keys, tenants = Table(a="a key"), Table(a="a tenant")
    for _ in range(2):
        assert (memory.look_up(keys, "a"), memory.look_up(tenants, "a")) == ("a key", "a tenant")
    assert (keys.reads, tenants.reads) == (["a"], ["a"])


def test_the_memory_is_bounded(clock: list[float]) -> None:
    names = [f"k{number}" for number in range(memory.REMEMBER_KEYS + 1)]
    table = Table(**dict.fromkeys(names, 1))
    for name in names[:-1]:
        memory.look_up(table, name)
    memory.look_up(table, names[0])
    assert len(table.reads) == memory.REMEMBER_KEYS, "as many as that are remembered"
    memory.look_up(table, names[-1])  # one more: all others are forgotten
    memory.look_up(table, names[-1])
    memory.look_up(table, names[0])
    assert table.reads[-2:] == [names[-1], names[0]]


def test_reading_an_entry_again_makes_no_other_be_forgotten(clock: list[float]) -> None:
    names = [f"k{number}" for number in range(memory.REMEMBER_KEYS)]
    table = Table(**dict.fromkeys(names, 1))
    memory.look_up(table, names[0])
    clock[0] += 15
    for name in names[1:]:
        memory.look_up(table, name)
    clock[0] += 15
    memory.look_up(table, names[0])
    memory.look_up(table, names[1])
    assert table.reads[-1] == names[0]
    assert len(table.reads) == memory.REMEMBER_KEYS + 1
