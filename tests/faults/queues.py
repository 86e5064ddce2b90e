"""A queue and its event source mapping."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from chalicelib.queues.worker import MAX_RECEIVES
from tests.faults.looking import ACCOUNT, REGION, backend
from tests.faults.promises import BrokenError
from tests.stage import MEDIA_STAGE, STAGE, aws_client

SETTING = {"ingest": "INGEST", "imports": "IMPORT", "webhooks": "WEBHOOK", "media": "MEDIA"}


class Queue:
    """A queue and its event source mapping: a message is gone once its handler returns, and comes again if it raises.

    The messages are moto's, so that the code under test can do with them what it may. The test says when one comes
    again.
    """

    def __init__(self, name: str, handle: Callable[[dict[str, Any], Any], None]) -> None:
        self.name, self.handle = name, handle
        self.known: set[str] = set()
        self.acknowledged: set[str] = set()
        self.dead: dict[str, Any] = {}

    @property
    def _queue(self) -> Any:
        return backend("sqs").queues[self.name]

    @property
    def url(self) -> str:
        return (STAGE | MEDIA_STAGE)[f"FILEMILL_{SETTING[self.name]}_QUEUE_URL"]

    def send(self, body: str) -> None:
        aws_client("sqs").send_message(QueueUrl=self.url, MessageBody=body)

    def waiting(self) -> list[Any]:
        """Messages that a handler may still get. Those that have been received too often become dead letters."""
        for message in list(self._queue._messages):
            self.known.add(message.id)
            if message.approximate_receive_count >= MAX_RECEIVES:
                self.dead[message.id] = message
                self._queue._messages.remove(message)
        return list(self._queue._messages)

    def redrive(self) -> None:
        """As `ops redrive` does."""
        for message in self.dead.values():
            self.send(message.body)
        self.acknowledged |= self.dead.keys()
        self.dead.clear()

    def deliver(self, message: Any) -> bool:
        """Gives a message to the handler. True if the handler is done with it."""
        message.mark_received(visibility_timeout=3600)
        self._queue.pending_messages.add(message)
        record = {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.approximate_receive_count),
                "SentTimestamp": "1700000000000",
            },
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}",
            "awsRegion": REGION,
        }
        context = SimpleNamespace(aws_request_id=secrets.token_hex(4), get_remaining_time_in_millis=lambda: 900_000)
        try:
            self.handle({"Records": [record]}, context)
        except Exception:
            return False
        if message in self._queue._messages:
            self._queue._messages.remove(message)
            self.acknowledged.add(message.id)
        return True

    def lose(self, message: Any) -> None:
        """As when the queue's retention ends, or somebody purges the queue."""
        self._queue._messages.remove(message)
        self.acknowledged.add(message.id)

    def check(self) -> None:
        here = {message.id for message in self.waiting()}
        if vanished := self.known - here - self.acknowledged - self.dead.keys():
            raise BrokenError(f"{len(vanished)} messages of {self.name} vanished that nobody had worked off")
