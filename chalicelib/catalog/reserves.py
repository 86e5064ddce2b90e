"""Quotas of files and bytes: each new file is reserved, in one item of its tenant, before its record is written.

The item has upper bounds of what the tenant has, and of what it uploads today: the index's counts at some time, and all
that was reserved since. A reservation is one conditional UpdateItem that adds to them. So files that are created at the
same time, by however many processes, never pass a quota together.

Deletions only show in the index's counts. So the bounds are made anew from these in each window of WINDOW seconds, and
whenever a quota is used up. The index follows the table, so the counts lack the newest files: reservations of this
window and the one before are added. So the overshoot is 0 as long as the index is less than WINDOW seconds behind. If
it is further behind, the overshoot is at most what was created before the last WINDOW seconds and is not in it yet:
`creates per second * (seconds behind - WINDOW)`.

A process that creates many files takes blocks, as `rates` does: at most `1 / PARTS` of what is left. What it does not
use comes back with the next windows. So N processes write the item N times in the first second of a window at worst,
and about `N * log2(files of each)` times in all of it.

A file whose size nobody knows yet reserves one byte, and may have as many as are left of the quotas. Several of them at
the same time may each have that.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.catalog import usage
from chalicelib.catalog.dynamodb import ConditionFailedError, update
from chalicelib.catalog.index import counts
from chalicelib.catalog.keys import reserve_key
from chalicelib.catalog.quotas import MOST, ExceededError
from chalicelib.model import Status, now

# Seconds. The index follows within one or two as a rule.
WINDOW = 30

# A block is at most this part of what is left.
PARTS = 256

# Tries while others write the same item. After each try somebody else was successful.
TRIES = 30

# Seconds for which a process uses the same counts.
COUNTS_LIVE = 1.0

# Seconds after which the table's TTL removes the item of a tenant that creates nothing.
FORGET_SECONDS = 86_400

# Tenants. When there are more, all are forgotten.
REMEMBERED = 1000

# The files that count. An upload that waits counts with the size that was told; one that expired does not.
COUNTED = (Status.AWAITING_UPLOAD, Status.PROCESSING, Status.READY, Status.FAILED)

# The quotas that are kept here, and the attribute that each is compared with.
_HELD = {"files": "files_held", "stored_bytes": "bytes_held", "uploaded_bytes_per_day": "bytes_today"}
KEPT = tuple(_HELD)


@dataclass(frozen=True)
class Held:
    """A tenant's present numbers, by the quota that they count against."""

    files: int
    stored_bytes: int
    uploaded_bytes_per_day: int

    def of(self, quota: str) -> int:
        number: int = getattr(self, quota)
        return number


@dataclass(frozen=True)
class _Reserve:
    """The item. `recent` and `before` are (files, bytes) that were reserved in this window and the one before."""

    window: int
    day: str
    held: Held
    recent: tuple[int, int] = (0, 0)
    before: tuple[int, int] = (0, 0)
    mark: str = ""


@dataclass
class _Hand:
    """The reserve that a process has not used yet, and how much it takes next."""

    window: int
    day: str
    files: int
    bytes: int
    block: int
    left: Held


def held_by(stats: counts.Stats, day: str) -> Held:
    """The index's counts as quotas see them. Uploads that wait count as today's: they may come today."""
    groups = [stats.by_status[status] for status in COUNTED if status in stats.by_status]
    waiting = stats.by_status.get(Status.AWAITING_UPLOAD)
    uploaded = stats.days[day].numbers.get("uploaded_bytes", 0) if day in stats.days else 0
    return Held(
        sum(group.files for group in groups),
        sum(group.bytes for group in groups),
        uploaded + (waiting.bytes if waiting else 0),
    )


