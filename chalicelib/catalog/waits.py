"""Waits: how many requests are held at the moment until a file's status changes.

A held request keeps one of the account's Lambda executions for up to 25 seconds, so each credential may hold some, and
all of them together some more. There is an item for each credential that waits, and one for the whole stage. An item
has numbered slots. A slot holds the moment from which it is free again, and who takes it does so by one conditional
write. So the bounds are exact over all instances of the function. The slot of a function that died becomes free by
itself, and the table's TTL removes the item of a credential that no longer waits.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError

from chalicelib.catalog.dynamodb import ConditionFailedError, update
from chalicelib.catalog.keys import Key, wait_key
from chalicelib.settings import settings

# Seconds for which a slot is taken beyond the wait itself: the last look at the record.
SLACK = 5
# Seconds after which the table's TTL may remove the item of a credential that no longer waits.
FORGET = 3600

# The owner of the slots of the whole stage. No credential has this name: those begin with their tenant.
STAGE = "/"

_THROTTLED = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})


@dataclass(frozen=True)
class _Slot:
    key: Key
    name: str
    until: int


@contextmanager
def held(credential: str, seconds: int) -> Iterator[bool]:
    """Gives True if a request of this credential may wait for so many seconds.

    Gives False if the credential holds as many requests as it may, or if all of them together do. Costs a write for the
    credential and one for the stage, and as many at the end. Where DynamoDB is too busy for them, nobody waits.
    """
    slots: list[_Slot] = []
    try:
        for owner, count in ((credential, settings().waits_each), (STAGE, settings().waits_at_once)):
            slot = _take(wait_key(owner), count, seconds)
            if slot is None:
                break
            slots.append(slot)
        yield len(slots) == 2
    finally:
        for slot in slots:
            _release(slot)


def _take(key: Key, count: int, seconds: int) -> _Slot | None:
    """Takes a free slot of `count`; None if there is none.

    One conditional UpdateItem, and another one where somebody has the slot that was tried.
    """
    free = list(range(count))
    for _ in range(count):
        if not free:
            break
        moment = time.time()
        name = f"s{random.choice(free)}"  # noqa: S311
        # In microseconds, so that it tells the slot's holders apart.
        slot = _Slot(key, name, int((moment + seconds + SLACK) * 1_000_000))
        now = int(moment * 1_000_000)
        try:
            update(
                key,
                values={name: slot.until, "ttl": int(moment) + FORGET},
                condition=f"attribute_not_exists({name}) OR {name} <= :now",
                using={":now": now},
                returning="NONE",
                mark=name,
            )
        except ConditionFailedError as failed:
            taken = failed.item or {}
            free = [number for number in free if taken.get(f"s{number}", 0) <= now]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THROTTLED:
                raise
            return None
        else:
            return slot
    return None


def _release(slot: _Slot) -> None:
    """Makes a slot free again. If DynamoDB is too busy for that, it becomes free by itself."""
    try:
        update(
            slot.key,
            values={},
            remove=[slot.name],
            condition=f"{slot.name} = :mine",
            using={":mine": slot.until},
            returning="NONE",
        )
    except ConditionFailedError:
        return
    except ClientError as error:
        if error.response["Error"]["Code"] not in _THROTTLED:
            raise
