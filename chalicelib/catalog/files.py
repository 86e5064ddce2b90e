"""Files: created, found, and moved through their life. The record is the lock.

Every change of state is one conditional write that also raises `revision`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib import aws
from chalicelib.catalog.idempotency import Remembered, RepeatedError
from chalicelib.catalog.items import (
    NEW,
    ConditionFailedError,
    attributes,
    get_item,
    put_new,
    read,
    serialize,
    typed,
    update,
)
from chalicelib.catalog.items import batch_get as batch_get_items
from chalicelib.catalog.keys import (
    BY_SHA256,
    Key,
    due_keys,
    file_key,
    list_partition,
    sha256_keys,
    sha256_partition,
    shard_of,
    token_key,
)
from chalicelib.model import File, FileError, ImageInfo, Kind, Rendition, Status, now, timestamp
from chalicelib.settings import settings

# Days after which the table's TTL removes what is left of an upload that never came, and of a deleted file.
FORGET_DAYS = 30

# An upload that ended at the last moment may still be on its way through the queue.
EXPIRY_GRACE = timedelta(seconds=60)

# An import that has not come by then may have lost its message: longer than one run of the fetch function.
IMPORT_COMES = timedelta(minutes=20)

# Records with the same bytes that are looked at for one that can be reused.
DUPLICATES = 10


def _file(values: Mapping[str, Any]) -> File:
    return File.model_validate(values)


def forget_at(moment: datetime) -> int:
    """When the table's TTL removes what ended then, Unix seconds."""
    return int((moment + timedelta(days=FORGET_DAYS)).timestamp())


def list_keys(file: File) -> Key:
    return {"list_pk": list_partition(file.tenant, shard_of(file.id, settings().list_shards)), "list_sk": file.id}


def as_of_now(file: File) -> File:
    """An upload whose time is over is `expired`, whether or not the sweep has written so yet."""
    if file.status is Status.AWAITING_UPLOAD and file.expires_at and file.expires_at + EXPIRY_GRACE < now():
        return file.model_copy(update={"status": Status.EXPIRED})
    return file


# --- creating and reading


class TokenSpentError(Exception):
    """The upload token's count is used up, or its time is over."""


def create(file: File, *, token_id: str | None = None, remember: Remembered | None = None) -> None:
    """Writes a new record: one PutItem; with a token or an idempotency key one transaction, all of it or nothing.

    Raises TokenSpentError when the token has no file left, and RepeatedError when the idempotency key was used.
    """
    item: dict[str, Any] = {
        **file_key(file.id),
        **file.model_dump(mode="json", exclude_none=True),
        **list_keys(file),
    }
    if file.expires_at:
        due = min(file.expires_at, file.created_at + IMPORT_COMES) if file.source_url else file.expires_at
        item |= due_keys(file.id, due) | {"ttl": forget_at(file.expires_at)}
    if token_id is None and remember is None:
        put_new(item)
        return
    table = settings().table
    present = int(now().timestamp())
    puts: list[dict[str, Any]] = [{"Put": {"TableName": table, "Item": attributes(item), "ConditionExpression": NEW}}]
    refusals: list[Exception] = [RuntimeError("a file id came twice")]
    if token_id is not None:
        count = {
            "TableName": table,
            "Key": typed(token_key(token_id)),
            "UpdateExpression": "ADD used :one",
            "ConditionExpression": "attribute_exists(pk) AND used < max_files AND expires > :now",
            "ExpressionAttributeValues": {":one": serialize(1), ":now": serialize(present)},
        }
        puts.append({"Update": count})
        refusals.append(TokenSpentError())
    if remember is not None:
        puts.append(
            {
                "Put": {
                    "TableName": table,
                    "Item": attributes(remember.item(present)),
                    # The table's TTL may take two days to remove what is over.
                    "ConditionExpression": f"{NEW} OR #ttl <= :now",
                    "ExpressionAttributeNames": {"#ttl": "ttl"},
                    "ExpressionAttributeValues": {":now": serialize(present)},
                }
            }
        )
        refusals.append(RepeatedError())
    client = aws.dynamodb()
    try:
        client.transact_write_items(TransactItems=puts)  # type: ignore[arg-type]
    except client.exceptions.TransactionCanceledException as error:
        reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
        # A repeated request is the same file, not another one: that comes first.
        for reason, refusal in reversed(list(zip(reasons, refusals, strict=False))):
            if reason.get("Code") == "ConditionalCheckFailed":
                raise refusal from None
            if reason.get("Code") == "TransactionConflict" and remember is not None:
                raise RepeatedError from None
        raise


