"""WebSocket connections: whose each is, what it has subscribed to, and how many a tenant has.

A connection is one item, and one for each credential that can end it. API Gateway does not promise to tell of a closed
connection, so all of these items end by themselves, when the connection cannot live any longer.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.dynamodb import (
    ConditionFailedError,
    batch_write,
    get_item,
    is_refused,
    items_of,
    read,
    typed,
    update,
)
from chalicelib.catalog.keys import (
    BY_CREATED,
    credential_partition,
    credential_socket_key,
    socket_count_key,
    socket_key,
    subscription_key,
    tenant_sockets_partition,
)
from chalicelib.model import timestamp
from chalicelib.settings import settings

# Seconds. API Gateway closes a connection after two hours:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LIFE = 2 * 3600
SLACK = 600

# Files that one connection may have subscribed to.
MAX_FILES = 500

# Seconds between two counts of a tenant's connections: while it seems to have as many as it may, and otherwise.
RECOUNT_WHEN_FULL = 60
RECOUNT = 3600


class GoneError(Exception):
    """There is no such connection, or it is about to be closed."""


class TooManyError(Exception):
    """A connection has as many subscriptions as it may."""


class MixedError(Exception):
    """A connection follows the feed or names files. It can't do both, nor follow two things.

    A client keeps one cursor. It would be ahead of one subscription while another one is still catching up.
    """


@dataclass(frozen=True)
class Place:
    """The WebSocket API that a connection is on: its domain, its id and its stage, as `$connect` names them."""

    domain: str
    api: str
    stage: str


@dataclass(frozen=True)
class Connection:
    """One WebSocket connection.

    `credentials` are the names of the keys and tokens that it ends with, such as `fm_0123456789ab`; the first one
    opened it, and the last one is its tenant's, as `tenant_acme`. `address` is the client's. `token_id` is set if that
    is an upload token. `owner` is the mark of the owner whose files alone it may hear of, if it may hear of no others.
    `ends` is when the credential ends, `until` when the connection must be over, both in Unix seconds. `files` are
    those that it named, or `follows` is the topic that it
    follows. A connection that is `closing` may subscribe to nothing more.
    """

    id: str
    tenant: str
    place: Place
    credentials: tuple[str, ...]
    until: int
    token_id: str | None = None
    owner: str | None = None
    ends: int | None = None
    files: frozenset[str] = frozenset()
    follows: str | None = None
    closing: bool = False
    address: str | None = None

    @property
    def topics(self) -> frozenset[str]:
        """All that it has subscribed to."""
        return self.files | {self.follows} if self.follows else self.files


def _connection(values: dict[str, Any]) -> Connection:
    return Connection(
        id=values["pk"].removeprefix("SOCKET#"),
        tenant=values["tenant"],
        place=Place(*values["place"]),
        credentials=tuple(values["credentials"]),
        until=values["until"],
        token_id=None if values.get("owner") else values.get("token_id"),
        owner=values.get("owner"),
        ends=values.get("ends"),
        files=frozenset(values.get("files", ())),
        follows=values.get("follows"),
        closing=values.get("closing", False),
        address=values.get("address"),
    )


def add(connection: Connection, most: int) -> bool:
    """Writes a new connection, unless its tenant has `most` already. Returns False then.

    One BatchWriteItem and one UpdateItem; once an hour, or when the count says that there are too many, also Queries.
    """
    values = {
        **socket_key(connection.id),
        "tenant": connection.tenant,
        "place": [connection.place.domain, connection.place.api, connection.place.stage],
        "credentials": list(connection.credentials),
        # The release before knows no owners. It takes this for a token that has brought nothing, and tells nothing.
        "token_id": f"owner:{connection.owner}" if connection.owner else connection.token_id,
        "owner": connection.owner,
        "ends": connection.ends,
        "address": connection.address,
        "until": connection.until,
        "ttl": connection.until,
    }
    named = [{**credential_socket_key(name, connection.id), "ttl": connection.until} for name in connection.credentials]
    ends = timestamp(datetime.fromtimestamp(connection.until, UTC))
    named[0] |= {"list_pk": tenant_sockets_partition(connection.tenant), "list_sk": f"{ends}#{connection.id}"}
    # Written before it is counted: then a count that comes in between is too high, and the next one is right.
    batch_write([values, *named])
    if _take_place(connection.tenant, most):
        return True
    _delete(connection)
    return False


def get(connection_id: str) -> Connection | None:
    """One GetItem, strongly consistent."""
    values = get_item(socket_key(connection_id))
    return _connection(values) if values else None


def of_credential(name: str) -> list[str]:
    """The ids of the connections that end with a key or token of this name: Queries, strongly consistent."""
    return [values["sk"] for values in items_of(credential_partition(name))]


def follow(connection: Connection, topic: str) -> None:
    """Notes that a connection follows a topic, before the subscription is written: so it can be found at the end.

    One UpdateItem. Raises GoneError, and MixedError if the connection has subscribed to something else.
    """
    try:
        update(
            socket_key(connection.id),
            values={"follows": topic},
            condition="attribute_exists(pk) AND attribute_not_exists(closing) AND attribute_not_exists(files) AND "
            "(attribute_not_exists(follows) OR follows = :topic)",
            using={":topic": topic},
            returning="NONE",
        )
    except ConditionFailedError as failed:
        raise _refusal(failed.item, MixedError()) from None


def name_files(connection: Connection, file_ids: Collection[str]) -> None:
    """Notes files that a connection names, before the subscriptions are written: so they can be found at the end.

    One UpdateItem, none if all are known. Raises GoneError, MixedError if the connection follows a topic, and
    TooManyError for more than MAX_FILES in all.
    """
    new = set(file_ids) - connection.files
    if not new:
        return
    condition = (
        "attribute_exists(pk) AND attribute_not_exists(closing) AND attribute_not_exists(follows) AND "
        "(attribute_not_exists(files) OR size(files) <= :room)"
    )
    refused = _change_files(connection.id, "ADD", new, condition, {":room": {"N": str(MAX_FILES - len(new))}})
    if refused is None:
        return
    if (present := get(connection.id)) is None or present.closing:
        raise GoneError
    if present.follows:
        raise MixedError
    if len(present.files | new) > MAX_FILES:
        raise TooManyError
    name_files(present, new)  # another message of the client named some of them in between


def unfollow(connection_id: str, topic: str) -> None:
    """Forgets what a connection followed, after the subscription was deleted: one UpdateItem."""
    try:
        update(
            socket_key(connection_id),
            values={},
            remove=["follows"],
            condition="follows = :topic",
            using={":topic": topic},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def drop_files(connection_id: str, file_ids: Collection[str]) -> None:
    """Forgets files that a connection named, after the subscriptions were deleted: one UpdateItem."""
    if file_ids:
        _change_files(connection_id, "DELETE", file_ids, "attribute_exists(pk)", {})


def _change_files(
    connection_id: str, how: str, file_ids: Collection[str], condition: str, using: dict[str, Any]
) -> ClientError | None:
    """One UpdateItem of the set of files; returns the error if its condition failed. Sent twice, it does the same."""
    try:
        aws.dynamodb().update_item(
            TableName=settings().table,
            Key=typed(socket_key(connection_id)),
            UpdateExpression=f"{how} files :files",
            ConditionExpression=condition,
            ExpressionAttributeValues={":files": {"SS": sorted(file_ids)}, **using},
        )
    except ClientError as error:
        if not is_refused(error):
            raise
        return error
    return None


def _refusal(item: dict[str, Any] | None, otherwise: Exception) -> Exception:
    return GoneError() if item is None or item.get("closing") else otherwise


def retire(connection_id: str) -> Connection | None:
    """Ends all subscriptions of a connection that is to be closed: an UpdateItem, and BatchWriteItems.

    From then on it hears nothing more. Returns the connection, or None if there is none.
    """
    try:
        values = update(socket_key(connection_id), values={"closing": True}, condition="attribute_exists(pk)", using={})
    except ConditionFailedError:
        return None
    connection = _connection(values)
    batch_write((), (subscription_key(connection.tenant, topic, connection.id) for topic in connection.topics))
    return connection


def forget(connection_id: str) -> bool:
    """Deletes all that is known of a connection that is closed. Returns False if nothing was known of it.

    A DeleteItem, and if it was known BatchWriteItems and an UpdateItem. What is left if it stops ends by itself.
    """
    reply = aws.dynamodb().delete_item(
        TableName=settings().table, Key=typed(socket_key(connection_id)), ReturnValues="ALL_OLD"
    )
    if "Attributes" not in reply:
        return False
    _delete(connection := _connection(read(reply["Attributes"])))
    _leave_place(connection.tenant)
    return True


def _delete(connection: Connection) -> None:
    keys = [socket_key(connection.id)]
    keys += [subscription_key(connection.tenant, topic, connection.id) for topic in connection.topics]
    keys += [credential_socket_key(name, connection.id) for name in connection.credentials]
    batch_write((), keys)


# --- how many connections a tenant has


def _take_place(tenant: str, most: int) -> bool:
    """Counts one more connection. False if the tenant has `most`.

    The count may be wrong by those whose end nobody told of, or whose count failed. So it is made anew now and then.
    """
    for last in (False, True):
        try:
            values = update(
                socket_count_key(tenant),
                values={},
                add={"taken": 1},
                condition="attribute_not_exists(taken) OR taken < :most",
                using={":most": most},
            )
        except ConditionFailedError as failed:
            if last or not _recounted(tenant, failed.item or {}, RECOUNT_WHEN_FULL, without=1):
                return False
        else:
            _recounted(tenant, values, RECOUNT)
            return True
    return False


def _leave_place(tenant: str) -> None:
    try:
        update(
            socket_count_key(tenant),
            values={},
            add={"taken": -1},
            condition="taken > :none",
            using={":none": 0},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def _recounted(tenant: str, values: Mapping[str, Any], seconds: int, *, without: int = 0) -> bool:
    """Counts a tenant's connections anew, if that was not done for so many seconds. True if it was done.

    `without` are those that are written and not yet counted.

    An UpdateItem, by which one of several decides to do it, Queries, and an UpdateItem that is left out if the count
    has changed meanwhile.
    """
    moment, before = int(time.time()), values.get("counted_at")
    if before is not None and before > moment - seconds:
        return False
    ours = "attribute_not_exists(counted_at)" if before is None else "counted_at = :before"
    try:
        update(
            socket_count_key(tenant),
            values={"counted_at": moment, "ttl": moment + 30 * 86400},
            condition=ours,
            using={} if before is None else {":before": before},
            returning="NONE",
        )
        if before is None:
            return False  # the first connection
        update(
            socket_count_key(tenant),
            values={"taken": max(0, _found(tenant, moment) - without)},
            condition="taken = :taken",
            using={":taken": values["taken"]},
            returning="NONE",
        )
    except ConditionFailedError:
        return False
    return True


def _found(tenant: str, moment: int) -> int:
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings().table,
            IndexName=BY_CREATED,
            KeyConditionExpression="list_pk = :pk AND list_sk > :now",
            ExpressionAttributeValues={
                ":pk": {"S": tenant_sockets_partition(tenant)},
                ":now": {"S": timestamp(datetime.fromtimestamp(moment, UTC))},
            },
            Select="COUNT",
        )
    )
    return sum(page["Count"] for page in pages)


def names_in(items: Iterable[dict[str, Any]]) -> list[str]:
    """The names of the keys, tokens and tenants in these items of the stream, such as `fm_0123456789ab`."""
    prefixes = {"KEY": "fm_", "TOKEN": "fmu_", "TENANT": "tenant_"}
    return [prefixes[item["sk"]["S"]] + item["pk"]["S"].partition("#")[2] for item in items]
