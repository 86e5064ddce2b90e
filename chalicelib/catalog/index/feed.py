"""The feed of a tenant's changes: each file once, at its last change. Deleted files are in it, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import aws
from chalicelib.catalog.dynamodb import batch_get, read
from chalicelib.catalog.files import in_rounds
from chalicelib.catalog.keys import feed_key, feed_partition, head_key
from chalicelib.catalog.room import Room
from chalicelib.model import File, Status
from chalicelib.settings import settings

# Entries that one Query looks at for those of one owner: about 150 bytes each.
OWN_READS = 1000

# How far a consumer has read: a position for each feed shard that it has begun.
Positions = Mapping[int, int]


@dataclass(frozen=True)
class FileChange:
    """The newest state of a file. `file` is None if it was deleted."""

    id: str
    revision: int
    file: File | None


@dataclass(frozen=True)
class ChangesPage:
    """Changes, and the positions after them. `more` tells whether there was more when this page was read."""

    items: list[FileChange]
    positions: Positions
    more: bool


@dataclass(frozen=True)
class Entry:
    """A change in a feed shard, as the feed has it: without the record. `owner` is its owner's mark, if it has one.

    A `passing` entry is of a file that goes on to another state soon. It is not deleted when it does: it expires.
    """

    shard: int
    position: int
    file_id: str
    revision: int
    owner: str | None = None
    passing: bool = False

    def is_past(self, file: File | None) -> bool:
        """True if the file has another entry after this one, or soon will: the index tells of every revision."""
        return self.passing and (file is None or file.revision > self.revision)


def changes(
    tenant: str, after: Positions, limit: int, room: Room | None = None, *, owner: str | None = None
) -> ChangesPage:
    """At most `limit` changes that come after these positions. The page ends early where `room` does.

    With `owner`, an owner's mark (`catalog/owners.py`), only changes of its files. Then a page looks at OWN_READS
    entries of each shard at most, so it may be empty although there are more.

    Costs a BatchGetItem for the shards' heads, a Query for each shard that has something new, and a BatchGetItem for
    each hundred records. All of them are strongly consistent.
    """
    readable = ends(tenant)
    positions = dict(after)
    waiting = [shard for shard in sorted(readable) if positions.get(shard, 0) < readable[shard]]
    # A page may be too short for all shards, so each page begins with another one.
    turn = sum(positions.values()) % len(waiting) if waiting else 0
    entries: list[Entry] = []
    for done, shard in enumerate(waiting[turn:] + waiting[:turn]):
        share = -(-(limit - len(entries)) // (len(waiting) - done))
        if share < 1:
            break
        found, positions[shard] = read_entries(tenant, shard, positions.get(shard, 0), readable[shard], share, owner)
        entries += found
    items, done = _with_records(tenant, entries, room or Room())
    for entry in reversed(entries[done:]):  # those that did not fit are read on the next page
        positions[entry.shard] = entry.position - 1
    more = any(positions.get(shard, 0) < end for shard, end in readable.items())
    return ChangesPage(items, positions, more)


def ends(tenant: str) -> dict[int, int]:
    """The position up to which each feed shard can be read now: one BatchGetItem."""
    heads = batch_get((head_key(tenant, shard) for shard in range(settings().list_shards)), consistent=True)
    return {int(head["pk"].rpartition("#")[2]): int(head.get("seen", 0)) for head in heads}


def read_entries(
    tenant: str, shard: int, after: int, until: int, limit: int, owner: str | None = None
) -> tuple[list[Entry], int]:
    """The entries after a position, and the position that was read up to: one Query.

    With an owner's mark, only the entries of its files.
    """
    only: dict[str, Any] = (
        {"FilterExpression": "#owner = :owner", "ExpressionAttributeNames": {"#owner": "owner"}} if owner else {}
    )
    reply = aws.dynamodb().query(
        TableName=settings().table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues={
            ":pk": {"S": feed_partition(tenant, shard)},
            ":first": {"S": feed_key(tenant, shard, after + 1)["sk"]},
            ":last": {"S": feed_key(tenant, shard, until)["sk"]},
            **({":owner": {"S": owner}} if owner else {}),
        },
        Limit=max(limit, OWN_READS) if owner else limit,
        ConsistentRead=True,
        **only,
    )
    items = [read(item) for item in reply["Items"]]
    entries = [_entry(shard, item) for item in items[:limit]]
    if len(items) > limit:
        return _last_of_each(entries), entries[-1].position
    # A page may end anywhere, even before its first entry. Only a page without a LastEvaluatedKey is the last.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
    last = reply.get("LastEvaluatedKey")
    return _last_of_each(entries), int(last["sk"]["S"]) if last else until


def _entry(shard: int, item: dict[str, Any]) -> Entry:
    position = int(item["sk"])
    return Entry(shard, position, item["file_id"], item["revision"], item.get("owner"), "ttl" in item)


def _last_of_each(entries: list[Entry]) -> list[Entry]:
    """The entries without those of a file that has a later one among them."""
    last = {entry.file_id: entry.position for entry in entries}
    return [entry for entry in entries if last[entry.file_id] == entry.position]


def _with_records(tenant: str, entries: list[Entry], room: Room) -> tuple[list[FileChange], int]:
    """The changes of the first entries, as many as there is room for, and the number of these entries."""
    items: list[FileChange] = []
    done = 0
    read = in_rounds([entry.file_id for entry in entries], room, consistent=True)
    for entry, (_, file) in zip(entries, read, strict=False):
        if entry.is_past(file):
            pass
        elif file and file.tenant == tenant and file.status is not Status.DELETED:
            if not room.takes(file):
                break
            items.append(FileChange(entry.file_id, file.revision, file))
        else:
            items.append(FileChange(entry.file_id, max(entry.revision, file.revision if file else 0), None))
        done += 1
    return items, done
