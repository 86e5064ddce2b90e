"""Credentials: API keys, and the upload tokens that are made with a key for browsers."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import actors
from chalicelib.catalog.dynamodb import (
    ConditionFailedError,
    Joined,
    get_item,
    is_refused,
    listed,
    put_new,
    read,
    typed,
    update,
)
from chalicelib.catalog.keys import API_KEYS, api_key_key, listed_key, shard_of, ticket_key, token_key, token_list_key
from chalicelib.catalog.values import serialize
from chalicelib.model import Actor, UploadToken, now, timestamp
from chalicelib.settings import settings

OPERATOR = "(operator)"
"""Stands in the place of an operator key's tenant. No tenant can have this name (`model.TENANT_PATTERN`)."""


@dataclass(frozen=True)
class EarlierSecret:
    """The hash of a secret that was rotated away. It works until then, in Unix seconds."""

    hash: str
    until: int


@dataclass(frozen=True)
class ApiKey:
    """An API key as the table has it: with the SHA-256 (hex) of the key, never with the key itself.

    The former release knows the fields up to `revoked_at` only. `networks` are CIDRs; without any, the key works from
    everywhere. `used_at` is the hour in which the key was last used. `created_by` is missing from keys that were made
    at a terminal.
    """

    id: str
    hash: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None = None
    expires_at: str | None = None
    networks: tuple[str, ...] = ()
    earlier: tuple[EarlierSecret, ...] = ()
    used_at: str | None = None
    created_by: Actor | None = None

    @property
    def is_operator(self) -> bool:
        return self.tenant == OPERATOR

    @property
    def ends(self) -> int | None:
        """When the key expires, in Unix seconds."""
        return int(datetime.fromisoformat(self.expires_at).timestamp()) if self.expires_at else None

    @property
    def is_over(self) -> bool:
        """True once the key is revoked or expired."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= timestamp(now()))


def as_api_key(values: Mapping[str, Any]) -> ApiKey:
    """A key from an item's values."""
    names = ("id", "hash", "tenant", "name", "created_at", "revoked_at", "expires_at", "used_at")
    fields: dict[str, Any] = {name: values.get(name) for name in names}
    maker = values.get("created_by")
    return ApiKey(
        **fields,
        scopes=tuple(values["scopes"]),
        networks=tuple(values.get("networks", ())),
        earlier=tuple(EarlierSecret(each["hash"], each["until"]) for each in values.get("earlier", ())),
        created_by=Actor.model_validate(maker) if maker else None,
    )


def put_api_key(key: ApiKey) -> None:
    """One PutItem."""
    item = {
        **api_key_key(key.id),
        "id": key.id,
        "hash": key.hash,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "networks": list(key.networks) or None,
        "created_by": key.created_by.model_dump() if key.created_by else None,
        **listed_key(key.tenant, key.created_at, key.id),
        "changed_by": actors.noted(),
    }
    put_new(item)


def get_api_key(key_id: str) -> ApiKey | None:
    """One GetItem, strongly consistent."""
    values = get_item(api_key_key(key_id))
    return as_api_key(values) if values else None


def api_keys() -> list[ApiKey]:
    """Every key of the stage, for its operator: Queries.

    Eventually consistent, so a key that was made or revoked a moment ago may be shown as before. Requests are checked
    with `get_api_key`, which is not.
    """
    return [as_api_key(values) for values in listed(API_KEYS)]


class RevokedError(Exception):
    """The key is revoked, so nothing of it can be changed."""


def change_scopes(key_id: str, *, add: Collection[str] = (), remove: Collection[str] = ()) -> ApiKey | None:
    """Gives scopes to a key, and takes others away: a GetItem, and an UpdateItem if that changes anything.

    Returns the key as it is then; None if there is none of that id. Raises RevokedError.
    """
    while True:
        key = get_api_key(key_id)
        if key is None:
            return None
        if key.revoked_at:
            raise RevokedError
        scopes = [scope for scope in dict.fromkeys([*key.scopes, *add]) if scope not in remove]
        if scopes == [*key.scopes]:
            return key
        try:
            item = update(
                api_key_key(key_id),
                values={"scopes": scopes, "changed_by": actors.noted()},
                condition="scopes = :before AND attribute_not_exists(revoked_at)",
                using={":before": [*key.scopes]},
            )
        except ConditionFailedError:
            continue  # somebody else was quicker
        return as_api_key(item)


def revoke_api_key(key_id: str) -> ApiKey | None:
    """Revokes a key. Returns None if there is none of that id. A key that is revoked again keeps the first time."""
    try:
        item = update(
            api_key_key(key_id),
            values={"revoked_at": timestamp(now()), "changed_by": actors.noted()},
            condition="attribute_exists(pk) AND attribute_not_exists(revoked_at)",
            using={},
        )
    except ConditionFailedError as failed:
        return as_api_key(failed.item) if failed.item else None
    return as_api_key(item)


