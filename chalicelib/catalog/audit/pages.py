"""Pages of the audit: the entries of one tenant, one second, and one batch of the table's stream, as one item.

A page costs a write unit for each KB, however many entries it has. Its entries are compressed. Pages are never changed.
A second of a tenant may have several pages. `list_shards` partitions share the pages of a tenant, by what was changed.
"""

from __future__ import annotations

import heapq
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from chalicelib import aws
from chalicelib.catalog import dynamodb
from chalicelib.catalog.audit import entries as entries_of
from chalicelib.catalog.audit.entries import HOUR, SECOND, Entry
from chalicelib.catalog.dynamodb import batch_write
from chalicelib.catalog.keys import LAST, audit_key, audit_partition, audited_key, shard_of
from chalicelib.model import now, timestamp
from chalicelib.settings import settings

# Pages of one Query, at most. An answer needs few of them as a rule, and what is read is paid for.
PAGES = 50
# Queries at the same time.
READERS = 8
# Days that a note on an hour is kept: so long may the sweep be down, and still seal what was written meanwhile.
NOTE_DAYS = 35


@dataclass(frozen=True)
class Page:
    """One page. `key` is its sort key; `written` is the hour in which it was written; `entries` as stored."""

    tenant: str
    shard: int
    key: str
    written: str
    entries: tuple[Mapping[str, Any], ...]

    @property
    def second(self) -> str:
        return self.key[:SECOND]

    def read(self) -> list[Entry]:
        return [entries_of.read(self.tenant, each) for each in self.entries]


def as_page(values: Mapping[str, Any]) -> Page:
    """The page in an item's values."""
    _, tenant, shard = values["pk"].split("#")
    stored = json.loads(zlib.decompress(values["entries"]))
    return Page(tenant, int(shard), values["sk"], values["written"], tuple(stored))


# --- writing

# The notes that this process has written in one hour. Another process writes them again, which changes nothing.
_noted: dict[str, set[tuple[str, str]]] = {}


def forget() -> None:
    """Forgets which notes were written."""
    _noted.clear()


def write(wanted: Iterable[Entry]) -> int:
    """Writes the entries that are not in the audit yet, and returns how many they were.

    For each second of a tenant a Query, strongly consistent, tells which entries are there: the same batch of the
    stream may come again, whole or halved. Only one batch of a shard of the stream is worked on at a time, so nobody
    else writes the same entries meanwhile.
    """
    groups: dict[tuple[str, int, str], dict[str, Entry]] = defaultdict(dict)
    for each in wanted:
        shard = shard_of(each.subject, settings().list_shards)
        groups[each.tenant, shard, each.at[:SECOND]][each.id] = each
    if len(groups) > 1:
        with ThreadPoolExecutor(READERS) as pool:
            fresh = list(pool.map(lambda group: _fresh(*group), groups.items()))
    else:
        fresh = [_fresh(*group) for group in groups.items()]
    found = {place: some for place, some in zip(groups, fresh, strict=True) if some}
    hour = timestamp(now())[:HOUR]
    _note(hour, {(tenant, second[:HOUR]) for tenant, _, second in found})
    batch_write(_item(*place, hour, some) for place, some in found.items())
    return sum(map(len, fresh))


def _fresh(place: tuple[str, int, str], wanted: Mapping[str, Entry]) -> list[Entry]:
    there = {entry["id"] for page in _of_second(*place) for entry in page.entries}
    return [each for name, each in wanted.items() if name not in there]


def _item(tenant: str, shard: int, second: str, hour: str, some: list[Entry]) -> dict[str, Any]:
    """A page is named after its first entry, which no other page has."""
    name = entries_of.digest(some[0].id).hex()[:16]
    stored = entries_of.canonical([each.stored() for each in some])
    return {
        **audit_key(tenant, shard, second, name),
        "entries": zlib.compress(stored, 9),
        "written": hour,
        "ttl": ends_at(second),
    }


def ends_at(second: str) -> int:
    """When the table's TTL removes what was written about a second, in Unix seconds."""
    moment = datetime.fromisoformat(second).replace(tzinfo=UTC)
    return int((moment + timedelta(days=settings().audit_days)).timestamp())


def _note(hour: str, places: set[tuple[str, str]]) -> None:
    """Notes in which hours the pages are that are written next. Without its note, a page would never be sealed."""
    missing = places - _noted.get(hour, set())
    end = int((now() + timedelta(days=NOTE_DAYS)).timestamp())
    batch_write({**audited_key(hour, *place), "ttl": end} for place in missing)
    known = _noted.get(hour, set()) | missing
    _noted.clear()
    _noted[hour] = known


# --- reading


def _of_second(tenant: str, shard: int, second: str) -> list[Page]:
    """The pages of one second: a Query, strongly consistent."""
    return list(_queried(tenant, shard, second, second + LAST, ConsistentRead=True))


def about(tenant: str, subject: str, second: str) -> list[Entry]:
    """The entries about one file, key or the like in one second: a Query for each shard that is looked at.

    The first is the one that has them, unless the stage's shards were raised since.
    """
    shards = settings().list_shards
    likely = shard_of(subject, shards)
    for shard in (likely, *(each for each in range(shards) if each != likely)):
        entries = (entry for page in _of_second(tenant, shard, second) for entry in page.read())
        if found := [entry for entry in entries if entry.subject == subject]:
            return found
    return []


def of_hour(tenant: str, hour: str) -> Iterator[Page]:
    """The pages with changes that were made in an hour, in the order of their shards and keys; strongly consistent."""
    for shard in range(settings().list_shards):
        yield from _queried(tenant, shard, hour, hour + LAST, ConsistentRead=True)


def all_of(tenant: str, since: str) -> Iterator[Page]:
    """Every page of a tenant since a moment, or since ever, by shards and keys; strongly consistent."""
    for shard in range(settings().list_shards):
        yield from _queried(tenant, shard, since or "0", LAST, ConsistentRead=True)


def newest_first(tenant: str, since: str, until: str) -> Iterator[list[Page]]:
    """The pages of a tenant from `since` to `until`, both included: those of one second together, the newest first.

    Queries of PAGES pages, eventually consistent, in each shard.
    """
    shards = [
        _queried(tenant, shard, since[:SECOND], until[:SECOND] + LAST, ScanIndexForward=False, Limit=PAGES)
        for shard in range(settings().list_shards)
    ]
    merged = heapq.merge(*shards, key=lambda page: page.second, reverse=True)
    return (list(some) for _, some in groupby(merged, key=lambda page: page.second))


def _queried(tenant: str, shard: int, first: str, last: str, **how: Any) -> Iterator[Page]:
    values = {":pk": audit_partition(tenant, shard), ":first": first, ":last": last}
    request: dict[str, Any] = {
        "TableName": settings().table,
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {name: {"S": value} for name, value in values.items()},
        **how,
    }
    while True:
        reply = aws.dynamodb().query(**request)
        for item in reply["Items"]:
            yield as_page(dynamodb.read(item))
        if "LastEvaluatedKey" not in reply:
            return
        request["ExclusiveStartKey"] = reply["LastEvaluatedKey"]
