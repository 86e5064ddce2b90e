"""Writes the index, which follows the table: lists to filter, sort and search by, a feed of changes, and counts.

The index of a file is computed from the newest image of its record, and is written in an order that a crash cannot
harm. First the new postings are put, then stale ones are deleted, and last one transaction writes the file's marker,
its entry in the feed, and the counts. If a try ends before the transaction, the next one does everything again.

`positions` has the rest of the feed: how positions are taken, and when they can be read. `usage` has the counts of
days that are over.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import usage
from chalicelib.catalog.dynamodb import attributes, batch_get, batch_write, typed
from chalicelib.catalog.index import positions
from chalicelib.catalog.index.positions import ContendedError, Head
from chalicelib.catalog.index.terms import Term, posting, terms
from chalicelib.catalog.keys import Key, feed_key, marker_key, shard_of
from chalicelib.catalog.values import serialize
from chalicelib.model import File, Status, now, timestamp
from chalicelib.settings import settings

# The states of a file whose bytes came. An import that failed has none.
CAME = (Status.PROCESSING, Status.READY, Status.FAILED)

# A file without a marker that is older is no new one: the index is made anew, and its upload was counted before.
NEW = timedelta(days=1)

# Files in one transaction. It may have a hundred actions: three for each file, one for the head, and one for a day that
# is over.
FILES_A_TRANSACTION = 30

# Tries of a transaction while other writers are quicker, and the longest pause between two tries, in seconds.
TRIES = 14
LONGEST_PAUSE = 0.6

# Feed shards that are written at the same time.
GROUPS_AT_ONCE = 4


@dataclass(frozen=True)
class Change:
    """One file in a batch of the stream: its newest image, and the older ones of the same batch."""

    file: File
    older: tuple[File, ...] = ()


@dataclass(frozen=True)
class Counted:
    """How a file is counted; `size` in bytes."""

    status: str
    kind: str
    size: int


@dataclass(frozen=True)
class Marker:
    """The index's own note on a file. `position` is its entry in the feed. A file stays in its first shard.

    The note outlives the record. With the tenant and the moment of the last change, the file's history can be found.
    `uploaded` is how many bytes were counted as uploaded; None while nothing was.
    """

    shard: int
    revision: int
    position: int
    terms: frozenset[Term]
    counted: Counted | None
    tenant: str | None = None
    changed_at: str | None = None
    uploaded: int | None = None

    def item(self, file_id: str) -> dict[str, Any]:
        counted = [self.counted.status, self.counted.kind, self.counted.size] if self.counted else None
        return {
            **marker_key(file_id),
            "shard": self.shard,
            "revision": self.revision,
            "position": self.position,
            "terms": sorted(self.terms),
            "counted": counted,
            "tenant": self.tenant,
            "changed_at": self.changed_at,
            "uploaded": self.uploaded,
        }


def _marker(values: dict[str, Any]) -> Marker:
    counted = values.get("counted")
    # The markers of former releases do not say it.
    before = counted[2] if counted and counted[0] in CAME else None
    return Marker(
        shard=values["shard"],
        revision=values["revision"],
        position=values["position"],
        terms=frozenset(values["terms"]),
        counted=Counted(*counted) if counted else None,
        uploaded=values.get("uploaded", before),
    )


def counted(file: File) -> Counted | None:
    """How a file is counted; a deleted one is not."""
    if file.status is Status.DELETED:
        return None
    return Counted(str(file.status), str(file.kind) if file.kind else "unknown", file.size or 0)


def index(changes: Iterable[Change]) -> int:
    """Brings the index up to these changes, one a file. Returns how many were news to it.

    A change that is older than the index is left out, so the same batch may come again at any time.

    Raises
    ------
    ContendedError, ClientError
        Not all of it is done. The same batch must come again for the rest.
    """
    waiting = {change.file.id: change for change in changes}
    groups: dict[tuple[str, int], list[Change]] = defaultdict(list)
    markers = _markers(list(waiting))
    for file_id, change in waiting.items():
        marker = markers.get(file_id)
        shard = marker.shard if marker else shard_of(file_id, settings().list_shards)
        groups[change.file.tenant, shard].append(change)

    def work(group: tuple[tuple[str, int], list[Change]]) -> int | Exception:
        (tenant, shard), its_changes = group
        try:
            return _index_shard(tenant, shard, its_changes, markers)
        except (ClientError, ContendedError) as error:
            return error

    if len(groups) == 1:
        done = [work(group) for group in groups.items()]
    else:
        with ThreadPoolExecutor(GROUPS_AT_ONCE) as pool:
            done = list(pool.map(work, groups.items()))
    for outcome in done:
        if isinstance(outcome, Exception):
            raise outcome
    return sum(outcome for outcome in done if isinstance(outcome, int))


def _markers(file_ids: Sequence[str]) -> dict[str, Marker]:
    found = batch_get((marker_key(file_id) for file_id in file_ids), consistent=True)
    return {values["pk"].removeprefix("FILE#"): _marker(values) for values in found}


def _index_shard(tenant: str, shard: int, changes: Sequence[Change], markers: dict[str, Marker]) -> int:
    fresh = [c for c in changes if c.file.id not in markers or markers[c.file.id].revision < c.file.revision]
    if not fresh:
        # The try before this one may have ended after its transaction, before its positions were shown.
        positions.show(tenant, shard, positions.head_of(tenant, shard))
        return 0
    _write_postings(shard, fresh, markers)
    for start in range(0, len(fresh), FILES_A_TRANSACTION):
        _commit(tenant, shard, fresh[start : start + FILES_A_TRANSACTION], markers)
    return len(fresh)


def _write_postings(shard: int, changes: Sequence[Change], markers: dict[str, Marker]) -> None:
    puts: list[Key] = []
    stale: list[Key] = []
    for change in changes:
        file, marker = change.file, markers.get(change.file.id)
        held = marker.terms if marker else frozenset()
        wanted = terms(file)
        # An earlier try may have put the postings of an older image of this batch, and ended before the transaction.
        begun = frozenset[Term]().union(*map(terms, change.older))
        # Or it deleted postings by such an image that the newest image has again, and that the marker still has.
        ended = frozenset[Term]().union(*(held - terms(image) for image in change.older))
        puts += [_posting_key(term, file, shard) for term in wanted - (held - ended)]
        stale += [_posting_key(term, file, shard) for term in (held | begun) - wanted]
    batch_write(puts)
    batch_write((), stale)


def _posting_key(term: Term, file: File, shard: int) -> Key:
    pk, sk = posting(term, file.tenant, file.id, shard)
    return {"pk": pk, "sk": sk}


def _commit(tenant: str, shard: int, changes: Sequence[Change], markers: dict[str, Marker]) -> None:
    """One transaction: positions, feed entries, counts and markers, and once a day the former day's usage.

    If another writer is quicker, it is tried again.
    """
    for attempt in range(TRIES):
        if attempt:
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.01 * 2**attempt)))  # noqa: S311
            markers = _markers([change.file.id for change in changes])
        changes = [c for c in changes if c.file.id not in markers or markers[c.file.id].revision < c.file.revision]
        head = positions.show(tenant, shard, positions.head_of(tenant, shard))
        if not changes:
            return
        if head is None:
            continue
        try:
            aws.dynamodb().transact_write_items(TransactItems=_actions(tenant, shard, head, changes, markers))
        except ClientError as error:
            if not positions.contended(error):
                raise
            continue
        positions.show(tenant, shard, Head(head.n + len(changes), head.seen), verified=True)
        return
    raise ContendedError(f"others were quicker {TRIES} times in feed shard {shard} of {tenant}")


def _actions(tenant: str, shard: int, head: Head, changes: Sequence[Change], markers: dict[str, Marker]) -> list[Any]:
    table = settings().table
    actions: list[Any] = []
    counts: dict[str, int] = defaultdict(int)
    used: dict[str, int] = defaultdict(int)
    for position, change in enumerate(changes, head.n + 1):
        file, marker = change.file, markers.get(change.file.id)
        uploaded = uploaded_bytes(change, marker)
        moment = timestamp(file.updated_at)
        new = Marker(shard, file.revision, position, terms(file), counted(file), tenant, moment, uploaded)
        _count(counts, new.counted, 1)
        if marker or file.created_at > now() - NEW:
            _use(used, new, marker)
        put: dict[str, Any] = {"TableName": table, "Item": attributes(new.item(file.id))}
        if marker:
            _count(counts, marker.counted, -1)
            old = feed_key(tenant, shard, marker.position)
            actions.append({"Delete": {"TableName": table, "Key": typed(old)}})
            put |= {
                "ConditionExpression": "revision = :revision",
                "ExpressionAttributeValues": {":revision": serialize(marker.revision)},
            }
        else:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        actions.append({"Put": put})
        entry: dict[str, Any] = {**feed_key(tenant, shard, position), "file_id": file.id, "revision": file.revision}
        if file.owner_mark:
            entry["owner"] = file.owner_mark
        actions.append({"Put": {"TableName": table, "Item": attributes(entry)}})
    return [*_counting(tenant, shard, head, len(changes), counts, used), *actions]


def _counting(
    tenant: str, shard: int, head: Head, by: int, counts: dict[str, int], used: dict[str, int]
) -> list[dict[str, Any]]:
    """The actions on the head, and on the usage of the day that it counted before if that is over."""
    present, day = usage.day_of(now()), head.day
    if not any(used.values()):
        return [positions.advance(tenant, shard, head, by, counts)]
    if day and day.day >= present:
        return [positions.advance(tenant, shard, head, by, counts | used)]
    today = usage.Day(present, {name: used.get(name, 0) for name in usage.OF_THE_INDEX})
    advance = positions.advance(tenant, shard, head, by, counts, today)
    return [advance, usage.add_to(tenant, day.day, day.numbers)] if day else [advance]


def uploaded_bytes(change: Change, marker: Marker | None) -> int | None:
    """The bytes that came for a file up to its newest image; None if none came."""
    came = [image.size or 0 for image in (*change.older, change.file) if image.status in CAME and image.version_id]
    return came[-1] if came else marker.uploaded if marker else None


def _use(used: dict[str, int], new: Marker, marker: Marker | None) -> None:
    """Adds what one change of a file means for the day's usage: a file that came, or one that was deleted."""
    before = marker.uploaded if marker else None
    if new.uploaded is not None:
        used["uploaded_files"] += before is None
        used["uploaded_bytes"] += new.uploaded - (before or 0)
        if new.counted is None and (marker is None or marker.counted):
            used["deleted_files"] += 1
            used["deleted_bytes"] += new.uploaded


def _count(counts: dict[str, int], what: Counted | None, sign: int) -> None:
    if what:
        for group in (f"status.{what.status}", f"kind.{what.kind}"):
            counts[f"{group}.files"] += sign
            counts[f"{group}.bytes"] += sign * what.size
