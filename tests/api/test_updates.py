"""Changes of one record that overtake each other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.api import ownership, updates
from chalicelib.catalog import edits, files
from tests.client import Client, delete, get, patch
from tests.making import ready_other


def overtaken(monkeypatch: pytest.MonkeyPatch, times: int, between: Callable[[], Any]) -> None:
    """Has `between` happen between the reading and the writing of the next changes."""
    find, left = ownership.find_own_file, [times]

    def read_then(call: Any, file_id: str) -> Any:
        file = find(call, file_id)
        if left[0]:
            left[0] -= 1
            between()
        return file

    monkeypatch.setattr("chalicelib.api.updates.find_own_file", read_then)


def changed_by_another(file_id: str) -> None:
    file = files.get("acme", file_id)
    assert file
    assert edits.change(file, {"metadata": {"n": file.revision}})


def test_without_if_match_a_change_that_was_overtaken_is_made_on_top(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready_other(client)

    def other() -> None:
        file = files.get("acme", file_id)
        assert file
        assert edits.change(file, {"metadata": {**file.metadata, "other": file.revision}})

    overtaken(monkeypatch, 2, other)
    answer = patch(client, file_id, {"metadata": {"mine": 1}})
    assert answer.status == 200
    assert answer.json["metadata"] == {"mine": 1, "other": 4}
    tag = answer.headers["ETag"]
    overtaken(monkeypatch, 1, other)
    assert patch(client, file_id, {"metadata": {"mine": 2}}, If_Match=tag).status == 412
    monkeypatch.setattr(updates, "PATIENCE", 0.2)
    overtaken(monkeypatch, 10**6, other)
    answer = patch(client, file_id, {"metadata": {"mine": 2}})
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (409, "file_changing", "1")


def test_a_change_that_is_overtaken_ten_times_is_made_all_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "PAUSE", 0.02)
    file_id = ready_other(client)
    overtaken(monkeypatch, 10, lambda: changed_by_another(file_id))
    assert patch(client, file_id, {"tags": ["mine"]}).status == 200
    assert get(client, file_id).json["tags"] == ["mine"]


def test_pauses_are_random_and_grow_and_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """API Gateway gives up after 29 seconds, and the call of the last try may hang."""
    clock, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        pauses.append(seconds)

    monkeypatch.setattr("chalicelib.api.updates.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("chalicelib.api.updates.time.sleep", sleep)
    count = sum(1 for _ in islice(updates.tries(), 1000))
    assert count == len(pauses) + 1
    assert 20 < count < 100
    assert len(set(pauses)) == len(pauses)
    assert max(pauses[:3]) < 0.1 < max(pauses) <= updates.PAUSE
    hangs: float = vars(aws)["_BOUNDS"]["read_timeout"]
    assert clock[0] <= updates.PATIENCE
    assert updates.PATIENCE + hangs < 29


def test_a_change_with_if_none_match_alone_is_tried_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not name the revision that the client saw, so there is nothing to lose."""
    file_id = ready_other(client)

    overtaken(monkeypatch, 1, lambda: changed_by_another(file_id))
    assert patch(client, file_id, {"tags": ["mine"]}, If_None_Match='"x"').status == 200


def test_a_file_that_is_deleted_between_two_tries_is_not_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_other(client)
    overtaken(monkeypatch, 1, lambda: delete(client, file_id))
    assert patch(client, file_id, {"tags": ["mine"]}).status == 404


def test_a_change_with_if_match_of_any_revision_is_not_tried_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready_other(client)

    overtaken(monkeypatch, 1, lambda: changed_by_another(file_id))
    assert patch(client, file_id, {"tags": ["mine"]}, If_Match="*").status == 412
    assert get(client, file_id).json["tags"] == []
