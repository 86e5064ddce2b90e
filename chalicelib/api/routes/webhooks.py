"""`/v1/webhooks`: where a tenant's events are sent, which ones, and with which secret they are signed."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

from chalice import Blueprint, Response
from pydantic import AfterValidator, Field

from chalicelib.api import idempotency, receivers
from chalicelib.api.answers import Resource, Time
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import EventTypes, Tags, each_once
from chalicelib.api.ownership import no_webhook, own_webhook
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, json_response, route
from chalicelib.catalog import webhooks
from chalicelib.catalog.idempotency import RepeatedError, forget
from chalicelib.catalog.webhooks import ID_PATTERN, MOST, MOST_SECRETS, GoneError, Webhook
from chalicelib.events import webhook_secrets
from chalicelib.model import Kind, now, timestamp
from chalicelib.observability import append, logger

routes = Blueprint(__name__)

MAX_URL = 2048  # characters
MAX_OVERLAP = 7 * 86400  # seconds

# Events may be published some time after they happened. So a replay of what a disabled webhook missed begins earlier.
SLACK = timedelta(minutes=15)

BY_ITS_TENANT = "It was disabled through the API."


Kinds = Annotated[list[Annotated[Kind, Field(strict=False)]], Field(max_length=len(Kind)), AfterValidator(each_once)]
ReceiverUrl = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_URL,
        json_schema_extra={"pattern": "^https?://", "examples": ["https://example.com/hooks/filemill"]},
    ),
]
Prefix = Annotated[str, Field(min_length=1, max_length=255, description="Upper and lower case are the same")]


class CreateWebhook(Body):
    """The body of `POST /v1/webhooks`. An event is sent if it passes every filter; an empty one lets all pass.

    Without `types`, all events of files are sent. A file must be of one of the `kinds`, and have all of the `tags`.
    """

    url: ReceiverUrl
    types: EventTypes = Field(default_factory=list)
    kinds: Kinds = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)
    filename_prefix: Prefix | None = None


class PatchWebhook(Body):
    """The body of `PATCH /v1/webhooks/{webhook_id}`: the fields to change.

    `replay` goes with `"enabled": true`, and sends again what was missed.
    """

    url: ReceiverUrl = Field(default_factory=str)
    types: EventTypes | None = None
    kinds: Kinds | None = None
    tags: Tags | None = None
    filename_prefix: Prefix | None = None
    enabled: bool = True
    replay: bool = False


class RotateSecret(Body):
    """The body of `POST /v1/webhooks/{webhook_id}/rotate-secret`.

    `overlap` is in seconds: for how long the earlier secrets sign, beside the new one. 0 ends them at once.
    """

    overlap: Annotated[int, Field(ge=0, le=MAX_OVERLAP)] = 86400


class WebhookActor(Resource):
    """The one who made the webhook: an API key, by its id."""

    type: str
    id: str


class WebhookResource(Resource):
    """A webhook. Its secret is shown only when it is made."""

    id: str = Field(pattern=f"^{ID_PATTERN.pattern}$")
    url: str
    types: list[str]
    kinds: list[Annotated[Kind, Field(strict=False)]]
    tags: list[str]
    filename_prefix: str | None
    enabled: bool
    disabled_reason: str | None
    disabled_at: Time | None
    earlier_secrets_until: Time | None = Field(description="When the last secret ends that was rotated away")
    created_at: Time
    updated_at: Time
    created_by: WebhookActor


class WebhookWithSecretResource(WebhookResource):
    """A webhook with its newest secret, which no other answer shows. It signs what is sent (Standard Webhooks)."""

    secret: str = Field(pattern="^whsec_[A-Za-z0-9+/]+=*$")


class WebhookList(Resource):
    """All webhooks of the tenant, the oldest first."""

    items: list[WebhookResource]


_SHOWN = (
    *("id", "url", "types", "kinds", "tags", "filename_prefix", "enabled", "disabled_reason", "disabled_at"),
    *("created_at", "updated_at", "created_by"),
)


def shown(webhook: Webhook) -> dict[str, Any]:
    """A webhook as clients see it."""
    values = webhook.model_dump(mode="json", include=set(_SHOWN))
    ends = [each.until for each in webhook.earlier_secrets if each.until > now()]
    return {
        **{name: values[name] for name in _SHOWN},
        "earlier_secrets_until": timestamp(max(ends)) if ends else None,
    }


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    return {**shown(webhook), "secret": webhook_secrets.shown(webhook)}


@route(
    routes,
    "POST",
    "/v1/webhooks",
    scope=Scope.WEBHOOKS_ADMIN,
    body=CreateWebhook,
    returns={201: WebhookWithSecretResource},
    problems=("url_refused", "too_many_webhooks", "idempotency_key_reused", "not_found"),
    headers=("Idempotency-Key", "Idempotency-Replayed", "Location"),
)
def create_webhook(call: Call, body: CreateWebhook) -> Response:
    """Make a webhook: events that pass its filters are sent to its URL.

    The secret is shown only in this answer, and when it is rotated. A tenant has at most 100 webhooks. Costs a look-up
    of the URL's host and two DynamoDB writes.
    """
    key = idempotency.key_of(call)
    if key and (made := _made_before(call, key, body)):
        return made
    receivers.check(body.url)
    moment = now()
    webhook_id = webhooks.new_id()
    # The answer has the secret and what the client wrote, so it is made anew for a repeated request.
    remember = idempotency.remember(call, key, body, webhook_id, {"id": webhook_id}) if key else None
    webhook = Webhook(
        id=webhook_id,
        tenant=call.tenant,
        **body.model_dump(),
        created_at=moment,
        updated_at=moment,
        created_by=call.caller.actor,
        remembered_as=remember.item_id if remember else None,
    )
    try:
        webhooks.create(webhook, [remember.write()] if remember else [])
    except RepeatedError:  # the same request was sent twice at once, and the other one was first
        made = _made_before(call, str(key), body)
        if made is None:
            raise
        return made
    except webhooks.TooManyWebhooksError:
        detail = f"A tenant has at most {MOST} webhooks. Delete one that nobody needs, or change it."
        raise Problem("too_many_webhooks", detail) from None
    append(webhook_id=webhook.id)
    logger.info("webhook made")
    return _created(webhook)


def _created(webhook: Webhook, **headers: str) -> Response:
    told = {"Location": f"/v1/webhooks/{webhook.id}", **headers}
    return json_response(_with_secret(webhook), 201, told)


def _made_before(call: Call, key: str, body: CreateWebhook) -> Response | None:
    """The webhook that this key made, as it is now; None if the key is new."""
    known = idempotency.recall(call, key, body, what="webhook")
    if known is None:
        return None
    webhook = webhooks.get(call.tenant, known.file_id)
    if webhook is None:
        raise Problem("not_found", "The webhook of this Idempotency-Key is deleted; use a new key for a new webhook.")
    return _created(webhook, **{"Idempotency-Replayed": "true"})


@route(routes, "GET", "/v1/webhooks", scope=Scope.WEBHOOKS_ADMIN, returns={200: WebhookList})
def list_webhooks(call: Call) -> Response:
    """List the tenant's webhooks, the oldest first. Costs one DynamoDB query."""
    return json_response({"items": [shown(webhook) for webhook in webhooks.of_tenant(call.tenant)]})