def get(tenant: str, file_id: str) -> File | None:
    """One GetItem, strongly consistent. None for an unknown id, another tenant's file and a deleted one alike."""
    values = get_item(file_key(file_id))
    file = _file(values) if values else None
    return as_of_now(file) if file and file.tenant == tenant and file.status is not Status.DELETED else None


def as_file(item: Mapping[str, Any]) -> File:
    """A record from a stream's image."""
    return _file(read(item))


def records(file_ids: Iterable[str], *, consistent: bool = False) -> dict[str, File]:
    """Records by id, of any tenant and state, as of now: one BatchGetItem a hundred. What is not there is left out."""
    keys = [file_key(file_id) for file_id in dict.fromkeys(file_ids)]
    found = (_file(values) for values in batch_get_items(keys, consistent=consistent))
    return {file.id: as_of_now(file) for file in found}


def batch_get(tenant: str, file_ids: Iterable[str]) -> list[File]:
    """A tenant's files, in the order asked for; unknown ids, other tenants' and deleted files are left out alike.

    Strongly consistent.
    """
    ids = list(dict.fromkeys(file_ids))
    found = records(ids, consistent=True)
    files = (found[file_id] for file_id in ids if file_id in found)
    return [file for file in files if file.tenant == tenant and file.status is not Status.DELETED]


def with_sha256(tenant: str, sha256: str) -> list[File]:
    """A tenant's `ready` files of these bytes, oldest first: one Query and a read for each."""
    reply = aws.dynamodb().query(
        TableName=settings().table,
        IndexName=BY_SHA256,
        KeyConditionExpression="sha_pk = :pk",
        ExpressionAttributeValues={":pk": {"S": sha256_partition(tenant, sha256)}},
        Limit=DUPLICATES,
    )
    found = (get(tenant, item["sha_sk"]["S"]) for item in reply["Items"])
    return [file for file in found if file and file.status is Status.READY]


# --- the life of one


class Refusal(StrEnum):
    """Why a delivery may not process its object."""

    UNKNOWN = "unknown"  # no such record: never made, or deleted long ago
    DELETED = "deleted"
    DONE = "done"  # processed already, from this or an earlier upload
    STALE = "stale"  # an older event than the one that was acted on
    LEASED = "leased"  # another delivery is at work; come back when its lease is over


@dataclass(frozen=True)
class Refused:
    reason: Refusal
    file: File | None


def claim(file_id: str, *, version_id: str, sequencer: str, claim_id: str, lease: timedelta) -> File | Refused:
    """Takes a file for processing: one conditional write, and the only way into `processing`.

    Open are files that wait for their upload (also an expired one whose bytes arrived in time), and the same object
    version once its lease is over. The first version claimed stays the file's source: first write wins.
    """
    moment = now()
    until = moment + lease
    try:
        item = update(
            file_key(file_id),
            values={
                "status": Status.PROCESSING,
                "version_id": version_id,
                "sequencer": sequencer,
                "claim_id": claim_id,
                "lease_until": timestamp(until),
                "updated_at": timestamp(moment),
                **due_keys(file_id, until),
            },
            remove=("ttl",),
            add={"revision": 1, "attempts": 1},
            condition=(
                "#status IN (:awaiting, :expired)"
                " OR (#status = :processing AND version_id = :version AND lease_until <= :now)"
            ),
            using={
                ":awaiting": Status.AWAITING_UPLOAD,
                ":expired": Status.EXPIRED,
                ":processing": Status.PROCESSING,
                ":version": version_id,
                ":now": timestamp(moment),
            },
        )
    except ConditionFailedError as failed:
        return _refusal(failed.item, version_id, sequencer)
    return _file(item)


def _refusal(item: dict[str, Any] | None, version_id: str, sequencer: str) -> Refused:
    if item is None:
        return Refused(Refusal.UNKNOWN, None)
    file = _file(item)
    if file.status is Status.DELETED:
        return Refused(Refusal.DELETED, file)
    if file.status is Status.PROCESSING and file.version_id == version_id:
        return Refused(Refusal.LEASED, file)
    if older(sequencer, file.sequencer):
        return Refused(Refusal.STALE, file)
    return Refused(Refusal.DONE, file)


