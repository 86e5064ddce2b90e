"""A tenant's slots for webhooks in trouble: few workers at once try receivers that failed or were slow.

A worker of a healthy webhook needs no slot. One item a tenant has all of its slots.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.catalog.dynamodb import ConditionFailedError, update
from chalicelib.catalog.keys import webhook_slots_key
from chalicelib.model import now, timestamp

# Workers at once for one tenant's webhooks in trouble.
TROUBLED_AT_ONCE = 3

_SLOTS = tuple(f"slot_{number}" for number in range(TROUBLED_AT_ONCE))


@dataclass(frozen=True)
class Slot:
    """A slot that a worker has: `value` is its end and the worker's lease."""

    tenant: str
    name: str
    value: str


def take(tenant: str, lease_id: str, seconds: float) -> Slot | None:
    """Takes a slot for `seconds`: one UpdateItem, more if others take one now. None if all are taken."""
    moment = now()
    value = f"{timestamp(moment + timedelta(seconds=seconds))}#{lease_id}"
    free = list(_SLOTS)
    while free:
        name = random.choice(free)  # noqa: S311
        try:
            update(
                webhook_slots_key(tenant),
                values={name: value, "ttl": int((moment + timedelta(days=1)).timestamp())},
                condition=f"attribute_not_exists({name}) OR {name} < :now",
                using={":now": timestamp(moment)},
                returning="NONE",
                mark=name,
            )
            return Slot(tenant, name, value)
        except ConditionFailedError as refused:
            item = refused.item or {}
            free = [each for each in free if each != name and item.get(each, "") < timestamp(moment)]
    return None


def give_back(slot: Slot) -> None:
    """Gives a slot back, if it is still the worker's: one UpdateItem."""
    try:
        update(
            webhook_slots_key(slot.tenant),
            values={},
            remove=[slot.name],
            condition=f"{slot.name} = :mine",
            using={":mine": slot.value},
            returning="NONE",
        )
    except ConditionFailedError:
        return
