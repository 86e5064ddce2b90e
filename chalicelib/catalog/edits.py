"""Files as clients change them: edited, processed again, and imported again.

Each function is one transition under the revision that the change was made for, and raises it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.catalog import pending, retention, transitions
from chalicelib.catalog.files import IMPORT_COMES, forget_at
from chalicelib.catalog.keys import due_keys
from chalicelib.catalog.record_writer import attempt
from chalicelib.model import Caption, File, Rendition, Status, now, stored_beside_ladder, timestamp

# The sweep sends a message again that was lost, this long after the file was opened.
SEND_AGAIN = timedelta(seconds=60)


def change(file: File, values: Mapping[str, Any]) -> File | None:
    """Writes `values` (JSON; None removes). Returns None if the record is no longer at `file`'s revision.

    If they hold `leftovers`, the record is due at once, so that the sweep removes them if nobody else does. If they
    change its retention, a file that is `ready` or `failed` is due when that ends.
    """
    due: dict[str, Any] = {**due_keys(file.id, now())} if values.get("leftovers") else _due_anew(file, values)
    return attempt(transitions.CHANGE, file.id, {**due, **values}, tenant=file.tenant, revision=file.revision)


def _due_anew(file: File, values: Mapping[str, Any]) -> dict[str, Any]:
    changed = kept_otherwise(file, values)
    if changed is None or file.status not in (Status.READY, Status.FAILED):
        return {}  # an upload and a file that is being processed are due for that, until they are ready
    return pending.due_when_ready(changed) if file.status is Status.READY else pending.due_when_failed(changed)


def kept_otherwise(file: File, values: Mapping[str, Any]) -> File | None:
    """The file with these values, if that changes its retention; None if it stays as it is."""
    update = {name: values[name] for name in ("tags", "expires_after") if name in values}
    changed = file.model_copy(update=update)
    return changed if retention.delete_at(changed) != retention.delete_at(file) else None


def caption(file: File, captions: Sequence[Caption], others: Sequence[Rendition], gone: Sequence[str]) -> File | None:
    """Writes a file's captions, and its renditions that are no pictures. `gone` are prefixes that nobody needs now.

    Returns None if the record is no longer at `file`'s revision, or not `ready`.
    """
    leftovers = [*file.leftovers, *gone]
    values = {
        "captions": [each.model_dump(mode="json") for each in captions] or None,
        **stored_beside_ladder(others),
        **({"leftovers": leftovers, **due_keys(file.id, now())} if gone else {}),
    }
    return attempt(transitions.CAPTION, file.id, values, tenant=file.tenant, revision=file.revision)


def reprocess(file: File, recipe: str, values: Mapping[str, Any] | None = None) -> File | None:
    """Opens a `ready` or `failed` file to be claimed again, and writes `values` with it.

    Returns None if the record is no longer at `file`'s revision. The record is then `processing` with a lease that is
    over: whoever gets a message for its object version may claim it. Until `finish`, the file keeps what was made
    before. If the message is lost, the sweep finds the record and sends another one.
    """
    opened = {**(values or {}), **claimable(file), "wanted_recipe": recipe}
    return attempt(transitions.REPROCESS, file.id, opened, tenant=file.tenant, revision=file.revision)


def claimable(file: File) -> dict[str, Any]:
    """Values that open a record to a new claim: a lease that is over, and a generation of its own for new addresses."""
    moment = now()
    return {
        "generation": file.generation + 1,
        "attempts": 0,
        "lease_until": timestamp(moment),
        **due_keys(file.id, moment + SEND_AGAIN),
    }


def reopen_import(file: File, until: datetime) -> File | None:
    """Has an import that failed wait for its bytes again, until then.

    Returns None if it did not fail as an import, or the record is no longer at `file`'s revision.
    """
    values = {
        "expires_at": timestamp(until),
        "ttl": forget_at(until),
        **due_keys(file.id, min(until, now() + IMPORT_COMES)),
    }
    return attempt(transitions.REOPEN_IMPORT, file.id, values, tenant=file.tenant, revision=file.revision)
