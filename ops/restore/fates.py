"""The fate of each record: pure decisions from the record as it was at that time, and as it is in the present table.

A record goes back to that time, except where S3 cannot: bytes that were deleted since cannot come back, and bytes that
came since must not be lost. There the record follows the present table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.model import File, Status

# A table that is restored may hold a part of a transaction that was made shortly before.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
TORN = timedelta(minutes=5)

WAITING = (Status.AWAITING_UPLOAD, Status.EXPIRED)


class Fate(StrEnum):
    """The ways in which a record is treated in the table that the stage gets."""

    KEEP = "keep"  # it is as it was, and nobody knows a newer revision
    RAISE = "raise"  # it is as it was, under a revision that is news to everybody
    RESUME = "resume"  # it was being processed then: it is opened to a worker again
    COPY = "copy"  # the present record takes its place
    SET_ASIDE = "set aside"  # it came later: it is deleted, and can be restored for some weeks
    FORGET = "forget"  # it was deleted since, and so were its bytes


def fate(
    then: File | None,
    present: File | None,
    *,
    seen: int,
    at: datetime,
    has_bytes: Callable[[File], bool],
    keep_newer: bool,
) -> Fate:
    """The fate of one file.

    Parameters
    ----------
    then, present: its record at that time, and now; None where there is none, but not both.
    seen: the highest revision that a client may know.
    at: the time that is restored.
    has_bytes: asks S3 if the original of a record is there.
    keep_newer: files that came later stay.
    """
    if then is None:
        assert present, "a file has a record in one of the tables"
        # An upload that waits is on its way, and a deletion that is not finished must be finished.
        on_its_way = present.status in (*WAITING, Status.DELETED)
        return Fate.COPY if keep_newer or on_its_way or present.legal_hold else Fate.SET_ASIDE
    if then.revision > seen:
        return Fate.KEEP  # an earlier run has seen to it
    changed = then.revision < seen
    if changed and (followed := _where_s3_cannot_go_back(then, present, has_bytes)):
        return followed
    if then.status is Status.PROCESSING:
        return Fate.RESUME
    return Fate.RAISE if changed or then.updated_at >= at - TORN else Fate.KEEP


def _where_s3_cannot_go_back(then: File, present: File | None, has_bytes: Callable[[File], bool]) -> Fate | None:
    if present is None:  # the table's TTL has removed its tombstone
        gone = then.status is not Status.DELETED and then.version_id is not None and not has_bytes(then)
        return Fate.FORGET if gone else None
    if then.status is Status.DELETED:
        return Fate.COPY  # it was restored since, or removed for good
    if present.status is Status.DELETED:
        for_good = present.restore_until is None
        return Fate.COPY if for_good and not has_bytes(then) else None
    if then.status is Status.FAILED and then.version_id is None and present.version_id:
        return Fate.COPY  # it was imported again since; the sweep would take its bytes for nobody's
    return None