def older(sequencer: str, than: str | None) -> bool:
    """Whether an S3 event sequencer comes before another one of the same key.

    They are hexadecimal and of any length; the shorter is padded on the right before they are compared as text:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    width = max(len(sequencer), len(than or ""))
    return sequencer.ljust(width, "0") < (than or "").ljust(width, "0")


_OURS = "#status = :processing AND claim_id = :claim"
_DUE = ("due_pk", "due_sk")
_LEASE = ("lease_until", "claim_id", "expires_at")


def finish(
    file: File,
    *,
    kind: Kind,
    content_type: str,
    size: int,
    sha256: str,
    image: ImageInfo | None,
    renditions: list[Rendition],
    source_version: str,
    made_with: str,
    leftovers: Sequence[str] = (),
) -> File | None:
    """`processing` to `ready`, if the claim is still ours. None when it is not: somebody else has the file now.

    `leftovers` are the prefixes of renditions that these replace.
    """
    values: dict[str, Any] = {
        "status": Status.READY,
        "recipe": file.wanted_recipe or file.recipe,
        "kind": kind,
        "content_type": content_type,
        "size": size,
        "sha256": sha256,
        "source_version": source_version,
        "made_with": made_with,
        "renditions": [r.model_dump(mode="json") for r in renditions],
        "updated_at": timestamp(now()),
        **sha256_keys(file.tenant, sha256, file.id),
    }
    if image:
        values["image"] = image.model_dump(mode="json")
    return _end(file, values, leftovers, remove=("error",))


def fail(file: File, error: FileError) -> File | None:
    """`processing` to `failed`, if the claim is still ours; None when it is not.

    A file that was `ready` before is so again, with what it had and the error.
    """
    values: dict[str, Any] = {
        "status": Status.READY if file.source_version else Status.FAILED,
        "error": error.model_dump(mode="json"),
        "updated_at": timestamp(now()),
    }
    return _end(file, values, file.leftovers)


def _end(file: File, values: Mapping[str, Any], leftovers: Sequence[str], *, remove: Sequence[str] = ()) -> File | None:
    # While there are leftovers, somebody must look at the record again.
    more = {"leftovers": list(leftovers), **due_keys(file.id, now())} if leftovers else {}
    try:
        item = update(
            file_key(file.id),
            values={**values, **more},
            remove=(*_LEASE, "wanted_recipe", *remove, *(() if leftovers else (*_DUE, "leftovers"))),
            add={"revision": 1},
            condition=_OURS,
            using={":processing": Status.PROCESSING, ":claim": file.claim_id},
        )
    except ConditionFailedError:
        return None
    return _file(item)


def release(file: File) -> None:
    """Ends a lease early, so that the redelivered message can claim the file again. Nothing happens to another's."""
    moment = now()
    try:
        update(
            file_key(file.id),
            values={"lease_until": timestamp(moment), **due_keys(file.id, moment)},
            condition=_OURS,
            using={":processing": Status.PROCESSING, ":claim": file.claim_id},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def mark_deleted(tenant: str, file_id: str, *, revision: int | None = None) -> File | None:
    """Any state to `deleted`, leaving a tombstone that the table's TTL removes; the file as it was, or None.

    The record goes first: from here on no list, get or worker finds the file, whatever becomes of its objects. A
    tombstone whose objects are not known to be gone yet (`purged`) is given back again, so that a repeated delete ends
    what a crashed one began; so would the sweep, to which `by_due` shows it. With `revision`, only a record at it.
    """
    moment = now()
    try:
        item = update(
            file_key(file_id),
            values={
                "status": Status.DELETED,
                "updated_at": timestamp(moment),
                "ttl": forget_at(moment),
                **due_keys(file_id, moment),
            },
            remove=("list_pk", "list_sk", "sha_pk", "sha_sk", "restore_until", "restore_to", *_LEASE),
            add={"revision": 1},
            condition="tenant = :tenant AND attribute_not_exists(purged)"
            + (" AND revision = :revision" if revision is not None else ""),
            using={":tenant": tenant, **({":revision": revision} if revision is not None else {})},
            returning="ALL_OLD",
        )
    except ConditionFailedError:
        return None
    return _file(item)


def mark_purged(file_id: str) -> None:
    """Says of a tombstone that its objects are gone, and forgets what the client told us of the file."""
    try:
        update(
            file_key(file_id),
            values={"purged": True},
            remove=("image", "renditions", "error", "leftovers", *_DUE),
            condition="#status = :deleted",
            using={":deleted": Status.DELETED},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def fail_import(tenant: str, file_id: str, error: FileError) -> File | None:
    """`awaiting_upload` to `failed`, for a file whose bytes could not be fetched; None when it is not waiting."""
    try:
        item = update(
            file_key(file_id),
            values={
                "status": Status.FAILED,
                "error": error.model_dump(mode="json"),
                "updated_at": timestamp(now()),
            },
            remove=(*_LEASE, *_DUE, "ttl"),
            add={"revision": 1},
            condition="tenant = :tenant AND #status = :awaiting",
            using={":tenant": tenant, ":awaiting": Status.AWAITING_UPLOAD},
        )
    except ConditionFailedError:
        return None
    return _file(item)
