"""The way of a change from the table's stream to the bus."""

from __future__ import annotations

from tests.client import Client
from tests.making import ready_photo
from tests.stage import Calls


def test_each_change_of_a_file_is_an_event_on_the_bus(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client)
    client("PATCH", f"/v1/files/{file_id}", {"tags": ["seen"]})
    client("DELETE", f"/v1/files/{file_id}")
    stage.settle()
    stage.published()
    told = [(event["id"], event["type"].rpartition(".")[2], event["data"]["actor"]["type"]) for event in stage.bus]
    words = [("created", "key"), ("processing", "system"), ("ready", "system"), ("updated", "key"), ("deleted", "key")]
    assert told == [(f"evt_{file_id}_{number}", *word) for number, word in enumerate(words, 1)]