@route(
    routes,
    "GET",
    "/v1/webhooks/{webhook_id}",
    scope=Scope.WEBHOOKS_ADMIN,
    returns={200: WebhookResource},
    problems=("not_found",),
)
def get_webhook(call: Call, webhook_id: str) -> Response:
    """Get a webhook, without its secret. Costs one DynamoDB read."""
    return json_response(shown(own_webhook(call, webhook_id)))


@route(
    routes,
    "PATCH",
    "/v1/webhooks/{webhook_id}",
    scope=Scope.WEBHOOKS_ADMIN,
    body=PatchWebhook,
    returns={200: WebhookResource},
    problems=("not_found", "url_refused"),
)
def patch_webhook(call: Call, body: PatchWebhook, webhook_id: str) -> Response:
    """Change a webhook's URL or filters, disable it, or enable it again.

    Fields that are left out stay as they are; null empties a filter. With `"enabled": true, "replay": true`, all that
    was missed since the webhook was disabled, or since its receiver began to fail, is sent. Costs one DynamoDB read and
    one or two writes.
    """
    if not body.model_fields_set:
        raise Problem("invalid_field", "The body must have at least one field to change.", field="body")
    if body.replay and ("enabled" not in body.model_fields_set or not body.enabled):
        raise Problem("invalid_field", '`replay`: goes with `"enabled": true` only.', field="replay")
    webhook = own_webhook(call, webhook_id)
    if "url" in body.model_fields_set:
        receivers.check(body.url)
    try:
        webhook = _switched(_filtered(webhook, body), body)
    except GoneError:
        raise no_webhook() from None
    if body.replay and webhook.missed_since:
        _replay(webhook)
    logger.info("webhook changed", extra={"enabled": webhook.enabled})
    return json_response(shown(webhook))


