"""Items to values and back, and the few calls that everything else is made of."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.keys import Key
from chalicelib.catalog.values import deserialize, serialize
from chalicelib.settings import settings

# The client's own document is kept as text: floats and big numbers come back as they were sent.
_AS_TEXT = frozenset({"metadata"})

# Items a call, by DynamoDB's limits; tries of what a call left undone; calls at once.
BATCH_GET = 100
BATCH_WRITE = 25
BATCH_RETRIES = 8
BATCH_WRITERS = 8

NEW = "attribute_not_exists(pk)"


class ConditionFailedError(Exception):
    """A conditional write was refused; `item` is what stands in the table, None when nothing does."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__("condition failed")
        self.item = item


def plain(name: str, value: Any) -> Any:
    """A model's JSON value as what the serializer takes: floats become decimals."""
    if name in _AS_TEXT:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.loads(json.dumps(value), parse_float=Decimal)


def attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """An item, without what is None."""
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
    """The values of an item."""
    values = {name: _number(deserialize(value)) for name, value in item.items()}
    return {name: json.loads(value) if name in _AS_TEXT else value for name, value in values.items()}


def typed(key: Key) -> dict[str, Any]:
    return {name: {"S": value} for name, value in key.items()}


def get_item(key: Key) -> dict[str, Any] | None:
    """One GetItem, strongly consistent; its values."""
    reply = aws.dynamodb().get_item(TableName=settings().table, Key=typed(key), ConsistentRead=True)
    return read(reply["Item"]) if "Item" in reply else None


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(0.5, 0.02 * 2**attempt)))  # noqa: S311


def _busy(operation: str) -> ClientError:
    # DynamoDB leaves out of a batch what it has no capacity for; unanswered for so long it is a throttled call.
    return ClientError({"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "busy"}}, operation)


def batch_get(keys: Iterable[Key], *, consistent: bool = False) -> list[dict[str, Any]]:
    """Items by key, those that are there, in no order: one BatchGetItem a hundred keys. Values as `read` gives them."""
    waiting = [typed(key) for key in keys]
    found: list[dict[str, Any]] = []
    attempt = 0
    while waiting:
        request: Any = {settings().table: {"Keys": waiting[:BATCH_GET], "ConsistentRead": consistent}}
        reply = aws.dynamodb().batch_get_item(RequestItems=request)
        found += [read(item) for item in reply["Responses"].get(settings().table, [])]
        # Left out: what went over 16 MB or found no capacity.
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
    """Puts and deletes without conditions, in no order: one BatchWriteItem for each 25, some at once."""
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
    """One PutItem of an item that must not be there yet."""
    aws.dynamodb().put_item(TableName=settings().table, Item=attributes(values), ConditionExpression=NEW)


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
    """One conditional UpdateItem; the values it left (or, with ALL_OLD, found).

    `using` holds the condition's `:values`; names in it need no alias but `#status`.
    Raises ConditionFailedError with the item as it stands.
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
