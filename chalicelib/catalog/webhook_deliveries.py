"""Deliveries of events to webhooks: the queue of what is left to do, and the log of what was done.

One item is one event for one webhook. It holds ids and types only: the body is built from the file's record when it is
sent. While a delivery is pending, its place in `by_due` says when it is due. The table's TTL removes it in the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from chalicelib import aws
from chalicelib.catalog import dynamodb
from chalicelib.catalog.dynamodb import ConditionFailedError, get_item, read, typed, update
from chalicelib.catalog.keys import (
    BY_CREATED,
    BY_DUE,
    Key,
    answered_key,
    answered_partition,
    delivery_due_partition,
    delivery_key,
    delivery_log_partition,
    delivery_partition,
)
from chalicelib.model import Actor, Timestamp, now, timestamp
from chalicelib.settings import settings

# Days after its event that a delivery stays in the log.
KEEP_DAYS = 30
# A delivery keeps its last attempts: those of the schedule, and of manual retries.
KEEP_ATTEMPTS = 20
# Deliveries that are looked at in one page: of the log in a replay, of the due ones, and of those to remove.
PAGE = 100

_DUE = ("due_pk", "due_sk")


class DeliveryState(StrEnum):
    """Where a delivery is. Clients depend on these words: never rename one."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Its last retry failed too, or the receiver answered 410."""
    MISSED = "missed"
    """The webhook was disabled. A replay delivers it."""


class Attempt(BaseModel):
    """One try. `status` is None if no answer came, and `error` then says why; `answer` is at most 1 KB of the body."""

    at: Timestamp
    ms: int
    status: int | None = None
    error: str | None = None
    answer: str | None = None


class Delivery(BaseModel):
    """One event for one webhook.

    `subject` is the id of the file, or of the webhook, that the event is about; `revision` is the file's after the
    change. `data` is the event's data if it is about a webhook. `tries` counts since the delivery was last begun.
    `due` is the time of the next try while it is pending.
    """

    webhook_id: str
    tenant: str
    event_id: str
    type: str
    time: Timestamp
    subject: str
    revision: int | None = None
    actor: Actor | None = None
    data: dict[str, Any] | None = None
    state: DeliveryState = DeliveryState.PENDING
    tries: int = 0
    attempts: list[Attempt] = Field(default_factory=list)
    due: Timestamp | None = None


@dataclass(frozen=True)
class LogPage:
    """Deliveries, the newest event first. The next page begins after `cursor`; None at the end."""

    deliveries: list[Delivery]
    cursor: str | None


# --- begin, read, retry


def put_new(delivery: Delivery) -> bool:
    """Writes a delivery: one PutItem. False if the webhook has one of this event already, which then stays as it is.

    It is due at once, or never if its state is not `pending`.
    """
    try:
        dynamodb.put_new(_item(delivery))
    except ClientError as error:
        if not dynamodb.is_refused(error):
            raise
        return False
    return True


def put_all_new(deliveries: Iterable[Delivery]) -> None:
    """Writes many deliveries like `put_new`: a BatchGetItem for each hundred, a BatchWriteItem for each 25 new ones.

    Only for `announce`: the writes have no condition, so nobody else may write a delivery of the same event and
    webhook between the two. Nobody does, because the stream gives a change to one run of `publish` at a time. Should a
    write that was given up as lost arrive later, the event is only sent once more.
    """
    wanted = {(each.webhook_id, each.event_id): each for each in deliveries}
    keys = [delivery_key(*place) for place in wanted]
    present = {(item["pk"], item["sk"]) for item in dynamodb.batch_get(keys, consistent=True)}
    items = (_item(each) for each in wanted.values())
    dynamodb.batch_write(item for item in items if (item["pk"], item["sk"]) not in present)


def _item(delivery: Delivery) -> dict[str, Any]:
    """A new delivery's item, as values."""
    item = {
        **delivery_key(delivery.webhook_id, delivery.event_id),
        **delivery.model_dump(mode="json", exclude_none=True, exclude={"due"}),
        "list_pk": delivery_log_partition(delivery.webhook_id),
        "list_sk": f"{timestamp(delivery.time)}#{delivery.event_id}",
        "ttl": _ttl(),
    }
    if delivery.state is DeliveryState.PENDING:
        item |= _due_keys(delivery.webhook_id, delivery.event_id, delivery.due or now())
    return item


def _ttl() -> int:
    return int((now() + timedelta(days=KEEP_DAYS)).timestamp())


