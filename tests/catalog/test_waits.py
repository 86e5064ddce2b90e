"""How many requests may wait at once: exact over all instances, and free again after a function died."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import waits
from chalicelib.settings import settings
from tests.stage import Calls, aws_client


@pytest.fixture(autouse=True)
def bounds(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may hold two requests, and all together five."""
    monkeypatch.setenv("FILEMILL_WAITS", "5")
    monkeypatch.setenv("FILEMILL_WAITS_PER_CREDENTIAL", "2")
    settings.cache_clear()


def wait_items() -> list[dict[str, Any]]:
    found = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    return [item for item in found if item["sk"]["S"] == "WAIT"]


def slots() -> dict[str, int]:
    """How many slots each owner has taken."""
    return {item["pk"]["S"]: sum(name[1:].isdigit() for name in item) for item in wait_items()}


def test_a_credential_holds_so_many_and_all_together_so_many_more() -> None:
    with ExitStack() as open_waits:
        held = [open_waits.enter_context(waits.held(owner, 20)) for owner in "aaabbbccc"]
        assert held == [True, True, False, True, True, False, True, False, False]
        assert slots() == {"WAIT#a": 2, "WAIT#b": 2, "WAIT#c": 2, "WAIT#/": 5}
    assert set(slots().values()) == {0}, "they are free again"
    with waits.held("a", 20) as again:
        assert again


def test_the_bound_is_exact_when_many_begin_at_once() -> None:
    with ThreadPoolExecutor(20) as pool:
        entered = list(pool.map(lambda _: _enter("a"), range(20)))
    assert sum(may for _, may in entered) == 2
    for held, _ in entered:
        held.__exit__(None, None, None)
    assert set(slots().values()) == {0}


def _enter(owner: str) -> tuple[Any, bool]:
    held = waits.held(owner, 20)
    return held, held.__enter__()


def test_the_slots_of_a_function_that_died_become_free_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    died = [_enter("a"), _enter("a")]
    assert [may for _, may in died] == [True, True]
    later = time.time() + 20 + waits.SLACK
    monkeypatch.setattr("chalicelib.catalog.waits.time.time", lambda: later - 1)
    with waits.held("a", 20) as may:
        assert not may
    monkeypatch.setattr("chalicelib.catalog.waits.time.time", lambda: later + 1)
    with waits.held("a", 20) as may:
        assert may
        for held, _ in died:  # one of them was not dead but slow: it must not free what is another's now
            held.__exit__(None, None, None)
        assert slots()["WAIT#a"] == 1


def test_a_wait_costs_four_writes_and_one_that_is_refused_one(stage: Calls) -> None:
    stage.clear()
    with waits.held("a", 20), waits.held("a", 20):
        assert stage.count("dynamodb.UpdateItem") <= 8, "a slot that somebody has is tried once, and then no more"
        stage.clear()
        with waits.held("a", 20) as may:
            assert not may
        assert stage.names == ["dynamodb.UpdateItem"]
        stage.clear()
    assert stage.names == ["dynamodb.UpdateItem"] * 4


def test_an_item_of_waits_is_removed_by_the_table() -> None:
    with waits.held("a", 20):
        ends = [int(item["ttl"]["N"]) for item in wait_items()]
    assert len(ends) == 2
    assert all(time.time() + 1800 < end < time.time() + 86_400 for end in ends)


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_nobody_waits_while_dynamodb_is_too_busy_to_count(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, "UpdateItem")

    with monkeypatch.context() as patch:
        patch.setattr(aws.dynamodb(), "update_item", busy)
        with waits.held("a", 20) as may:
            assert not may
    held, may = _enter("a")
    assert may
    monkeypatch.setattr(aws.dynamodb(), "update_item", busy)
    held.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("all_", "cap", "each", "expected"), [(5, 250, 2, 2), (5, 2, 20, 1), (5, 1, 20, 1), (0, 9, 9, 0)]
)
def test_one_credential_never_gets_more_than_half(
    all_: int, cap: int, each: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_WAITS", str(all_))
    monkeypatch.setenv("FILEMILL_WAITS_CAP", str(cap))
    monkeypatch.setenv("FILEMILL_WAITS_PER_CREDENTIAL", str(each))
    settings.cache_clear()
    assert settings().waits_each == expected
    with waits.held("a", 20) as may:
        assert may is (expected > 0)


def test_the_largest_item_of_waits_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write of up to 4 KB is four units."""
    from bench.capacity_units import item_size
    from chalicelib.settings import MAX_WAITS

    item = {f"s{n}": {"N": str(int(time.time() * 1_000_000))} for n in range(MAX_WAITS)}
    key = {"pk": {"S": "WAIT#" + "x" * 100}, "sk": {"S": "WAIT"}, "ttl": {"N": "1790000000"}}
    assert item_size(item | key) < 4096
