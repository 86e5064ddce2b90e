"""Works off the messages of the webhook queue. `receiver` delivers what is due to one webhook."""

from __future__ import annotations

import time
from typing import Any

from chalicelib.catalog import actors, webhook_deliveries
from chalicelib.events import posts, receiver
from chalicelib.observability import append, logger
from chalicelib.queues import webhooks as queue
from chalicelib.queues import worker
from chalicelib.queues.webhooks import Close, Due, Forget, Replay
from chalicelib.queues.worker import Message
from chalicelib.settings import settings

# Seconds of the function's time that are kept back for the end of a run: the last tries, and what they write.
MARGIN = 45


def handle(event: dict[str, Any], context: Any) -> None:
    """Handles one SQS batch, which has one message. Raises if the message must come back."""
    actors.system("deliver")

    def work(message: Message) -> None:
        work_off(message.body, seconds=context.get_remaining_time_in_millis() / 1000 - MARGIN)

    worker.work_off(event, context, settings().webhook_queue_url, work)


def work_off(body: str, *, seconds: float) -> None:
    """Does what a message asks for. What can't be done in `seconds` is left to another message."""
    until = time.monotonic() + seconds
    match queue.parse(body):
        case Due(tenant=tenant, webhook=webhook_id) as wanted:
            append(tenant=tenant, webhook_id=webhook_id)
            receiver.deliver(tenant, webhook_id, wanted.events, seconds=seconds, probe=wanted.probe)
        case Replay() as wanted:
            append(tenant=wanted.tenant, webhook_id=wanted.replay)
            _replay(wanted, until)
        case Forget(forget=webhook_id):
            append(webhook_id=webhook_id)
            while webhook_deliveries.forget(webhook_id):
                if time.monotonic() > until:
                    queue.forget(webhook_id)
                    break
        case Close(close=connection_id):
            posts.close_when_due(connection_id)
        case None:
            logger.warning("dropped a message that is not ours")


def _replay(wanted: Replay, until: float) -> None:
    """Makes deliveries pending again, page by page, and wakes the worker after each page."""
    cursor, number = wanted.cursor, 0
    while True:
        ids, cursor = webhook_deliveries.replay(
            wanted.replay, wanted.since, wanted.types, missed=wanted.missed, cursor=cursor
        )
        number += len(ids)
        if ids:
            queue.send(wanted.tenant, wanted.replay, ids)
        if cursor is None:
            break
        if time.monotonic() > until:
            queue.replay(wanted.tenant, wanted.replay, wanted.since, wanted.types, missed=wanted.missed, cursor=cursor)
            break
    logger.info("deliveries begin again", extra={"deliveries": number, "more": cursor is not None})
