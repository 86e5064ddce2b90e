"""The index that follows the table: lists to filter, sort and search by, a feed of changes, and counts.

All of it is computed from the newest image of each record, and written in an order that a crash cannot hurt: new
postings first, then stale ones go, and last one transaction that says so. What was begun and not said is done again.

The transaction takes the next positions of a feed shard by a condition on the shard's head (`n`), and only when
everything before them is known to be readable (`seen` = `n`). DynamoDB promises readers no order between the items of a
transaction that is just being written; `seen` is raised after it was answered, and readers go no further than it.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.dynamodb import attributes, batch_get, batch_write, get_item, typed
from chalicelib.catalog.index.terms import Term, posting, terms
from chalicelib.catalog.keys import Key, feed_key, head_key, marker_key, shard_of
from chalicelib.catalog.values import serialize
from chalicelib.model import File, Status
from chalicelib.settings import settings

# Files of one transaction: each is three of the hundred actions that it may have, and the head is one.
FILES_A_TRANSACTION = 30

# Tries of a transaction that others were quicker than, and the longest pause between two, in seconds.
TRIES = 14
LONGEST_PAUSE = 0.6

SHOWS = 5

GROUPS_AT_ONCE = 4

_CONTENDED = frozenset({"ConditionalCheckFailed", "TransactionConflict", "None"})


class ContendedError(Exception):
    """Others write the same feed shard without a pause: the batch must come back."""


@dataclass(frozen=True)
class Change:
    """What the stream told of one file: its newest image, and the older ones of the same batch."""

    file: File
    older: tuple[File, ...] = ()


@dataclass(frozen=True)
class Counted:
    """As what a file stands in the counts; `size` in bytes."""

    status: str
    kind: str
    size: int


@dataclass(frozen=True)
class Marker:
    """What the index holds of a file. `position` is its feed entry; a file stays in the shard it was first put in."""

    shard: int
    revision: int
    position: int
    terms: frozenset[Term]
    counted: Counted | None

    def item(self, file_id: str) -> dict[str, Any]:
        counted = [self.counted.status, self.counted.kind, self.counted.size] if self.counted else None
        return {
            **marker_key(file_id),
            "shard": self.shard,
            "revision": self.revision,
            "position": self.position,
            "terms": sorted(self.terms),
            "counted": counted,
        }


def _marker(values: dict[str, Any]) -> Marker:
    counted = values.get("counted")
    return Marker(
        shard=values["shard"],
        revision=values["revision"],
        position=values["position"],
        terms=frozenset(values["terms"]),
        counted=Counted(*counted) if counted else None,
    )


def counted(file: File) -> Counted | None:
    """How a file counts; a deleted one does not."""
    if file.status is Status.DELETED:
        return None
    return Counted(str(file.status), str(file.kind) if file.kind else "unknown", file.size or 0)


def index(changes: Iterable[Change]) -> int:
    """Brings the index to these changes, one a file; the number of files that it did not know of yet.

    What is older than the index is left out, so the same may be told again at any time.

    Raises
    ------
    ContendedError, ClientError
        Not all of it is done; telling the same again does the rest.
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
        # Perhaps it was this very batch that ended before its positions were shown.
        _show(tenant, shard, _head(tenant, shard))
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
        # An earlier try may have begun with an older image of this batch and not come to say so.
        begun = frozenset[Term]().union(*map(terms, change.older))
        # … or deleted, with such an image, what the newest wants again and the marker still says is there.
        ended = frozenset[Term]().union(*(held - terms(image) for image in change.older))
        puts += [_posting_key(term, file, shard) for term in wanted - (held - ended)]
        stale += [_posting_key(term, file, shard) for term in (held | begun) - wanted]
    batch_write(puts)
    batch_write((), stale)


def _posting_key(term: Term, file: File, shard: int) -> Key:
    pk, sk = posting(term, file.tenant, file.id, shard)
    return {"pk": pk, "sk": sk}


