"""SQS messages, handled one at a time: how often a message is tried, and how long the pauses are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import aws
from chalicelib.catalog import actors
from chalicelib.observability import logger

# After this many tries a message goes to the dead-letter queue: maxReceiveCount in .chalice/resources.yaml.
MAX_RECEIVES = 5


class Later(Exception):  # noqa: N818 - not an error: the message must come back
    """The message can't be handled now; it must come back in `seconds`."""

    def __init__(self, seconds: int, why: str) -> None:
        super().__init__(f"again in {seconds} s: {why}")
        self.seconds = seconds


@dataclass(frozen=True)
class Message:
    """One SQS message. `sent_at` in milliseconds since 1970, 0 if unknown; `receives` counts this delivery, too."""

    message_id: str
    receipt_handle: str
    body: str
    receives: int
    sent_at: int

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Message:
        """From a record of Lambda's event: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
        attributes = record["attributes"]
        return cls(
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            receives=int(attributes.get("ApproximateReceiveCount") or 1),
            sent_at=int(attributes.get("SentTimestamp") or 0),
        )


def work_off(event: dict[str, Any], context: Any, queue_url: str, work: Callable[[Message], None]) -> None:
    """Calls `work` with each message.

    If `work` raises, sets when the message comes back, and raises the same: Lambda then leaves it in the queue.
    """
    for record in event["Records"]:
        message = Message.of(record)
        actors.begin(context.aws_request_id, message_id=message.message_id)
        try:
            work(message)
        except Later as later:
            logger.info("later", extra={"reason": str(later), "receives": message.receives})
            come_back(message, queue_url, later.seconds)
            raise
        except Exception:
            logger.exception("processing failed", extra={"receives": message.receives})
            come_back(message, queue_url, backoff(message.receives))
            raise


def backoff(receives: int) -> int:
    """Seconds until the next try: 2, 8, 32, 128; 0 after the last, so that the message is a dead letter at once."""
    return 0 if receives >= MAX_RECEIVES else int(2 * 4 ** (receives - 1))


def come_back(message: Message, queue_url: str, seconds: int) -> None:
    """Sets in how many seconds the message is delivered again, unless it is deleted first. An error is only logged."""
    try:
        aws.sqs().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=seconds
        )
    except Exception:
        logger.warning("could not set the message's visibility; the queue's own applies", exc_info=True)


def age(message: Message) -> int:
    """Milliseconds since the message was sent; 0 if unknown."""
    return max(0, int(time.time() * 1000) - message.sent_at) if message.sent_at else 0
