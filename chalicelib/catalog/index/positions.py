"""The end of a shard's feed: which positions are taken, and up to which one readers may go.

A writer takes the next positions by a condition on the shard's head (`n`), and only when everything before them is
known to be readable (`seen` = `n`). While DynamoDB writes a transaction, readers may see some of its items and not yet
others. So `seen` is raised only after the transaction was answered, and readers go no further than `seen`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.dynamodb import (
    CANCELED,
    CONFLICT,
    CONFLICTS,
    REFUSED,
    batch_get,
    canceled_because,
    get_item,
    typed,
)
from chalicelib.catalog.keys import feed_key, head_key
from chalicelib.catalog.usage import COUNTED_ON, Day
from chalicelib.catalog.values import serialize
from chalicelib.settings import settings

# Tries to raise `seen` before the whole commit is tried again.
SHOWS = 5

_CONTENDED = frozenset({REFUSED, CONFLICT, "None"})


class ContendedError(Exception):
    """Other writers were quicker at every try, so the batch must come back."""


@dataclass(frozen=True)
class Head:
    """The end of a shard's feed: positions up to `n` are taken, those up to `seen` can be read."""

    n: int
    seen: int
    # The head's own counts of one day. They change only together with `n`.
    day: Day | None = None


def _head(values: Mapping[str, Any]) -> Head:
    day = None
    if COUNTED_ON in values:
        day = Day(values[COUNTED_ON])
        day.add(values)
    return Head(values.get("n", 0), values.get("seen", 0), day)


def head_of(tenant: str, shard: int) -> Head:
    """One GetItem, strongly consistent."""
    return _head(get_item(head_key(tenant, shard)) or {})


def heads_of(tenant: str, shards: Iterable[int]) -> dict[int, Head]:
    """The heads of several shards, strongly consistent: one BatchGetItem for each hundred."""
    heads = dict.fromkeys(shards, Head(0, 0))
    for values in batch_get((head_key(tenant, shard) for shard in heads), consistent=True):
        heads[int(values["pk"].rpartition("#")[2])] = _head(values)
    return heads


def shown(tenant: str, at_least: Mapping[int, int | None]) -> dict[int, int]:
    """How far each of these shards can be read, after it was made sure that they can be read so far.

    `at_least` has a position for each shard; None stands for all positions that are taken when this is called. Costs
    what `heads_of` costs, and what `show` does for a shard whose last writer has not shown its positions.
    Raises ContendedError if one cannot be shown.
    """
    heads = heads_of(tenant, at_least)
    reached = {}
    for shard, position in at_least.items():
        head, wanted = heads[shard], heads[shard].n if position is None else position
        for _ in range(SHOWS):
            if head.seen >= wanted:
                break
            # None: another writer was quicker, so all positions up to `n` are shown by now, or it gave up.
            head = show(tenant, shard, head) or head_of(tenant, shard)
        if head.seen < wanted:
            raise ContendedError(f"feed shard {shard} of {tenant} cannot be read up to position {wanted}")
        reached[shard] = head.seen
    return reached


def contended(error: ClientError) -> bool:
    """True if a write failed only because another one was quicker."""
    code = error.response["Error"]["Code"]
    if code == CANCELED:
        return all(reason.get("Code", "None") in _CONTENDED for reason in canceled_because(error))
    return code in CONFLICTS


def advance(
    tenant: str, shard: int, head: Head, by: int, counts: Mapping[str, int], today: Day | None = None
) -> dict[str, Any]:
    """The action that takes the next `by` positions and adds to the shard's counts.

    With `today`, the head's counts of a day are these from now on. It is refused if another writer was quicker, or if
    not all positions before can be read yet.
    """
    changed = {name: amount for name, amount in counts.items() if amount}
    names = {f"#c{i}": name for i, name in enumerate(changed)}
    values = {f":c{i}": serialize(amount) for i, amount in enumerate(changed.values())}
    add = " ADD " + ", ".join(f"#c{i} :c{i}" for i in range(len(changed))) if changed else ""
    condition = "n = :n AND seen = :n" if head.n else "attribute_not_exists(pk)"
    values |= {":next": serialize(head.n + by)} | ({":n": serialize(head.n)} if head.n else {":zero": serialize(0)})
    first = "" if head.n else ", seen = :zero"
    for name, value in {COUNTED_ON: today.day, **today.numbers}.items() if today else ():
        first += f", {name} = :{name}"
        values[f":{name}"] = serialize(value)
    update: dict[str, Any] = {
        "TableName": settings().table,
        "Key": typed(head_key(tenant, shard)),
        "UpdateExpression": f"SET n = :next{first}{add}",
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
    }
    if names:
        update["ExpressionAttributeNames"] = names
    return {"Update": update}


def show(tenant: str, shard: int, head: Head, *, verified: bool = False) -> Head | None:
    """Lets readers go up to `head.n`. Returns the head as it then is, or None if another writer is about to do it.

    If the transaction was our own and is answered (`verified`), this is one UpdateItem. Otherwise the entries are read
    in a transaction first, which DynamoDB refuses as long as one of them is still being written.
    """
    for attempt in range(SHOWS):
        if head.seen == head.n:
            return head
        if attempt:
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        try:
            if not verified:
                _read_in_a_transaction(tenant, shard, head)
            aws.dynamodb().update_item(
                TableName=settings().table,
                Key=typed(head_key(tenant, shard)),
                UpdateExpression="SET seen = :n",
                ConditionExpression="n = :n",
                ExpressionAttributeValues={":n": serialize(head.n)},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None  # the writer that went on from here had made sure of it
            if not contended(error):
                raise
            continue
        return replace(head, seen=head.n)
    return None


def _read_in_a_transaction(tenant: str, shard: int, head: Head) -> None:
    keys = [head_key(tenant, shard)]
    keys += [feed_key(tenant, shard, position) for position in range(head.seen + 1, head.n + 1)]
    gets: Any = [{"Get": {"TableName": settings().table, "Key": typed(key)}} for key in keys]
    aws.dynamodb().transact_get_items(TransactItems=gets)