def get(webhook_id: str, event_id: str) -> Delivery | None:
    """One delivery: one GetItem, strongly consistent."""
    values = get_item(delivery_key(webhook_id, event_id))
    return _delivery(values) if values else None


def log(
    webhook_id: str, limit: int, cursor: str | None = None, state: DeliveryState | None = None, since: str = ""
) -> LogPage:
    """A page of a webhook's deliveries, the newest event first: one Query, of `limit` items that are read.

    With `state`, a page may have fewer than `limit`, even none, although more follow. `since` is a `timestamp`: older
    events are left out. The index follows the table by a moment.
    """
    partition = delivery_log_partition(webhook_id)
    request: dict[str, Any] = {
        "KeyConditionExpression": "list_pk = :pk AND list_sk >= :since",
        "ExpressionAttributeValues": {":pk": {"S": partition}, ":since": {"S": since or "0"}},
    }
    if state:
        request |= {"FilterExpression": "#state = :state", "ExpressionAttributeNames": {"#state": "state"}}
        request["ExpressionAttributeValues"][":state"] = {"S": state}
    if cursor:
        event_id = cursor.rpartition("#")[2]
        start = {"list_pk": partition, "list_sk": cursor, **delivery_key(webhook_id, event_id)}
        request["ExclusiveStartKey"] = typed(start)
    reply = aws.dynamodb().query(
        TableName=settings().table, IndexName=BY_CREATED, ScanIndexForward=False, Limit=limit, **request
    )
    last = reply.get("LastEvaluatedKey")
    return LogPage([_delivery(read(item)) for item in reply["Items"]], last["list_sk"]["S"] if last else None)


def again(webhook_id: str, event_id: str) -> Delivery | None:
    """Makes a delivery pending again, in whatever state it is, and due now: one UpdateItem. None if there is none.

    Its schedule of retries begins anew. Send a message to the webhook's queue afterwards.
    """
    values = {"state": DeliveryState.PENDING, "tries": 0, **_due_keys(webhook_id, event_id, now())}
    return _change(webhook_id, event_id, values, condition="attribute_exists(pk)", using={})


def replay(
    webhook_id: str,
    since: datetime,
    types: Collection[str] = (),
    *,
    missed: bool = False,
    cursor: str | None = None,
) -> tuple[list[str], str | None]:
    """Makes a page of the log's deliveries pending again; gives their event ids, and the next page's cursor.

    Those of these types (all types if none is named) whose event came at `since` or later, and that are not pending.
    With `missed`, only those that did not arrive. Tests of the webhook, and its own end, are only in the log.
    """
    page = log(webhook_id, PAGE, cursor, since=timestamp(since))
    left_out = {DeliveryState.PENDING, *([DeliveryState.DELIVERED] if missed else [])}
    chosen = [
        each.event_id
        for each in page.deliveries
        if each.state not in left_out and (not types or each.type in types) and each.subject != webhook_id
    ]
    return [event_id for event_id in chosen if again(webhook_id, event_id)], page.cursor


# --- work off


def named(webhook_id: str, event_ids: Iterable[str]) -> list[Delivery]:
    """These deliveries, those that exist, in no order: one BatchGetItem a hundred, strongly consistent."""
    return of_places((webhook_id, event_id) for event_id in dict.fromkeys(event_ids))


def due(webhook_id: str, limit: int = PAGE) -> list[tuple[datetime, str]]:
    """The pending deliveries as (when, event id), the first due first, those of the future included: one Query.

    The index follows the table by a moment, so it may show one that is done, and may not show a new one yet.
    """
    reply = aws.dynamodb().query(
        TableName=settings().table,
        IndexName=BY_DUE,
        KeyConditionExpression="due_pk = :pk",
        ExpressionAttributeValues={":pk": {"S": delivery_due_partition(webhook_id)}},
        Limit=limit,
    )
    places = (item["due_sk"]["S"].partition("#") for item in reply["Items"])
    return [(datetime.fromisoformat(when), event_id) for when, _, event_id in places]


