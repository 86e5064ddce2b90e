"""All files of a stage or of a tenant, for operators' commands and the sweep. No request may read so much.

The index follows the table, so a file may be missing that was made a moment ago, and a record may be shown as it was.
That is safe for the callers. `ops backfill` reads each record again, strongly consistent, before it writes. `ops
reindex` hands over records with their revision, and the index refuses one that is older than what it has. A file that
is made meanwhile reaches the index by the table's stream, and is made by the present recipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib import aws
from chalicelib.catalog.dynamodb import typed
from chalicelib.catalog.files import as_file
from chalicelib.catalog.keys import BY_CREATED, Key, list_partition
from chalicelib.model import File
from chalicelib.settings import settings


def every_file() -> Iterator[list[File]]:
    """Every file that is not deleted, page by page and in no order: a Scan of `by_created`.

    The index has API keys and the log of webhooks' deliveries as well, which are read and passed over.

    Eventually consistent, and half a read unit for each 4 KB.
    """
    yield from _pages("scan", {})


def files_of_tenant(tenant: str) -> Iterator[list[File]]:
    """Every file of a tenant that is not deleted, page by page: Queries, shard by shard, the oldest file first.

    Eventually consistent.
    """
    for shard in range(settings().list_shards):
        yield from _pages(
            "query",
            {
                "KeyConditionExpression": "list_pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": list_partition(tenant, shard)}},
            },
        )


@dataclass(frozen=True)
class TombstonesPage:
    """Tombstones that still say what the file was. The next page begins after the key `after`; None at the end."""

    files: list[File]
    after: Key | None


def told_tombstones(after: Key | None) -> TombstonesPage:
    """The purged tombstones in one page of the table that still say what the file was: one Scan of 1 MB.

    Eventually consistent, 128 read units at most.
    """
    more: dict[str, Any] = {"ExclusiveStartKey": typed(after)} if after else {}
    reply = aws.dynamodb().scan(
        TableName=settings().table,
        FilterExpression="sk = :record AND purged = :purged AND filename <> :empty",
        ExpressionAttributeValues={":record": {"S": "FILE"}, ":purged": {"BOOL": True}, ":empty": {"S": ""}},
        **more,
    )
    last = reply.get("LastEvaluatedKey")
    key = {"pk": last["pk"]["S"], "sk": last["sk"]["S"]} if last else None
    return TombstonesPage([as_file(item) for item in reply["Items"]], key)


def held_files() -> Iterator[File]:
    """Every file under legal hold, deleted ones too: a Scan of the table, strongly consistent."""
    pages = (
        aws.dynamodb()
        .get_paginator("scan")
        .paginate(
            TableName=settings().table,
            FilterExpression="sk = :record AND attribute_exists(legal_hold)",
            ExpressionAttributeValues={":record": {"S": "FILE"}},
            ConsistentRead=True,
        )
    )
    return (as_file(item) for page in pages for item in page["Items"])


def _pages(operation: str, query: dict[str, Any]) -> Iterator[list[File]]:
    paginator: Any = aws.dynamodb().get_paginator(operation)  # type: ignore[call-overload]
    for page in paginator.paginate(TableName=settings().table, IndexName=BY_CREATED, **query):
        yield [as_file(item) for item in page["Items"] if item["pk"]["S"].startswith("FILE#")]
