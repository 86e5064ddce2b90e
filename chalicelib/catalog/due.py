"""What somebody must come back for: `by_due` as the sweep reads it, and what it writes.

Every write is conditional on the revision that was read, so that two sweeps, or a sweep and a worker, never undo each
other's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib import aws
from chalicelib.catalog.files import records
from chalicelib.catalog.items import ConditionFailedError, get_item, update
from chalicelib.catalog.keys import BY_DUE, due_keys, due_partition, file_key, position_key
from chalicelib.model import File, FileError, Status, now, timestamp
from chalicelib.settings import settings

_DUE = ("due_pk", "due_sk")
_LEASE = ("lease_until", "claim_id", "expires_at")


@dataclass(frozen=True)
class DuePage:
    """Records that are due, the longest due first; `after` goes on behind them, None at the end."""

    files: list[File]
    after: Mapping[str, Any] | None


def due(shard: int, limit: int, after: Mapping[str, Any] | None = None) -> DuePage:
    """What is due now in one shard of `by_due`: one Query, and a BatchGetItem (strongly consistent) when there is any.

    A record may have been seen to since: the index follows the table.
    """
    more: dict[str, Any] = {"ExclusiveStartKey": after} if after else {}
    reply = aws.dynamodb().query(
        TableName=settings().table,
        IndexName=BY_DUE,
        KeyConditionExpression="due_pk = :pk AND due_sk < :now",
        ExpressionAttributeValues={":pk": {"S": due_partition(shard)}, ":now": {"S": timestamp(now())}},
        Limit=limit,
        **more,
    )
    ids = [item["pk"]["S"].removeprefix("FILE#") for item in reply["Items"]]
    found = records(ids, consistent=True) if ids else {}
    return DuePage([found[file_id] for file_id in ids if file_id in found], reply.get("LastEvaluatedKey"))


def every(file_ids: Sequence[str]) -> dict[str, File]:
    """Records by id, of any tenant and state, strongly consistent: one BatchGetItem a hundred."""
    return records(file_ids, consistent=True)


def _quietly(file: File, *, values: Mapping[str, Any], condition: str, remove: Sequence[str] = ()) -> None:
    try:
        update(
            file_key(file.id),
            values=values,
            remove=remove,
            condition=f"revision = :revision AND {condition}",
            using={":revision": file.revision},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def put_off(file: File, until: datetime) -> None:
    """Has `by_due` show the record again then. Nothing happens when it changed, or when nothing is due any more."""
    _quietly(file, values=due_keys(file.id, until), condition="attribute_exists(due_pk)")


def nothing_due(file: File) -> None:
    """Takes a record that waits for nothing out of `by_due`."""
    _quietly(file, values={}, remove=_DUE, condition="attribute_exists(due_pk)")


def expire(file: File) -> bool:
    """`awaiting_upload` to `expired`; False when it changed meanwhile. Bytes that arrive yet still open it."""
    try:
        update(
            file_key(file.id),
            values={"status": Status.EXPIRED, "updated_at": timestamp(now())},
            remove=_DUE,
            add={"revision": 1},
            condition="#status = :awaiting AND revision = :revision",
            using={":awaiting": Status.AWAITING_UPLOAD, ":revision": file.revision},
            returning="NONE",
        )
    except ConditionFailedError:
        return False
    return True


def give_up(file: File, error: FileError, leftovers: Sequence[str]) -> File | None:
    """`processing`, with a lease that is over, to `failed`; None when somebody has the file again.

    As with `fail`, one that was `ready` before is so again. `leftovers` are where the last worker may have written.
    """
    values: dict[str, Any] = {
        "status": Status.READY if file.source_version else Status.FAILED,
        "error": error.model_dump(mode="json"),
        "updated_at": timestamp(now()),
        "leftovers": list(leftovers),
        **due_keys(file.id, now()),
    }
    try:
        item = update(
            file_key(file.id),
            values=values,
            remove=(*_LEASE, "wanted_recipe"),
            add={"revision": 1},
            condition="#status = :processing AND revision = :revision AND lease_until <= :now",
            using={":processing": Status.PROCESSING, ":revision": file.revision, ":now": timestamp(now())},
        )
    except ConditionFailedError:
        return None
    return File.model_validate(item)


@dataclass(frozen=True)
class Position:
    """How far a walk over a bucket is: `after` that key (and version), empty at its beginning; begun when."""

    after: str
    began: datetime
    version: str = ""
    ended: bool = False


def position(walk: str) -> Position | None:
    """One GetItem; None for a walk that never began."""
    values = get_item(position_key(walk))
    if values is None:
        return None
    return Position(
        after=values.get("walked_to", ""),
        began=datetime.fromisoformat(values["began"]),
        version=values.get("walked_to_version", ""),
        ended=values.get("ended", False),
    )


def move(walk: str, was: Position | None, to: Position) -> bool:
    """One conditional UpdateItem; False when another sweep moved it meanwhile."""
    values = {
        "walked_to": to.after,
        "walked_to_version": to.version,
        "began": timestamp(to.began),
        "ended": to.ended,
    }
    condition, using = "attribute_not_exists(pk)", {}
    if was:
        condition = "walked_to = :after AND walked_to_version = :version AND began = :began AND ended = :ended"
        using = {
            ":after": was.after,
            ":version": was.version,
            ":began": timestamp(was.began),
            ":ended": was.ended,
        }
    try:
        update(position_key(walk), values=values, condition=condition, using=using, returning="NONE")
    except ConditionFailedError:
        return False
    return True
