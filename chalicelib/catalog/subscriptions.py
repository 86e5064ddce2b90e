"""Subscriptions to a tenant's changes, and how far the subscribers were told.

Two write to a socket: the function that handles its messages, until the client has what it missed, and `publish` from
then on. So that nothing falls between the two, and that they never write at once, a subscription begins as `joining`:

1. It is written, then the client is sent what the feed has up to its present end.
2. While it is joining, `publish` sends it nothing, but counts in it what it left out (`misses`).
3. It becomes ready by a write on the condition that nothing was left out since the feed's end was read. If something
   was, the feed is read again from there.

`publish` looks for subscriptions after it has read the feed, so one that it did not find read the feed later still.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.dynamodb import (
    ConditionFailedError,
    batch_write,
    get_item,
    is_refused,
    items_of,
    typed,
    update,
)
from chalicelib.catalog.keys import listeners_key, subscription_key, subscription_partition
from chalicelib.catalog.sockets import LIFE, SLACK, Connection, Place
from chalicelib.settings import settings

Kind = Literal["all", "files", "tokens"]
KINDS: tuple[Kind, ...] = ("all", "files", "tokens")

ALL = "all"

# Seconds for which the note of somebody who listens is kept, beyond the longest life of a connection. It is written
# again only when it has become shorter than half of that, so that many subscribers at once write it once.
LISTENING = LIFE + 2 * SLACK

# Feed shards whose ends are written in one UpdateItem. An expression may have 300 operators.
SHARDS_AT_ONCE = 20

AT_ONCE = 8  # Queries and writes at the same time
TRIES = 5


def token_topic(token_id: str) -> str:
    """The topic of what an upload token brought."""
    return f"token_{token_id}"


def owner_topic(mark: str) -> str:
    """The topic of an owner's files. It is one of the kind `tokens`, so that the release before takes care of it."""
    return token_topic(f"owner:{mark}")


def kind_of(topic: str) -> Kind:
    if topic == ALL:
        return "all"
    return "tokens" if topic.startswith("token_") else "files"


@dataclass(frozen=True)
class Subscription:
    """One topic that a connection wants to hear.

    `revision` is the one that the client was sent of a named file, else 0. `ends` is when the connection's credential
    ends, in Unix seconds.
    """

    topic: str
    connection_id: str
    place: Place
    nonce: str
    ready: bool = False
    misses: int = 0
    revision: int = 0
    ends: int | None = None


def _subscription(values: Mapping[str, Any]) -> Subscription:
    topic, _, connection_id = values["sk"].partition("#")
    return Subscription(
        topic=topic,
        connection_id=connection_id,
        place=Place(*values["place"]),
        nonce=values["nonce"],
        ready=values.get("ready", False),
        misses=values.get("misses", 0),
        revision=values.get("revision", 0),
        ends=values.get("ends"),
    )


class SupersededError(Exception):
    """The connection has ended, or has subscribed to the same once more, so this subscribing is no longer wanted."""


def join(connection: Connection, topics: Iterable[str]) -> list[Subscription]:
    """Writes subscriptions that are joining, in place of what the connection had: a BatchWriteItem for each 25."""
    nonce = secrets.token_hex(8)
    begun = [Subscription(topic, connection.id, connection.place, nonce, ends=connection.ends) for topic in topics]
    batch_write(
        {
            **subscription_key(connection.tenant, each.topic, each.connection_id),
            "place": [each.place.domain, each.place.api, each.place.stage],
            "nonce": nonce,
            "misses": 0,
            "ends": each.ends,
            "ttl": connection.until,
        }
        for each in begun
    )
    return begun


def make_ready(tenant: str, joining: Subscription, revision: int = 0) -> Subscription | None:
    """Makes a subscription ready: None. If something was left out meanwhile, returns it as it is now, still joining.

    One UpdateItem. Raises SupersededError.
    """
    try:
        update(
            subscription_key(tenant, joining.topic, joining.connection_id),
            values={"ready": True, "revision": revision},
            condition="nonce = :nonce AND misses = :misses",
            using={":nonce": joining.nonce, ":misses": joining.misses},
            returning="NONE",
        )
    except ConditionFailedError as failed:
        if failed.item is None or failed.item["nonce"] != joining.nonce:
            raise SupersededError from None
        return _subscription(failed.item)
    return None


def leave_out(tenant: str, joining: Subscription) -> Subscription | None:
    """Counts that `publish` left a joining subscription out: None. If it is ready by now, returns it: it must hear.

    One UpdateItem. None also if the subscription is gone.
    """
    try:
        update(
            subscription_key(tenant, joining.topic, joining.connection_id),
            values={},
            add={"misses": 1},
            condition="attribute_exists(pk) AND attribute_not_exists(ready)",
            using={},
            returning="NONE",
        )
    except ConditionFailedError as failed:
        return _subscription(failed.item) if failed.item else None
    return None


