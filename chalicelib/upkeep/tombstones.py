"""Old tombstones: releases before this one kept what a deleted file was, until the table's TTL removed the record.

The sweep reads the whole table once, some pages in each run, and has these tombstones forget it. Once it has come to
the end it never begins again, so that later runs cost one read. An old process that deletes a file behind the place
where this reads leaves one such tombstone, and the table's TTL removes it within 30 days.
"""

from __future__ import annotations

import time
from collections import Counter

from chalicelib.catalog import deletion, reconciliations, scanning
from chalicelib.catalog.reconciliations import Position
from chalicelib.model import now
from chalicelib.settings import settings

WALK = "tombstones"

# Counts. Forgotten: tombstones that said what their file was, and do not any more.
Sum = Counter[str]


def run(deadline: float) -> Sum:
    """Goes on through the table, until `deadline` (of time.monotonic). Gives the counts."""
    done: Sum = Counter()
    if not settings().sweep_pages:
        return done
    was = reconciliations.position(WALK)
    at = was or Position("", now())
    for _ in range(settings().sweep_pages):
        if at.ended or time.monotonic() > deadline:
            break
        page = scanning.told_tombstones({"pk": at.after, "sk": at.version} if at.after else None)
        for file in page.files:
            deletion.mark_purged(file)
        done += Counter(Forgotten=len(page.files))
        after = page.after or {"pk": "", "sk": ""}
        to = Position(after["pk"], at.began, after["sk"], ended=page.after is None)
        if not reconciliations.move(WALK, was, to):
            break  # another sweep moved it
        was = at = to
    return done
