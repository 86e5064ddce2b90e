"""Webhooks as their tenants set them up: where events are sent, and which ones.

`webhook_deliveries` has what is to be sent to a webhook, and what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ulid import ULID

from chalicelib.catalog import actors
from chalicelib.catalog.dynamodb import (
    NEW,
    ConditionFailedError,
    Joined,
    get_item,
    items_of,
    joined_put,
    listed,
    typed,
    update,
    write_together,
)
from chalicelib.catalog.index.terms import sortable_name
from chalicelib.catalog.keys import WEBHOOKS, webhook_count_key, webhook_key, webhook_partition
from chalicelib.catalog.values import serialize
from chalicelib.model import Actor, ChangeType, File, Kind, Status, Timestamp, now, timestamp
from chalicelib.settings import settings

# The types of events, as envelopes have them.
FILE_TYPES = tuple(f"filemill.file.{change}" for change in ChangeType)
DISABLED = "filemill.webhook.disabled"
TEST = "filemill.webhook.test"
TYPES = (*FILE_TYPES, DISABLED, TEST)

# Webhooks of one tenant, at most. Each batch of changes reads all of them.
MOST = 100

# Secrets that sign at the same time, at most: the newest one, and those that were rotated away a short time ago.
MOST_SECRETS = 5

ID_PATTERN = re.compile(r"wh_[0-9A-HJKMNP-TV-Z]{26}")


class TooManyWebhooksError(Exception):
    """The tenant has MOST webhooks."""


class TooManySecretsError(Exception):
    """MOST_SECRETS secrets of the webhook sign already, so it can't get another one before one of them ends."""


class GoneError(Exception):
    """There is no such webhook any more."""


class EarlierSecret(BaseModel):
    """A secret that was rotated away, and signs until a moment, so that receivers have time to change it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    version: int
    until: Timestamp


class Webhook(BaseModel):
    """One webhook. An empty filter lets everything pass; `wants` says how the filters are read.

    The secret is not here: it is derived from the id and the version of the secret (`events/webhook_secrets.py`).
    `missed_since` is when the receiver began to miss events, before the webhook was last disabled. It stays when the
    webhook is enabled again, so that what was missed can be replayed.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str
    tenant: str
    url: str
    types: list[str] = Field(default_factory=list)
    kinds: list[Kind] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    filename_prefix: str | None = None
    enabled: bool = True
    disabled_reason: str | None = None
    disabled_at: Timestamp | None = None
    missed_since: Timestamp | None = None
    secret_version: int = 1
    earlier_secrets: list[EarlierSecret] = Field(default_factory=list)
    created_at: Timestamp
    updated_at: Timestamp
    created_by: Actor
    # Where the answer to the request that made it is remembered, if it had an Idempotency-Key.
    remembered_as: str | None = None

    def secret_versions(self, moment: datetime) -> list[int]:
        """The versions of the secrets that sign at a moment, the newest first."""
        return [self.secret_version, *(each.version for each in self.earlier_secrets if each.until > moment)]

    def wants(self, kind: str, file: File | None = None) -> bool:
        """True if an event of this type passes the filters. `file` is the record; events of webhooks have none.

        Without `types`, all events of files pass, and none of webhooks. The file must be of one of the kinds, have all
        of the tags, as in a list of files, and a name with the prefix, in upper or lower case. A file that is deleted
        has neither kind nor tags nor name any more, so its event passes these three filters: it is better to hear of
        the end of a file that one never heard of than not to hear of the end of one's own.
        """
        if kind not in (self.types or FILE_TYPES):
            return False
        if file is None or file.status is Status.DELETED:
            return True
        return (
            (not self.kinds or file.kind in self.kinds)
            and set(self.tags) <= set(file.tags)
            and (self.filename_prefix is None or _begins(file.filename, self.filename_prefix))
        )


def _begins(name: str, prefix: str) -> bool:
    return sortable_name(name).startswith(sortable_name(prefix))


def new_id() -> str:
    """`wh_` and a ULID, so that ids are in the order of creation."""
    return f"wh_{ULID()}"


# --- Reading


def get(tenant: str, webhook_id: str) -> Webhook | None:
    """One of a tenant's webhooks: one GetItem, strongly consistent."""
    if not ID_PATTERN.fullmatch(webhook_id):
        return None
    values = get_item(webhook_key(tenant, webhook_id))
    return as_webhook(values) if values else None


def of_tenant(tenant: str) -> list[Webhook]:
    """A tenant's webhooks, the oldest first: one Query as a rule, strongly consistent."""
    return [as_webhook(values) for values in items_of(webhook_partition(tenant))]


def of_stage() -> list[Webhook]:
    """Every webhook of the stage, for its operator: Queries, eventually consistent."""
    return [as_webhook(values) for values in listed(WEBHOOKS)]


def as_webhook(values: Mapping[str, Any]) -> Webhook:
    """A webhook from an item's values."""
    return Webhook.model_validate(values)


# --- Creating, changing, deleting