def leave(tenant: str, connection_id: str, topics: Iterable[str]) -> None:
    """Deletes subscriptions: a BatchWriteItem for each 25."""
    batch_write((), (subscription_key(tenant, topic, connection_id) for topic in topics))


def subscribers(tenant: str, topics: Sequence[str]) -> list[Subscription]:
    """All subscriptions to these topics: a Query or more for each topic, strongly consistent."""
    if len(topics) == 1:
        return _of_topic(tenant, topics[0])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [each for found in pool.map(lambda topic: _of_topic(tenant, topic), topics) for each in found]


def _of_topic(tenant: str, topic: str) -> list[Subscription]:
    return [_subscription(values) for values in items_of(subscription_partition(tenant), begins=f"{topic}#")]


# --- whether anybody listens, and how far all were told


@dataclass(frozen=True)
class Listeners:
    """`until` has for each kind of subscription the moment when the last of them is over, in Unix seconds.

    `told` has the end of what was told, for each feed shard.
    """

    until: Mapping[str, int]
    told: Mapping[int, int]

    def hear(self, kind: Kind) -> bool:
        """True if there may be a subscription of this kind."""
        return self.until.get(kind, 0) > time.time()

    @property
    def any(self) -> bool:
        return any(map(self.hear, KINDS))


def listeners(tenant: str) -> Listeners:
    """One GetItem, strongly consistent."""
    values = get_item(listeners_key(tenant)) or {}
    return Listeners(
        {kind: values.get(f"{kind}_until", 0) for kind in KINDS},
        {int(shard): position for shard, position in values.get("told", {}).items()},
    )


def listen(tenant: str, kind: Kind, ends_of_feed: Callable[[], Mapping[int, int]]) -> None:
    """Notes that somebody listens, so that `publish` tells from now on. Comes before the feed's end is read.

    If nobody listened, then nothing before the feed's present end has to be told. A GetItem, and as a rule not once
    in ten minutes more than that: an UpdateItem. Raises RuntimeError if others keep changing the note.
    """
    for _ in range(TRIES):
        present, moment = listeners(tenant), int(time.time())
        if present.until[kind] >= moment + LISTENING - SLACK:
            return
        try:
            if present.any:
                _extend(tenant, kind, moment)
            else:
                _begin(tenant, kind, present, moment, ends_of_feed())
        except ConditionFailedError:
            continue
        return
    raise RuntimeError("others keep changing who listens")


def _extend(tenant: str, kind: Kind, moment: int) -> None:
    until = moment + LISTENING
    update(
        listeners_key(tenant),
        values={f"{kind}_until": until, "ttl": until + 86400},
        condition=" OR ".join(f"{each}_until > :now" for each in KINDS),
        using={":now": moment},
        returning="NONE",
    )


def _begin(tenant: str, kind: Kind, before: Listeners, moment: int, told: Mapping[int, int]) -> None:
    until = moment + LISTENING
    known = [each for each in KINDS if before.until[each]]
    condition = [f"{each}_until = :{each}" for each in known]
    condition += [f"attribute_not_exists({each}_until)" for each in KINDS if each not in known]
    update(
        listeners_key(tenant),
        values={
            f"{kind}_until": until,
            "told": {str(shard): position for shard, position in told.items()},
            "ttl": until + 86400,
        },
        condition=" AND ".join(condition),
        using={f":{each}": before.until[each] for each in known},
        returning="NONE",
    )


def note_told(tenant: str, reached: Mapping[int, int]) -> None:
    """Notes how far all were told in these feed shards; never back. An UpdateItem for each twenty shards."""
    shards = sorted(reached)
    for start in range(0, len(shards), SHARDS_AT_ONCE):
        part = shards[start : start + SHARDS_AT_ONCE]
        if not _note(tenant, {shard: reached[shard] for shard in part}):
            # Another one was ahead in some of them.
            for shard in part if len(part) > 1 else ():
                _note(tenant, {shard: reached[shard]})


def _note(tenant: str, reached: Mapping[int, int]) -> bool:
    names = {f"#{i}": str(shard) for i, shard in enumerate(reached)}
    values = {f":{i}": {"N": str(position)} for i, position in enumerate(reached.values())}
    try:
        aws.dynamodb().update_item(
            TableName=settings().table,
            Key=typed(listeners_key(tenant)),
            UpdateExpression="SET " + ", ".join(f"told.#{i} = :{i}" for i in range(len(reached))),
            ConditionExpression="attribute_exists(told) AND "
            + " AND ".join(f"(attribute_not_exists(told.#{i}) OR told.#{i} < :{i})" for i in range(len(reached))),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if not is_refused(error):
            raise
        return False
    return True