def finish(delivery: Delivery, attempt: Attempt, state: DeliveryState, next_try: datetime | None = None) -> bool:
    """Notes an attempt, and the state after it: one UpdateItem. `next_try` is when a pending one is due again.

    False if somebody else wrote to the delivery since it was read. Then this try is not noted.
    """
    attempts = [*delivery.attempts, attempt][-KEEP_ATTEMPTS:]
    values: dict[str, Any] = {
        "state": state,
        "tries": delivery.tries + 1,
        "attempts": [each.model_dump(mode="json", exclude_none=True) for each in attempts],
    }
    if next_try:
        values |= _due_keys(delivery.webhook_id, delivery.event_id, next_try)
    changed = _change(
        delivery.webhook_id,
        delivery.event_id,
        values,
        remove=() if next_try else _DUE,
        condition="tries = :tries AND #state = :pending",
        using={":tries": delivery.tries, ":pending": DeliveryState.PENDING},
    )
    return changed is not None


def miss(webhook_id: str, event_id: str) -> None:
    """Notes that a pending delivery waits for a replay, because the webhook is disabled: one UpdateItem."""
    _change(
        webhook_id,
        event_id,
        {"state": DeliveryState.MISSED},
        remove=_DUE,
        condition="#state = :pending",
        using={":pending": DeliveryState.PENDING},
    )


# --- remove


def note_answers(deliveries: Iterable[Delivery]) -> None:
    """Notes that answers about files are about to be stored in these deliveries: one BatchWriteItem for each 25.

    A note outlives its delivery. It comes before the answer, so that `answered` finds each answer that is stored.
    """
    dynamodb.batch_write(
        {**answered_key(each.subject, each.webhook_id, each.event_id), "ttl": _ttl()} for each in deliveries
    )


def answered(file_id: str) -> list[tuple[str, str]]:
    """The deliveries of all webhooks with an answer about a file, as (webhook id, event id).

    One Query as a rule, strongly consistent.
    """
    places = (values["sk"].partition("#") for values in dynamodb.items_of(answered_partition(file_id)))
    return [(webhook_id, event_id) for webhook_id, _, event_id in places]


def of_places(places: Iterable[tuple[str, str]]) -> list[Delivery]:
    """The deliveries that exist of these (webhook id, event id): one BatchGetItem a hundred, strongly consistent."""
    return [
        _delivery(values) for values in dynamodb.batch_get((delivery_key(*each) for each in places), consistent=True)
    ]


def forget_answered(file_id: str, places: Iterable[tuple[str, str]]) -> None:
    """Removes notes of answers about a file that are gone now: one BatchWriteItem for each 25."""
    dynamodb.batch_write((), [answered_key(file_id, *each) for each in places])


def drop_answers(delivery: Delivery) -> None:
    """Removes the receiver's answers from a delivery's log, and keeps the rest of it: one UpdateItem, more if it grows.

    Does nothing, without a call, if there is no answer.
    """
    present: Delivery | None = delivery
    while present and any(each.answer is not None for each in present.attempts):
        attempts = [each.model_dump(mode="json", exclude_none=True, exclude={"answer"}) for each in present.attempts]
        before = [each.model_dump(mode="json", exclude_none=True) for each in present.attempts]
        done = _change(
            present.webhook_id,
            present.event_id,
            {"attempts": attempts},
            condition="attempts = :before",
            using={":before": before},
        )
        present = None if done else get(present.webhook_id, present.event_id)


def forget(webhook_id: str) -> bool:
    """Removes a page of all that is stored about a webhook's deliveries. True if there is more."""
    reply = aws.dynamodb().query(
        TableName=settings().table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": delivery_partition(webhook_id)}},
        ProjectionExpression="pk, sk",
        Limit=10 * PAGE,
    )
    keys: list[Key] = [{"pk": item["pk"]["S"], "sk": item["sk"]["S"]} for item in reply["Items"]]
    dynamodb.batch_write((), keys)
    return "LastEvaluatedKey" in reply


def _due_keys(webhook_id: str, event_id: str, when: datetime) -> Key:
    return {"due_pk": delivery_due_partition(webhook_id), "due_sk": f"{timestamp(when)}#{event_id}"}


def _change(
    webhook_id: str,
    event_id: str,
    values: Mapping[str, Any],
    *,
    condition: str,
    using: Mapping[str, Any],
    remove: Collection[str] = (),
) -> Delivery | None:
    try:
        return _delivery(
            update(delivery_key(webhook_id, event_id), values=values, condition=condition, using=using, remove=remove)
        )
    except ConditionFailedError:
        return None


def _delivery(values: Mapping[str, Any]) -> Delivery:
    when = {"due": values["due_sk"].partition("#")[0]} if "due_sk" in values else {}
    return Delivery.model_validate({**values, **when})
