"""A tenant's files, filtered and sorted: every list is read in order from an index, and only as far as its page needs.

Where a page needs more than a request may read, it is short, or empty, and says where to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ulid import ULID

from chalicelib.catalog.files import as_file, as_of_now, records
from chalicelib.catalog.index.ranges import Budget, BudgetSpentError, Item, Walk, before, end, past
from chalicelib.catalog.index.terms import media_type, sortable_name, sorted_by
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
from chalicelib.model import File, Kind, Status
from chalicelib.settings import settings

SORTS = ("-created", "created", "-updated", "updated", "-size", "size", "filename", "-filename")

# Queries that one page may cost, beside one for each list and index shard that it must begin with.
PAGE_QUERIES = 40
# Ids that a Query takes of a list that is matched against others.
MATCH_CHUNK = 250
# Times that records are read for one page, where some turn out not to match any more.
PAGE_ROUNDS = 5

# An id is made a moment before the record's time is taken.
ID_SLACK = 250  # milliseconds

_FIRST_ID, _LAST_ID = "file_" + "0" * 26, "file_" + "Z" * 26


class UnservedQueryError(Exception):
    """No index serves these together. `field` is the parameter to leave out."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class ListQuery:
    """What a list shows, and in what order. Filters all hold at once; `content_type` may be `image/*`.

    `created_after` is included, `created_before` is not. `sort` None is the order that serves the filters.
    """

    status: Status | None = None
    kind: Kind | None = None
    tags: tuple[str, ...] = ()
    content_type: str | None = None
    sha256: str | None = None
    filename_prefix: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    sort: str | None = None

    @property
    def order(self) -> str:
        """`created`, `updated`, `size` or `filename`."""
        return (self.sort or ("filename" if self.filename_prefix is not None else "-created")).removeprefix("-")

    @property
    def forward(self) -> bool:
        return not (self.sort or ("filename" if self.filename_prefix is not None else "-created")).startswith("-")

    @property
    def facets(self) -> list[tuple[str, str]]:
        """(name, value) of each list that a file must stand in; a status is not among them."""
        found = [("tag", tag) for tag in self.tags]
        if self.kind:
            found.append(("kind", str(self.kind)))
        if self.content_type is not None:
            found.append(("content_type", media_type(self.content_type)))
        return found

    @property
    def filtered(self) -> bool:
        """Whether it needs the lists of a filter."""
        return self.sha256 is not None or self.status is not None or bool(self.facets)

    @property
    def plain(self) -> bool:
        """Whether `by_created`, which holds whole records, serves it alone."""
        return self.order == "created" and not self.filtered

    def check(self) -> None:
        """Raises UnservedQueryError for what no index serves."""
        filters = {
            "status": self.status,
            "kind": self.kind,
            "tag": self.tags or None,
            "content_type": self.content_type,
            "sha256": self.sha256,
            "created_after": self.created_after,
            "created_before": self.created_before,
        }
        given = [name for name, value in filters.items() if value is not None]
        if self.filename_prefix is not None and self.order != "filename":
            raise UnservedQueryError("sort", "`filename_prefix` goes with `sort=filename` or `-filename` only.")
        if given and self.filename_prefix is not None:
            raise UnservedQueryError(given[0], f"`{given[0]}` does not go with `filename_prefix`.")
        if given and self.order != "created":
            raise UnservedQueryError("sort", f"`{given[0]}` goes with `sort=created` or `-created` only.")
        if self.created_after and self.created_before and self.created_after >= self.created_before:
            raise UnservedQueryError("created_before", "`created_before` must be later than `created_after`.")

    def matches(self, file: File) -> bool:
        """Whether the record as it is now is to be shown: a list may be behind it."""
        return (
            file.status is not Status.DELETED
            and self.status in (None, file.status)
            and self.kind in (None, file.kind)
            and set(self.tags) <= set(file.tags)
            and (self.content_type is None or _of_type(file, media_type(self.content_type)))
            and self.sha256 in (None, file.sha256)
            and (self.filename_prefix is None or _named(file, self.filename_prefix))
            and (self.created_after is None or file.created_at >= self.created_after)
            and (self.created_before is None or file.created_at < self.created_before)
        )


