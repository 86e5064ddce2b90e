"""Requests about webhooks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from filemill._api import segment
from filemill._effects import Flow
from filemill._files import _given
from filemill._resource import Resource
from filemill.models import Page, Webhook, WebhookDelivery


def _path(webhook_id: str) -> str:
    return f"/v1/webhooks/{segment(webhook_id)}"


def create(
    self: Resource,
    url: str,
    *,
    types: Sequence[str] = (),
    kinds: Sequence[str] = (),
    tags: Sequence[str] = (),
    filename_prefix: str | None = None,
) -> Flow[Webhook]:
    """Has events sent to an https address of yours. `secret` is only in this answer: `verify` needs it.

    types, kinds, tags, filename_prefix: filters, as in docs/api.md#webhooks. Raises InvalidRequest for an address that
    may not be called.

    >>> client.webhooks.create("https://example.com/hooks", types=["filemill.file.ready"]).secret
    'whsec_c2VjcmV0'
    """
    filters = {"types": list(types) or None, "kinds": list(kinds) or None, "tags": list(tags) or None}
    body = _given(url=url, filename_prefix=filename_prefix, **filters)
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    made = yield from self._api.json("POST", "/v1/webhooks", body=body, headers=headers, repeatable=True)
    return Webhook(made)


def list_(self: Resource) -> Flow[list[Webhook]]:
    """All webhooks of the tenant, the oldest first.

    >>> [webhook.url for webhook in client.webhooks.list()]
    ['https://example.com/hooks']
    """
    found = yield from self._api.json("GET", "/v1/webhooks")
    return [Webhook(each) for each in found["items"]]


def get(self: Resource, webhook_id: str) -> Flow[Webhook]:
    """A webhook without its secret. Raises NotFound.

    >>> client.webhooks.get(webhook.id).enabled
    True
    """
    return Webhook((yield from self._api.json("GET", _path(webhook_id))))


def update(self: Resource, /, webhook_id: str, **changes: Any) -> Flow[Webhook]:
    """Changes a webhook. changes: url, types, kinds, tags, filename_prefix (None empties a filter), enabled, replay.

    >>> client.webhooks.update(webhook.id, enabled=False).enabled
    False
    """
    return Webhook((yield from self._api.json("PATCH", _path(webhook_id), body=changes)))


def delete(self: Resource, webhook_id: str) -> Flow[None]:
    """Deletes a webhook, and a moment later its log.

    >>> client.webhooks.delete(webhook.id)
    """
    yield from self._api.call("DELETE", _path(webhook_id))


def rotate_secret(self: Resource, webhook_id: str, *, overlap: int | None = None) -> Flow[Webhook]:
    """Gives a webhook a new secret, which is only in this answer.

    overlap: seconds for which the earlier one signs, too; by default a day.

    >>> client.webhooks.rotate_secret(webhook.id, overlap=3600).secret
    'whsec_c2VjcmV0'
    """
    return Webhook(
        (yield from self._api.json("POST", f"{_path(webhook_id)}/rotate-secret", body=_given(overlap=overlap)))
    )


def test(self: Resource, webhook_id: str) -> Flow[WebhookDelivery]:
    """Sends a test event. Look at its delivery to see how it went. Raises Conflict for a disabled webhook.

    >>> client.webhooks.test(webhook.id).state
    'pending'
    """
    return WebhookDelivery((yield from self._api.json("POST", f"{_path(webhook_id)}/test", body={})))


def replay(self: Resource, webhook_id: str, since: datetime | str, *, types: Sequence[str] | None = None) -> Flow[None]:
    """Sends all events since a moment again, also those that had arrived. It reaches back 30 days.

    >>> client.webhooks.replay(webhook.id, "2026-11-22T12:00:00Z", types=["filemill.file.ready"])
    """
    body = _given(since=since, types=types and list(types))
    yield from self._api.call("POST", f"{_path(webhook_id)}/replay", body=body)


def deliveries(
    self: Resource, webhook_id: str, *, state: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Flow[Page[WebhookDelivery]]:
    """One page of a webhook's log, the newest event first. state: `pending`, `delivered`, `failed` or `missed`.

    >>> [delivery.attempts[0].status for delivery in client.webhooks.deliveries(webhook.id, state="delivered")]
    [200]
    """
    params = {"state": state, "limit": limit, "cursor": cursor}
    return Page((yield from self._api.json("GET", f"{_path(webhook_id)}/deliveries", params=params)), WebhookDelivery)


def delivery(self: Resource, webhook_id: str, event_id: str) -> Flow[WebhookDelivery]:
    """One delivery, with the receiver's answers.

    >>> client.webhooks.delivery(webhook.id, "evt_1").attempts[0].answer
    'thanks'
    """
    path = f"{_path(webhook_id)}/deliveries/{segment(event_id)}"
    return WebhookDelivery((yield from self._api.json("GET", path)))


def retry(self: Resource, webhook_id: str, event_id: str) -> Flow[WebhookDelivery]:
    """Sends one event again, at once, in whatever state it is.

    >>> client.webhooks.retry(webhook.id, "evt_1").state
    'pending'
    """
    path = f"{_path(webhook_id)}/deliveries/{segment(event_id)}/retry"
    return WebhookDelivery((yield from self._api.json("POST", path, body={}, repeatable=True)))
