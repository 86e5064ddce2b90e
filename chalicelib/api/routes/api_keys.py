"""`/v1/keys`: a tenant's API keys, managed by its keys and users with `keys:admin`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api import cursors
from chalicelib.api.answers import Resource
from chalicelib.api.auth import keys, rights
from chalicelib.api.auth.callers import Caller, Scope, as_of_now, require
from chalicelib.api.auth.rights import Rights
from chalicelib.api.errors import Problem
from chalicelib.api.fields import Cursor, WholeNumber
from chalicelib.api.key_bodies import (
    CreateKey,
    End,
    KeyName,
    KeyResource,
    KeyScopes,
    KeyWithSecretResource,
    Networks,
    make,
    shown,
    wanted,
)
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call, json_response, route
from chalicelib.catalog import credentials, memory, tenant_keys
from chalicelib.catalog.credentials import ApiKey
from chalicelib.model import timestamp
from chalicelib.observability import logger

routes = Blueprint(__name__)

MAX_LISTED = 100
MAX_OVERLAP = 7 * 86400  # seconds

_ONE = "/v1/keys/{key_id}"


class ListKeys(Query):
    """The query of the list."""

    limit: Annotated[WholeNumber, Field(ge=1, le=MAX_LISTED)] = 50
    cursor: Cursor | None = None


class PatchKey(Body):
    """The body of `PATCH /v1/keys/{key_id}`: the fields to change. null takes an end or the networks away."""

    name: KeyName = Field(default_factory=str)
    scopes: KeyScopes = Field(default_factory=list)
    expires_at: End | None = None
    networks: Networks | None = None


class RotateKey(Body):
    """The body of `POST /v1/keys/{key_id}/rotate`.

    `overlap` is in seconds: for how long the earlier secrets work, beside the new one. 0 ends them at once.
    """

    overlap: Annotated[int, Field(ge=0, le=MAX_OVERLAP)] = 86400


class KeyPage(Resource):
    """Keys, the oldest first."""

    items: list[KeyResource]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")


@route(
    routes,
    "POST",
    "/v1/keys",
    scope=Scope.KEYS_ADMIN,
    body=CreateKey,
    returns={201: KeyWithSecretResource},
    problems=("exceeds_own_rights", "too_many_keys"),
    headers=("Location",),
)
def create_key(call: Call, body: CreateKey) -> Response:
    """Make an API key.

    It can do no more than the key that makes it: no scope that the other lacks, from no other networks, and for no
    longer. The new key is shown only in this answer. If the answer is lost, delete the key and make another one. Costs
    a DynamoDB read, a query that counts the tenant's keys, and two writes.
    """
    giver = _giver(call)
    own = rights.of_caller(giver)
    given = wanted(body, own)
    rights.require_within(given, own)
    return make(call.tenant, body, given, giver)


@route(
    routes,
    "GET",
    "/v1/keys",
    scope=Scope.KEYS_ADMIN,
    query=ListKeys,
    returns={200: KeyPage},
    problems=("invalid_cursor",),
)
def list_keys(call: Call, query: ListKeys) -> Response:
    """List the tenant's keys, the oldest first, without their secrets.

    The list follows the keys, as a rule within a second. A page may have fewer keys than `limit`, even none, although
    more follow: only a null `next_cursor` ends the list. Costs one or two DynamoDB queries.
    """
    scope = f"{call.tenant}/keys"
    page = tenant_keys.page(call.tenant, query.limit, cursors.decode(query.cursor, scope) if query.cursor else None)
    return json_response(
        {
            "items": [shown(key) for key in page.keys],
            "next_cursor": cursors.encode(page.cursor, scope) if page.cursor else None,
        }
    )


@route(routes, "GET", _ONE, scope=Scope.KEYS_ADMIN, returns={200: KeyResource}, problems=("not_found",))
def get_key(call: Call, key_id: str) -> Response:
    """Get an API key, without its secret. Costs one DynamoDB read."""
    key = _own_key(call, key_id)
    if key.revoked_at:
        raise _no_key()
    return json_response(shown(key))


@route(
    routes,
    "PATCH",
    _ONE,
    scope=Scope.KEYS_ADMIN,
    body=PatchKey,
    returns={200: KeyResource},
    problems=("not_found", "exceeds_own_rights"),
)
def patch_key(call: Call, body: PatchKey, key_id: str) -> Response:
    """Change an API key's name, scopes, end or networks. The change takes effect within a minute.

    Fields that are left out stay as they are. Neither before nor afterwards may the key have more rights than the key
    that changes it. Sockets of the key are closed, so that they are opened anew. Costs three DynamoDB reads and a
    write.
    """
    if not body.model_fields_set:
        raise Problem("invalid_field", "The body must have at least one field to change.", field="body")
    _own_key(call, key_id)
    values: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if values.get("expires_at"):
        values["expires_at"] = timestamp(values["expires_at"])
    if "networks" in values:
        values["networks"] = values["networks"] or None
    may = _may_change(_giver(call))

    def change(key: ApiKey) -> Mapping[str, Any]:
        may(key, _changed(key, values))
        return values

    try:
        key = tenant_keys.change(key_id, change)
    except tenant_keys.GoneError:
        raise _no_key() from None
    _forget(key_id)
    logger.info("key changed", extra={"changed": key_id})
    return json_response(shown(key))


@route(
    routes,
    "POST",
    f"{_ONE}/rotate",
    scope=Scope.KEYS_ADMIN,
    body=RotateKey,
    returns={200: KeyWithSecretResource},
    problems=("not_found", "exceeds_own_rights", "too_many_secrets"),
)
def rotate_key(call: Call, body: RotateKey, key_id: str) -> Response:
    """Give an API key a new secret. The id stays, and for a time the earlier secrets work, too.

    The key with its new secret is shown only in this answer. If the answer is lost, rotate again: up to five secrets
    work at the same time. Sockets of the key are closed, so that they are opened anew. Costs three DynamoDB reads and a
    write.
    """
    _own_key(call, key_id)
    may = _may_change(_giver(call))
    try:
        key, secret = tenant_keys.rotate(key_id, timedelta(seconds=body.overlap), may)
    except tenant_keys.GoneError:
        raise _no_key() from None
    except tenant_keys.TooManySecretsError:
        most = tenant_keys.MOST_SECRETS
        detail = f"{most} secrets work already. Wait until one of them ends, or choose a shorter `overlap`."
        raise Problem("too_many_secrets", detail, field="overlap") from None
    _forget(key_id)
    logger.info("key rotated", extra={"changed": key_id})
    return json_response({"key": secret, **shown(key)})


@route(
    routes,
    "DELETE",
    _ONE,
    scope=Scope.KEYS_ADMIN,
    returns={204: None},
    problems=("not_found", "exceeds_own_rights"),
)
def delete_key(call: Call, key_id: str) -> Response:
    """Delete an API key. It stops working within a minute, and so do the upload tokens and sockets that it opened.

    Files, webhooks and other keys that it made stay. A key may delete itself. Costs three DynamoDB reads and a write.
    """
    if not _own_key(call, key_id).revoked_at:
        may = _may_change(_giver(call))
        with suppress(tenant_keys.GoneError):  # somebody else was quicker
            tenant_keys.end(key_id, may)
        _forget(key_id)
        logger.info("key deleted", extra={"changed": key_id})
    return Response("", status_code=204)


def _giver(call: Call) -> Caller:
    """The caller with the rights that it has now, not those that it had when the key was last read.

    A key that a moment ago was taken a right must not hand it on any more.
    """
    if call.caller.key is None:
        return call.caller
    caller = as_of_now(keys.name_of_key(call.caller.key_id))
    require(caller, Scope.KEYS_ADMIN)
    return caller


def _may_change(giver: Caller) -> Callable[..., None]:
    """A check of a key and of what it would become: neither may have more rights than the giver. Its own key may stay.

    It raises Problem `exceeds_own_rights`.
    """
    own = rights.of_caller(giver)

    def may(key: ApiKey, becoming: Rights | None = None) -> None:
        if key.id != giver.key_id:
            rights.require_within(rights.of_key(key), own)
        if becoming:
            rights.require_within(becoming, own)

    return may


def _changed(key: ApiKey, values: Mapping[str, Any]) -> Rights:
    """The rights of a key after a change."""
    return Rights(
        frozenset(values.get("scopes", key.scopes)),
        tuple(values.get("networks", key.networks) or ()),
        values.get("expires_at", key.expires_at),
    )


def _own_key(call: Call, key_id: str) -> ApiKey:
    """The tenant's key, which may be revoked: one GetItem. Raises Problem `not_found` for any other."""
    key = credentials.get_api_key(key_id) if keys.ID.fullmatch(key_id) else None
    if key is None or key.tenant != call.tenant:
        raise _no_key()
    return key


def _forget(key_id: str) -> None:
    memory.forget_one(keys.find, keys.name_of_key(key_id))


def _no_key() -> Problem:
    """The answer for any key that the caller's tenant does not have, whatever the reason."""
    return Problem("not_found", "There is no API key of this id.")
