"""Claims: how a worker takes a file, keeps it for a lease, and ends it as `ready` or `failed`.

The record is the lock: each function here is one transition, which is one conditional write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from chalicelib.catalog import pending, service_states, transitions
from chalicelib.catalog.dynamodb import ConditionFailedError
from chalicelib.catalog.files import from_values
from chalicelib.catalog.keys import due_keys, sha256_keys
from chalicelib.catalog.record_writer import attempt, write
from chalicelib.catalog.transitions import DUE, INFO, Transition
from chalicelib.model import (
    KNOWN_BEFORE,
    File,
    FileError,
    FileWarning,
    Kind,
    Preview,
    Rendition,
    ScanStatus,
    ServiceState,
    Status,
    Worker,
    now,
    stored_beside_ladder,
    timestamp,
)


class Refusal(StrEnum):
    """Why a delivery may not process its object."""

    UNKNOWN = "unknown"  # there is no such record: it was never made, or it was deleted long ago
    DELETED = "deleted"
    DONE = "done"  # the file was processed already, from this object or from an earlier upload
    STALE = "stale"  # the event is older than the one that was acted on
    LEASED = "leased"  # another delivery is at work; this one must come back when that one's lease is over


@dataclass(frozen=True)
class Refused:
    reason: Refusal
    file: File | None


def claim(file_id: str, *, version_id: str, sequencer: str, claim_id: str, lease: timedelta) -> File | Refused:
    """Takes a file for processing.

    Files can be claimed that wait for their upload (or have expired: the bytes arrived in time all the same), and files
    that are processed already, by the same version of the object, once the lease is over. The version that is claimed
    first stays the file's source: the first write wins.
    """
    moment = now()
    until = moment + lease
    values = {
        "version_id": version_id,
        "sequencer": sequencer,
        "claim_id": claim_id,
        "lease_until": timestamp(until),
        **due_keys(file_id, until),
    }
    try:
        item = write(transitions.CLAIM, file_id, values, moment=moment, version_id=version_id)
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
    """True if an S3 event with this sequencer came before another event of the same key.

    Sequencers are hexadecimal and of any length. The shorter one is padded with zeros on the right, and then the two
    are compared as text:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    width = max(len(sequencer), len(than or ""))
    return sequencer.ljust(width, "0") < (than or "").ljust(width, "0")


@dataclass(frozen=True)
class Findings:
    """The findings of processing that stand in the record: the kind's own object, the picture, warnings and words."""

    info: BaseModel | None = None
    preview: Preview | None = None
    warnings: Sequence[FileWarning] = ()
    words: Sequence[str] = ()


def finish(
    file: File,
    *,
    kind: Kind,
    content_type: str,
    proven_type: str,
    size: int,
    sha256: str | None,
    made: Findings,
    renditions: list[Rendition],
    source_version: str,
    made_with: str,
    leftovers: Sequence[str] = (),
    asked: Mapping[str, ServiceState] | None = None,
) -> File | None:
    """`processing` to `ready`. Returns None if the claim is no longer ours: somebody else has the file now.

    `made.info` is stored under the kind's name. `leftovers` are the prefixes of the renditions that these replace.
    `asked` are services that are asked about the file now. Without `sha256` the record keeps the one that it has; if it
    has none, it is due until somebody hashes the file.
    """
    values: dict[str, Any] = {
        "recipe": file.wanted_recipe or file.recipe,
        # The release before this one could not read a record with a kind that it does not know.
        "kind": kind if kind in KNOWN_BEFORE else Kind.OTHER,
        "newer_kind": None if kind in KNOWN_BEFORE else kind,
        "content_type": content_type,
        "proven_type": proven_type,
        "size": size,
        "source_version": source_version,
        "made_with": made_with,
        "renditions": [each.model_dump(mode="json") for each in renditions if each.is_rung],
        **stored_beside_ladder(each for each in renditions if not each.is_rung),
        "preview": made.preview.model_dump(mode="json") if made.preview else None,
        "warnings": [warning.model_dump(mode="json") for warning in made.warnings] or None,
        "words": list(made.words) or None,
    }
    if sha256:
        values |= {"sha256": sha256, **sha256_keys(file.tenant, sha256, file.id)}
    # A file that is processed anew may be of another kind than before.
    values |= {str(each): None for each in INFO}
    if file.scan and file.scan.status is ScanStatus.PENDING:  # the gate was turned off meanwhile
        values["scan"] = None
    if made.info:
        values[str(kind)] = made.info.model_dump(mode="json", by_alias=True)
    finished = file.model_copy(
        update={
            "size": size,
            "sha256": sha256 or file.sha256,
            "recipe": values["recipe"],
            "source_version": source_version,
            "other_renditions": [each for each in renditions if not each.is_picture],
        }
    )
    if asked:
        finished.services = {**file.services, **asked}
        values["services"] = service_states.dumped(finished.services)
    return _end(transitions.FINISH, finished, Status.READY, values, leftovers)


