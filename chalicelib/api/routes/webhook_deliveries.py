"""The deliveries of a webhook: the log, and those that a client asks for: a test, a retry, a replay."""

from __future__ import annotations

import json
from typing import Annotated, Any

from chalice import Blueprint, Response
from pydantic import Field
from ulid import ULID

from chalicelib.api import cursors
from chalicelib.api.answers import Resource, Time
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import Cursor, EventTypes, Moment, WholeNumber
from chalicelib.api.ownership import own_webhook
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call, json_response, route
from chalicelib.catalog import webhook_deliveries as deliveries
from chalicelib.catalog.webhook_deliveries import Delivery, DeliveryState
from chalicelib.catalog.webhooks import TEST, Webhook
from chalicelib.model import now, timestamp
from chalicelib.observability import logger

routes = Blueprint(__name__)

MAX_LOGGED = 100

_BASE = "/v1/webhooks/{webhook_id}"


class ListDeliveries(Query):
    """The query of the log."""

    state: DeliveryState | None = None
    limit: Annotated[WholeNumber, Field(ge=1, le=MAX_LOGGED)] = 50
    cursor: Cursor | None = None


class ReplayEvents(Body):
    """The body of `POST /v1/webhooks/{webhook_id}/replay`. Without `types`, all types are sent again."""

    since: Annotated[Moment, Field(strict=False, description="Events of this moment and later")]
    types: EventTypes = Field(default_factory=list)


class AttemptResource(Resource):
    """One try. `status` is null if no answer came; then `error` says why. `answer` is the first 1 KB of the body."""

    at: Time
    ms: int = Field(ge=0, description="Milliseconds until the answer, or until the try was given up")
    status: int | None
    error: str | None
    answer: str | None = Field(None, description="Only in the answer about one delivery")


class WebhookDeliveryResource(Resource):
    """One event for one webhook. `id` is the event's, which the receiver gets as `webhook-id`, too.

    `subject` is the file, or the webhook, that the event is about. `missed`: the webhook was disabled.
    """

    id: str = Field(pattern="^evt_")
    type: str
    time: Time
    subject: str
    revision: int | None
    state: Annotated[DeliveryState, Field(strict=False)]
    attempts: list[AttemptResource]
    next_attempt_at: Time | None


class DeliveryPage(Resource):
    """Deliveries, the newest event first."""

    items: list[WebhookDeliveryResource]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")


class ReplayResource(Resource):
    """The events that will be sent again. `since` is not before the webhook was made."""

    since: Time
    types: list[str]


def shown(delivery: Delivery, *, answers: bool = True) -> dict[str, Any]:
    """A delivery as clients see it. Without `answers`, the log's pages stay small."""
    attempts = []
    for attempt in delivery.attempts:
        values = attempt.model_dump(mode="json", include={"at", "ms", "status", "error", "answer"})
        if not answers:
            del values["answer"]
        attempts.append(values)
    return {
        "id": delivery.event_id,
        "type": delivery.type,
        "time": timestamp(delivery.time),
        "subject": delivery.subject,
        "revision": delivery.revision,
        "state": str(delivery.state),
        "attempts": attempts,
        "next_attempt_at": timestamp(delivery.due) if delivery.due else None,
    }


@route(
    routes,
    "GET",
    f"{_BASE}/deliveries",
    scope=Scope.WEBHOOKS_ADMIN,
    query=ListDeliveries,
    returns={200: DeliveryPage},
    problems=("not_found", "invalid_cursor"),
)
def list_deliveries(call: Call, query: ListDeliveries, webhook_id: str) -> Response:
    """List what was sent to a webhook, and what is still to be sent, the newest event first.

    The log keeps 30 days. It follows the deliveries, as a rule within a second. A page may have fewer deliveries than
    `limit`, even none, although more follow: only a null `next_cursor` ends the list. Costs a DynamoDB read and a
    query.
    """
    webhook = own_webhook(call, webhook_id)
    scope = json.dumps(["deliveries", call.tenant, webhook.id, query.state])
    after = cursors.decode(query.cursor, scope) if query.cursor else None
    page = deliveries.log(webhook.id, query.limit, after, query.state)
    return json_response(
        {
            "items": [shown(delivery, answers=False) for delivery in page.deliveries],
            "next_cursor": cursors.encode(page.cursor, scope) if page.cursor else None,
        }
    )


