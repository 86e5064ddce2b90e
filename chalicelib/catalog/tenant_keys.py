"""The API keys of one tenant: they are listed, counted, changed, rotated and ended over the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib import aws
from chalicelib.catalog import actors, tenants
from chalicelib.catalog.credentials import ApiKey, EarlierSecret, as_api_key, get_api_key, hash_key, new_credential
from chalicelib.catalog.dynamodb import ConditionFailedError, read, update
from chalicelib.catalog.keys import API_KEYS, BY_CREATED, OWN_KEYS, api_key_key, listed_key, tenant_keys_prefix
from chalicelib.model import now, timestamp
from chalicelib.settings import settings

# Keys of one tenant that work. They are counted by a query, so keys that are made at the same moment may exceed it.
MOST = 1000

# Secrets of one key that work at the same time.
MOST_SECRETS = 5

# Seconds that a deleted key's item is kept, so that operators can look up whose it was.
KEPT = 30 * 86400

# Keys of former releases that one call puts into their tenants' lists.
MOVED_AT_ONCE = 50


class GoneError(Exception):
    """There is no such key, or it is revoked."""


class TooManySecretsError(Exception):
    """A key has as many secrets as it may."""


@dataclass(frozen=True)
class KeyPage:
    """Keys of a tenant that are not revoked, the oldest first. `cursor` is where the page ends; None on the last."""

    keys: list[ApiKey]
    cursor: str | None


def page(tenant: str, limit: int, after: str | None) -> KeyPage:
    """A page of a tenant's keys: one Query of at most `limit` items, eventually consistent.

    Keys of former releases are not in their tenant's list yet. The first page looks for them, in one more Query, which
    finds nothing as a rule.
    """
    former = [] if after else [key for key in _adopted() if key.tenant == tenant and not key.revoked_at]
    condition, begin = "list_pk = :pk AND begins_with(list_sk, :own)", {":own": {"S": tenant_keys_prefix(tenant)}}
    if after:
        end = tenant_keys_prefix(tenant) + "\x7f"
        condition = "list_pk = :pk AND list_sk BETWEEN :after AND :end"
        begin = {":after": {"S": after + "\x00"}, ":end": {"S": end}}
    reply = aws.dynamodb().query(
        TableName=settings().table,
        IndexName=BY_CREATED,
        KeyConditionExpression=condition,
        ExpressionAttributeValues={":pk": {"S": API_KEYS}, **begin},
        Limit=limit,
    )
    last = reply.get("LastEvaluatedKey")
    found = [as_api_key(read(item)) for item in reply["Items"]]
    shown = {key.id: key for key in [*former, *found] if not key.revoked_at}
    return KeyPage(list(shown.values()), last["list_sk"]["S"] if last else None)


def is_full(tenant: str) -> bool:
    """True if a tenant has as many keys as it may: a Query, one more for each further MB of its keys."""
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings().table,
            IndexName=BY_CREATED,
            KeyConditionExpression="list_pk = :pk AND begins_with(list_sk, :own)",
            FilterExpression="attribute_not_exists(revoked_at)",
            ExpressionAttributeValues={":pk": {"S": API_KEYS}, ":own": {"S": tenant_keys_prefix(tenant)}},
            Select="COUNT",
        )
    )
    counted = 0
    for each in pages:
        counted += each["Count"]
        if counted >= MOST:
            return True
    return False


def _adopted() -> list[ApiKey]:
    """Keys that a former release made. Some are moved into their tenants' lists, and their tenants into the stage's."""
    reply = aws.dynamodb().query(
        TableName=settings().table,
        IndexName=BY_CREATED,
        KeyConditionExpression="list_pk = :pk AND list_sk < :own",
        ExpressionAttributeValues={":pk": {"S": API_KEYS}, ":own": {"S": OWN_KEYS}},
    )
    found = [as_api_key(read(item)) for item in reply["Items"]]
    for key in found[:MOVED_AT_ONCE]:
        adopt(key)
    return found


def adopt_all() -> None:
    """Moves the keys of former releases into their tenants' lists: a Query, and up to MOVED_AT_ONCE writes."""
    _adopted()


