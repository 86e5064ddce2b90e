from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops import config
from ops.stack import event_sources
from tests.stage import ROOT

DEPLOYED = [
    {"resource_type": "lambda_function", "name": "index"},
    {"resource_type": "sqs_event", "event_uuid": "queue", "name": "process-sqs-event-source"},
    {"resource_type": "dynamodb_event", "event_uuid": "stream", "name": "index-dynamodb-event-source"},
]
PUBLISH = {"resource_type": "dynamodb_event", "event_uuid": "events", "name": "publish-dynamodb-event-source"}


class Lambda:
    def __init__(self, **present: Any) -> None:
        self.present = present
        self.updates: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.in_use = 0

    def get_event_source_mapping(self, **_: Any) -> dict[str, Any]:
        if not self.present:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetEventSourceMapping")
        return self.present

    def delete_event_source_mapping(self, UUID: str) -> None:  # noqa: N803 - boto3's name
        self.deleted.append(UUID)

    def update_event_source_mapping(self, **options: Any) -> None:
        if self.in_use:
            self.in_use -= 1
            raise ClientError({"Error": {"Code": "ResourceInUseException"}}, "UpdateEventSourceMapping")
        self.updates.append(options)


def test_the_streams_mapping_gets_what_chalice_cannot_say_and_no_other_does() -> None:
    client = Lambda(BatchSize=100)
    assert event_sources.configure(client, DEPLOYED) is True
    (update,) = client.updates
    assert update["UUID"] == "stream"
    assert update["BisectBatchOnFunctionError"] is True
    (pattern,) = update["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"dynamodb": {"Keys": {"sk": {"S": ["FILE"]}}}}


def test_the_two_readers_of_the_stream_get_different_records() -> None:
    client = Lambda(BatchSize=100)
    assert event_sources.configure(client, [*DEPLOYED, PUBLISH]) is True
    first, second = client.updates
    assert (first["UUID"], second["UUID"]) == ("stream", "events")
    assert second["BisectBatchOnFunctionError"] is True
    patterns = [json.loads(each["Pattern"]) for each in second["FilterCriteria"]["Filters"]]
    assert len(patterns) <= 5, "Lambda takes no more"
    assert any("FILE" in each["dynamodb"]["Keys"].get("sk", {}).get("S", []) for each in patterns)
    assert first["FilterCriteria"] != second["FilterCriteria"]
    present = Lambda(BatchSize=100, **event_sources.PUBLISH)
    assert event_sources.configure(present, [PUBLISH]) is False
    assert event_sources.configure(present, DEPLOYED[2:]) is True, "the index's mapping has the publisher's filter"


def test_each_function_that_reads_the_stream_has_options_of_its_own() -> None:
    """`wanted` tells mappings apart by their names in Chalice's record."""
    text = (ROOT / "app.py").read_text(encoding="utf-8")
    readers = re.findall(r"@app\.on_dynamodb_record\([^\n]*\ndef (\w+)", text)
    assert len(readers) == 2
    found = [event_sources.wanted({"name": f"{reader}-dynamodb-event-source"}) for reader in readers]
    assert found == [event_sources.INDEX, event_sources.PUBLISH]


def test_it_waits_for_a_mapping_that_lambda_still_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    client = Lambda(BatchSize=100)
    client.in_use = 2
    assert event_sources.configure(client, DEPLOYED) is True
    assert len(client.updates) == 1
    assert len(slept) == 2


def test_a_mapping_that_has_it_is_left_alone_and_a_stage_without_one_is_none() -> None:
    client = Lambda(BatchSize=100, **event_sources.INDEX)
    assert event_sources.configure(client, DEPLOYED) is False
    assert event_sources.configure(client, DEPLOYED[:2]) is False
    assert client.updates == []


def test_a_mapping_that_was_deleted_by_hand_is_left_to_chalice() -> None:
    assert event_sources.configure(Lambda(), DEPLOYED) is False


def test_the_mapping_of_a_former_stream_goes_so_that_chalice_makes_one_of_the_present(tmp_path: Path) -> None:
    record = tmp_path / ".chalice" / "deployed" / "test.json"
    record.parent.mkdir(parents=True)
    stream = {**DEPLOYED[2], "stream_arn": "arn:former"}
    record.write_text(json.dumps({"resources": [*DEPLOYED[:2], stream], "schema_version": "2.0"}))
    client = Lambda(UUID="stream")
    assert event_sources.drop_former(client, tmp_path, "test", "arn:former") is False
    assert event_sources.drop_former(client, tmp_path, "test", "arn:present") is True
    assert client.deleted == ["stream"]
    assert config.deployed_resources(tmp_path, "test") == DEPLOYED[:2]
    assert json.loads(record.read_text())["schema_version"] == "2.0"
    assert event_sources.drop_former(client, tmp_path, "test", "arn:present") is False
