"""The messages of the queues: what we send, and what we read."""

from __future__ import annotations

import json
import re
from time import sleep
from typing import Any

import pytest

from chalicelib.events import posts
from chalicelib.queues import imports, ingest, webhooks
from tests import making
from tests.making import BEGIN
from tests.stage import ROOT, STAGE, Calls, aws_client

FILE = making.file(1, version_id="v1", sequencer="0A", correlation_id="c", source_url="https://example.com/?secret")


def received(queue: str) -> list[tuple[Any, str]]:
    """The body and the message group of each message that waits."""
    url = STAGE[f"FILEMILL_{queue}_QUEUE_URL"]
    asked = {"MessageSystemAttributeNames": ["MessageGroupId"], "MaxNumberOfMessages": 10}
    found = aws_client("sqs").receive_message(QueueUrl=url, **asked).get("Messages", [])
    return [(json.loads(each["Body"]), each["Attributes"]["MessageGroupId"]) for each in found]


def test_an_import_is_asked_for_by_ids_in_its_tenant_s_group(stage: Calls) -> None:
    imports.send(FILE)
    assert received("IMPORT") == [({"tenant": "acme", "file_id": FILE.id, "correlation_id": "c"}, "acme")]
    assert received("INGEST") == []


def test_every_message_to_the_webhooks_names_a_group_because_the_queue_is_fair(stage: Calls) -> None:
    posts.close_later("c1", 0)
    webhooks.send("acme", "wh_1", delay=0)
    webhooks.replay("acme", "wh_1", BEGIN)
    webhooks.forget("wh_1")
    aws_client("sqs").set_queue_attributes(
        QueueUrl=STAGE["FILEMILL_WEBHOOK_QUEUE_URL"], Attributes={"VisibilityTimeout": "0"}
    )
    sleep(1.1)  # `close_later` rounds up, so that it never looks too early
    assert sorted(group for _, group in received("WEBHOOK")) == ["acme", "acme", "c1", "wh_1"]


def test_nothing_else_sends_messages() -> None:
    """What a message must have, as its group, is thus said in one place for each queue."""
    senders = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "chalicelib").rglob("*.py")
        if re.search(r"\.send_message(_batch)?\(", path.read_text(encoding="utf-8"))
    }
    assert senders == {f"chalicelib/queues/{queue}.py" for queue in ("imports", "ingest", "media", "webhooks")}


def test_an_import_s_message_is_read_as_it_was_sent() -> None:
    sent = imports.Import(tenant="acme", file_id=FILE.id)
    assert imports.parse(sent.model_dump_json()) == sent


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '{"tenant": "acme"}', '{"tenant": 1, "file_id": "x"}'])
def test_another_s_message_is_no_import(body: str) -> None:
    assert imports.parse(body) is None


def test_an_original_is_told_of_as_s3_tells_of_it_but_in_its_tenant_s_group(stage: Calls) -> None:
    ingest.send(FILE)
    [(body, group)] = received("INGEST")
    [record] = body["Records"]
    assert (record["eventSource"], record["s3"]["bucket"]["name"]) == ("aws:s3", "originals")
    assert record["eventName"].startswith("ObjectCreated:")
    assert record["s3"]["object"] == {
        "key": f"acme/{FILE.id}",
        "size": 1001,
        "versionId": "v1",
        "sequencer": "0A",
    }
    assert group == "acme"
    assert body[ingest.GROUPED] is True


def test_a_message_gets_its_tenant_s_group_once(stage: Calls) -> None:
    assert ingest.with_group({"Records": [1]}, "acme")
    [(body, group)] = received("INGEST")
    assert (body, group) == ({"Records": [1], ingest.GROUPED: True}, "acme")
    assert not ingest.with_group(body, "acme")
    assert received("INGEST") == []
