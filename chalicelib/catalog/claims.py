"""Claims: how a worker takes a file, keeps it for a lease, and ends it as `ready` or `failed`.

The record is the lock. Every change of state is one conditional write that also raises `revision`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from chalicelib.catalog.dynamodb import ConditionFailedError, update
from chalicelib.catalog.files import from_values
from chalicelib.catalog.keys import (
    due_keys,
    file_key,
    sha256_keys,
)
from chalicelib.catalog.transitions import DUE, LEASE
from chalicelib.model import File, FileError, Kind, Rendition, Status, now, timestamp


def give_up(file: File, error: FileError, leftovers: Sequence[str]) -> File | None:
    """`processing`, with a lease that is over, to `failed`; None when somebody has the file again.

    As with `fail`, one that was `ready` before is so again. `leftovers` are where the last worker may have written.
    """
    values: dict[str, Any] = {
        "status": Status.READY if file.source_version else Status.FAILED,
        "error": error.model_dump(mode="json"),
        "updated_at": timestamp(now()),
        "leftovers": list(leftovers),
        **due_keys(file.id, now()),
    }
    try:
        item = update(
            file_key(file.id),
            values=values,
            remove=(*LEASE, "wanted_recipe"),
            add={"revision": 1},
            condition="#status = :processing AND revision = :revision AND lease_until <= :now",
            using={":processing": Status.PROCESSING, ":revision": file.revision, ":now": timestamp(now())},
        )
    except ConditionFailedError:
        return None
    return File.model_validate(item)


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
    return from_values(item)


def _refusal(item: dict[str, Any] | None, version_id: str, sequencer: str) -> Refused:
    if item is None:
        return Refused(Refusal.UNKNOWN, None)
    file = from_values(item)
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


def finish(
    file: File,
    *,
    kind: Kind,
    content_type: str,
    size: int,
    sha256: str,
    info: BaseModel | None,
    renditions: list[Rendition],
    source_version: str,
    made_with: str,
    leftovers: Sequence[str] = (),
) -> File | None:
    """`processing` to `ready`, if the claim is still ours. None when it is not: somebody else has the file now.

    `info` is stored under the kind's name. `leftovers` are the prefixes of renditions that these replace.
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
    if info:
        values[str(kind)] = info.model_dump(mode="json")
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
            remove=(*LEASE, "wanted_recipe", *remove, *(() if leftovers else (*DUE, "leftovers"))),
            add={"revision": 1},
            condition=_OURS,
            using={":processing": Status.PROCESSING, ":claim": file.claim_id},
        )
    except ConditionFailedError:
        return None
    return from_values(item)


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
            remove=(*LEASE, *DUE, "ttl"),
            add={"revision": 1},
            condition="tenant = :tenant AND #status = :awaiting",
            using={":tenant": tenant, ":awaiting": Status.AWAITING_UPLOAD},
        )
    except ConditionFailedError:
        return None
    return from_values(item)
