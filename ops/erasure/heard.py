"""Waits until the audit has heard of the erasure.

`publish` writes the audit's entries from the table's stream, some time after the changes. An entry that came after the
last walk would stay for a year. So the items that were changed stay until their entries are there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

from chalicelib.model import now, timestamp
from ops.erasure.owners import Item, text
from ops.erasure.remains import STREAM
from ops.errors import OpsError

# The actor of all changes of an erasure, as `system` / `erase`.
ACTOR = "erase"

# How often the audit is looked at, and the seconds between two looks: ten minutes in all.
LOOKS, PAUSE = 30, 20.0


def awaited(item: Item) -> dict[str, str]:
    """{id: moment} of the entry that the audit gets of an erasure's change of this item; empty if it made none."""
    from chalicelib.events.auditing import setting_id
    from chalicelib.events.envelope import event_id

    _, _, identity = text(item, "pk").partition("#")
    if text(item, "sk") == "FILE":
        change = item.get("last_change", {}).get("M", {})
        revision = item.get("revision", {}).get("N", "")
        return {event_id(identity, int(revision)): text(change, "at")} if revision and _is_ours(change) else {}
    change = item.get("changed_by", {}).get("M", {})
    return {setting_id(identity, text(change, "at")): text(change, "at")} if _is_ours(change) else {}


def _is_ours(change: Item) -> bool:
    return text(change.get("actor", {}).get("M", {}), "id") == ACTOR


def wait(tenant: str, entries: Mapping[str, str], sleep: Callable[[float], None]) -> None:
    """Returns when the tenant's audit has all these entries (id → moment), or nobody can write them any more.

    A Query for each shard, and one more for each further MB, at each look. Raises OpsError after ten minutes.
    """
    from chalicelib.catalog.audit import pages
    from chalicelib.catalog.audit.entries import SECOND
    from chalicelib.settings import settings

    if not settings().audit_days:
        return
    forgotten = timestamp(now() - STREAM)
    missing = {name: at for name, at in entries.items() if at > forgotten}
    for _ in range(LOOKS):
        if not missing:
            return
        try:
            found = pages.all_of(tenant, min(missing.values())[:SECOND])
            there = {str(entry.get("id")) for page in found for entry in page.entries}
        except (LookupError, ValueError, zlib.error):  # a page that somebody has damaged: the next walk finds the rest
            sleep(PAUSE)
            return
        missing = {name: at for name, at in missing.items() if name not in there}
        if missing:
            sleep(PAUSE)
    if missing:
        raise OpsError(
            f"The function `publish` is behind: {len(missing)} entries about this erasure are not in the audit yet. "
            "Run the same command again when it has caught up; it goes on. Until then the tenant's files are deleted, "
            "and their tombstones are there."
        )
