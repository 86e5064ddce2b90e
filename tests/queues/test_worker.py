"""A message as Lambda gives it, how it is handled, and when it comes back."""

from __future__ import annotations

import time
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import SQSEvent

from chalicelib import aws
from chalicelib.queues import worker
from chalicelib.queues.worker import MAX_RECEIVES, Later, Message
from tests.stage import STAGE, aws_client, lambda_context


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


URL = STAGE["FILEMILL_INGEST_QUEUE_URL"]


class Queue:
    """The queue's own part: keeps what it is told of when messages come back."""

    def __init__(self) -> None:
        self.pauses: list[tuple[str, int]] = []

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803 - boto's names
        assert QueueUrl == URL
        self.pauses.append((ReceiptHandle, VisibilityTimeout))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()
    monkeypatch.setattr(aws, "sqs", lambda: queue)
    return queue


def work_off(error: Exception | None, receives: int = 1) -> list[tuple[str, int]]:
    """Handles one message, whose work raises `error`; gives the message and the count that the work was given."""
    seen: list[tuple[str, int]] = []

    def work(message: Message) -> None:
        seen.append((message.body, message.receives))
        if error:
            raise error

    event = {"Records": [record(ApproximateReceiveCount=str(receives))]}
    if error:
        with pytest.raises(type(error)) as raised:
            worker.work_off(event, lambda_context(), URL, work)
        assert raised.value is error
    else:
        worker.work_off(event, lambda_context(), URL, work)
    return seen


def test_a_message_that_was_handled_is_done(queue: Queue) -> None:
    assert work_off(None, receives=3) == [('{"a": 1}', 3)]
    assert queue.pauses == []


def test_a_message_that_cannot_be_handled_now_comes_back_when_it_asks_to(queue: Queue) -> None:
    work_off(Later(17, "busy"), receives=5)
    assert queue.pauses == [("r1", 17)]


@pytest.mark.parametrize(("receives", "pause"), [(1, 2), (2, 8), (3, 32), (4, 128), (5, 0), (6, 0)])
def test_a_message_whose_work_fails_comes_back_after_ever_longer_pauses_and_then_is_a_dead_letter(
    receives: int, pause: int, queue: Queue
) -> None:
    work_off(ValueError("ours"), receives)
    assert queue.pauses == [("r1", pause)]
    assert MAX_RECEIVES == 5


def test_the_first_message_that_fails_stops_a_batch(queue: Queue) -> None:
    def work(message: Message) -> None:
        raise ValueError

    with pytest.raises(ValueError):
        worker.work_off({"Records": [record(), record()]}, lambda_context(), URL, work)
    assert len(queue.pauses) == 1


def test_a_pause_that_cannot_be_set_is_no_error(stage: Any) -> None:
    worker.come_back(Message.of(record()), URL, 5)  # the queue knows no such receipt


def test_a_received_message_comes_back_after_its_pause(stage: Any) -> None:
    aws_client("sqs").send_message(QueueUrl=URL, MessageBody="x")
    [received] = aws_client("sqs").receive_message(QueueUrl=URL)["Messages"]
    assert "Messages" not in aws_client("sqs").receive_message(QueueUrl=URL)
    worker.come_back(Message("m", received["ReceiptHandle"], "x", 1, 0), URL, 0)
    assert aws_client("sqs").receive_message(QueueUrl=URL)["Messages"]


def test_a_message_s_age_is_in_milliseconds_and_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.5)
    assert worker.age(Message("m", "r", "", 1, 1_000_000)) == 500
    assert worker.age(Message("m", "r", "", 1, 2_000_000)) == 0
    assert worker.age(Message("m", "r", "", 1, 0)) == 0
