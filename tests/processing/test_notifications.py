from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.processing.notifications import Stored, stored_objects
from chalicelib.queues.worker import Message


def objects(body: Any) -> list[Stored]:
    text = body if isinstance(body, str) else json.dumps(body)
    return list(stored_objects(Message(message_id="m", receipt_handle="r", body=text, receives=1, sent_at=0)))


def record(event: str = "ObjectCreated:Put", **stored: Any) -> dict[str, Any]:
    return {"eventName": event, "s3": {"bucket": {"name": "originals"}, "object": {"key": "acme/a", **stored}}}


def test_a_message_names_object_versions_in_its_order() -> None:
    first = record(versionId="v1", sequencer="0A", size=3)
    second = record("ObjectCreated:CompleteMultipartUpload", key="acme/b", versionId="v2", sequencer="0B", size=5)
    assert objects({"Records": [first, second]}) == [
        Stored("originals", "acme/a", "v1", "0A", 3),
        Stored("originals", "acme/b", "v2", "0B", 5),
    ]


def test_a_key_is_unquoted() -> None:
    assert objects({"Records": [record(key="acme/a+b%2Bc%C3%A9")]})[0].key == "acme/a b+cé"


def test_missing_details_are_empty() -> None:
    assert objects({"Records": [record()]}) == [Stored("originals", "acme/a", "", "", 0)]


@pytest.mark.parametrize("event", ["ObjectRemoved:Delete", "ObjectRestore:Completed", "LifecycleExpiration:Delete"])
def test_only_new_objects_are_of_interest(event: str) -> None:
    assert objects({"Records": [record(event)]}) == []


@pytest.mark.parametrize(
    "body", [{"Service": "Amazon S3", "Event": "s3:TestEvent"}, "not json", "[]", {"Records": "x"}, "null", ""]
)
def test_a_message_that_is_no_storage_event_names_nothing(body: Any) -> None:
    assert objects(body) == []