@route(
    routes,
    "GET",
    f"{_BASE}/deliveries/{{event_id}}",
    scope=Scope.WEBHOOKS_ADMIN,
    returns={200: WebhookDeliveryResource},
    problems=("not_found",),
)
def get_delivery(call: Call, webhook_id: str, event_id: str) -> Response:
    """Get one delivery with all of its attempts, and what the receiver answered.

    Answers about a file are removed when the file is deleted. Costs two DynamoDB reads.
    """
    webhook = own_webhook(call, webhook_id)
    delivery = deliveries.get(webhook.id, event_id) if event_id.startswith("evt_") else None
    if delivery is None:
        raise _no_delivery()
    return json_response(shown(delivery))


@route(
    routes,
    "POST",
    f"{_BASE}/deliveries/{{event_id}}/retry",
    scope=Scope.WEBHOOKS_ADMIN,
    returns={202: WebhookDeliveryResource},
    problems=("not_found", "webhook_disabled"),
)
def retry_delivery(call: Call, webhook_id: str, event_id: str) -> Response:
    """Send an event again, also one that has arrived.

    It is sent at once, and its retries begin anew. Costs a DynamoDB read, a write, and one message.
    """
    webhook = _enabled(call, webhook_id)
    delivery = deliveries.again(webhook.id, event_id) if event_id.startswith("evt_") else None
    if delivery is None:
        raise _no_delivery()
    _wake(webhook, delivery)
    logger.info("delivery retried")
    return json_response(shown(delivery), 202)


@route(
    routes,
    "POST",
    f"{_BASE}/test",
    scope=Scope.WEBHOOKS_ADMIN,
    returns={202: WebhookDeliveryResource},
    problems=("not_found", "webhook_disabled"),
)
def send_test_event(call: Call, webhook_id: str) -> Response:
    """Send an event of the type `filemill.webhook.test` to a webhook, whatever its filters are.

    The log tells what the receiver answered. Costs a DynamoDB read, a write, and one message.
    """
    webhook = _enabled(call, webhook_id)
    delivery = Delivery(
        webhook_id=webhook.id,
        tenant=webhook.tenant,
        event_id=f"evt_{webhook.id}_{ULID()}",
        type=TEST,
        time=now(),
        subject=webhook.id,
        actor=call.caller.actor,
        data={"webhook": {"id": webhook.id}},
    )
    deliveries.put_new(delivery)
    _wake(webhook, delivery)
    logger.info("test event made")
    return json_response(shown(delivery), 202)


@route(
    routes,
    "POST",
    f"{_BASE}/replay",
    scope=Scope.WEBHOOKS_ADMIN,
    body=ReplayEvents,
    returns={202: ReplayResource},
    problems=("not_found", "webhook_disabled"),
)
def replay_events(call: Call, body: ReplayEvents, webhook_id: str) -> Response:
    """Send all events since a moment again, as far as the log has them.

    Costs a DynamoDB read and one message; the worker then pays for each delivery as for a new one.
    """
    from chalicelib.queues import webhooks as queue  # few requests need it

    if body.since > now():
        raise Problem("invalid_field", "`since`: must be in the past.", field="since")
    webhook = _enabled(call, webhook_id)
    since = max(body.since, webhook.created_at)  # nothing was to be sent before
    queue.replay(webhook.tenant, webhook.id, since, body.types)
    logger.info("replay asked for")
    return json_response({"since": timestamp(since), "types": body.types}, 202)


def _enabled(call: Call, webhook_id: str) -> Webhook:
    """The caller's webhook. Raises Problem `webhook_disabled` if nothing is sent to it."""
    webhook = own_webhook(call, webhook_id)
    if not webhook.enabled:
        raise Problem("webhook_disabled", f"{webhook.disabled_reason} Enable it first.")
    return webhook


def _wake(webhook: Webhook, delivery: Delivery) -> None:
    from chalicelib.queues import webhooks as queue  # few requests need it

    queue.send(webhook.tenant, webhook.id, [delivery.event_id], probe=True)


def _no_delivery() -> Problem:
    return Problem("not_found", "The log has no delivery of this event. It keeps 30 days.")
