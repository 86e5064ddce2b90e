"""Deletion: a file is deleted for a while or for good, restored, and in the end forgotten.

Each function that writes is one transition, and returns the record that it leaves. A deleted file's record is its
tombstone: it stays until its objects are gone, and then until the table's TTL removes it. If the file can be restored,
the tombstone has all that the record had. Otherwise it has no text of a client any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chalicelib.catalog import idempotency, pending, transitions
from chalicelib.catalog.dynamodb import get_item
from chalicelib.catalog.edits import claimable
from chalicelib.catalog.files import forget_at, list_keys
from chalicelib.catalog.keys import due_keys, file_key, sha256_keys
from chalicelib.catalog.record_writer import attempt
from chalicelib.catalog.transitions import DUE, EMPTIED, RENDITIONS
from chalicelib.model import File, Status, now, timestamp


def retire(file: File, *, until: datetime, leftovers: Sequence[str]) -> File | None:
    """To `deleted`, but the file can be restored until then. Returns None if it is no longer at `file`'s revision.

    `leftovers` are the prefixes of its renditions, which the record gives up. The tombstone is due at once while there
    are any, and otherwise when it can no longer be restored.

    A file that waits for its upload cannot be restored, because its due time and its place for bytes would be gone.
    """
    values = retired(file, until=until, leftovers=leftovers)
    return attempt(transitions.RETIRE, file.id, values, tenant=file.tenant, revision=file.revision)


def retired(file: File, *, until: datetime, leftovers: Sequence[str]) -> dict[str, Any]:
    """The values that a file gets when it is deleted for a while; None removes one."""
    assert file.status not in (Status.AWAITING_UPLOAD, Status.EXPIRED), "an upload that waits is deleted for good"
    again = file.status is Status.PROCESSING or bool(file.all_renditions)
    return {
        "restore_until": timestamp(until),
        "restore_to": Status.PROCESSING if again else file.status,
        "leftovers": list(leftovers) or None,
        "ttl": forget_at(until),
        **due_keys(file.id, now() if leftovers else until),
        **(dict.fromkeys(RENDITIONS) if again else {}),
    }


def tombstone(tenant: str, file_id: str) -> File | None:
    """A deleted file whose objects are not all gone yet: one GetItem, strongly consistent."""
    values = get_item(file_key(file_id))
    if not values or values.get("purged") or (values["tenant"], values["status"]) != (tenant, Status.DELETED):
        return None
    return File.model_validate(values)


def restore(file: File) -> File | None:
    """A tombstone to what its file was, or to `processing` if renditions must be made again.

    Returns None if it can no longer be restored, or is no longer at `file`'s revision.
    """
    values: dict[str, Any] = {**list_keys(file)}
    if file.restore_to is Status.PROCESSING:
        values |= {**claimable(file), "error": None}
    elif not file.leftovers:
        ready = file.restore_to is Status.READY
        values |= pending.due_when_ready(file) if ready else pending.due_when_failed(file)
    if file.restore_to is not Status.FAILED and file.sha256:
        values |= sha256_keys(file.tenant, file.sha256, file.id)
    return attempt(transitions.RESTORE, file.id, values, to=file.restore_to, tenant=file.tenant, revision=file.revision)


def mark_deleted(tenant: str, file_id: str, *, revision: int | None = None) -> File | None:
    """Any state to `deleted`, for good. Returns None if there is no such file, or if it is purged.

    The record forgets what clients told of the file, and keeps what the removal of its objects needs.

    The record goes first: from here on no list, read or worker finds the file, whatever becomes of its objects. A
    tombstone whose objects may still be there can be deleted again, so that a repeated delete ends what a crashed one
    began. The sweep would do so, too: the tombstone is due at once. With `revision`, only a record at that revision is
    deleted.
    """
    moment = now()
    values = {"ttl": forget_at(moment), **due_keys(file_id, moment), **dict.fromkeys(EMPTIED, "")}
    if revision is None:
        return attempt(transitions.DELETE, file_id, values, tenant=tenant)
    return attempt(transitions.DELETE_AS_READ, file_id, values, tenant=tenant, revision=revision)


def mark_purged(file: File) -> None:
    """Notes on a tombstone that its objects are gone, and forgets the rest, the remembered answer first."""
    if file.remembered_as:
        idempotency.forget(file.remembered_as, file.id)
    attempt(transitions.PURGE, file.id, {"purged": True, **dict.fromkeys(EMPTIED, "")})


def discarded(file: File) -> None:
    """Notes that the bytes of a refused file are gone. Does nothing if the record says so already."""
    kept = file.model_copy(update={"refused": None})
    due: dict[str, Any] = {} if file.leftovers else pending.due_when_failed(kept)
    attempt(transitions.DISCARD, file.id, due)


def cleared(file: File) -> None:
    """Notes that nothing is left of `file.leftovers`. Does nothing if the record has others, or another status."""
    due: dict[str, Any] = dict.fromkeys(DUE)
    if file.restore_until:
        due = {**due_keys(file.id, file.restore_until)}
    elif file.status is Status.PROCESSING or file.refused:
        due = {}  # it is due when its lease is over, or until its bytes are removed
    elif file.status is Status.READY:
        due = pending.due_when_ready(file.model_copy(update={"leftovers": []}))
    elif file.status is Status.FAILED:
        due = pending.due_when_failed(file.model_copy(update={"leftovers": []}))
    attempt(transitions.CLEAR, file.id, due, leftovers=file.leftovers, status=file.status)