def _of_type(file: File, wanted: str) -> bool:
    essence = media_type(file.content_type)
    return wanted in (essence, f"{essence.partition('/')[0]}/*")


def _named(file: File, prefix: str) -> bool:
    return sortable_name(file.filename).startswith(sortable_name(prefix))


@dataclass(frozen=True)
class Page:
    """Files in order, and where to go on; None at the end. A page with an `after` may be short, even empty."""

    files: list[File]
    after: str | None


def list_files(tenant: str, query: ListQuery, after: str | None = None, limit: int = 50) -> Page:
    """One page. `after` is that of the page before.

    Without filters by creation one Query a shard; in another order a BatchGetItem for each hundred records as well;
    with filters a Query or more for each filter and shard.

    Raises UnservedQueryError for what no index serves.
    """
    query.check()
    low, high = _bounds(query)
    if after is not None:
        low, high = (
            (max(low, after, key=str.encode), high) if query.forward else (low, min(high, after, key=str.encode))
        )
    shards = range(settings().list_shards)
    streams: list[_Stream] = []
    if query.filtered:
        streams = _filtered(tenant, query, shards, low, high, limit)
    else:
        budget = Budget(PAGE_QUERIES + len(shards))
        for shard in shards:
            partition = list_partition(tenant, shard) if query.plain else sort_partition(tenant, query.order, shard)
            walk = Walk(partition, query.forward, limit + 1, budget, low, high)
            if query.plain:
                walk.index, walk.names = BY_CREATED, ("list_pk", "list_sk")
            streams.append(_Direct(walk))
    return _page(tenant, query, _Merged(streams, query.forward), limit)


def _bounds(query: ListQuery) -> tuple[str, str]:
    """First and last sort key of the lists that this query reads."""
    if query.order == "created":
        low = _id_at(query.created_after, ID_SLACK) if query.created_after else _FIRST_ID
        high = _id_at(query.created_before) if query.created_before else _LAST_ID
        return low, high
    if query.filename_prefix is not None:
        prefix = sortable_name(query.filename_prefix)
        return prefix, prefix + LAST
    return BETWEEN, LAST


def _id_at(moment: datetime, slack: int = 0) -> str:
    """Below every id of that millisecond, or of one `slack` milliseconds earlier."""
    milliseconds = min(max(int(moment.timestamp() * 1000) - slack, 0), 2**48 - 1)
    return f"file_{ULID.from_bytes(milliseconds.to_bytes(6, 'big') + bytes(10))}"


