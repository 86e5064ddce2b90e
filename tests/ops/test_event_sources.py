from __future__ import annotations

import json
from typing import Any

from ops import event_sources

DEPLOYED = [
    {"resource_type": "lambda_function", "name": "index"},
    {"resource_type": "sqs_event", "event_uuid": "queue"},
    {"resource_type": "dynamodb_event", "event_uuid": "stream"},
]


class Lambda:
    def __init__(self, **present: Any) -> None:
        self.present = present
        self.updates: list[dict[str, Any]] = []

    def get_event_source_mapping(self, **_: Any) -> dict[str, Any]:
        return self.present

    def update_event_source_mapping(self, **options: Any) -> None:
        self.updates.append(options)


def test_the_streams_mapping_gets_what_chalice_cannot_say_and_no_other_does() -> None:
    client = Lambda(BatchSize=100)
    assert event_sources.configure(client, DEPLOYED) is True
    (update,) = client.updates
    assert update["UUID"] == "stream"
    assert update["BisectBatchOnFunctionError"] is True
    (pattern,) = update["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"dynamodb": {"Keys": {"sk": {"S": ["FILE"]}}}}


def test_a_mapping_that_has_it_is_left_alone_and_a_stage_without_one_is_none() -> None:
    client = Lambda(BatchSize=100, **event_sources.INDEX)
    assert event_sources.configure(client, DEPLOYED) is False
    assert event_sources.configure(client, DEPLOYED[:2]) is False
    assert client.updates == []
