"""DynamoDB: the only module that knows keys, indexes and expressions. docs/scale.md lists the access patterns.

The record is the lock: every change of state is one conditional write that also raises `revision`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.model import File, FileError, ImageInfo, Kind, Rendition, Status, now, timestamp
from chalicelib.settings import settings

BY_CREATED = "by_created"  # newest first for a tenant: list_pk, list_sk
BY_DUE = "by_due"  # what the sweep must look at, by when: due_pk, due_sk
BY_SHA256 = "by_sha256"  # duplicates within a tenant: sha_pk, sha_sk

DUE_SHARDS = 8
TOMBSTONE_DAYS = 30

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


# --- keys: pure functions


def shard_of(file_id: str, shards: int) -> int:
    """The index partition of an id: stable, even, and the same in every process."""
    return zlib.crc32(file_id.encode()) % shards


def file_key(file_id: str) -> dict[str, str]:
    return {"pk": f"FILE#{file_id}", "sk": "FILE"}


def list_partition(tenant: str, shard: int) -> str:
    return f"LIST#{tenant}#{shard}"


def due_keys(file_id: str, due: datetime) -> dict[str, str]:
    return {"due_pk": f"DUE#{shard_of(file_id, DUE_SHARDS)}", "due_sk": f"{timestamp(due)}#{file_id}"}


def sha256_keys(tenant: str, sha256: str, file_id: str) -> dict[str, str]:
    return {"sha_pk": f"SHA#{tenant}#{sha256}", "sha_sk": file_id}


# --- items

# The client's own document is kept as text: floats and big numbers come back as they were sent.
_AS_TEXT = frozenset({"metadata"})


def _plain(name: str, value: Any) -> Any:
    """A model's JSON value as what the serializer takes: floats become decimals."""
    if name in _AS_TEXT:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.loads(json.dumps(value), parse_float=Decimal)


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _serialize(_plain(name, value)) for name, value in values.items() if value is not None}


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_number(v) for v in value]
    if isinstance(value, dict):
        return {k: _number(v) for k, v in value.items()}
    return value


def _read(item: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: _number(_deserialize(value)) for name, value in item.items()}
    return {name: json.loads(value) if name in _AS_TEXT else value for name, value in values.items()}


def _file(item: Mapping[str, Any]) -> File:
    return File.model_validate(_read(item))


class _ConditionFailedError(Exception):
    """A conditional write was refused; `item` is what stands in the table, None when nothing does."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__("condition failed")
        self.item = item


def _update(
    key: Mapping[str, str],
    *,
    values: Mapping[str, Any],
    condition: str,
    using: Mapping[str, Any],
    remove: Iterable[str] = (),
    add: Mapping[str, int] | None = None,
    returning: str = "ALL_NEW",
) -> dict[str, Any]:
    """One conditional UpdateItem. `using` holds the condition's `:values`; names in it need no alias but `#status`.

    Raises _ConditionFailedError with the item as it stands.
    """
    names = {f"#{i}": name for i, name in enumerate([*values, *remove, *(add or {})])}
    alias = {name: short for short, name in names.items()}
    expression = "SET " + ", ".join(f"{alias[name]} = :set_{name}" for name in values)
    if remove:
        expression += " REMOVE " + ", ".join(alias[name] for name in remove)
    if add:
        expression += " ADD " + ", ".join(f"{alias[name]} :add_{name}" for name in add)
    parameters = {f":set_{name}": _serialize(_plain(name, value)) for name, value in values.items()}
    parameters |= {f":add_{name}": _serialize(value) for name, value in (add or {}).items()}
    parameters |= {name: _serialize(value) for name, value in using.items()}
    if "#status" in condition:
        names["#status"] = "status"
    try:
        reply = aws.dynamodb().update_item(
            TableName=settings().table,
            Key={name: {"S": value} for name, value in key.items()},
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=parameters,
            ReturnValues=returning,  # type: ignore[arg-type]
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise _ConditionFailedError(error.response.get("Item")) from None  # type: ignore[arg-type]
    return reply.get("Attributes", {})


# --- files: reading and creating


def create(file: File) -> None:
    """Writes a new record: one PutItem."""
    item: dict[str, Any] = {
        **file_key(file.id),
        **file.model_dump(mode="json", exclude_none=True),
        "list_pk": list_partition(file.tenant, shard_of(file.id, settings().list_shards)),
        "list_sk": file.id,
    }
    if file.expires_at:
        item |= due_keys(file.id, file.expires_at)
    aws.dynamodb().put_item(
        TableName=settings().table, Item=_attributes(item), ConditionExpression="attribute_not_exists(pk)"
    )


def get(tenant: str, file_id: str) -> File | None:
    """One GetItem, strongly consistent. None for an unknown id, another tenant's file and a deleted one alike."""
    reply = aws.dynamodb().get_item(
        TableName=settings().table,
        Key={name: {"S": value} for name, value in file_key(file_id).items()},
        ConsistentRead=True,
    )
    file = _file(reply["Item"]) if "Item" in reply else None
    return file if file and file.tenant == tenant and file.status is not Status.DELETED else None


