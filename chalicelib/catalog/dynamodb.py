"""Items to values and back, and the few DynamoDB calls that the rest of the catalog is built on."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.keys import Key
from chalicelib.catalog.values import deserialize, serialize
from chalicelib.settings import settings

# The client's own document is stored as text, so that floats and big numbers come back as they were sent.
_AS_TEXT = frozenset({"metadata"})

BATCH_GET = 100  # items in one BatchGetItem: DynamoDB's limit
BATCH_WRITE = 25  # items in one BatchWriteItem: DynamoDB's limit
BATCH_RETRIES = 8  # how often a batch is sent again that DynamoDB left partly undone
BATCH_WRITERS = 8  # BatchWriteItem calls at the same time

NEW = "attribute_not_exists(pk)"


class ConditionFailedError(Exception):
    """A conditional write was refused. `item` is the item in the table as values; None if there is none."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__("condition failed")
        self.item = item


def plain(name: str, value: Any) -> Any:
    """Converts a model's JSON value for the serializer: floats become decimals."""
    if name in _AS_TEXT:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.loads(json.dumps(value), parse_float=Decimal)


def attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as an item; those that are None are left out."""
    return {name: serialize(plain(name, value)) for name, value in values.items() if value is not None}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_number(v) for v in value]
    if isinstance(value, dict):
        return {k: _number(v) for k, v in value.items()}
    return value


def read(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as values."""
    values = {name: _number(deserialize(value)) for name, value in item.items()}
    return {name: json.loads(value) if name in _AS_TEXT else value for name, value in values.items()}


def typed(key: Key) -> dict[str, Any]:
    return {name: {"S": value} for name, value in key.items()}


def get_item(key: Key) -> dict[str, Any] | None:
    """The values of an item, None if there is none: one GetItem, strongly consistent."""
    reply = aws.dynamodb().get_item(TableName=settings().table, Key=typed(key), ConsistentRead=True)
    return read(reply["Item"]) if "Item" in reply else None


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(0.5, 0.02 * 2**attempt)))  # noqa: S311


