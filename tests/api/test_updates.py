"""Changes of one record that overtake each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.api import ownership, updates
from chalicelib.catalog import edits, files
from tests.client import Client, delete, get, patch
from tests.making import ready_table


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
    file_id = ready_table(client)

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
    overtaken(monkeypatch, 99, other)
    answer = patch(client, file_id, {"metadata": {"mine": 2}})
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "1")


@pytest.mark.parametrize(("times", "status"), [(updates.TRIES - 1, 200), (updates.TRIES, 503)])
def test_a_change_is_tried_five_times(client: Client, monkeypatch: pytest.MonkeyPatch, times: int, status: int) -> None:
    file_id = ready_table(client)

    overtaken(monkeypatch, times, lambda: changed_by_another(file_id))
    assert patch(client, file_id, {"tags": ["mine"]}).status == status
    assert get(client, file_id).json["tags"] == (["mine"] if status == 200 else [])


def test_a_change_with_if_none_match_alone_is_tried_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not name the revision that the client saw, so there is nothing to lose."""
    file_id = ready_table(client)

    overtaken(monkeypatch, 1, lambda: changed_by_another(file_id))
    assert patch(client, file_id, {"tags": ["mine"]}, If_None_Match='"x"').status == 200


def test_a_file_that_is_deleted_between_two_tries_is_not_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_table(client)
    overtaken(monkeypatch, 1, lambda: delete(client, file_id))
    assert patch(client, file_id, {"tags": ["mine"]}).status == 404


def test_a_change_with_if_match_of_any_revision_is_not_tried_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready_table(client)

    overtaken(monkeypatch, 1, lambda: changed_by_another(file_id))
    assert patch(client, file_id, {"tags": ["mine"]}, If_Match="*").status == 412
    assert get(client, file_id).json["tags"] == []
