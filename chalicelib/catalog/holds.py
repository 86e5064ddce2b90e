"""Legal hold: while a file is held, no request, no retention, no sweep and no erasure deletes it.

The conditions of the transitions that delete (`transitions`) keep that promise, so no delete can pass a hold that was
put a moment before it. Everything else may still change.
"""

from __future__ import annotations

from typing import Any

from chalicelib.catalog import actors, pending, transitions
from chalicelib.catalog.files import forget_at
from chalicelib.catalog.keys import due_keys
from chalicelib.catalog.record_writer import attempt
from chalicelib.model import File, LegalHold, Status, now


def may_be_held(file: File) -> bool:
    """True if the file's bytes are there to stay; a deleted file's are while it can be restored."""
    kept = file.status in (Status.READY, Status.FAILED) or file.restore_until is not None
    return kept and file.version_id is not None and not file.refused


def hold(file: File) -> File | None:
    """Puts a file under legal hold. Returns None if it can't be held, or is no longer at `file`'s revision."""
    held = LegalHold(since=now(), actor=actors.present())
    values = {"legal_hold": held.model_dump(mode="json")}
    return attempt(transitions.PUT_ON_HOLD, file.id, values, tenant=file.tenant, revision=file.revision)


def release(file: File) -> File | None:
    """Ends a legal hold. Returns None if there is none, or the record is no longer at `file`'s revision.

    The sweep then looks at the file for whatever the hold has kept it from.
    """
    return attempt(transitions.RELEASE_HOLD, file.id, _what_waits(file), tenant=file.tenant, revision=file.revision)


def _what_waits(file: File) -> dict[str, Any]:
    if file.status is Status.DELETED:
        until = max(file.restore_until or now(), now())
        return {"ttl": forget_at(until), **due_keys(file.id, now())}
    free = file.model_copy(update={"legal_hold": None})
    if file.status is Status.READY:
        return pending.due_when_ready(free)
    return pending.due_when_failed(free) if file.status is Status.FAILED else {}
