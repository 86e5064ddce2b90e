"""Files: created, found, and moved through their life. The record is the lock.

Every change of state is one conditional write that also raises `revision`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib import aws
from chalicelib.catalog.dynamodb import (
    NEW,
    attributes,
    get_item,
    put_new,
    read,
    typed,
)
from chalicelib.catalog.dynamodb import batch_get as batch_get_items
from chalicelib.catalog.idempotency import Remembered, RepeatedError
from chalicelib.catalog.keys import (
    BY_SHA256,
    Key,
    due_keys,
    file_key,
    list_partition,
    sha256_partition,
    shard_of,
    token_key,
)
from chalicelib.catalog.values import serialize
from chalicelib.model import File, Status, now
from chalicelib.settings import settings

# Days after which the table's TTL removes what is left of an upload that never came, and of a deleted file.
FORGET_DAYS = 30

# An upload that ended at the last moment may still be on its way through the queue.
EXPIRY_GRACE = timedelta(seconds=60)

# An import that has not come by then may have lost its message: longer than one run of the fetch function.
IMPORT_COMES = timedelta(minutes=20)

# Records with the same bytes that are looked at for one that can be reused.
DUPLICATES = 10


def from_values(values: Mapping[str, Any]) -> File:
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
    file = from_values(values) if values else None
    return as_of_now(file) if file and file.tenant == tenant and file.status is not Status.DELETED else None


def as_file(item: Mapping[str, Any]) -> File:
    """A record from a stream's image."""
    return from_values(read(item))


def records(file_ids: Iterable[str], *, consistent: bool = False) -> dict[str, File]:
    """Records by id, of any tenant and state, as of now: one BatchGetItem a hundred. What is not there is left out."""
    keys = [file_key(file_id) for file_id in dict.fromkeys(file_ids)]
    found = (from_values(values) for values in batch_get_items(keys, consistent=consistent))
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
