"""The end of a shard's feed: the last position that counts (`n`), and the last one that readers may go to (`seen`).

A turn (`turns`) raises both in one write, after all of its entries are there. The release before wrote entries, `n` and
counts in one transaction, of which readers may see some items and not yet others. So it raised `seen` afterwards, and a
head may still be found where it did not come to that (`show`).
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
    is_refused,
    typed,
)
from chalicelib.catalog.keys import feed_key, head_key
from chalicelib.catalog.usage import COUNTED_ON, OF_THE_INDEX, Day, add_to, day_of
from chalicelib.catalog.values import serialize
from chalicelib.model import now
from chalicelib.settings import settings

# Tries to raise `seen` before the whole commit is tried again, and tries to see a position.
SHOWS = 5
# The longest pause between two tries to see a position, in seconds.
LONGEST_WAIT = 0.3

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

    `at_least` has a position for each shard; None stands for all positions that count when this is called. Costs
    what `heads_of` costs, and what `show` does for a shard whose last writer has not shown its positions.
    Raises ContendedError if one cannot be shown.
    """
    heads = heads_of(tenant, at_least)
    reached = {}
    for shard, position in at_least.items():
        head, wanted = heads[shard], heads[shard].n if position is None else position
        for attempt in range(SHOWS):
            if head.seen >= wanted:
                break
            if head.seen < head.n:
                # None: another writer was quicker, so all positions up to `n` are shown by now, or it gave up.
                head = show(tenant, shard, head) or head_of(tenant, shard)
            else:
                # The entry is there, and its turn is about to end.
                time.sleep(random.uniform(0, LONGEST_WAIT * (attempt + 1) / SHOWS))  # noqa: S311
                head = head_of(tenant, shard)
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


def go_on(tenant: str, shard: int, head: Head, last: int, counts: Mapping[str, int], used: Mapping[str, int]) -> bool:
    """Moves a head on to position `last`, and adds to its counts and to the day's usage: one UpdateItem.

    The first usage of a day also adds the former day's to that day's item, in one transaction. False, and nothing is
    written, if the head is no longer as it was read.
    """
    present, day = day_of(now()), head.day
    more: list[Any] = []
    if not any(used.values()):
        update = _update(tenant, shard, head, last, counts)
    elif day and day.day >= present:
        update = _update(tenant, shard, head, last, {**counts, **used})
    else:
        today = Day(present, {name: used.get(name, 0) for name in OF_THE_INDEX})
        update = _update(tenant, shard, head, last, counts, today)
        more = [add_to(tenant, day.day, day.numbers)] if day else []
    try:
        if more:
            actions: list[Any] = [{"Update": update}, *more]
            aws.dynamodb().transact_write_items(TransactItems=actions)
        else:
            aws.dynamodb().update_item(**update)
    except ClientError as error:
        if not is_refused(error) and not contended(error):
            raise
        return False
    return True


def _update(
    tenant: str, shard: int, head: Head, last: int, counts: Mapping[str, int], today: Day | None = None
) -> dict[str, Any]:
    """The UpdateItem of a head. With `today`, its counts of a day are these from now on."""
    changed = {name: amount for name, amount in counts.items() if amount}
    names = {f"#c{i}": name for i, name in enumerate(changed)}
    values = {f":c{i}": serialize(amount) for i, amount in enumerate(changed.values())}
    add = " ADD " + ", ".join(f"#c{i} :c{i}" for i in range(len(changed))) if changed else ""
    values[":last"] = serialize(last)
    sets = "n = :last, seen = :last"
    for name, value in {COUNTED_ON: today.day, **today.numbers}.items() if today else ():
        sets += f", {name} = :{name}"
        values[f":{name}"] = serialize(value)
    condition = "attribute_not_exists(pk)"
    if head.n:
        values[":n"], condition = serialize(head.n), "n = :n AND seen = :n"
    update: dict[str, Any] = {
        "TableName": settings().table,
        "Key": typed(head_key(tenant, shard)),
        "UpdateExpression": f"SET {sets}{add}",
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
    }
    if names:
        update["ExpressionAttributeNames"] = names
    return update


def show(tenant: str, shard: int, head: Head) -> Head | None:
    """Lets readers go up to `head.n`. Returns the head as it then is, or None if another writer is about to do it.

    The release before wrote turns in transactions, and raised `seen` afterwards. If it did not come to that, the
    entries are read in a transaction first, which DynamoDB refuses as long as one of them is still being written.
    """
    for attempt in range(SHOWS):
        if head.seen == head.n:
            return head
        if attempt:
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        try:
            _read_in_a_transaction(tenant, shard, head)
            aws.dynamodb().update_item(
                TableName=settings().table,
                Key=typed(head_key(tenant, shard)),
                UpdateExpression="SET seen = :n",
                ConditionExpression="n = :n",
                ExpressionAttributeValues={":n": serialize(head.n)},
            )
        except ClientError as error:
            if is_refused(error):
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
