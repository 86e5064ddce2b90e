"""Items to values and back, and the few DynamoDB calls that the rest of the catalog is built on."""

from __future__ import annotations

import json
import random
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.keys import BY_CREATED, Key
from chalicelib.catalog.values import deserialize, serialize, simple
from chalicelib.settings import settings

# Documents of others (a client's, and those of services) are stored as text, so that floats and big numbers come back
# as they were sent.
_AS_TEXT = frozenset({"metadata", "services"})

BATCH_GET = 100  # items in one BatchGetItem: DynamoDB's limit
BATCH_WRITE = 25  # items in one BatchWriteItem: DynamoDB's limit
BATCH_RETRIES = 8  # how often a batch is sent again that DynamoDB left partly undone
BATCH_WRITERS = 8  # BatchWriteItem calls at the same time

NEW = "attribute_not_exists(pk)"
_ALIAS = re.compile(r"#[a-z_]+")

# For how long a write is sent again that meets a transaction on the same items, and the longest pause between two
# tries, in seconds. A request has 29 seconds at API Gateway, and one call that hangs takes 20 of them (aws.py). Fifty
# transactions of 20 ms on one item need two seconds in all.
CONFLICT_PATIENCE = 8.0
CONFLICT_PAUSE = 0.25

# The error of a transaction that was not carried out, and its reasons.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
CANCELED = "TransactionCanceledException"
IN_PROGRESS = "TransactionInProgressException"
REFUSED, CONFLICT = "ConditionalCheckFailed", "TransactionConflict"
# Errors of a single write that meets a transaction, and of a transaction that is being carried out.
CONFLICTS = frozenset({"TransactionConflictException", IN_PROGRESS})
THROTTLED = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})


class ConditionFailedError(Exception):
    """A conditional write was refused. `item` is the item in the table as values; None if there is none."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__("condition failed")
        self.item = item


def plain(name: str, value: Any) -> Any:
    """Converts a model's JSON value for the serializer: documents of others become text, and floats decimals."""
    if name in _AS_TEXT:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _exact(value)


def _exact(value: Any) -> Any:
    """The value with the decimals that JSON would write in place of floats."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: _exact(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    return value


def attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as an item; those that are None are left out."""
    return {name: serialize(plain(name, value)) for name, value in values.items() if value is not None}


