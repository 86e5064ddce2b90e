"""Batches that DynamoDB leaves partly undone, values on their way to items and back, and where writes are made."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import dynamodb
from chalicelib.catalog.dynamodb import BATCH_GET, BATCH_RETRIES, BATCH_WRITE, attributes, batch_get, batch_write, read
from chalicelib.catalog.keys import Key
from tests.strict.watching import Checked

Left = Callable[[int, list[Any]], list[Any]]


class Busy:
    """DynamoDB that leaves out of its n-th call what `left` says."""

    def __init__(self, left: Left) -> None:
        self.left = left
        self.calls: list[int] = []
        self.done: list[str] = []

    def _call(self, requests: list[Any], name: Callable[[Any], str]) -> list[Any]:
        left = self.left(len(self.calls), requests)
        self.calls.append(len(requests))
        self.done += [name(request) for request in requests if request not in left]
        return left

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        ((table, request),) = RequestItems.items()
        before = len(self.done)
        left = self._call(request["Keys"], lambda key: str(key["pk"]["S"]))
        found = [{"pk": {"S": pk}} for pk in self.done[before:]]
        return {"Responses": {table: found}, "UnprocessedKeys": {table: {"Keys": left}} if left else {}}

    def batch_write_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        ((table, requests),) = RequestItems.items()
        left = self._call(requests, lambda request: str(next(iter(request.values())).get("Item", {}).get("pk")))
        return {"UnprocessedItems": {table: left} if left else {}}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    return slept


def busy(monkeypatch: pytest.MonkeyPatch, left: Left) -> Busy:
    table = Busy(left)
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    return table


def keys(count: int) -> list[Key]:
    return [{"pk": f"{number:04d}", "sk": "s"} for number in range(count)]


def test_a_hundred_keys_are_one_read_and_a_hundred_and_one_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for count, calls in ((0, []), (1, [1]), (BATCH_GET, [BATCH_GET]), (BATCH_GET + 1, [BATCH_GET, 1])):
        table = busy(monkeypatch, lambda call, requests: [])
        assert len(batch_get(keys(count))) == count
        assert table.calls == calls


def test_keys_that_are_left_out_are_asked_for_again_before_the_rest(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    table = busy(monkeypatch, lambda call, requests: requests[-20:] if call == 0 else [])
    found = batch_get(keys(BATCH_GET + 50))
    assert sorted(item["pk"] for item in found) == [key["pk"] for key in keys(BATCH_GET + 50)]
    assert table.calls == [100, 70]
    assert len(pauses) == 1


def test_a_read_without_progress_fails_as_throttled(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    table = busy(monkeypatch, lambda call, requests: requests)
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        batch_get(keys(2))
    assert table.calls == [2] * (1 + BATCH_RETRIES)
    assert pauses == sorted(pauses)
    assert max(pauses) == 0.5
    table = busy(monkeypatch, lambda call, requests: requests if call < BATCH_RETRIES else [])
    assert len(batch_get(keys(2))) == 2, "the last try counts"


def test_each_hundred_has_its_own_tries(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    """A long read is not given up because of what it had to wait for earlier."""
    table = busy(monkeypatch, lambda call, requests: requests if call % BATCH_RETRIES else [])
    assert len(batch_get(keys(3 * BATCH_GET))) == 3 * BATCH_GET
    assert len(table.calls) == 2 * BATCH_RETRIES + 1


def test_writes_go_in_slices_of_25(monkeypatch: pytest.MonkeyPatch) -> None:
    for count, calls in ((0, []), (BATCH_WRITE, [25]), (BATCH_WRITE + 1, [1, 25]), (60, [10, 25, 25])):
        table = busy(monkeypatch, lambda call, requests: [])
        batch_write(keys(count))
        assert sorted(table.calls) == calls


def test_a_write_sends_again_what_was_left_out_and_no_more(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    table = busy(monkeypatch, lambda call, requests: requests[1:] if call < 2 else [])
    batch_write(keys(3), [{"pk": "gone", "sk": "s"}])
    assert table.calls == [4, 3, 2]
    assert len(table.done) == 4
    assert len(pauses) == 2


def test_a_write_without_progress_fails_as_throttled(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    table = busy(monkeypatch, lambda call, requests: requests)
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        batch_write(keys(1))
    assert table.calls == [1] * (1 + BATCH_RETRIES)
    table = busy(monkeypatch, lambda call, requests: requests if call < BATCH_RETRIES else [])
    batch_write(keys(1))
    assert len(table.done) == 1, "the last try counts"


def test_a_slice_that_fails_fails_the_write(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    table = busy(monkeypatch, lambda call, requests: requests if len(requests) < BATCH_WRITE else [])
    with pytest.raises(ClientError):
        batch_write(keys(BATCH_WRITE + 1))
    assert len(table.done) == BATCH_WRITE


def test_the_clients_own_document_comes_back_as_it_was_sent() -> None:
    metadata = {"float": 0.1, "large": 10**40, "none": None, "list": [1.0, "é"]}
    assert read(attributes({"metadata": metadata, "nothing": None})) == {"metadata": metadata}


def test_numbers_come_back_as_what_they_were() -> None:
    values = {"whole": 3, "half": 0.5, "inner": {"list": [1, 2.5, {"deep": 7}]}}
    found = read(attributes(values))
    assert found == values
    assert [type(found["whole"]), type(found["half"]), type(found["inner"]["list"][2]["deep"])] == [int, float, int]


def test_conditional_writes_are_made_in_one_place() -> None:
    """There a conflict is tried again, and a write that botocore sends again knows its own first try."""
    calls = re.compile(r"\.(put_item|update_item|delete_item|transact_write_items)\(")
    root = Path(dynamodb.__file__).parents[1]
    found = {
        (str(module.relative_to(root)), call)
        for module in root.rglob("*.py")
        for call in calls.findall(module.read_text(encoding="utf-8"))
    }
    assert found == {
        ("catalog/dynamodb.py", "put_item"),
        ("catalog/dynamodb.py", "transact_write_items"),
        ("catalog/dynamodb.py", "update_item"),
        # Deletes without a condition. A ticket whose delete is sent twice by botocore counts as used: its owner gets
        # another one.
        ("catalog/credentials.py", "delete_item"),
        # A link whose delete is sent twice counts as gone before: the client hears the same.
        ("catalog/shares.py", "delete_item"),
        ("catalog/sockets.py", "delete_item"),
        # Changes of sets, and positions that only rise: sent twice they do the same.
        ("catalog/sockets.py", "update_item"),
        ("catalog/subscriptions.py", "update_item"),
        # These have retries of their own, and read again what they wrote; so has markers.py.
        ("catalog/index/positions.py", "update_item"),
        ("catalog/index/positions.py", "transact_write_items"),
        ("catalog/index/turns.py", "put_item"),
    }