@dataclass(frozen=True)
class Page:
    """Files, newest first, and the id to go on after; None at the end."""

    files: list[File]
    after: str | None


def newest(tenant: str, limit: int, after: str | None = None) -> Page:
    """A page of a tenant's files, newest first: one Query for each list shard (a stage has one unless it says more)."""
    found: list[File] = []
    # A shard's answer is complete only down to its last key: nothing older than the highest of those may be shown yet.
    floor = ""
    for shard in range(settings().list_shards):
        values = {":pk": {"S": list_partition(tenant, shard)}}
        condition = "list_pk = :pk"
        if after:
            values[":after"] = {"S": after}
            condition += " AND list_sk < :after"
        reply = aws.dynamodb().query(
            TableName=settings().table,
            IndexName=BY_CREATED,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=limit + 1,
        )
        found += [_file(item) for item in reply["Items"]]
        if "LastEvaluatedKey" in reply:
            floor = max(floor, reply["LastEvaluatedKey"]["list_sk"]["S"])
    shown = sorted((f for f in found if f.id >= floor), key=lambda f: f.id, reverse=True)
    page = shown[:limit]
    more = len(page) < len(found) or bool(floor)
    return Page(page, page[-1].id if more and page else None)


# --- files: the life of one


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
        item = _update(
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
    except _ConditionFailedError as failed:
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
_LEASE = ("lease_until", "claim_id", "due_pk", "due_sk", "expires_at")


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
) -> File | None:
    """`processing` to `ready`, if the claim is still ours. None when it is not: somebody else has the file now."""
    values: dict[str, Any] = {
        "status": Status.READY,
        "kind": kind,
        "content_type": content_type,
        "size": size,
        "sha256": sha256,
        "source_version": source_version,
        "renditions": [r.model_dump(mode="json") for r in renditions],
        "updated_at": timestamp(now()),
        **sha256_keys(file.tenant, sha256, file.id),
    }
    if image:
        values["image"] = image.model_dump(mode="json")
    return _end(file, values)


def fail(file: File, error: FileError, *, sha256: str | None = None) -> File | None:
    """`processing` to `failed`, if the claim is still ours; None when it is not."""
    values: dict[str, Any] = {
        "status": Status.FAILED,
        "error": error.model_dump(mode="json"),
        "updated_at": timestamp(now()),
    }
    if sha256:
        values["sha256"] = sha256
    return _end(file, values)


def _end(file: File, values: Mapping[str, Any]) -> File | None:
    try:
        item = _update(
            file_key(file.id),
            values=values,
            remove=_LEASE,
            add={"revision": 1},
            condition=_OURS,
            using={":processing": Status.PROCESSING, ":claim": file.claim_id},
        )
    except _ConditionFailedError:
        return None
    return _file(item)