def _busy(operation: str) -> ClientError:
    # DynamoDB leaves items out of a batch that it has no capacity for. After so many tries, that is a throttled call.
    return ClientError({"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "busy"}}, operation)


def batch_get(keys: Iterable[Key], *, consistent: bool = False) -> list[dict[str, Any]]:
    """The items of these keys that exist, in no order, as values: one BatchGetItem for each hundred keys.

    Raises ClientError `ProvisionedThroughputExceededException` when DynamoDB keeps leaving items out.
    """
    waiting = [typed(key) for key in keys]
    found: list[dict[str, Any]] = []
    attempt = 0
    while waiting:
        request: Any = {settings().table: {"Keys": waiting[:BATCH_GET], "ConsistentRead": consistent}}
        reply = aws.dynamodb().batch_get_item(RequestItems=request)
        found += [read(item) for item in reply["Responses"].get(settings().table, [])]
        # DynamoDB leaves out what went over 16 MB, or what it had no capacity for.
        unprocessed: Any = reply.get("UnprocessedKeys", {})
        left: list[Any] = unprocessed.get(settings().table, {}).get("Keys", [])
        attempt = attempt + 1 if left else 0
        if attempt > BATCH_RETRIES:
            raise _busy("BatchGetItem")
        if left:
            _pause(attempt)
        waiting = left + waiting[BATCH_GET:]
    return found


def batch_write(puts: Iterable[Mapping[str, Any]], deletes: Iterable[Key] = ()) -> None:
    """Puts and deletes without conditions, in no order: one BatchWriteItem for each 25, several at the same time.

    Raises ClientError `ProvisionedThroughputExceededException` when DynamoDB keeps leaving items out.
    """
    requests = [{"PutRequest": {"Item": attributes(values)}} for values in puts]
    requests += [{"DeleteRequest": {"Key": typed(key)}} for key in deletes]
    slices = [requests[start : start + BATCH_WRITE] for start in range(0, len(requests), BATCH_WRITE)]
    if len(slices) > 1:
        with ThreadPoolExecutor(BATCH_WRITERS) as pool:
            list(pool.map(_batch_write, slices))
    else:
        for each in slices:
            _batch_write(each)


def _batch_write(requests: list[Any]) -> None:
    attempt = 0
    while requests:
        reply = aws.dynamodb().batch_write_item(RequestItems={settings().table: requests})
        requests = reply.get("UnprocessedItems", {}).get(settings().table, [])
        attempt += 1
        if requests and attempt > BATCH_RETRIES:
            raise _busy("BatchWriteItem")
        if requests:
            _pause(attempt)


def put_new(values: Mapping[str, Any]) -> None:
    """Puts an item that must not exist yet: one PutItem."""
    aws.dynamodb().put_item(TableName=settings().table, Item=attributes(values), ConditionExpression=NEW)


@dataclass(frozen=True)
class Joined:
    """A write that is made in one transaction with others: all of them, or none.

    `action` is one of `TransactItems`. `refused` is raised when its condition does not hold. If `conflict` is set, it
    is raised when another transaction is writing one of the same items just now.
    """

    action: Mapping[str, Any]
    refused: Exception
    conflict: Exception | None = None


def joined_put(values: Mapping[str, Any], **condition: Any) -> dict[str, Any]:
    """The action that puts an item in a transaction; `condition` are the other parameters of `Put`."""
    return {"Put": {"TableName": settings().table, "Item": attributes(values), **condition}}


def write_together(writes: Sequence[Joined]) -> None:
    """Makes all of these writes or none: one TransactWriteItems.

    Where several are refused, the first of them says which error is raised. Raises ClientError for everything that
    no write has an error for.
    """
    client = aws.dynamodb()
    actions: Any = [write.action for write in writes]
    try:
        client.transact_write_items(TransactItems=actions)
    except client.exceptions.TransactionCanceledException as error:
        reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
        conflict = next((write.conflict for write in writes if write.conflict), None)
        # DynamoDB gives one reason for each write, in the order of the writes.
        for write, reason in zip(writes, reasons, strict=False):
            if reason.get("Code") == "ConditionalCheckFailed":
                raise write.refused from None
            if reason.get("Code") == "TransactionConflict" and conflict:
                raise conflict from None
        raise


def update(
    key: Key,
    *,
    values: Mapping[str, Any],
    condition: str,
    using: Mapping[str, Any],
    remove: Iterable[str] = (),
    add: Mapping[str, int] | None = None,
    returning: str = "ALL_NEW",
) -> dict[str, Any]:
    """One conditional UpdateItem; returns the item's new values, or nothing with `returning="NONE"`.

    `using` holds the `:values` of the condition. Names in the condition need no alias, except for `#status`.
    Raises ConditionFailedError with the item as it is.
    """
    names = {f"#{i}": name for i, name in enumerate([*values, *remove, *(add or {})])}
    alias = {name: short for short, name in names.items()}
    expression = "SET " + ", ".join(f"{alias[name]} = :set_{name}" for name in values) if values else ""
    if remove:
        expression += " REMOVE " + ", ".join(alias[name] for name in remove)
    if add:
        expression += " ADD " + ", ".join(f"{alias[name]} :add_{name}" for name in add)
    parameters = {f":set_{name}": serialize(plain(name, value)) for name, value in values.items()}
    parameters |= {f":add_{name}": serialize(value) for name, value in (add or {}).items()}
    parameters |= {name: serialize(value) for name, value in using.items()}
    if "#status" in condition:
        names["#status"] = "status"
    try:
        reply = aws.dynamodb().update_item(
            TableName=settings().table,
            Key=typed(key),
            UpdateExpression=expression.strip(),
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=parameters,
            ReturnValues=returning,  # type: ignore[arg-type]
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        item: Any = error.response.get("Item")
        raise ConditionFailedError(read(item) if item else None) from None
    return read(reply.get("Attributes", {}))
