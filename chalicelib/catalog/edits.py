"""Files as clients change them: edited, processed again, deleted for a while and restored.

Each is one conditional write on the revision that the change was made for, and raises it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.catalog.files import IMPORT_COMES, forget_at, list_keys
from chalicelib.catalog.items import ConditionFailedError, get_item, update
from chalicelib.catalog.keys import due_keys, file_key, sha256_keys
from chalicelib.model import File, Status, now, timestamp

# A message that was lost is sent again by the sweep after this long.
SEND_AGAIN = timedelta(seconds=60)


def change(file: File, values: Mapping[str, Any], *, remove: Sequence[str] = ()) -> File | None:
    """Writes `values` (JSON; None removes) over a record that still is at `file`'s revision; None when it is not.

    Where they leave `leftovers`, `by_due` shows the record at once, unless they say when.
    """
    due = due_keys(file.id, now()) if values.get("leftovers") else {}
    return _write(file, {**due, **values}, remove, "#status <> :deleted", {":deleted": Status.DELETED})


def _write(
    file: File, values: Mapping[str, Any], remove: Sequence[str], condition: str, using: Mapping[str, Any]
) -> File | None:
    try:
        item = update(
            file_key(file.id),
            values={name: v for name, v in values.items() if v is not None} | {"updated_at": timestamp(now())},
            remove=(*remove, *(name for name, v in values.items() if v is None)),
            add={"revision": 1},
            condition=f"tenant = :tenant AND revision = :revision AND {condition}",
            using={":tenant": file.tenant, ":revision": file.revision, **using},
        )
    except ConditionFailedError:
        return None
    return File.model_validate(item)


def reprocess(file: File, recipe: str, values: Mapping[str, Any] | None = None) -> File | None:
    """Opens a file to be claimed again, together with `values`; None when it is no longer at `file`'s revision.

    The record is `processing` with a lease that is over: whoever gets a message for its object version may claim it.
    What was made before stays the file's until `finish`. A lost message shows in `by_due`.
    """
    return change(file, {**(values or {}), **_claimable(file), "wanted_recipe": recipe}, remove=("claim_id", "error"))


def _claimable(file: File) -> dict[str, Any]:
    moment = now()
    return {
        "status": Status.PROCESSING,
        "generation": file.generation + 1,
        "attempts": 0,
        "lease_until": timestamp(moment),
        **due_keys(file.id, moment + SEND_AGAIN),
    }


def reopen_import(file: File, until: datetime) -> File | None:
    """An import that failed waits for its bytes again, `until` then; None when it is no longer at `file`'s revision."""
    values = {"status": Status.AWAITING_UPLOAD, "expires_at": timestamp(until), "ttl": forget_at(until)}
    due = due_keys(file.id, min(until, now() + IMPORT_COMES))
    condition = "#status = :failed AND attribute_not_exists(version_id) AND attribute_exists(source_url)"
    return _write(file, {**values, **due}, ("error",), condition, {":failed": Status.FAILED})


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
        values |= _claimable(file)
        remove.append("error")
    elif not file.leftovers:
        remove += ["due_pk", "due_sk"]
    if file.restore_to is not Status.FAILED and file.sha256:
        values |= sha256_keys(file.tenant, file.sha256, file.id)
    condition = "#status = :deleted AND restore_until > :now AND attribute_not_exists(purged)"
    using = {":deleted": Status.DELETED, ":now": timestamp(now())}
    return _write(file, values, remove, condition, using)