def _filtered(webhook: Webhook, body: PatchWebhook) -> Webhook:
    """The webhook with the URL and filters that the body names."""
    values = body.model_dump(mode="json", exclude={"enabled", "replay"}, exclude_unset=True)
    return webhooks.change(webhook, values) if values else webhook


def _switched(webhook: Webhook, body: PatchWebhook) -> Webhook:
    """The webhook, enabled or disabled if the body says so."""
    if "enabled" not in body.model_fields_set or body.enabled == webhook.enabled:
        return webhook
    if body.enabled:
        from chalicelib.queues import webhooks as queue  # few requests need it

        webhook = webhooks.enable(webhook)
        queue.send(webhook.tenant, webhook.id, probe=True)  # failures from before are forgotten
        return webhook
    disabled = webhooks.disable(webhook.tenant, webhook.id, BY_ITS_TENANT)
    found = disabled or webhooks.get(webhook.tenant, webhook.id)
    if found is None:
        raise GoneError
    return found


def _replay(webhook: Webhook) -> None:
    from chalicelib.queues import webhooks as queue  # few requests need it

    assert webhook.missed_since
    queue.replay(webhook.tenant, webhook.id, webhook.missed_since - SLACK, missed=True)


@route(
    routes,
    "DELETE",
    "/v1/webhooks/{webhook_id}",
    scope=Scope.WEBHOOKS_ADMIN,
    returns={204: None},
    problems=("not_found",),
)
def delete_webhook(call: Call, webhook_id: str) -> Response:
    """Delete a webhook, and its log.

    A delivery that is under way may still arrive. The log goes a moment later. Costs one DynamoDB read and two writes.
    """
    webhook = own_webhook(call, webhook_id)
    with suppress(GoneError):  # somebody else has just deleted it
        webhooks.delete(webhook)
    if webhook.remembered_as:
        forget(webhook.remembered_as, webhook.id)
    logger.info("webhook deleted")
    return Response("", status_code=204)


@route(
    routes,
    "POST",
    "/v1/webhooks/{webhook_id}/rotate-secret",
    scope=Scope.WEBHOOKS_ADMIN,
    body=RotateSecret,
    returns={200: WebhookWithSecretResource},
    problems=("not_found", "too_many_secrets"),
)
def rotate_webhook_secret(call: Call, body: RotateSecret, webhook_id: str) -> Response:
    """Give a webhook a new secret. For a time, events are signed with the earlier ones, too.

    The secret is shown only in this answer. If the answer is lost, rotate again: up to five secrets sign at the same
    time. Costs one DynamoDB read and write.
    """
    webhook = own_webhook(call, webhook_id)
    try:
        rotated = webhooks.rotate(webhook, timedelta(seconds=body.overlap))
    except GoneError:
        raise no_webhook() from None
    except webhooks.TooManySecretsError:
        detail = f"{MOST_SECRETS} secrets sign already. Wait until one of them ends, or choose a shorter `overlap`."
        raise Problem("too_many_secrets", detail, field="overlap") from None
    logger.info("webhook secret rotated", extra={"version": rotated.secret_version})
    return json_response(_with_secret(rotated))
