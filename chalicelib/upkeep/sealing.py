"""Seals the audit: every hour that is over, for each tenant of which something was written in it.

A run that ends early, or two at once, do no harm. A seal and the end of its chain are one transaction, and the next run
goes on after the last page that is sealed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import batched

from chalicelib.catalog import reconciliations
from chalicelib.catalog.audit import pages, seals
from chalicelib.catalog.audit.entries import HOUR
from chalicelib.catalog.audit.pages import NOTE_DAYS, Page
from chalicelib.catalog.audit.seals import Head, OvertakenError
from chalicelib.catalog.reconciliations import Position
from chalicelib.model import now, timestamp
from chalicelib.observability import logger
from chalicelib.settings import settings

WALK = "seals"

# A page may be written so long after the hour that it names as its own: longer than any run of a function takes.
LATEST = timedelta(minutes=20)
# The first run looks back so far. Nothing was written before the first one, or little.
FIRST = timedelta(days=1)

# Counts. Sealed: seals that were made.
Sum = Counter[str]


def run(deadline: float) -> Sum:
    """Seals what is finished, until `deadline` (of time.monotonic). Gives the counts.

    It writes down how far it has come after each hour in which something was written, and at the end. Hours in which
    nothing was written cost a read each, so a stage that was asleep for weeks is soon up to date.
    """
    done: Sum = Counter()
    if not settings().audit_days:
        return done
    was = reconciliations.position(WALK)
    reached = was.after if was else ""
    for hour in _hours_over(_after(reached) if reached else _hour(now() - FIRST)):
        written = seals.written_in(hour)
        if not _seal_all(hour, written, deadline, done):
            break
        reached = hour
        if written:
            to = Position(hour, now())
            if not reconciliations.move(WALK, was, to):
                return done
            was = to
    if reached and (was is None or was.after != reached):
        reconciliations.move(WALK, was, Position(reached, now()))
    return done


def _hours_over(hour: str) -> Iterator[str]:
    """The hours from this one on in which nothing can be written any more."""
    while _begins(hour) + timedelta(hours=1) + LATEST <= now():
        yield hour
        hour = _after(hour)


def _seal_all(hour: str, written: Mapping[str, list[str]], deadline: float, done: Sum) -> bool:
    """Seals an hour for all tenants. False if it could not be finished."""
    for tenant, changes in written.items():
        if time.monotonic() > deadline:
            return False
        try:
            done += _seal(tenant, hour, changes)
        except OvertakenError:
            return False  # another sweep is at it
    return True


def finished() -> str:
    """The last hour that is sealed for every tenant; empty if none is. One GetItem."""
    was = reconciliations.position(WALK)
    return was.after if was else ""


def _hour(moment: datetime) -> str:
    return timestamp(moment)[:HOUR]


def _begins(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}:00:00").replace(tzinfo=UTC)


def _after(hour: str) -> str:
    """The next hour to look at. After a long pause it is the first one whose notes may be there."""
    return max(_hour(_begins(hour) + timedelta(hours=1)), _hour(now() - timedelta(days=NOTE_DAYS)))


def _seal(tenant: str, hour: str, changes: list[str]) -> Sum:
    head = seals.head_of(tenant)
    if head and head.hour > hour:
        return Counter()
    done: Sum = Counter()
    for some in batched(_unsealed(tenant, hour, changes, head), seals.MOST_PAGES):
        head = seals.seal(tenant, hour, some, head)
        done += Counter(Sealed=1)
        # The log is a second place for the seal, where whoever may write to the table alone can't change it.
        logger.info("audit sealed", extra={"tenant": tenant, "hour": hour, "seal": head.number, "sha256": head.hash})
    return done


def _unsealed(tenant: str, hour: str, changes: list[str], head: Head | None) -> Iterator[Page]:
    """The pages that were written in an hour, in the order of their places, after those that are sealed already."""
    covered = head.covered if head and head.hour == hour else ""
    for each in sorted(changes):
        for page in pages.of_hour(tenant, each):
            if page.written == hour and seals.place(page.shard, page.key) > covered:
                yield page
