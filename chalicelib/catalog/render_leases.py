"""Renditions that are made on demand: who is making one, and which could not be made.

There is one item for each rendition. Whoever writes its lease makes the rendition. The table's TTL removes the item.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.catalog.dynamodb import ConditionFailedError, get_item, update
from chalicelib.catalog.keys import file_key, render_key
from chalicelib.model import File, Status

FORGET_SECONDS = 86_400

# With this begin the ids of leases that were taken before anybody asked.
AHEAD = "ahead-"


class RenderState(StrEnum):
    """The state of an on-demand rendition; it holds until `lease_until`."""

    WORKING = "working"
    MADE = "made"
    FAILED = "failed"


@dataclass(frozen=True)
class RenderLease:
    """From `until` (Unix seconds) on, the next one may try.

    `failures` counts the tries in a row that did not end well. A try that is under way is among them, so that one whose
    process dies is counted without another write.
    """

    state: RenderState
    lease_id: str
    until: float
    failures: int

    @property
    def over(self) -> bool:
        return self.until <= time.time()

    @property
    def is_ahead(self) -> bool:
        """True if it was taken by the look-ahead of another request, before anybody asked for the object."""
        return self.lease_id.startswith(AHEAD)


def _lease(values: Mapping[str, Any]) -> RenderLease:
    return RenderLease(
        RenderState(values["outcome"]), values["lease_id"], values["lease_until"] / 1000, values.get("failures", 0)
    )


def _milliseconds(later: float) -> int:
    return int((time.time() + later) * 1000)


def get_ready(file_id: str) -> File | None:
    """A file that is `ready`, of any tenant: one GetItem, strongly consistent."""
    values = get_item(file_key(file_id))
    return File.model_validate(values) if values and values["status"] == Status.READY else None


def get(object_key: str) -> RenderLease | None:
    """The lease on a rendition, None if nobody ever asked for it: one GetItem, strongly consistent."""
    values = get_item(render_key(object_key))
    return _lease(values) if values else None


def begin(object_key: str, lease_id: str, seconds: float, tries: int = 1) -> RenderLease:
    """Takes the lease on a rendition, if it is free, and counts a try: one conditional UpdateItem.

    With `tries` 0 none is counted, because the try is another run's. Returns the lease that holds now. It is ours if it
    has our `lease_id`.
    """
    try:
        item = update(
            render_key(object_key),
            values={
                "outcome": RenderState.WORKING,
                "lease_id": lease_id,
                "lease_until": _milliseconds(seconds),
                "ttl": int(time.time()) + FORGET_SECONDS,
            },
            condition="attribute_not_exists(pk) OR lease_until <= :now",
            using={":now": _milliseconds(0)},
            add={"failures": tries},
            mark="lease_id",
        )
    except ConditionFailedError as failed:
        assert failed.item, "an item that is not there fails no condition"
        return _lease(failed.item)
    return _lease(item)


def take_over(object_key: str, lease_id: str, ours: str, seconds: float, *, late: float) -> RenderLease | None:
    """Gives a lease that nobody works under a new id, and counts a try: one conditional UpdateItem.

    None if the lease with the former id has ended, was taken by another, or is over for longer than `late` seconds.
    """
    try:
        item = update(
            render_key(object_key),
            values={"lease_id": ours, "lease_until": _milliseconds(seconds)},
            condition="lease_id = :theirs AND outcome = :working AND lease_until > :late",
            using={":theirs": lease_id, ":working": RenderState.WORKING, ":late": _milliseconds(-late)},
            add={"failures": 1},
            mark="lease_id",
        )
    except ConditionFailedError:
        return None
    return _lease(item)


def end(object_key: str, lease_id: str, state: RenderState, *, seconds: float, failures: int) -> None:
    """Writes what became of the rendition, and for how long that holds. Does nothing if the lease is no longer ours."""
    try:
        update(
            render_key(object_key),
            values={"outcome": state, "lease_until": _milliseconds(seconds), "failures": failures},
            condition="lease_id = :mine",
            using={":mine": lease_id},
            returning="NONE",
        )
    except ConditionFailedError:
        return
