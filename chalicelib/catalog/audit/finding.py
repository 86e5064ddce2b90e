"""Finds entries of the audit: the history of one file, and a tenant's changes, the newest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ulid import ULID

from chalicelib.catalog import files
from chalicelib.catalog.audit import pages
from chalicelib.catalog.audit.entries import SECOND, Entry
from chalicelib.catalog.dynamodb import get_item
from chalicelib.catalog.keys import marker_key
from chalicelib.model import timestamp

# Entries that one answer looks at, at most. With a filter that few pass, it ends with fewer than were asked for.
LOOKED_AT = 2000

# The beginning and the end of time.
FIRST, LAST = "0", "9"


@dataclass(frozen=True)
class Found:
    """Some entries. `after` is where the next ones begin; None if there are no more."""

    entries: list[Entry]
    after: str | None


# --- one file


def last_change(tenant: str, file_id: str) -> str | None:
    """The moment of a file's last change, also of a deleted one; None if the tenant never had such a file.

    One GetItem, and one more if the record is gone: the index's note on the file outlives it.
    """
    if record := files.record(file_id):
        return timestamp(record.updated_at) if record.tenant == tenant else None
    note = get_item(marker_key(file_id)) or {}
    return note.get("changed_at") if note.get("tenant") == tenant else None


def history(tenant: str, file_id: str, start: str, limit: int) -> Found:
    """Changes of one file, the newest first: a Query for each.

    `start` is the moment of the newest of them, or the `after` of an earlier answer. Each entry says when the change
    before it was made. Where an entry is missing, because the stage kept no audit for a time, the creation is looked
    for, whose moment is in the file's id.
    """
    moment, _, bound = start.partition("#")
    below = int(bound) if bound else None
    found: list[Entry] = []
    while moment and len(found) < limit:
        entry = _change_before(tenant, file_id, moment, below) or _creation(tenant, file_id, below)
        if entry is None or entry.revision is None:
            return Found(found, None)
        found.append(entry)
        moment, below = entry.before or "", entry.revision
    return Found(found, f"{moment}#{below}" if moment else None)


def _change_before(tenant: str, file_id: str, moment: str, below: int | None) -> Entry | None:
    """The newest change of a file in a second, of those with a revision below a bound."""
    some = [each for each in pages.about(tenant, file_id, moment[:SECOND]) if each.revision is not None]
    older = [each for each in some if below is None or (each.revision or 0) < below]
    return max(older, key=lambda each: each.revision or 0, default=None)


def _creation(tenant: str, file_id: str, below: int | None) -> Entry | None:
    """A file's id is made shortly before its record."""
    if below is not None and below <= 1:
        return None
    made = datetime.fromtimestamp(ULID.from_str(file_id.removeprefix("file_")).timestamp, UTC)
    for moment in (made, made + timedelta(seconds=1)):
        if entry := _change_before(tenant, file_id, timestamp(moment), 2):
            return entry
    return None


# --- a tenant


def changes(
    tenant: str, *, since: str, until: str, after: str | None, limit: int, passes: Callable[[Entry], bool]
) -> Found:
    """A tenant's entries that pass, the newest first.

    Parameters
    ----------
    since, until: moments; entries are not before `since`, and before `until`.
    after: where an earlier answer ended.
    """
    found: list[Entry] = []
    looked = 0
    if until <= since:  # DynamoDB refuses a range whose end is before its beginning
        return Found(found, None)
    for some in pages.newest_first(tenant, since, min(until, after or LAST)):
        entries = [entry for page in some for entry in page.read()]
        for entry in sorted(entries, key=lambda each: each.place, reverse=True):
            if entry.at >= until or (after is not None and entry.place >= after):
                continue
            if entry.at < since:
                break
            looked += 1
            if passes(entry):
                found.append(entry)
            if len(found) == limit or looked == LOOKED_AT:
                return Found(found, entry.place)
    return Found(found, None)