def read(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as values."""
    values = simple(item)
    for name in _AS_TEXT & values.keys():
        values[name] = json.loads(values[name])
    return values


def typed(key: Key) -> dict[str, Any]:
    return {name: {"S": value} for name, value in key.items()}


def get_item(key: Key) -> dict[str, Any] | None:
    """The values of an item, None if there is none: one GetItem, strongly consistent."""
    reply = aws.dynamodb().get_item(TableName=settings().table, Key=typed(key), ConsistentRead=True)
    return read(reply["Item"]) if "Item" in reply else None


def items_of(pk: str, *, begins: str = "") -> list[dict[str, Any]]:
    """All items of a partition as values, in the order of their sort keys, which begin with `begins`.

    One Query as a rule, one more for each further MB; strongly consistent.
    """
    condition, using = "pk = :pk", {":pk": {"S": pk}}
    if begins:
        condition, using = f"{condition} AND begins_with(sk, :begins)", {**using, ":begins": {"S": begins}}
    return _queried(KeyConditionExpression=condition, ExpressionAttributeValues=using, ConsistentRead=True)


def listed(list_pk: str) -> list[dict[str, Any]]:
    """All items of a partition of the index `by_created`, as values: Queries, eventually consistent."""
    return _queried(
        IndexName=BY_CREATED,
        KeyConditionExpression="list_pk = :pk",
        ExpressionAttributeValues={":pk": {"S": list_pk}},
    )


def _queried(**request: Any) -> list[dict[str, Any]]:
    pages = aws.dynamodb().get_paginator("query").paginate(TableName=settings().table, **request)
    return [read(item) for page in pages for item in page["Items"]]


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


def _retries(error: ClientError) -> int:
    """How often botocore had sent the same request before, inside one call."""
    return error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)


def canceled_because(error: ClientError) -> list[dict[str, Any]]:
    """DynamoDB's reasons for not carrying out a transaction: one for each write, in the same order."""
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return reasons


def is_refused(error: ClientError) -> bool:
    """True if a single write was refused for its condition."""
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def _in_conflict(error: ClientError) -> bool:
    """True if a write was refused only because a transaction is writing one of its items just now.

    Where some writes are in conflict and others are refused for their condition, the first one of them decides.
    """
    code = error.response["Error"]["Code"]
    if code == CANCELED:
        codes = [reason.get("Code", "None") for reason in canceled_because(error)]
        failed = [each for each in codes if each != "None"]
        return failed[:1] == [CONFLICT] and set(failed) <= {CONFLICT, REFUSED}
    return code in CONFLICTS


def _send(
    operation: str, call: Callable[[], Mapping[str, Any]], ours: Callable[[ClientError], Mapping[str, Any] | None]
) -> Mapping[str, Any]:
    """Makes one conditional write. Every conditional write of the catalog but the index's goes through here.

    If a transaction is writing one of the items, it is sent again, for `CONFLICT_PATIENCE` seconds.

    A request may be sent more than once, by botocore as well, after an answer of 500 or when no answer came. If the
    first one was carried out after all, the condition of the next one fails. So for a request that was sent again,
    `ours` compares the item in the table with what the request would have written. It returns the reply that was
    lost, or None if the item is another writer's. A request that was sent only once is never compared.

    Another writer's item could be taken for ours only if it were equal in everything that the request writes: in all
    attributes, the time in milliseconds and the next revision included. Then the table is as the caller wanted it, the
    change was made once, and the caller's answer is true. So that does no harm.

    Raises ClientError `ProvisionedThroughputExceededException` if the conflict did not end, and
    `TransactionInProgressException` if our own transaction did not.
    """
    until = time.monotonic() + CONFLICT_PATIENCE
    sent = attempt = 0
    while True:
        try:
            return call()
        except ClientError as error:
            sent += 1 + _retries(error)
            if not _in_conflict(error):
                if sent > 1 and (reply := ours(error)) is not None:
                    return reply
                raise
            attempt += 1
            pause = random.uniform(0, min(CONFLICT_PAUSE, 0.01 * 2**attempt))  # noqa: S311
            if time.monotonic() + pause > until:
                if error.response["Error"]["Code"] == IN_PROGRESS:
                    raise  # it may still be carried out
                raise _busy(operation) from None
        time.sleep(pause)


def _equal(item: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """True if a typed item has these typed attributes. Numbers are compared by value: DynamoDB may write them anew."""
    return all(name in item and deserialize(item[name]) == deserialize(value) for name, value in wanted.items())


def _is_item(item: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """True if a typed item is this one, in every attribute."""
    return item is not None and item.keys() == wanted.keys() and _equal(item, wanted)


def _refused_item(error: ClientError) -> Mapping[str, Any] | None:
    """The item whose condition failed. None if there is none, or if the write failed for another reason."""
    if not is_refused(error):
        return None
    item: Mapping[str, Any] | None = error.response.get("Item")  # type: ignore[assignment]
    return item


def put_new(values: Mapping[str, Any]) -> None:
    """Puts an item that must not exist yet: one PutItem. Raises ClientError `ConditionalCheckFailedException`."""
    item = attributes(values)
    _send(
        "PutItem",
        lambda: aws.dynamodb().put_item(
            TableName=settings().table,
            Item=item,
            ConditionExpression=NEW,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        ),
        lambda error: {} if _is_item(_refused_item(error), item) else None,
    )


@dataclass(frozen=True)
class Joined:
    """A write that is made in one transaction with others: all of them, or none.

    `action` is one of `TransactItems`. `refused` is raised when its condition does not hold.
    """

    action: Mapping[str, Any]
    refused: Exception


def joined_put(values: Mapping[str, Any], **condition: Any) -> dict[str, Any]:
    """The action that puts an item in a transaction; `condition` are the other parameters of `Put`."""
    put = {"TableName": settings().table, "Item": attributes(values), **condition}
    return {"Put": {**put, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}


def write_together(writes: Sequence[Joined]) -> None:
    """Makes all of these writes or none: one TransactWriteItems, and more while others write the same items.

    Where several are refused, the first of them says which error is raised. Raises ClientError for everything that
    no write has an error for: `ProvisionedThroughputExceededException` if DynamoDB is busy or the conflict with other
    transactions did not end.

    All tries have one token, so that DynamoDB carries them out once within ten minutes. Engines without that are
    covered, too: if one of the items to put is there already, equal in every attribute, then all was written before.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    actions: Any = [write.action for write in writes]
    token = uuid.uuid4().hex
    try:
        _send(
            "TransactWriteItems",
            lambda: aws.dynamodb().transact_write_items(TransactItems=actions, ClientRequestToken=token),
            lambda error: {} if _was_written(actions, canceled_because(error)) else None,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != CANCELED:
            raise
        for write, reason in zip(writes, canceled_because(error), strict=False):
            if reason.get("Code") == REFUSED:
                raise write.refused from None
            if reason.get("Code") in THROTTLED:
                raise _busy("TransactWriteItems") from None
        raise


def _was_written(actions: Sequence[Mapping[str, Any]], reasons: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        reason.get("Code") == REFUSED and _is_item(reason.get("Item"), action["Put"]["Item"])
        for action, reason in zip(actions, reasons, strict=False)
        if "Put" in action
    )


def update(
    key: Key,
    *,
    values: Mapping[str, Any],
    condition: str = "",
    using: Mapping[str, Any] = MappingProxyType({}),
    remove: Iterable[str] = (),
    add: Mapping[str, int] | None = None,
    returning: str = "ALL_NEW",
    mark: str = "",
) -> dict[str, Any]:
    """One UpdateItem; returns the item's new values, or nothing with `returning="NONE"`. It may have a `condition`.

    `using` holds the `:values` of the condition. There, a name that DynamoDB reserves has a `#` before it: `#status`.
    `mark` is an attribute whose value no other write has: an item that has it was written by this call.
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
    names |= {alias: alias[1:] for alias in _ALIAS.findall(condition)}
    request: Any = {
        "TableName": settings().table,
        "Key": typed(key),
        "UpdateExpression": expression.strip(),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": parameters,
        "ReturnValues": returning,
    }
    if condition:
        request |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

    def ours(error: ClientError) -> Mapping[str, Any] | None:
        item = _refused_item(error)
        if not _is_updated(item, {mark: values[mark]} if mark else values, () if mark else remove, add or {}, using):
            return None
        return {"Attributes": item} if returning != "NONE" else {}

    try:
        reply = _send("UpdateItem", lambda: aws.dynamodb().update_item(**request), ours)
    except ClientError as error:
        if not is_refused(error):
            raise
        item = _refused_item(error)
        raise ConditionFailedError(read(item) if item else None) from None
    return read(reply.get("Attributes", {}))


def _is_updated(
    item: Mapping[str, Any] | None,
    values: Mapping[str, Any],
    remove: Iterable[str],
    add: Mapping[str, int],
    using: Mapping[str, Any],
) -> bool:
    """True if a typed item is as an update leaves it. A counter is compared if the condition names its value before."""
    wanted = {name: serialize(plain(name, value)) for name, value in values.items()}
    wanted |= {name: serialize(using[f":{name}"] + by) for name, by in add.items() if f":{name}" in using}
    return item is not None and _equal(item, wanted) and not any(name in item for name in remove)
