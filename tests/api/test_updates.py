"""Changes of one record that overtake each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.api import ownership
from chalicelib.catalog import edits, files
from tests.client import Client, patch
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
