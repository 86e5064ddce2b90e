"""A message as Lambda gives it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.data_classes import SQSEvent

from chalicelib.queues.worker import Message


def record(**attributes: str) -> dict[str, Any]:
    return {"messageId": "m1", "receiptHandle": "r1", "body": '{"a": 1}', "attributes": attributes}


def test_a_message_is_read_as_powertools_reads_it() -> None:
    given = record(ApproximateReceiveCount="3", SentTimestamp="1764000000000")
    message, (theirs,) = Message.of(given), SQSEvent({"Records": [given]}).records
    assert (message.message_id, message.receipt_handle, message.body) == (
        theirs.message_id,
        theirs.receipt_handle,
        theirs.body,
    )
    assert str(message.receives) == theirs.attributes.approximate_receive_count
    assert str(message.sent_at) == theirs.attributes.sent_timestamp


def test_a_message_without_attributes_was_received_once_at_an_unknown_time() -> None:
    message = Message.of(record())
    assert (message.receives, message.sent_at) == (1, 0)
