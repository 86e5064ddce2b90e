"""All files of a stage or of a tenant, for operators' commands. No request may read so much.

The index follows the table, so a file may be missing that was made a moment ago, and a record may be shown as it was.
That is safe for both callers. `ops backfill` reads each record again, strongly consistent, before it writes. `ops
reindex` hands over records with their revision, and the index refuses one that is older than what it has. A file that
is made meanwhile reaches the index by the table's stream, and is made by the present recipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib import aws
from chalicelib.catalog.files import as_file
from chalicelib.catalog.keys import BY_CREATED, list_partition
from chalicelib.model import File
from chalicelib.settings import settings


def every_file() -> Iterator[list[File]]:
    """Every file that is not deleted, page by page and in no order: a Scan of `by_created`, which has little else.

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


def _pages(operation: str, query: dict[str, Any]) -> Iterator[list[File]]:
    paginator: Any = aws.dynamodb().get_paginator(operation)  # type: ignore[call-overload]
    for page in paginator.paginate(TableName=settings().table, IndexName=BY_CREATED, **query):
        # API keys are in this index, too.
        yield [as_file(item) for item in page["Items"] if item["pk"]["S"].startswith("FILE#")]
