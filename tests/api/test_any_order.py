"""A file that is changed, deleted, restored and processed in any order, while calls crash."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from chalicelib.catalog import deletion, edits
from chalicelib.delivery import invalidation
from chalicelib.processing import pipeline
from chalicelib.queues import ingest
from chalicelib.queues.worker import Later
from chalicelib.storage import derived as derived_objects
from tests import images
from tests.client import Client, delete, get, patch, post
from tests.making import deliver, derived, item, rendition_keys, sqs_event, take_messages, upload
from tests.stage import lambda_context


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_a_record_leads_to_its_renditions_and_nothing_else_is_left(
    client: Client, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    body = images.jpeg(200, 150)
    file_id = upload(client, body, recipe="avatar")
    deliver(file_id)
    places = [
        (derived_objects, "copy"),
        (derived_objects, "delete_below"),
        (derived_objects, "put"),
        (invalidation, "invalidate"),
        (deletion, "cleared"),
        (edits, "change"),
        (ingest, "send"),
    ]

    def crash(*_: Any, **__: Any) -> Any:
        raise ConnectionError("crash")

    def work() -> None:
        bodies = take_messages()
        for body in bodies + bodies[: chance.randrange(2)]:  # sometimes delivered twice
            with suppress(ConnectionError, Later):
                pipeline.handle(sqs_event(body, receives=chance.choice([1, 5])), lambda_context())

    steps: list[Callable[[], Any]] = [
        lambda: patch(client, file_id, {"visibility": chance.choice(["public", "private"])}),
        lambda: patch(client, file_id, {"focus": {"x": chance.random(), "y": 0}}),
        lambda: post(client, file_id, "reprocess", {"recipe": chance.choice(["avatar", "photo", "original-only"])}),
        lambda: post(client, file_id, "reprocess", {"force": True}),
        lambda: delete(client, file_id),
        lambda: post(client, file_id, "restore"),
        work,
        work,
    ]
    revision, shown, ended = 0, set[str](), set[str]()
    for _ in range(25):
        with monkeypatch.context() as context:
            if chance.random() < 0.4:
                context.setattr(*chance.choice(places), crash)
            chance.choice(steps)()
        record = get(client, file_id)
        if record.status == 200:
            assert rendition_keys(record.json) <= set(derived())
            assert not rendition_keys(record.json) & ended, "an address that has ended stays so"
            ended |= shown - rendition_keys(record.json)
            shown = rendition_keys(record.json)
            assert record.json["revision"] >= revision
            revision = record.json["revision"]
    post(client, file_id, "restore")
    for _ in range(3):  # what is left to do is done by asking again
        assert patch(client, file_id, {"tags": ["settled"]}).status == 200
        work()
    if get(client, file_id).json["status"] != "processing":
        post(client, file_id, "reprocess", {"force": True})
        work()
    record = get(client, file_id)
    assert record.json["status"] == "ready"
    assert record.json["error"] is None
    assert set(derived()) == rendition_keys(record.json)
    assert not {"leftovers", "due_pk"} & item(file_id).keys()