class Reserves:
    """The reservations of one process."""

    def __init__(self, read: Callable[[str], counts.Stats] = counts.stats) -> None:
        self._read = read
        self._hands: dict[str, _Hand] = {}
        self._counts: dict[str, tuple[float, counts.Stats]] = {}

    def reserve(self, tenant: str, limits: Mapping[str, int], size: int | None) -> int:
        """Reserves a new file of `size` bytes; None if nobody knows its size. Gives the bytes that it may have.

        Nothing is done if there is no such quota. Otherwise one UpdateItem; for a process that creates many files it
        is one for several files; in each window and where a quota is used up, a BatchGetItem and a second UpdateItem.
        Raises ExceededError, and ClientError `ProvisionedThroughputExceededException` if too many others write.
        """
        limits = {quota: limits[quota] for quota in KEPT if quota in limits}
        if not limits:
            return MOST
        moment = now()
        window, day = int(moment.timestamp() // WINDOW), usage.day_of(moment)
        hand = self._hands.get(tenant)
        if hand and (hand.window, hand.day) != (window, day):
            hand = None
        if hand and size is not None and hand.files and hand.bytes >= size:
            hand.files -= 1
            hand.bytes -= size
            return size
        block = _block(hand, limits, size)
        needed = Held(1, 1 if size is None else size, 1 if size is None else size)
        held, block = self._take(tenant, limits, needed, block, moment)
        if len(self._hands) >= REMEMBERED:
            self._hands.clear()
        left = _left(limits, held)
        self._hands[tenant] = _Hand(window, day, block - 1, (block - 1) * needed.stored_bytes, block, left)
        return size if size is not None else min(left.stored_bytes, left.uploaded_bytes_per_day) + 1

    def _take(
        self, tenant: str, limits: Mapping[str, int], needed: Held, block: int, moment: datetime
    ) -> tuple[Held, int]:
        """Adds `block` such files to the item. Gives what the tenant has then, and the block that it was."""
        window, day = int(moment.timestamp() // WINDOW), usage.day_of(moment)
        for _ in range(TRIES):
            try:
                return _add(tenant, limits, _times(needed, block), window, day), block
            except ConditionFailedError as failed:
                found = _reserve(failed.item) if failed.item else None
            if block > 1:
                block = 1
                continue
            base = _renewed(found, held_by(self._stats(tenant), day), window, day)
            _check(limits, base.held, needed, moment)
            try:
                return _replace(tenant, found, base, needed), 1
            except ConditionFailedError:
                continue
        raise ClientError(
            {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "busy"}}, "UpdateItem"
        )

    def _stats(self, tenant: str) -> counts.Stats:
        known, moment = self._counts.get(tenant), now().timestamp()
        if known and moment - known[0] < COUNTS_LIVE:
            return known[1]
        if len(self._counts) >= REMEMBERED:
            self._counts.clear()
        stats = self._read(tenant)
        self._counts[tenant] = (moment, stats)
        return stats


def _times(needed: Held, block: int) -> Held:
    return Held(block, block * needed.stored_bytes, block * needed.uploaded_bytes_per_day)


def _left(limits: Mapping[str, int], held: Held) -> Held:
    return Held(*(max(0, limits.get(quota, MOST) - held.of(quota)) for quota in KEPT))


def _block(hand: _Hand | None, limits: Mapping[str, int], size: int | None) -> int:
    """How many such files to take: 1 at first, then twice as many as before, but only a small part of what is left."""
    if hand is None or size is None:
        return 1
    rooms = [hand.left.files]
    if size:
        rooms += [hand.left.of(quota) // size for quota in limits if quota != "files"]
    return max(1, min(2 * hand.block, min(rooms) // PARTS))


def _check(limits: Mapping[str, int], held: Held, needed: Held, moment: datetime) -> None:
    for quota, limit in limits.items():
        if held.of(quota) + needed.of(quota) > limit:
            ends = usage.end_of_day(moment) if quota == "uploaded_bytes_per_day" else None
            raise ExceededError(quota, limit, held.of(quota), ends)


def _renewed(found: _Reserve | None, counted: Held, window: int, day: str) -> _Reserve:
    """The item's bounds, made anew from the index's counts. An item that is two windows old has nothing to add."""
    if found is None or window - found.window > 1:
        return _Reserve(window, day, counted)
    # A process whose clock is behind writes into the window that is there.
    window = max(window, found.window)
    recent, before = (found.recent, found.before) if window == found.window else ((0, 0), found.recent)
    files, size = (a + b for a, b in zip(recent, before, strict=True))
    same_day = found.day == day
    held = Held(
        max(counted.files, min(found.held.files, counted.files + files)),
        max(counted.stored_bytes, min(found.held.stored_bytes, counted.stored_bytes + size)),
        max(
            counted.uploaded_bytes_per_day,
            min(found.held.uploaded_bytes_per_day if same_day else MOST, counted.uploaded_bytes_per_day + size),
        ),
    )
    return _Reserve(window, day, held, recent, before, found.mark)


def _add(tenant: str, limits: Mapping[str, int], needed: Held, window: int, day: str) -> Held:
    """Raises ConditionFailedError if the item is of another window or day, is not there, or has no room."""
    conditions = [f"{_HELD[quota]} <= :{quota}" for quota in limits]
    item = update(
        reserve_key(tenant),
        values={"mark": secrets.token_hex(8), "ttl": int(now().timestamp()) + FORGET_SECONDS},
        condition=" AND ".join(["window_number = :window", "counted_day = :day", *conditions]),
        using={
            ":window": window,
            ":day": day,
            **{f":{quota}": limit - needed.of(quota) for quota, limit in limits.items()},
        },
        add={
            "files_held": needed.files,
            "bytes_held": needed.stored_bytes,
            "bytes_today": needed.uploaded_bytes_per_day,
            "recent_files": needed.files,
            "recent_bytes": needed.stored_bytes,
        },
        mark="mark",
    )
    return _reserve(item).held


def _replace(tenant: str, found: _Reserve | None, base: _Reserve, needed: Held) -> Held:
    """Writes the item anew, with one file more. Raises ConditionFailedError if it was written meanwhile."""
    held = Held(*(base.held.of(quota) + needed.of(quota) for quota in KEPT))
    new = replace(base, held=held, recent=(base.recent[0] + 1, base.recent[1] + needed.stored_bytes))
    update(
        reserve_key(tenant),
        values={
            "window_number": new.window,
            "counted_day": new.day,
            "files_held": held.files,
            "bytes_held": held.stored_bytes,
            "bytes_today": held.uploaded_bytes_per_day,
            "recent_files": new.recent[0],
            "recent_bytes": new.recent[1],
            "before_files": new.before[0],
            "before_bytes": new.before[1],
            "mark": secrets.token_hex(8),
            "ttl": int(now().timestamp()) + FORGET_SECONDS,
        },
        condition="mark = :found" if found else "attribute_not_exists(pk)",
        using={":found": found.mark} if found else {},
        returning="NONE",
        mark="mark",
    )
    return held


def _reserve(values: Mapping[str, Any]) -> _Reserve:
    return _Reserve(
        values["window_number"],
        values["counted_day"],
        Held(values["files_held"], values["bytes_held"], values["bytes_today"]),
        (values["recent_files"], values["recent_bytes"]),
        (values.get("before_files", 0), values.get("before_bytes", 0)),
        values["mark"],
    )


RESERVES = Reserves()
"""The reservations of this process."""
