"""Requests a minute: each process takes blocks of a tenant's minute, so that few requests write anything.

A process takes a block before it serves the requests, with one conditional UpdateItem. So no more requests are served
in a minute (UTC, by the processes' clocks) than the quota allows, however many processes there are. In the other
direction there is a bound, too: what processes took and did not use. A block is 1 at first. It doubles while the
process uses up its blocks, to at most `1 / PARTS` of what was left when it was taken. So N processes leave at most
`N * (limit / PARTS - 1)` requests of a minute unused, and near the end of the quota blocks are 1.

A large quota is divided into shards with an item each, so that no item gets too many writes: a shard has at least
SHARD requests a minute. A process stays with one shard, and goes to the others when it is used up.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.catalog import usage
from chalicelib.catalog.dynamodb import ConditionFailedError, update
from chalicelib.catalog.keys import Key, rate_key
from chalicelib.observability import logger

MINUTE = 60

# A block is at most this part of what is left of its shard.
PARTS = 64

# Requests a minute that one shard has at least, and the most shards.
SHARD = 10_000
MAX_SHARDS = 16

# Seconds after which the table's TTL removes a minute's item.
FORGET_SECONDS = 3600

# Seconds after which a process adds the requests that it counted to the day's usage.
TOLD_EVERY = 300

# Tenants. When there are more, all are forgotten.
REMEMBERED = 1000


@dataclass(frozen=True)
class Rate:
    """The result for one request. `remaining` is about how many more the minute has, `resets_in` is in seconds."""

    allowed: bool
    limit: int
    remaining: int
    resets_in: int


@dataclass
class _Minute:
    """One tenant's minute in this process. `left` are the requests in hand; `used` is what its shard had taken."""

    number: int
    limit: int
    shards: list[int]
    left: int = 0
    block: int = 1
    used: int = 0


@dataclass
class _Counted:
    """Requests that the day's usage does not have yet."""

    day: str
    since: float
    requests: int = 0


def shards_of(limit: int) -> int:
    """How many shards a quota has."""
    return max(1, min(MAX_SHARDS, limit // SHARD))


def share_of(limit: int, shard: int) -> int:
    """The requests a minute that one shard has."""
    shards = shards_of(limit)
    return limit // shards + (shard < limit % shards)


class Rates:
    """The minutes of one process."""

    def __init__(self, take: Callable[[Key, int, int, int], tuple[int, int]] | None = None) -> None:
        self._take = take or _take
        self._minutes: dict[str, _Minute] = {}
        self._counted: dict[str, _Counted] = {}

    def request(self, tenant: str, limit: int, moment: float) -> Rate:
        """Counts a request of a tenant with this quota, at `moment` (Unix seconds).

        Most requests cost nothing, some an UpdateItem, and one in five minutes another one, for the usage. Where
        DynamoDB does not answer, the request is allowed: a quota must not stop a tenant that keeps to it.
        """
        number = int(moment // MINUTE)
        minute = self._minutes.get(tenant)
        if minute is None or minute.number != number or minute.limit != limit:
            shards = list(range(shards_of(limit)))
            random.shuffle(shards)
            if len(self._minutes) >= REMEMBERED:
                self._minutes.clear()
            minute = self._minutes[tenant] = _Minute(number, limit, shards)
        try:
            allowed = self._use(tenant, minute)
        except (ClientError, BotoCoreError):
            logger.warning("a request could not be counted", exc_info=True)
            allowed = True
        if allowed:
            self._count(tenant, moment)
        left = share_of(limit, minute.shards[0]) - minute.used if minute.shards else 0
        remaining = max(0, left) * len(minute.shards) + minute.left
        return Rate(allowed, limit, min(remaining, limit), MINUTE - int(moment % MINUTE))

    def _use(self, tenant: str, minute: _Minute) -> bool:
        while not minute.left and minute.shards:
            shard = minute.shards[0]
            share = share_of(minute.limit, shard)
            got, minute.used = self._take(rate_key(tenant, minute.number, shard), minute.block, share, minute.number)
            if not got:
                minute.shards.pop(0)
                continue
            minute.left = got
            minute.block = max(1, min(2 * got, (share - minute.used) // PARTS))
        if not minute.left:
            return False
        minute.left -= 1
        return True

    def _count(self, tenant: str, moment: float) -> None:
        """Counts a served request for the day's usage. The last counts of a process are lost with it."""
        day = usage.day_of(datetime.fromtimestamp(moment, UTC))
        counted = self._counted.get(tenant)
        if counted and (counted.day != day or moment - counted.since >= TOLD_EVERY):
            del self._counted[tenant]
            try:
                usage.add(tenant, counted.day, requests=counted.requests)
            except (ClientError, BotoCoreError, ConditionFailedError):
                logger.warning("requests could not be added to the usage", exc_info=True)
            counted = None
        if counted is None:
            if len(self._counted) >= REMEMBERED:
                self._counted.clear()
            counted = self._counted[tenant] = _Counted(day, moment)
        counted.requests += 1


def _take(key: Key, wanted: int, share: int, minute: int) -> tuple[int, int]:
    """Takes `wanted` requests of a shard, or what it has left. Gives (requests, what the shard has given by now).

    One UpdateItem, and a second one if fewer are left than wanted.
    """
    while True:
        try:
            item = update(
                key,
                values={"ttl": (minute + 1) * MINUTE + FORGET_SECONDS},
                condition="(attribute_not_exists(taken) AND :wanted <= :share) OR taken <= :most",
                using={":wanted": wanted, ":share": share, ":most": share - wanted},
                add={"taken": wanted},
            )
        except ConditionFailedError as failed:
            taken = failed.item["taken"] if failed.item else 0
            left = share - taken
            if left <= 0:
                return 0, taken
            wanted = min(wanted, left)
            continue
        return wanted, item["taken"]


RATES = Rates()
"""The minutes of this process."""
