"""The webhook queue wakes the function `deliver`. Each message is about one webhook, or about one socket's end."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib import aws
from chalicelib.model import Timestamp
from chalicelib.settings import settings

# The longest delay of a message, in seconds:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
MAX_DELAY = 900

# Event ids in one message: about 60 bytes each, and a message may have 1 MB. A worker gets this many done in one run.
NAMED = 100


class Due(BaseModel):
    """Something is due to a webhook. `events` names new deliveries; older ones are found by their due time.

    With `probe`, they are tried although the receiver has failed so often that nothing is sent to it for a while.
    """

    tenant: str
    webhook: str
    events: list[str] = []
    probe: bool = False


class Replay(BaseModel):
    """Deliveries of a webhook are to be made again; the page after `cursor` is next.

    With `missed`, only those that did not arrive.
    """

    tenant: str
    replay: str
    since: Timestamp
    types: list[str] = []
    missed: bool = False
    cursor: str | None = None


class Forget(BaseModel):
    """A webhook was deleted, and its log goes."""

    forget: str


class Close(BaseModel):
    """A socket is to be closed if its time is over."""

    close: str


Wanted = Due | Replay | Forget | Close


def send(tenant: str, webhook_id: str, events: Collection[str] = (), delay: float = 0, *, probe: bool = False) -> None:
    """Wakes a webhook's worker: one SendMessage, one more for each further NAMED events. `delay` in seconds.

    `probe` is for a person who wants to see the answer now.
    """
    for some in _parts(list(events)):
        wanted = Due(tenant=tenant, webhook=webhook_id, events=some, probe=probe)
        _send(wanted.model_dump(exclude_defaults=True), tenant, delay)


def replay(
    tenant: str,
    webhook_id: str,
    since: datetime,
    types: Iterable[str] = (),
    *,
    missed: bool = False,
    cursor: str | None = None,
) -> None:
    """Has a webhook's deliveries since then made again: one SendMessage. With `missed`, those that did not arrive."""
    wanted = Replay(tenant=tenant, replay=webhook_id, since=since, types=list(types), missed=missed, cursor=cursor)
    _send(wanted.model_dump(mode="json", exclude_defaults=True), tenant)


def forget(webhook_id: str) -> None:
    """Has the log of a deleted webhook removed: one SendMessage."""
    _send({"forget": webhook_id}, webhook_id)


def close(connection_id: str, delay: float) -> None:
    """Has a socket looked at again in `delay` seconds, MAX_DELAY at most: one SendMessage."""
    _send({"close": connection_id}, connection_id, delay)


def parse(body: str) -> Wanted | None:
    """Reads a message. None if it is not one of ours."""
    try:
        values = json.loads(body)
        for name, model in (("webhook", Due), ("replay", Replay), ("forget", Forget), ("close", Close)):
            if name in values:
                wanted: Wanted = model.model_validate(values)
                return wanted
    except (ValueError, TypeError, ValidationError):
        pass
    return None


def _parts(events: list[str]) -> Iterator[list[str]]:
    yield events[:NAMED]
    for start in range(NAMED, len(events), NAMED):
        yield events[start : start + NAMED]


def _send(body: dict[str, Any], group: str, delay: float = 0) -> None:
    # The group makes the queue fair: a tenant with many slow receivers waits for those with few.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    aws.sqs().send_message(
        QueueUrl=settings().webhook_queue_url,
        MessageBody=json.dumps(body),
        MessageGroupId=group,
        DelaySeconds=max(0, min(MAX_DELAY, round(delay))),
    )
