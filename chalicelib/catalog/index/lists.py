"""A tenant's files, filtered and sorted. A list is read in order from an index, and only as far as its page needs.

A page that would need more than one request may read is short, or even empty, and says where to go on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ulid import ULID

from chalicelib.catalog.files import as_file, as_of_now, records
from chalicelib.catalog.index.query import ListQuery
from chalicelib.catalog.index.ranges import Budget, Item, Walk
from chalicelib.catalog.index.streams import Common, Direct, Either, Merged, Stream
from chalicelib.catalog.index.terms import sortable_name, sorted_by
from chalicelib.catalog.keys import (
    BETWEEN,
    BY_CREATED,
    BY_SHA256,
    LAST,
    entry,
    entry_id,
    facet_partition,
    list_partition,
    sha256_partition,
    sort_partition,
)
from chalicelib.catalog.room import Room
from chalicelib.model import File, Status, timestamp
from chalicelib.settings import settings

# Queries that one page may cost, besides the first one of each list in each index shard.
PAGE_QUERIES = 40
# Ids that one Query reads of a list that is matched against others.
MATCH_CHUNK = 250
# How often more records are read for one page, where some of them turn out not to match any more.
PAGE_ROUNDS = 5

# An id is made a moment before the record's time is taken, so it may look this much older.
ID_SLACK = 250  # milliseconds

_FIRST_ID, _LAST_ID = "file_" + "0" * 26, "file_" + "Z" * 26

Facet = tuple[str, str]  # name and value


@dataclass(frozen=True)
class Page:
    """Files in order, and the place where the next page begins; None at the end. A page may be short, even empty."""

    files: list[File]
    after: str | None


def list_files(
    tenant: str, query: ListQuery, after: str | None = None, limit: int = 50, room: Room | None = None
) -> Page:
    """One page. `after` is that of the page before. The page ends early where `room` does.

    Without filters, in the order of creation: one Query a shard. In another order: a BatchGetItem for each hundred
    records as well. With filters: a Query or more for each filter and shard, and the BatchGetItem.

    Raises UnservedQueryError for what no index serves.
    """
    query.check()
    low, high = _bounds(query)
    if after is not None and query.forward:
        low = max(low, after, key=str.encode)
    elif after is not None:
        high = min(high, after, key=str.encode)
    streams = (_filtered if query.filtered else _unfiltered)(tenant, query, low, high, limit)
    return _page(tenant, query, Merged(streams, query.forward), limit, room or Room())


def share(limit: int, shards: int) -> int:
    """Items that one Query of a shard reads for a page: nearly always as many as the page takes from that shard.

    Files are spread over the shards by chance. So a shard has (limit + 1) / shards of a page's files on average, and
    with three standard deviations more it is seldom too few. Then the shard is read again, for twice as many.
    """
    mean = (limit + 1) / shards
    return min(limit + 1, math.ceil(mean + 3 * math.sqrt(mean)) + 1)


def _bounds(query: ListQuery) -> tuple[str, str]:
    """The first and the last sort key that this query may read; both included."""
    if query.order == "created":
        low = _id_at(query.created_after, ID_SLACK) if query.created_after else _FIRST_ID
        high = _id_at(query.created_before) if query.created_before else _LAST_ID
        return low, high
    if query.filename_prefix is not None:
        prefix = sortable_name(query.filename_prefix)
        return prefix, prefix + LAST
    return BETWEEN, LAST


def _id_at(moment: datetime, slack: int = 0) -> str:
    """An id that comes before all ids of that millisecond, or of the one `slack` milliseconds earlier."""
    milliseconds = min(max(int(moment.timestamp() * 1000) - slack, 0), 2**48 - 1)
    return f"file_{ULID.from_bytes(milliseconds.to_bytes(6, 'big') + bytes(10))}"


def _unfiltered(tenant: str, query: ListQuery, low: str, high: str, limit: int) -> list[Stream]:
    """One list for each shard."""
    shards = range(settings().list_shards)
    budget = Budget(PAGE_QUERIES + len(shards))
    streams: list[Stream] = []
    for shard in shards:
        partition = list_partition(tenant, shard) if query.plain else sort_partition(tenant, query.order, shard)
        walk = Walk(partition, query.forward, share(limit, len(shards)), budget, low, high, most=limit + 1)
        if query.plain:
            walk.index, walk.names = BY_CREATED, ("list_pk", "list_sk")
        streams.append(Direct(walk))
    return streams


def _filtered(tenant: str, query: ListQuery, low: str, high: str, limit: int) -> list[Stream]:
    """The ids that are in the lists of all filters. A file is in the same shard of every list.

    For the files of one owner, a hash is checked on the records: nothing that others have is read for it.
    """
    if query.sha256 is not None and query.owner is None:
        # A tenant rarely has the same bytes twice, so the other filters are checked on the records themselves.
        budget = Budget(PAGE_QUERIES)
        partition, names = sha256_partition(tenant, query.sha256), ("sha_pk", "sha_sk")
        return [Direct(Walk(partition, query.forward, limit + 1, budget, low, high, BY_SHA256, names))]
    lists = _lists(query)
    shards = range(settings().list_shards)
    chunk, most = (share(limit, len(shards)), limit + 1) if len(lists) == 1 else (max(limit + 1, MATCH_CHUNK), None)
    budget = Budget(PAGE_QUERIES + len(shards) * sum(map(len, lists)))

    def walk(facet: Facet, shard: int) -> Walk:
        return Walk(facet_partition(tenant, *facet, shard), query.forward, chunk, budget, low, high, most=most)

    start = low if query.forward else high
    return [
        Common([Either([walk(f, shard) for f in either], query.forward) for either in lists], query.forward, start)
        for shard in shards
    ]


def _lists(query: ListQuery) -> list[list[Facet]]:
    """The lists of all filters; a file must be in one of each."""
    lists = [[facet] for facet in query.facets]
    if query.status is Status.EXPIRED:
        # Until the sweep writes it, a file whose time is over is in the list of those that wait.
        lists.append([("status", str(Status.EXPIRED)), ("status", str(Status.AWAITING_UPLOAD))])
    elif query.status is Status.PROCESSING:
        # Files that are processed for the first time stay in the list of those that wait (`terms.is_just_claimed`).
        lists.append([("status", str(Status.PROCESSING)), ("status", str(Status.AWAITING_UPLOAD))])
    elif query.status is not None:
        lists.append([("status", str(query.status))])
    return lists


def _page(tenant: str, query: ListQuery, stream: Merged, limit: int, room: Room) -> Page:
    files: list[File] = []
    after: str | None = None
    wanted = room.round(limit)
    for _ in range(PAGE_ROUNDS):
        taken, after = stream.take(wanted)
        for file in _records(tenant, query, taken):
            if not query.matches(file):
                continue
            if not room.takes(file):
                return Page(files, _place(file, query.order) or file.id)
            files.append(file)
        if after is None or len(taken) < wanted or not (wanted := room.round(limit - len(files))):
            break
    return Page(files, after)


def _records(tenant: str, query: ListQuery, taken: Sequence[tuple[str, Item]]) -> list[File]:
    """The tenant's records of these entries, as they are now or were a moment ago: the reads are eventually consistent.

    Nothing is decided by a list. Whoever opens, changes or deletes one of its files reads the record anew.
    """
    if query.plain:
        return [as_of_now(as_file(item)) for _, item in taken]
    fresh = records(entry_id(key) for key, _ in taken)
    found = ((key, fresh[entry_id(key)]) for key, _ in taken if entry_id(key) in fresh)
    # A file that has moved to another place of the list since is shown there, not here.
    return [file for key, file in found if file.tenant == tenant and _stands_at(file, query.order, key)]


def _stands_at(file: File, order: str, key: str) -> bool:
    """True if the list of this order has the file at this sort key."""
    if order == "updated" and key == entry(timestamp(file.updated_at), file.id):
        return True  # also of a file that was just claimed, which the release before put there
    return _place(file, order) in (None, key)


def _place(file: File, order: str) -> str | None:
    """The sort key of a file in the list of this order; None in the order of creation, where it is the id."""
    return None if order == "created" else entry(sorted_by(file, order), file.id)
