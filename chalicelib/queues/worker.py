"""SQS deliveries, one at a time: how often a message is tried, and with what pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chalicelib import aws
from chalicelib.observability import begin, logger

# The stack's redrive policies (.chalice/resources.yaml, maxReceiveCount).
MAX_RECEIVES = 5


class Later(Exception):  # noqa: N818 - not an error: the message must come back
    """The message can't be worked off now; come back in `seconds`."""

    def __init__(self, seconds: int, why: str) -> None:
        super().__init__(f"again in {seconds} s: {why}")
        self.seconds = seconds


def work_off(event: dict[str, Any], context: Any, queue_url: str, work: Callable[[SQSRecord, int], None]) -> None:
    """Gives each message to `work`, with how often it was received. Raises what must come back to the queue."""
    for record in SQSEvent(event).records:
        begin(request_id=context.aws_request_id, message_id=record.message_id)
        receives = int(record.attributes.approximate_receive_count or 1)
        try:
            work(record, receives)
        except Later as later:
            logger.info("later", extra={"reason": str(later), "receives": receives})
            come_back(record, queue_url, later.seconds)
            raise
        except Exception:
            logger.exception("processing failed", extra={"receives": receives})
            come_back(record, queue_url, backoff(receives))
            raise


def backoff(receives: int) -> int:
    """Seconds until the next try: 2, 8, 32, 128; none after the last, when the message is to be a dead letter."""
    return 0 if receives >= MAX_RECEIVES else int(2 * 4 ** (receives - 1))


def come_back(record: SQSRecord, queue_url: str, seconds: int) -> None:
    """Sets when the message is delivered again, unless it is deleted first. Failing to is no reason to fail."""
    try:
        aws.sqs().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=seconds
        )
    except Exception:
        logger.warning("could not set the message's visibility; the queue's own applies", exc_info=True)


def age(record: SQSRecord) -> int:
    """Milliseconds since the message was sent; 0 when unknown."""
    sent = int(record.attributes.sent_timestamp or 0)
    return max(0, int(time.time() * 1000) - sent) if sent else 0