@dataclass(frozen=True)
class Head:
    """The end of a shard's feed: positions up to `n` are given away, those up to `seen` can be read."""

    n: int
    seen: int


def _head(tenant: str, shard: int) -> Head:
    values = get_item(head_key(tenant, shard)) or {}
    return Head(values.get("n", 0), values.get("seen", 0))


def _commit(tenant: str, shard: int, changes: Sequence[Change], markers: dict[str, Marker]) -> None:
    """One transaction: positions, feed entries, counts and markers, if nobody was quicker; else once more."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.01 * 2**attempt)))  # noqa: S311
            markers = _markers([change.file.id for change in changes])
        changes = [c for c in changes if c.file.id not in markers or markers[c.file.id].revision < c.file.revision]
        head = _show(tenant, shard, _head(tenant, shard))
        if not changes:
            return
        if head is None:
            continue
        try:
            aws.dynamodb().transact_write_items(TransactItems=_actions(tenant, shard, head, changes, markers))
        except ClientError as error:
            if not _contended(error):
                raise
            continue
        _show(tenant, shard, Head(head.n + len(changes), head.seen), verified=True)
        return
    raise ContendedError(f"feed shard {shard} of {tenant} is contended")


def _contended(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    if code in ("TransactionConflictException", "TransactionInProgressException"):
        return True
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return code == "TransactionCanceledException" and all(r.get("Code", "None") in _CONTENDED for r in reasons)


def _actions(tenant: str, shard: int, head: Head, changes: Sequence[Change], markers: dict[str, Marker]) -> list[Any]:
    table = settings().table
    actions: list[Any] = []
    counts: dict[str, int] = defaultdict(int)
    for position, change in enumerate(changes, head.n + 1):
        file, marker = change.file, markers.get(change.file.id)
        new = Marker(shard, file.revision, position, terms(file), counted(file))
        _count(counts, new.counted, 1)
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
        entry = {**feed_key(tenant, shard, position), "file_id": file.id, "revision": file.revision}
        actions.append({"Put": {"TableName": table, "Item": attributes(entry)}})
    return [_advance(tenant, shard, head, len(changes), counts), *actions]


def _count(counts: dict[str, int], what: Counted | None, sign: int) -> None:
    if what:
        for group in (f"status.{what.status}", f"kind.{what.kind}"):
            counts[f"{group}.files"] += sign
            counts[f"{group}.bytes"] += sign * what.size


def _advance(tenant: str, shard: int, head: Head, by: int, counts: dict[str, int]) -> dict[str, Any]:
    changed = {name: amount for name, amount in counts.items() if amount}
    names = {f"#c{i}": name for i, name in enumerate(changed)}
    values = {f":c{i}": serialize(amount) for i, amount in enumerate(changed.values())}
    add = " ADD " + ", ".join(f"#c{i} :c{i}" for i in range(len(changed))) if changed else ""
    condition = "n = :n AND seen = :n" if head.n else "attribute_not_exists(pk)"
    values |= {":next": serialize(head.n + by)} | ({":n": serialize(head.n)} if head.n else {":zero": serialize(0)})
    first = "" if head.n else ", seen = :zero"
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


def _show(tenant: str, shard: int, head: Head, *, verified: bool = False) -> Head | None:
    """Lets readers go up to `head.n`; the head as it then is, or None where somebody else is about to.

    Unless the transaction was our own and is answered (`verified`), its entries are read in a transaction first, which
    DynamoDB refuses as long as one of them is still being written.
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
                return None  # who went on from here had made sure of it
            if not _contended(error):
                raise
            continue
        return Head(head.n, head.n)
    return None


def _read_in_a_transaction(tenant: str, shard: int, head: Head) -> None:
    keys = [head_key(tenant, shard)]
    keys += [feed_key(tenant, shard, position) for position in range(head.seen + 1, head.n + 1)]
    gets: Any = [{"Get": {"TableName": settings().table, "Key": typed(key)}} for key in keys]
    aws.dynamodb().transact_get_items(TransactItems=gets)