def release(file: File) -> None:
    """Ends a lease early, so that the redelivered message can claim the file again. Nothing happens to another's."""
    moment = now()
    try:
        _update(
            file_key(file.id),
            values={"lease_until": timestamp(moment), **due_keys(file.id, moment)},
            condition=_OURS,
            using={":processing": Status.PROCESSING, ":claim": file.claim_id},
            returning="NONE",
        )
    except _ConditionFailedError:
        return


def mark_deleted(tenant: str, file_id: str) -> File | None:
    """Any state to `deleted`, leaving a tombstone that the table's TTL removes; the file as it was, or None.

    The record goes first: from here on no list, get or worker finds the file, whatever becomes of its objects. A
    tombstone whose objects are not known to be gone yet (`purged`) is given back again, so that a repeated delete ends
    what a crashed one began.
    """
    moment = now()
    try:
        item = _update(
            file_key(file_id),
            values={
                "status": Status.DELETED,
                "updated_at": timestamp(moment),
                "ttl": int((moment + timedelta(days=TOMBSTONE_DAYS)).timestamp()),
            },
            remove=("list_pk", "list_sk", "sha_pk", "sha_sk", *_LEASE),
            add={"revision": 1},
            condition="tenant = :tenant AND attribute_not_exists(purged)",
            using={":tenant": tenant},
            returning="ALL_OLD",
        )
    except _ConditionFailedError:
        return None
    return _file(item)


def mark_purged(file_id: str) -> None:
    """Says of a tombstone that its objects are gone, and forgets what the client told us of the file."""
    try:
        _update(
            file_key(file_id),
            values={"purged": True},
            remove=("image", "renditions", "error"),
            condition="#status = :deleted",
            using={":deleted": Status.DELETED},
            returning="NONE",
        )
    except _ConditionFailedError:
        return


# --- API keys


@dataclass(frozen=True)
class ApiKey:
    """What the table knows of a key: never the key itself, only the SHA-256 (hex) of it."""

    id: str
    hash: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None = None


def _key_key(key_id: str) -> dict[str, str]:
    return {"pk": f"KEY#{key_id}", "sk": "KEY"}


def _api_key(item: Mapping[str, Any]) -> ApiKey:
    values = _read(item)
    names = ("id", "hash", "tenant", "name", "created_at", "revoked_at")
    fields: dict[str, Any] = {name: values.get(name) for name in names}
    return ApiKey(**fields, scopes=tuple(values["scopes"]))


def put_api_key(key: ApiKey) -> None:
    item = {
        **_key_key(key.id),
        "id": key.id,
        "hash": key.hash,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "list_pk": "KEYS",
        "list_sk": key.id,
    }
    aws.dynamodb().put_item(
        TableName=settings().table, Item=_attributes(item), ConditionExpression="attribute_not_exists(pk)"
    )


def get_api_key(key_id: str) -> ApiKey | None:
    """One GetItem, strongly consistent."""
    reply = aws.dynamodb().get_item(
        TableName=settings().table,
        Key={name: {"S": value} for name, value in _key_key(key_id).items()},
        ConsistentRead=True,
    )
    return _api_key(reply["Item"]) if "Item" in reply else None


def api_keys() -> list[ApiKey]:
    """Every key of the stage, for its operator."""
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings().table,
            IndexName=BY_CREATED,
            KeyConditionExpression="list_pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "KEYS"}},
        )
    )
    return [_api_key(item) for page in pages for item in page["Items"]]


def revoke_api_key(key_id: str) -> ApiKey | None:
    """Ends a key; None when there is none of that id. Repeating it keeps the first time."""
    try:
        item = _update(
            _key_key(key_id),
            values={"revoked_at": timestamp(now())},
            condition="attribute_exists(pk) AND attribute_not_exists(revoked_at)",
            using={},
        )
    except _ConditionFailedError as failed:
        return _api_key(failed.item) if failed.item else None
    return _api_key(item)