def create(webhook: Webhook, together: Sequence[Joined] = ()) -> None:
    """Writes a new webhook and counts it, in one transaction with other writes.

    Raises TooManyWebhooksError, or the error of the first of those writes that is refused.
    """
    item = {
        **webhook_key(webhook.tenant, webhook.id),
        **webhook.model_dump(mode="json"),
        "list_pk": WEBHOOKS,
        "list_sk": f"{webhook.tenant}#{webhook.id}",
        "changed_by": actors.noted(),
    }
    count = _count(webhook.tenant, 1, "attribute_not_exists(pk) OR n < :most", {":most": MOST})
    record = joined_put(item, ConditionExpression=NEW)
    write_together(
        [
            *together,
            Joined(count, refused=TooManyWebhooksError()),
            Joined(record, refused=RuntimeError("a webhook's id came twice")),
        ]
    )


def delete(webhook: Webhook) -> None:
    """Deletes a webhook and counts it off, in one transaction. Raises GoneError if it is gone already.

    A write before it notes who deletes it, because a deleted item has no place for that.
    """
    _update(webhook.tenant, webhook.id, values={"changed_by": actors.noted(ends=True)})
    gone = {
        "TableName": settings().table,
        "Key": typed(webhook_key(webhook.tenant, webhook.id)),
        "ConditionExpression": "attribute_exists(pk)",
    }
    count = _count(webhook.tenant, -1, "attribute_exists(pk)", {})
    write_together([Joined({"Delete": gone}, refused=GoneError()), Joined(count, refused=GoneError())])


def _count(tenant: str, by: int, condition: str, using: Mapping[str, int]) -> dict[str, Any]:
    """The action that counts a tenant's webhooks."""
    values = {":by": by, **using}
    return {
        "Update": {
            "TableName": settings().table,
            "Key": typed(webhook_count_key(tenant)),
            "UpdateExpression": "ADD n :by",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {name: serialize(value) for name, value in values.items()},
        }
    }


def change(webhook: Webhook, values: Mapping[str, Any]) -> Webhook:
    """Writes `values` (JSON; None removes) to a webhook. Raises GoneError if it is gone."""
    kept = {name: value for name, value in values.items() if value is not None}
    return _update(
        webhook.tenant,
        webhook.id,
        values=kept | {"updated_at": timestamp(now())},
        remove=[name for name, value in values.items() if value is None],
    )


def enable(webhook: Webhook) -> Webhook:
    """Has events sent again. Raises GoneError if the webhook is gone."""
    return change(webhook, {"enabled": True, "disabled_reason": None, "disabled_at": None})


def disable(tenant: str, webhook_id: str, reason: str, *, missed_since: datetime | None = None) -> Webhook | None:
    """Has no more events sent. `reason` is a sentence for the tenant.

    `missed_since` is when the receiver began to miss events, if that is not now. None if there is no such webhook, or
    if it is disabled already: then the first reason stays.
    """
    moment = now()
    values = {
        "enabled": False,
        "disabled_reason": reason,
        "disabled_at": timestamp(moment),
        "missed_since": timestamp(missed_since or moment),
        "updated_at": timestamp(moment),
    }
    try:
        return _update(tenant, webhook_id, values=values, condition="enabled = :enabled", using={":enabled": True})
    except GoneError:
        return None


def rotate(webhook: Webhook, overlap: timedelta) -> Webhook:
    """Gives a webhook a new secret. Every earlier one signs for `overlap` more, at most.

    Raises GoneError and TooManySecretsError.
    """
    while True:
        moment = now()
        until = moment + overlap
        signing = [EarlierSecret(version=webhook.secret_version, until=until), *webhook.earlier_secrets]
        earlier = [
            EarlierSecret(version=each.version, until=min(each.until, until))
            for each in signing
            if min(each.until, until) > moment
        ]
        if len(earlier) >= MOST_SECRETS:
            raise TooManySecretsError
        try:
            return _update(
                webhook.tenant,
                webhook.id,
                values={
                    "secret_version": webhook.secret_version + 1,
                    "earlier_secrets": [each.model_dump(mode="json") for each in earlier],
                    "updated_at": timestamp(moment),
                },
                condition="secret_version = :version",
                using={":version": webhook.secret_version},
            )
        except GoneError:
            found = get(webhook.tenant, webhook.id)
            if found is None:
                raise
            webhook = found  # somebody else has rotated it


def _update(
    tenant: str,
    webhook_id: str,
    *,
    values: Mapping[str, Any],
    remove: Sequence[str] = (),
    condition: str = "attribute_exists(pk)",
    using: Mapping[str, Any] | None = None,
) -> Webhook:
    """One conditional UpdateItem. Raises GoneError if the condition does not hold."""
    try:
        item = update(
            webhook_key(tenant, webhook_id),
            values={"changed_by": actors.noted(), **values},
            remove=remove,
            condition=condition,
            using=using or {},
        )
    except ConditionFailedError:
        raise GoneError from None
    return as_webhook(item)
