"""The items of one table, as DynamoDB has them: typed, and of tables that the stage's settings do not name."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from typing import Any

from chalicelib.catalog.dynamodb import BATCH_GET, BATCH_WRITE, attributes, read, typed
from chalicelib.catalog.keys import Key
from chalicelib.model import File
from ops.errors import OpsError

Item = dict[str, Any]

FILE, MARKER, HEAD = "FILE", "INDEX", "SEQ"  # the sort keys of records, of the index's notes on them, and of feeds

# How often a batch is sent again that DynamoDB left partly undone.
TRIES = 12


def key_of(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def file_of(item: Item) -> File:
    """The record in an item. Raises ValidationError for one that is no record."""
    return File.model_validate(read(item))


def changed(item: Item, values: dict[str, Any], without: Iterable[str] = ()) -> Item:
    """The item with these values (JSON; None removes one), and without these attributes."""
    gone = {*without, *(name for name, value in values.items() if value is None)}
    kept = {name: value for name, value in item.items() if name not in gone}
    return {**kept, **attributes(values)}


@dataclass(frozen=True)
class Items:
    """The items of one table. `client` is boto3's for DynamoDB."""

    client: Any
    table: str

    def scan(self, *sort_keys: str) -> Iterator[Item]:
        """Every item with one of these sort keys, strongly consistent: a Scan of the whole table."""
        names = {f":k{number}": {"S": sort_key} for number, sort_key in enumerate(sort_keys)}
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table,
            FilterExpression=f"sk IN ({', '.join(names)})",
            ExpressionAttributeValues=names,
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def scan_partitions(self, *prefixes: str) -> Iterator[Item]:
        """Every item whose partition key begins with one of these, strongly consistent: a Scan of the whole table."""
        names = {f":p{number}": {"S": prefix} for number, prefix in enumerate(prefixes)}
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table,
            FilterExpression=" OR ".join(f"begins_with(pk, {name})" for name in names),
            ExpressionAttributeValues=names,
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def get(self, keys: Iterable[Key]) -> dict[tuple[str, str], Item]:
        """The items of these keys that exist, by key; strongly consistent."""
        found: dict[tuple[str, str], Item] = {}
        for some in batched(keys, BATCH_GET):
            request: Any = {self.table: {"Keys": [typed(key) for key in some], "ConsistentRead": True}}
            for attempt in range(TRIES):
                reply = self.client.batch_get_item(RequestItems=request)
                found |= {key_of(item): item for item in reply["Responses"].get(self.table, [])}
                request = reply.get("UnprocessedKeys")
                if not request:
                    break
                _wait(attempt)
        return found

    def put(self, items: Iterable[Item]) -> None:
        self._write({"PutRequest": {"Item": item}} for item in items)

    def delete(self, keys: Iterable[Key]) -> None:
        self._write({"DeleteRequest": {"Key": typed(key)}} for key in keys)

    def _write(self, requests: Iterable[Any]) -> None:
        for some in batched(requests, BATCH_WRITE):
            waiting: Any = {self.table: list(some)}
            for attempt in range(TRIES):
                waiting = self.client.batch_write_item(RequestItems=waiting).get("UnprocessedItems")
                if not waiting:
                    break
                _wait(attempt)


def _wait(attempt: int) -> None:
    if attempt == TRIES - 1:
        raise OpsError(
            "DynamoDB has no capacity for this table just now. Run the same command again; it will continue."
        )
    time.sleep(min(5.0, 0.05 * 2**attempt))
