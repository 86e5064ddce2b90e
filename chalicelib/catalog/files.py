"""Files: their records are created and read here. `transitions` has every change of a record after that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib import aws
from chalicelib.catalog import actors, dynamodb, owners
from chalicelib.catalog.dynamodb import Joined, get_item, joined_put, put_new, read, write_together
from chalicelib.catalog.keys import (
    BY_SHA256,
    Key,
    due_keys,
    file_key,
    list_partition,
    sha256_partition,
    shard_of,
)
from chalicelib.catalog.room import Room
from chalicelib.catalog.transitions import CREATE
from chalicelib.model import File, Scan, ScanStatus, Status, now
from chalicelib.settings import settings

# Days after which the table's TTL removes the record of an upload that never came, and the tombstone of a file.
FORGET_DAYS = 30

# A file counts as expired this long after its time is over: an upload that ended at the last moment may still be on
# its way through the queue.
EXPIRY_GRACE = timedelta(seconds=60)

# If an import has not come after this time, its message may be lost. It is longer than one run of the fetch function.
IMPORT_COMES = timedelta(minutes=20)

# Parts whose lengths could not be signed are added up this often, until the upload is completed.
ADDED_UP = timedelta(hours=1)

# How many records with the same bytes are looked at, for one that can be reused.
DUPLICATES = 10


def from_values(values: Mapping[str, Any]) -> File:
    return File.model_validate(values)


def forget_at(moment: datetime) -> int:
    """When the table's TTL removes the record of a file that ended at `moment`, in Unix seconds."""
    return int((moment + timedelta(days=FORGET_DAYS)).timestamp())


def list_keys(file: File) -> Key:
    return {"list_pk": list_partition(file.tenant, shard_of(file.id, settings().list_shards)), "list_sk": file.id}


def as_of_now(file: File) -> File:
    """The file with the state that it has now: `expired` if its time is over, although the sweep has not written it."""
    if file.status is Status.AWAITING_UPLOAD and file.expires_at and file.expires_at + EXPIRY_GRACE < now():
        return file.model_copy(update={"status": Status.EXPIRED})
    return file


# --- creating and reading


def create(file: File, together: Sequence[Joined] = ()) -> None:
    """Writes a new record: one PutItem, or with other writes `together` one transaction of all or nothing.

    Raises the error of the first of those writes that is refused.
    """
    assert file.status in CREATE.target
    if settings().scan != "off":
        file.scan = Scan(status=ScanStatus.PENDING)
    file.owner_mark = owners.mark(file.tenant, file.owner) if file.owner else None
    file.last_change = actors.change(CREATE.told(file.status), file.updated_at)
    item: dict[str, Any] = {
        **file_key(file.id),
        **file.model_dump(mode="json", exclude_none=True),
        **list_keys(file),
    }
    if file.expires_at:
        item |= due_keys(file.id, _first_due(file, file.expires_at)) | {"ttl": forget_at(file.expires_at)}
    if not together:
        put_new(item)
        return
    record = joined_put(item, ConditionExpression=CREATE.expression)
    write_together([*together, Joined(record, refused=RuntimeError("a file id came twice"))])


def _first_due(file: File, end: datetime) -> datetime:
    """When the sweep must first look at a new file whose upload ends at `end`."""
    if file.source_url:
        return min(end, file.created_at + IMPORT_COMES)
    return min(end, file.created_at + ADDED_UP) if file.client_parts else end


def get(tenant: str, file_id: str) -> File | None:
    """One file: one GetItem, strongly consistent. None for an unknown id, another tenant's file, and a deleted one."""
    values = get_item(file_key(file_id))
    file = from_values(values) if values else None
    return as_of_now(file) if file and file.tenant == tenant and file.status is not Status.DELETED else None


def record(file_id: str) -> File | None:
    """One record, of any tenant and state, as it is: one GetItem, strongly consistent."""
    values = get_item(file_key(file_id))
    return from_values(values) if values else None


def as_file(item: Mapping[str, Any]) -> File:
    """The record in an item, as the table's stream and Queries give it."""
    return from_values(read(item))


def records(file_ids: Iterable[str], *, consistent: bool = False) -> dict[str, File]:
    """Records by id, of any tenant and state, as of now; those that exist. One BatchGetItem for each hundred."""
    keys = [file_key(file_id) for file_id in dict.fromkeys(file_ids)]
    found = (from_values(values) for values in dynamodb.batch_get(keys, consistent=consistent))
    return {file.id: as_of_now(file) for file in found}


def in_rounds(file_ids: Sequence[str], room: Room, *, consistent: bool = False) -> Iterator[tuple[str, File | None]]:
    """Each id with its record, of any tenant and state, as of now; None where there is no record.

    The records are read in rounds, one BatchGetItem each, and no more of them than may fit into `room`.
    """
    done = 0
    while size := room.round(len(file_ids) - done):
        part = file_ids[done : done + size]
        found = records(part, consistent=consistent)
        yield from ((file_id, found.get(file_id)) for file_id in part)
        done += size


def batch_get(
    tenant: str,
    file_ids: Iterable[str],
    room: Room | None = None,
    *,
    may_see: Callable[[File], bool] = lambda file: True,
) -> list[File]:
    """A tenant's files, in the order of the ids; unknown ids, other tenants' files and deleted ones are left out.

    So are files that the caller `may_see` not.

    Ids that were not looked at, because the answer is full, are noted in `room`. Strongly consistent: one BatchGetItem
    for the first 50, and one for each further hundred.
    """
    room = room or Room()
    ids = list(dict.fromkeys(file_ids))
    files: list[File] = []
    done = 0
    for _, file in in_rounds(ids, room, consistent=True):
        if file and file.tenant == tenant and file.status is not Status.DELETED and may_see(file):
            if not room.takes(file):
                break
            files.append(file)
        done += 1
    room.leave(ids[done:])
    return files


def with_sha256(tenant: str, sha256: str) -> list[File]:
    """A tenant's `ready` files with these bytes, oldest first: one Query as a rule, and a GetItem for each file.

    The index follows the table, so a file may be missing that became ready a moment before: then its bytes are stored
    twice, which harms nobody. No file is in the list that is not ready any more, because the records are read strongly
    consistent.
    """
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings().table,
            IndexName=BY_SHA256,
            KeyConditionExpression="sha_pk = :pk",
            ExpressionAttributeValues={":pk": {"S": sha256_partition(tenant, sha256)}},
            PaginationConfig={"PageSize": DUPLICATES},
        )
    )
    # A page may end before its first item.
    entries = next((page["Items"] for page in pages if page["Items"]), [])
    found = (get(tenant, item["sha_sk"]["S"]) for item in entries)
    return [file for file in found if file and file.status is Status.READY]
