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
from chalicelib.catalog.dynamodb import ConditionFailedError, update
from chalicelib.catalog.files import records
from chalicelib.catalog.keys import BY_DUE, due_keys, due_partition, file_key
from chalicelib.catalog.transitions import DUE
from chalicelib.model import File, Status, now, timestamp
from chalicelib.settings import settings


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
    _quietly(file, values={}, remove=DUE, condition="attribute_exists(due_pk)")


def expire(file: File) -> bool:
    """`awaiting_upload` to `expired`; False when it changed meanwhile. Bytes that arrive yet still open it."""
    try:
        update(
            file_key(file.id),
            values={"status": Status.EXPIRED, "updated_at": timestamp(now())},
            remove=DUE,
            add={"revision": 1},
            condition="#status = :awaiting AND revision = :revision",
            using={":awaiting": Status.AWAITING_UPLOAD, ":revision": file.revision},
            returning="NONE",
        )
    except ConditionFailedError:
        return False
    return True
