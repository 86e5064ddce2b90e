"""The feed's entries as events, which sockets are told in the feed's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.catalog import files
from chalicelib.catalog.index import feed
from chalicelib.catalog.index.feed import Entry
from chalicelib.catalog.subscriptions import owner_topic, token_topic
from chalicelib.events.envelope import as_json, deleted, envelope
from chalicelib.model import Actor, File, now

# Entries that are told at once. Their records are one BatchGetItem.
PAGE = 100


@dataclass(frozen=True)
class Page:
    """Entries of several feed shards, shard by shard, and how far each shard was read with them."""

    entries: Sequence[Entry]
    reached: Mapping[int, int]


@dataclass(frozen=True)
class Told:
    """One event as it is sent, in compact JSON, with what subscriptions ask for.

    `token_id` is the upload token that brought the file, and `owner` the mark of its owner. `entry` is its place in the
    feed; None for a named file that is sent as it is now.
    """

    file_id: str
    revision: int
    token_id: str | None
    changed_at: datetime
    json: str
    entry: Entry | None = None
    owner: str | None = None

    @property
    def topics(self) -> frozenset[str]:
        """The topics that it belongs to besides `all` and the file's own."""
        token = {token_topic(self.token_id)} if self.token_id else set()
        return frozenset(token | ({owner_topic(self.owner)} if self.owner else set()))


def page_after(tenant: str, after: Mapping[int, int], ends: Mapping[int, int], owner: str | None = None) -> Page:
    """At most PAGE entries that come after these positions, up to the shards' ends: a Query for each shard.

    With an owner's mark, only the entries of its files.
    """
    entries: list[Entry] = []
    reached: dict[int, int] = {}
    for shard, end in sorted(ends.items()):
        if after.get(shard, 0) >= end:
            continue
        if len(entries) >= PAGE:
            break
        found, reached[shard] = feed.read_entries(tenant, shard, after.get(shard, 0), end, PAGE - len(entries), owner)
        entries += found
    return Page(entries, reached)


def records_of(entries: Sequence[Entry]) -> dict[str, File]:
    """The records of these entries, as they are now: one BatchGetItem for each hundred, strongly consistent."""
    return files.records((entry.file_id for entry in entries), consistent=True)


def events_of(tenant: str, entries: Sequence[Entry]) -> list[Told]:
    """The events of these entries, in their order, with the records as they are now.

    Entries are left out of files that have a later one.
    """
    found = records_of(entries)
    return [_told(tenant, entry, file) for entry in entries if not entry.is_past(file := found.get(entry.file_id))]


def as_it_is(file: File) -> Told:
    """The event of a record's last change, wherever that is in the feed."""
    text = as_json(envelope(file))
    return Told(file.id, file.revision, file.token_id, file.updated_at, text, owner=file.owner_mark)


def _told(tenant: str, entry: Entry, file: File | None) -> Told:
    """The event of an entry. It is about the record's last change, which the entry may not know yet."""
    if file is not None and file.tenant == tenant:
        return replace(as_it_is(file), entry=entry)
    # The deletion was so long ago that the table has forgotten the record.
    moment = now()
    event = deleted(tenant, entry.file_id, entry.revision, moment, Actor(type="system", id="ttl"))
    return Told(entry.file_id, entry.revision, None, moment, as_json(event), entry, entry.owner)
