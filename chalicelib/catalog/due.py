"""The work that the sweep must come back for: it reads the due records here, and writes its findings here.

Every write is conditional on the revision that was read, so that two sweeps, or a sweep and a worker, never undo each
other's work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib import aws
from chalicelib.catalog import files, transitions
from chalicelib.catalog.keys import BY_DUE, due_keys, due_partition
from chalicelib.catalog.record_writer import attempt
from chalicelib.model import File, now, timestamp
from chalicelib.settings import settings


@dataclass(frozen=True)
class DueWebhook:
    """A webhook that is due, and its place in the index, which says when it was."""

    id: str
    due_sk: str


@dataclass(frozen=True)
class DuePage:
    """Records and webhooks that are due, the longest overdue first.

    The next page begins after `after`; None at the end.
    """

    files: list[File]
    webhooks: list[DueWebhook]
    after: Mapping[str, Any] | None


def due(shard: int, limit: int, after: Mapping[str, Any] | None = None) -> DuePage:
    """Everything that is due now in one shard of `by_due`: one Query, and a BatchGetItem for the records that it finds.

    The index follows the table. A record that it does not show yet is found by the next sweep. One that it still shows,
    although somebody has seen to it, does no harm: the records are read strongly consistent, the sweep decides by what
    they say, and each of its writes holds only for the revision that was read. At worst a message is sent once more.
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
    places = [(*item["pk"]["S"].split("#", 1), item["due_sk"]["S"]) for item in reply["Items"]]
    ids = [identity for kind, identity, _ in places if kind == "FILE"]
    found = records(ids) if ids else {}
    return DuePage(
        [found[file_id] for file_id in ids if file_id in found],
        [DueWebhook(identity, due_sk) for kind, identity, due_sk in places if kind == "HOOK"],
        reply.get("LastEvaluatedKey"),
    )


def records(file_ids: Sequence[str]) -> dict[str, File]:
    """Records by id, of any tenant and state, strongly consistent: one BatchGetItem a hundred."""
    return files.records(file_ids, consistent=True)


def put_off(file: File, until: datetime) -> None:
    """Has `by_due` show the record again then. Does nothing if the record changed, or if nothing is due any more."""
    attempt(transitions.PUT_OFF, file.id, due_keys(file.id, until), revision=file.revision)


def nothing_due(file: File) -> None:
    """Takes a record that waits for nothing out of `by_due`. Does nothing if the record changed."""
    attempt(transitions.NOTHING_DUE, file.id, {}, revision=file.revision)


def expire(file: File) -> File | None:
    """`awaiting_upload` to `expired`; None if the record changed. If its bytes arrive after all, they still open it."""
    return attempt(transitions.EXPIRE, file.id, {}, revision=file.revision)