def put_token(token: UploadToken) -> None:
    """Writes a new token and its place in the tenant's list: two PutItems.

    The place is an item of its own, in as many partitions as other lists have. In an index, each use of the token would
    cost one more write. The table's TTL removes both a day after the token's end.
    """
    expires = int(token.expires_at.timestamp())
    values = token.model_dump(mode="json")
    shard = shard_of(token.id, settings().list_shards)
    place = {**token_list_key(token.tenant, shard, values["created_at"], token.id), "ttl": expires + 86400}
    put_new(place)
    times = {"expires": expires, "ttl": expires + 86400}
    put_new({**token_key(token.id), **values, **times, "changed_by": actors.noted()})


def revoke_token(tenant: str, token_id: str) -> UploadToken | None:
    """Revokes a tenant's token. Returns None if it has none of that id. A token revoked again keeps the first time."""
    try:
        item = update(
            token_key(token_id),
            values={"revoked_at": timestamp(now()), "changed_by": actors.noted()},
            condition="tenant = :tenant AND attribute_not_exists(revoked_at)",
            using={":tenant": tenant},
        )
    except ConditionFailedError as failed:
        item = failed.item if failed.item and failed.item["tenant"] == tenant else {}
    return UploadToken.model_validate(item) if item else None


def get_token(token_id: str) -> UploadToken | None:
    """One GetItem, strongly consistent."""
    values = get_item(token_key(token_id))
    return UploadToken.model_validate(values) if values else None


class TokenSpentError(Exception):
    """The upload token allows no more files, or its time is over."""


def use_token(token_id: str) -> Joined:
    """Counts one file against a token, together with the file. Refused with TokenSpentError."""
    count = {
        "TableName": settings().table,
        "Key": typed(token_key(token_id)),
        "UpdateExpression": "ADD used :one",
        "ConditionExpression": "attribute_exists(pk) AND used < max_files AND expires > :now",
        "ExpressionAttributeValues": {":one": serialize(1), ":now": serialize(int(now().timestamp()))},
    }
    return Joined({"Update": count}, refused=TokenSpentError())


@dataclass(frozen=True)
class Ticket:
    """A ticket for one socket, as the table has it. `credential` is the name of the key or token that it stands for.

    `secret` is the hash of the one that asked for the ticket: it must be right when the ticket is used. `expires` is in
    Unix seconds. `user` is the bearer of a sign-in token, who is kept nowhere else.
    """

    id: str
    hash: str
    credential: str
    expires: int
    secret: str | None = None
    user: dict[str, Any] | None = None


def put_ticket(ticket: Ticket) -> None:
    """One PutItem. The table's TTL removes a ticket that nobody used."""
    values = {
        "hash": ticket.hash,
        "credential": ticket.credential,
        "expires": ticket.expires,
        "secret": ticket.secret,
        "user": ticket.user,
    }
    put_new({**ticket_key(ticket.id), **values, "ttl": ticket.expires + 86400})


def take_ticket(ticket_id: str, hashed: str, moment: int) -> Ticket | None:
    """Takes a ticket away, so that it is used once: one DeleteItem.

    None if there is none, it was taken before, it is over at `moment` (Unix seconds), or its hash is not `hashed`. A
    ticket is left as it is unless all is right, so that nobody uses it up by guessing. If the answer is lost and the
    request is sent again, the ticket counts as taken: its holder asks for another one.
    """
    try:
        reply = aws.dynamodb().delete_item(
            TableName=settings().table,
            Key=typed(ticket_key(ticket_id)),
            ConditionExpression="#hash = :hash AND expires > :moment",
            ExpressionAttributeNames={"#hash": "hash"},
            ExpressionAttributeValues={":hash": {"S": hashed}, ":moment": {"N": str(moment)}},
            ReturnValues="ALL_OLD",
        )
    except ClientError as error:
        if not is_refused(error):
            raise
        return None
    values = read(reply["Attributes"])
    return Ticket(
        ticket_id, values["hash"], values["credential"], values["expires"], values.get("secret"), values.get("user")
    )


def new_credential(prefix: str = "fm") -> tuple[str, str]:
    """(id, credential). A credential is shown once and stored nowhere.

    It has 192 random bits, so a plain hash of it is enough. `fm` is an API key, `fmu` an upload token, `fmt` a
    ticket for a socket.
    """
    credential_id = secrets.token_hex(6)
    return credential_id, f"{prefix}_{credential_id}_{secrets.token_hex(24)}"


def hash_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
