"""Files as clients change them: edited, processed again, deleted for a while and restored.

Each is one conditional write on the revision that the change was made for, and raises it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.catalog.dynamodb import ConditionFailedError, update
from chalicelib.catalog.files import IMPORT_COMES, forget_at
from chalicelib.catalog.keys import due_keys, file_key
from chalicelib.model import File, Status, now, timestamp

# A message that was lost is sent again by the sweep after this long.
SEND_AGAIN = timedelta(seconds=60)


def change(file: File, values: Mapping[str, Any], *, remove: Sequence[str] = ()) -> File | None:
    """Writes `values` (JSON; None removes) over a record that still is at `file`'s revision; None when it is not.

    Where they leave `leftovers`, `by_due` shows the record at once, unless they say when.
    """
    due = due_keys(file.id, now()) if values.get("leftovers") else {}
    return write(file, {**due, **values}, remove, "#status <> :deleted", {":deleted": Status.DELETED})


def write(
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
    return change(file, {**(values or {}), **claimable(file), "wanted_recipe": recipe}, remove=("claim_id", "error"))


def claimable(file: File) -> dict[str, Any]:
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
    return write(file, {**values, **due}, ("error",), condition, {":failed": Status.FAILED})