class _Direct:
    """One list as it stands."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    @property
    def place(self) -> str:
        return self._walk.place

    def peek(self) -> tuple[str, Item] | None:
        item = self._walk.peek()
        return (self._walk.key(item), item) if item is not None else None

    def step(self) -> None:
        self._walk.step()


class _Either:
    """Ids that stand in one list or another."""

    def __init__(self, walks: Sequence[Walk], forward: bool) -> None:
        self._walks = walks
        self._forward = forward

    @property
    def place(self) -> str:
        return _first((walk.place for walk in self._walks), self._forward)

    def seek(self, key: str) -> str | None:
        found = [walk.key(item) for walk in self._walks if (item := walk.seek(key)) is not None]
        return _first(found, self._forward) if found else None


class _Common:
    """Ids that stand in each of several lists: each is taken to the place of the others, in turn."""

    def __init__(self, lists: Sequence[_Either], forward: bool, start: str) -> None:
        self._lists = lists
        self._forward = forward
        self.place = start
        self._found = False

    def peek(self) -> tuple[str, Item] | None:
        agreed = len(self._lists) if self._found else 0
        turn = 0
        while agreed < len(self._lists):
            at = self._lists[turn % len(self._lists)].seek(self.place)
            if at is None:
                self.place = end(forward=self._forward)
                return None
            agreed = agreed + 1 if at == self.place else 1
            self.place = at
            turn += 1
        self._found = True
        return self.place, {}

    def step(self) -> None:
        self.place = past(self.place, forward=self._forward)
        self._found = False


_Stream = _Direct | _Common


def _first(keys: Iterable[str], forward: bool) -> str:
    return (min if forward else max)(keys, key=str.encode)


def _filtered(tenant: str, query: ListQuery, shards: range, low: str, high: str, limit: int) -> list[_Stream]:
    """A file stands in one shard of every list, so each shard is matched by itself."""
    if query.sha256 is not None:
        # Bytes that a tenant has twice are few: what else is asked for shows in the records.
        budget = Budget(PAGE_QUERIES)
        partition, names = sha256_partition(tenant, query.sha256), ("sha_pk", "sha_sk")
        return [_Direct(Walk(partition, query.forward, limit + 1, budget, low, high, BY_SHA256, names))]
    lists: list[list[tuple[str, str]]] = [[facet] for facet in query.facets]
    if query.status is Status.EXPIRED:
        # Until it is written so, a file whose time is over stands where it waited.
        lists.append([("status", str(Status.EXPIRED)), ("status", str(Status.AWAITING_UPLOAD))])
    elif query.status is not None:
        lists.append([("status", str(query.status))])
    chunk = limit + 1 if len(lists) == 1 else max(limit + 1, MATCH_CHUNK)
    budget = Budget(PAGE_QUERIES + len(shards) * sum(map(len, lists)))

    def walk(facet: tuple[str, str], shard: int) -> Walk:
        return Walk(facet_partition(tenant, *facet, shard), query.forward, chunk, budget, low, high)

    start = low if query.forward else high
    return [
        _Common([_Either([walk(f, shard) for f in either], query.forward) for either in lists], query.forward, start)
        for shard in shards
    ]


class _Merged:
    """Several streams as one, in order. No item is in two of them."""

    def __init__(self, streams: Sequence[_Stream], forward: bool) -> None:
        self._streams = streams
        self._forward = forward

    @property
    def place(self) -> str:
        return _first((stream.place for stream in self._streams), self._forward)

    def take(self, count: int) -> tuple[list[tuple[str, Item]], str | None]:
        """At most `count` items, and where it goes on; None at the end.

        Fewer than `count`, though it goes on, when no more may be read.
        """
        taken: list[tuple[str, Item]] = []
        try:
            while head := self._head():
                stream, key, item = head
                if len(taken) == count:
                    return taken, key
                taken.append((key, item))
                stream.step()
        except BudgetSpentError:
            return taken, self.place
        return taken, None

    def _head(self) -> tuple[_Stream, str, Item] | None:
        best: tuple[_Stream, str, Item] | None = None
        for stream in self._streams:
            head = stream.peek()
            if head and (best is None or before(head[0], best[1], forward=self._forward)):
                best = stream, *head
        return best


def _page(tenant: str, query: ListQuery, stream: _Merged, limit: int) -> Page:
    files: list[File] = []
    after: str | None = None
    for _ in range(PAGE_ROUNDS):
        wanted = limit - len(files)
        taken, after = stream.take(wanted)
        files += [file for file in _records(tenant, query, taken) if query.matches(file)]
        if after is None or len(taken) < wanted or len(files) == limit:
            break
    return Page(files, after)


def _records(tenant: str, query: ListQuery, taken: Sequence[tuple[str, Item]]) -> list[File]:
    """The tenant's records that were taken, as they are now."""
    if query.plain:
        return [as_of_now(as_file(item)) for _, item in taken]
    fresh = records(entry_id(key) for key, _ in taken)
    found = ((key, fresh[entry_id(key)]) for key, _ in taken if entry_id(key) in fresh)
    # What went on to another place of the list since is shown there, not here.
    return [file for key, file in found if file.tenant == tenant and _place(file, query.order) in (None, key)]


def _place(file: File, order: str) -> str | None:
    return None if order == "created" else entry(sorted_by(file, order), file.id)