def fail(file: File, error: FileError, *, refused: bool = False) -> File | None:
    """`processing` to `failed`. Returns None if the claim is no longer ours.

    A file that was `ready` before becomes so again, with what it had and with the error. Another one may be `refused`:
    then its original must be removed (`removal.discard`), and the record is due until that is done. The original of a
    file under legal hold stays.
    """
    values: dict[str, Any] = {"error": error.stored()}
    if refused and _failed(file) is Status.FAILED and not file.legal_hold:
        values["refused"] = True
    return _end(transitions.FAIL, file, _failed(file), values, file.leftovers)


def _failed(file: File) -> Status:
    """Where a failure leaves a file: it stays `ready` with the renditions that it has."""
    return Status.READY if file.source_version else Status.FAILED


def _end(
    transition: Transition, file: File, to: Status, values: Mapping[str, Any], leftovers: Sequence[str]
) -> File | None:
    # While there is something to remove, to hash or to wait for, somebody must look at the record again.
    due: dict[str, Any] = dict.fromkeys(DUE)
    if leftovers or values.get("refused"):
        due = {**due_keys(file.id, now())}
    elif to is Status.READY:
        due = pending.due_when_ready(file.model_copy(update={"leftovers": []}))
    else:
        due = pending.due_when_failed(file.model_copy(update={"leftovers": []}))
    cleanup = {"leftovers": list(leftovers) or None, **due}
    return attempt(transition, file.id, {**values, **cleanup}, to=to, claim_id=file.claim_id)


# The message of a file that was handed over comes within seconds. After this time the sweep sends it again.
COMES = timedelta(minutes=5)


def hand_over(file: File, to: Worker) -> bool:
    """Gives a claimed file to another function, whose message must be sent afterwards.

    False if the claim is no longer ours.
    """
    moment = now()
    values = {
        "handed_to": to,
        "attempts": 0,
        "lease_until": timestamp(moment),
        **due_keys(file.id, moment + COMES),
    }
    try:
        write(transitions.HAND_OVER, file.id, values, claim_id=file.claim_id)
    except ConditionFailedError:
        return False
    return True


def release(file: File) -> None:
    """Ends a lease early, so that the redelivered message can claim the file again.

    Does nothing if the claim is no longer ours.
    """
    moment = now()
    values = {"lease_until": timestamp(moment), **due_keys(file.id, moment)}
    attempt(transitions.RELEASE, file.id, values, claim_id=file.claim_id)


def give_up(file: File, error: FileError, leftovers: Sequence[str]) -> File | None:
    """Ends a file whose lease is over as `failed`. Returns None if the record changed: somebody has the file again.

    A file that was `ready` before becomes so again. `leftovers` are the prefixes where the last worker may have
    written.
    """
    moment = now()
    values = {
        "error": error.stored(),
        "leftovers": list(leftovers),
        **due_keys(file.id, moment),
    }
    return attempt(transitions.GIVE_UP, file.id, values, to=_failed(file), revision=file.revision)


def fail_import(tenant: str, file_id: str, error: FileError, deletes_at: datetime | None = None) -> File | None:
    """`awaiting_upload` to `failed`, for a file whose bytes could not be fetched. Returns None if it does not wait.

    `deletes_at` is when its retention is over.
    """
    due: dict[str, Any] = {**due_keys(file_id, deletes_at)} if deletes_at else dict.fromkeys(DUE)
    return attempt(transitions.FAIL_IMPORT, file_id, {"error": error.stored(), **due}, tenant=tenant)


def refuse(file: File, error: FileError) -> File | None:
    """Ends an upload in parts as `failed`, because S3 holds more bytes than it may have.

    Returns None if the record changed. What is stored must be removed (`removal.discard`); the record is due until
    that is done.
    """
    values = {"error": error.stored(), "refused": True, **due_keys(file.id, now())}
    return attempt(transitions.REFUSE, file.id, values, revision=file.revision)
