"""Compares every record with both buckets, mends what can be mended, and lists the rest.

It may run while the stage works: each mend is an ordinary, conditional change of a record, a message that may come
twice, or the removal of a delete marker over a file's own bytes. Nothing is deleted here. Objects that no record leads
to are left to the sweep, which looks at them a day later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import batched

from pydantic import ValidationError

from chalicelib.catalog import due, edits
from chalicelib.model import File, Status, now, parse_original_key
from chalicelib.queues import ingest
from chalicelib.renditions import places
from chalicelib.storage import derived, originals
from chalicelib.storage.objects import Page, Stored
from chalicelib.upkeep import verdicts
from chalicelib.upkeep.reconcile import file_of_rendition, lost_renditions
from chalicelib.upkeep.verdicts import Verdict
from ops.restore.items import FILE, Item, Items, file_of

WORKERS = 16  # records that are checked at once: as many as aws.s3() has connections


class Problem(StrEnum):
    """The ways in which a record and the buckets can disagree."""

    ORIGINAL_WITHOUT_RECORD = "original_without_record"
    ORIGINAL_HIDDEN = "original_hidden"
    ORIGINAL_NOT_TOLD = "original_not_told"
    OTHER_VERSION = "other_version_of_original"
    RECORD_WITHOUT_ORIGINAL = "record_without_original"
    RENDITIONS_MISSING = "renditions_missing"
    RENDITIONS_OF_ANOTHER_GENERATION = "renditions_of_another_generation"
    RENDITIONS_WITHOUT_RECORD = "renditions_without_record"
    RECORD_UNREADABLE = "record_unreadable"


# The problem in words for a person, and its consequence.
MEANING = {
    Problem.ORIGINAL_WITHOUT_RECORD: "originals without a record; the sweep hides them in a day, for 30 days",
    Problem.ORIGINAL_HIDDEN: "originals under a delete marker although their record lives: the marker is removed",
    Problem.ORIGINAL_NOT_TOLD: "originals whose record still waits for them: they are processed",
    Problem.OTHER_VERSION: "versions that are not the file's own; the sweep removes them in a day",
    Problem.RECORD_WITHOUT_ORIGINAL: "records whose original is gone; upload these files again",
    Problem.RENDITIONS_MISSING: "records whose renditions are gone: they are made again, if the original is there",
    Problem.RENDITIONS_OF_ANOTHER_GENERATION: "renditions of another generation; the sweep removes them in a day",
    Problem.RENDITIONS_WITHOUT_RECORD: "renditions without a record; the sweep removes them in a day",
    Problem.RECORD_UNREADABLE: "records that cannot be read; see docs/troubleshooting.md",
}


@dataclass(frozen=True)
class Finding:
    """One disagreement. `detail` is a key, a version or a prefix. `mended`: it was mended by this run."""

    problem: Problem
    tenant: str
    file_id: str
    detail: str
    mended: bool = False


def audit(records: Items, *, mend: bool) -> Iterator[Finding]:
    """All findings, one after another. The settings must name the table of `records`."""
    yield from _originals(mend=mend)
    yield from _records(records, mend=mend)
    yield from _renditions()


# --- every object of the originals bucket: does a record account for it?


def _originals(*, mend: bool) -> Iterator[Finding]:
    for page in _pages(lambda after: originals.page(*after)):
        owned = [(ids, stored) for stored in page.objects if (ids := parse_original_key(stored.key))]
        known = due.records(list(dict.fromkeys(file_id for (_, file_id), _ in owned)))
        for (tenant, file_id), stored in owned:
            problem = of_original(known.get(file_id), stored)
            if problem:
                mended = mend and _mend_original(problem, known.get(file_id), stored)
                yield Finding(problem, tenant, file_id, stored.version_id, mended)


def of_original(file: File | None, stored: Stored) -> Problem | None:
    """The problem with one version, or with one delete marker; None if there is none."""
    if file is None or (file.status is Status.DELETED and file.restore_until is None):
        # A tombstone that is not purged yet is finished by the sweep, with its bytes.
        return None if stored.is_marker or file else Problem.ORIGINAL_WITHOUT_RECORD
    match verdicts.of_original(file, stored, is_hidden=False, before=now() + timedelta(days=1)):
        case Verdict.TELL:
            return Problem.ORIGINAL_NOT_TOLD
        case Verdict.DELETE:
            own = file.version_id is not None
            return Problem.ORIGINAL_HIDDEN if stored.is_marker and own else Problem.OTHER_VERSION
        case _:
            return None


def _mend_original(problem: Problem, file: File | None, stored: Stored) -> bool:
    if problem is Problem.ORIGINAL_HIDDEN:
        originals.delete_versions([stored])  # the marker alone: nothing of the file is deleted
        return True
    if problem is Problem.ORIGINAL_NOT_TOLD and file:
        ingest.send(file.model_copy(update={"version_id": stored.version_id, "size": file.size or stored.size}))
        return True
    return False


# --- every record: are its objects there?


def _records(records: Items, *, mend: bool) -> Iterator[Finding]:
    with ThreadPoolExecutor(WORKERS) as pool:
        for some in batched(records.scan(FILE), 10 * WORKERS):
            for findings in pool.map(lambda item: _check(item, mend=mend), some):
                yield from findings


def _check(item: Item, *, mend: bool) -> list[Finding]:
    file_id = item["pk"]["S"].removeprefix("FILE#")
    try:
        file = file_of(item)
    except (ValidationError, ValueError, TypeError, KeyError):
        return [Finding(Problem.RECORD_UNREADABLE, item.get("tenant", {}).get("S", ""), file_id, "")]
    if file.status is Status.DELETED or file.version_id is None:
        return []
    there = originals.exists(file)
    lost = lost_renditions(file)
    if there and not lost:
        return []
    current = due.records([file_id]).get(file_id)
    if current is None or current.revision != file.revision:
        return []  # somebody has changed it meanwhile
    found = [] if there else [Finding(Problem.RECORD_WITHOUT_ORIGINAL, file.tenant, file_id, file.version_id)]
    if lost:
        mended = mend and there and _make_again(file)
        found.append(Finding(Problem.RENDITIONS_MISSING, file.tenant, file_id, str(places.served_prefix(file)), mended))
    return found


def _make_again(file: File) -> bool:
    """Has the renditions made under a new address. False if the record has changed meanwhile."""
    opened = edits.reprocess(file, file.recipe)
    if opened:
        ingest.send(opened)
    return opened is not None


# --- every object of the derived bucket: does a record lead to it?


def _renditions() -> Iterator[Finding]:
    told: set[str] = set()
    for page in _pages(lambda after: derived.page(after[0])):
        owned = [(file_id, stored) for stored in page.objects if (file_id := file_of_rendition(stored.key))]
        known = due.records(list(dict.fromkeys(file_id for file_id, _ in owned)))
        for file_id, stored in owned:
            file, prefix = known.get(file_id), f"{stored.key.rpartition('/')[0]}/"
            if prefix not in told and (problem := of_rendition(file, stored)):
                told.add(prefix)
                yield Finding(problem, file.tenant if file else "", file_id, prefix)


def of_rendition(file: File | None, stored: Stored) -> Problem | None:
    """The problem with one rendition; None if there is none."""
    if verdicts.of_rendition(file, stored, before=now() + timedelta(days=1)) is Verdict.KEEP:
        return None
    if file is None:
        return Problem.RENDITIONS_WITHOUT_RECORD
    return None if file.status is Status.DELETED else Problem.RENDITIONS_OF_ANOTHER_GENERATION


def _pages(page_of: Callable[[tuple[str, str]], Page]) -> Iterator[Page]:
    after: tuple[str, str] | None = ("", "")
    while after is not None:
        page = page_of(after)
        yield page
        after = page.after


def left(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that were not mended."""
    return [finding for finding in findings if not finding.mended]