def adopt(key: ApiKey) -> None:
    """Puts a key of a former release into its tenant's list: two UpdateItems. Done again, it changes nothing."""
    tenants.note(key.tenant, new=False)
    try:
        update(
            api_key_key(key.id),
            values=listed_key(key.tenant, key.created_at, key.id),
            condition="list_sk = :former",
            using={":former": key.id},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def change(key_id: str, wanted: Callable[[ApiKey], Mapping[str, Any]]) -> ApiKey:
    """Writes the values that `wanted` gives for the key as it is (None removes). It may raise, and is asked again.

    A GetItem and an UpdateItem, and more while others change the key. Raises GoneError.
    """
    for key in _as_it_is(key_id):
        values = wanted(key)
        kept = {name: value for name, value in values.items() if value is not None}
        gone = [name for name, value in values.items() if value is None]
        if changed := _write(key, {**kept, "changed_by": actors.noted()}, gone):
            return changed
    raise GoneError


def rotate(key_id: str, overlap: timedelta, check: Callable[[ApiKey], None]) -> tuple[ApiKey, str]:
    """Gives a key a new secret, and returns both. Every earlier secret works for `overlap` more, at most.

    `check` is asked about the key as it is, and may raise. Two rotations at once give two new secrets that work. Costs
    as much as `change`. Raises GoneError and TooManySecretsError.
    """
    _, credential = new_credential()
    secret = f"fm_{key_id}_{credential.rpartition('_')[2]}"

    def rotated(key: ApiKey) -> Mapping[str, Any]:
        check(key)
        moment = now()
        until = int((moment + overlap).timestamp())
        working = [EarlierSecret(key.hash, until), *key.earlier]
        earlier = [EarlierSecret(each.hash, min(each.until, until)) for each in working]
        left = [asdict(each) for each in earlier if each.until > moment.timestamp()]
        if len(left) >= MOST_SECRETS:
            raise TooManySecretsError
        return {"hash": hash_key(secret), "earlier": left or None}

    return change(key_id, rotated), secret


def end(key_id: str, check: Callable[[ApiKey], None]) -> None:
    """Ends a key. `check` is asked about the key as it is, and may raise. Costs as much as `change`. Raises GoneError.

    The table's TTL removes the item later; until then operators see it among the revoked ones.
    """
    moment = now()

    def ended(key: ApiKey) -> Mapping[str, Any]:
        check(key)
        return {"revoked_at": timestamp(moment), "ttl": int(moment.timestamp()) + KEPT}

    change(key_id, ended)


def note_use(key: ApiKey, hour: str) -> None:
    """Notes the hour in which a key was used, unless a later one is noted: one UpdateItem."""
    try:
        update(
            api_key_key(key.id),
            values={"used_at": hour},
            condition="attribute_exists(pk) AND (attribute_not_exists(used_at) OR used_at < :hour)",
            using={":hour": hour},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def hour_of(moment: datetime) -> str:
    """The hour of a moment, as `used_at` has it."""
    return timestamp(moment.replace(minute=0, second=0, microsecond=0))


def _as_it_is(key_id: str) -> Iterator[ApiKey]:
    """The key, each time as the table has it then, until it is gone."""
    while (key := get_api_key(key_id)) is not None and not key.revoked_at:
        yield key


# A change was decided by these, so it must not overtake a change of them.
_DECISIVE = ("hash", "scopes", "networks", "expires_at")


def _write(key: ApiKey, values: Mapping[str, Any], remove: Sequence[str]) -> ApiKey | None:
    """The key as it was written; None if it is not any more what it was."""
    before = {"hash": key.hash, "scopes": list(key.scopes)}
    before |= {"networks": list(key.networks)} if key.networks else {}
    before |= {"expires_at": key.expires_at} if key.expires_at else {}
    same = [f"#{name} = :was_{name}" if name in before else f"attribute_not_exists(#{name})" for name in _DECISIVE]
    try:
        item = update(
            api_key_key(key.id),
            values=values,
            remove=remove,
            condition=" AND ".join(["attribute_not_exists(revoked_at)", *same]),
            using={f":was_{name}": value for name, value in before.items()},
        )
    except ConditionFailedError:
        return None
    return as_api_key(item)
