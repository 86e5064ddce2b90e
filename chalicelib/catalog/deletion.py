"""Deletion: a file goes for a while or for good, comes back, and is forgotten.

Each is one conditional write on the state or the revision that it was made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chalicelib.catalog.dynamodb import (
    ConditionFailedError,
    get_item,
    update,
)
from chalicelib.catalog.edits import change, claimable, write
from chalicelib.catalog.files import forget_at, from_values, list_keys
from chalicelib.catalog.keys import (
    due_keys,
    file_key,
    sha256_keys,
)
from chalicelib.catalog.transitions import DUE, LEASE
from chalicelib.model import File, Status, now, timestamp


def cleared(file: File) -> None:
    """Says that nothing is left of `file.leftovers`. Nothing happens when the record has others, or another status."""
    due = due_keys(file.id, file.restore_until) if file.restore_until else {}
    keep_due = due or file.status is Status.PROCESSING  # whose due time is the lease's
    try:
        update(
            file_key(file.id),
            values=due,
            remove=("leftovers",) if keep_due else ("leftovers", "due_pk", "due_sk"),
            condition="leftovers = :leftovers AND #status = :status",
            using={":leftovers": file.leftovers, ":status": file.status},
            returning="NONE",
        )
    except ConditionFailedError:
        return


def retire(file: File, *, until: datetime, leftovers: Sequence[str]) -> File | None:
    """To `deleted`, with the way back open `until` then; None when it is no longer at `file`'s revision.

    `leftovers` are where its renditions are; they are no longer the record's. In `by_due` the tombstone is due at once
    while there are any, then when the way back ends.

    For a file that waits for its upload there is no way back: its due time and its place for bytes would be gone.
    """
    assert file.status not in (Status.AWAITING_UPLOAD, Status.EXPIRED), "an upload that waits is deleted for good"
    again = file.status is Status.PROCESSING or bool(file.renditions)
    values: dict[str, Any] = {
        "status": Status.DELETED,
        "restore_until": timestamp(until),
        "restore_to": Status.PROCESSING if again else file.status,
        "leftovers": list(leftovers) or None,
        "ttl": forget_at(until),
        **due_keys(file.id, now() if leftovers else until),
    }
    gone = ("list_pk", "list_sk", "sha_pk", "sha_sk", "lease_until", "claim_id")
    return change(file, values, remove=(*gone, "renditions", "source_version", "made_with") if again else gone)


def tombstone(tenant: str, file_id: str) -> File | None:
    """One GetItem, strongly consistent: a deleted file whose objects are not all gone yet."""
    values = get_item(file_key(file_id))
    if not values or values.get("purged") or (values["tenant"], values["status"]) != (tenant, Status.DELETED):
        return None
    return File.model_validate(values)


def restore(file: File) -> File | None:
    """A tombstone to what its file was, or to `processing` where renditions must be made again.

    None when its time is over, or it is no longer at `file`'s revision.
    """
    again = file.restore_to is Status.PROCESSING
    values: dict[str, Any] = {"status": file.restore_to, **list_keys(file)}
    remove = ["restore_until", "restore_to", "ttl"]
    if again:
        values |= claimable(file)
        remove.append("error")
    elif not file.leftovers:
        remove += ["due_pk", "due_sk"]
    if file.restore_to is not Status.FAILED and file.sha256:
        values |= sha256_keys(file.tenant, file.sha256, file.id)
    condition = "#status = :deleted AND restore_until > :now AND attribute_not_exists(purged)"
    using = {":deleted": Status.DELETED, ":now": timestamp(now())}
    return write(file, values, remove, condition, using)


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
            remove=("list_pk", "list_sk", "sha_pk", "sha_sk", "restore_until", "restore_to", *LEASE),
            add={"revision": 1},
            condition="tenant = :tenant AND attribute_not_exists(purged)"
            + (" AND revision = :revision" if revision is not None else ""),
            using={":tenant": tenant, **({":revision": revision} if revision is not None else {})},
            returning="ALL_OLD",
        )
    except ConditionFailedError:
        return None
    return from_values(item)


def mark_purged(file_id: str) -> None:
    """Says of a tombstone that its objects are gone, and forgets what the client told us of the file."""
    try:
        update(
            file_key(file_id),
            values={"purged": True},
            remove=("image", "renditions", "error", "leftovers", *DUE),
            condition="#status = :deleted",
            using={":deleted": Status.DELETED},
            returning="NONE",
        )
    except ConditionFailedError:
        return
