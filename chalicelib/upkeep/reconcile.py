"""Reconciliation of both buckets with the table: finds objects without a record, and records without their objects.

It also finds open multipart uploads that no file waits for.

Each run looks at some pages of each bucket, goes on where the last run stopped, and begins again after a day at the
earliest. Objects younger than a day are kept, because somebody may still be working on them. If most objects of a page
have no record, the table is probably at fault, say after it was restored to an earlier time. Then nothing of that page
is removed, and the metric Unowned raises an alarm.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

from chalicelib.catalog import due, files, reconciliations
from chalicelib.catalog.reconciliations import Position
from chalicelib.model import FILE_ID_PATTERN, File, Status, now, parse_original_key, rendition_key, timestamp
from chalicelib.observability import logger
from chalicelib.queues import ingest
from chalicelib.renditions import places
from chalicelib.settings import settings
from chalicelib.storage import derived, multipart, originals
from chalicelib.storage.objects import Page, Stored
from chalicelib.upkeep import removal, verdicts
from chalicelib.upkeep.verdicts import Verdict

DAY = timedelta(days=1)

# Files of each page that are checked the other way round: are their objects in the other bucket?
SAMPLE = 3

# A page is suspicious if more than STRANGE objects, and more than the share SHARE of the page, have no record.
STRANGE, SHARE = 20, 0.5

# Keys that one line of the log names at most.
LOGGED = 10

# Counts, by metric or name in the log. Walked: objects looked at. Orphans: objects removed or hidden because no record
# accounts for them. Unowned: objects that were left alone because too many have no record. Untold: originals that were
# announced because nobody had announced them. Missing: files whose objects are gone.
Sum = Counter[str]


def run(deadline: float) -> Sum:
    """Reconciles some pages of each bucket, until `deadline` (of time.monotonic). Gives the counts."""
    return _some_pages(
        "originals", originals.page, lambda after, page: _originals(page.objects) + _uploads(after, page), deadline
    ) + _some_pages(
        "derived", lambda after, _: derived.page(after), lambda _, page: _renditions(page.objects), deadline
    )


def _some_pages(
    bucket: str, page_of: Callable[[str, str], Page], reconcile: Callable[[str, Page], Sum], deadline: float
) -> Sum:
    """Reconciles pages from the stored position on, and moves the position after each.

    `reconcile` gets the key behind which a page begins, and the page.
    """
    done: Sum = Counter()
    if not settings().sweep_pages:
        return done
    was = reconciliations.position(bucket)
    if was and was.ended and now() - was.began < DAY:
        return done
    at = Position("", now()) if was is None or was.ended else was
    for _ in range(settings().sweep_pages):
        if time.monotonic() > deadline:
            break
        page = page_of(at.after, at.version)
        done += reconcile(at.after, page) + Counter(Walked=len(page.objects))
        key, version = page.after or ("", "")
        to = Position(key, at.began, version, ended=page.after is None)
        if not reconciliations.move(bucket, was, to) or to.ended:
            break  # another sweep moved it, or the bucket is done
        was = at = to
    return done


# --- the originals bucket


def _originals(objects: list[Stored]) -> Sum:
    """Judges the versions and delete markers of one page, and carries the verdicts out."""
    owned = [(ids[1], stored) for stored in objects if (ids := parse_original_key(stored.key))]
    records = due.records(_distinct(owned))
    hidden = {stored.key for _, stored in owned if stored.is_marker}
    before = now() - DAY
    judged: dict[Verdict, list[tuple[File | None, Stored]]] = defaultdict(list)
    for file_id, stored in owned:
        file = records.get(file_id)
        verdict = verdicts.of_original(file, stored, is_hidden=stored.key in hidden, before=before)
        judged[verdict].append((file, stored))
    return (
        _hide({stored.key: None for _, stored in judged[Verdict.HIDE]}, looked_at=len(_distinct(owned)))
        + _delete_versions([stored for _, stored in judged[Verdict.DELETE]])
        + _tell([(file, stored) for file, stored in judged[Verdict.TELL] if file])
        + Counter(Missing=_without_renditions(records.values()))
    )


def _hide(keys: Collection[str], looked_at: int) -> Sum:
    if _too_many(len(keys), looked_at):
        return Counter(Unowned=len(keys))
    if keys:
        logger.warning("hiding originals without a record", extra={"keys": list(keys)[:LOGGED], "count": len(keys)})
        originals.hide(keys)
    return Counter(Orphans=len(keys))


def _delete_versions(versions: list[Stored]) -> Sum:
    if versions:
        logger.warning(
            "deleting versions of originals that came after the file's own",
            extra={"keys": [each.key for each in versions[:LOGGED]]},
        )
        originals.delete_versions(versions)
    return Counter(Orphans=len(versions))


def _tell(arrivals: list[tuple[File, Stored]]) -> Sum:
    for file, stored in arrivals:
        logger.warning("an original was stored, but no message came", extra={"file_id": file.id})
        ingest.send(file.model_copy(update={"version_id": stored.version_id, "size": file.size or stored.size}))
    return Counter(Untold=len(arrivals))


# --- open multipart uploads to the originals bucket


def _uploads(after: str, page: Page) -> Sum:
    """Aborts uploads that no file waits for: of files that have ended, or whose record was never written.

    They are looked at beside a page of originals: those whose keys are in the page's range, and all that are behind its
    beginning if it is the last one. One ListMultipartUploads for each thousand.
    """
    done: Sum = Counter()
    end = page.after and page.after[0]
    at: tuple[str, str] | None = (after, "")
    while at and (end is None or at[0] < end):
        found = multipart.page(*at)
        done += _judge_uploads([each for each in found.objects if end is None or each.key <= end])
        at = found.after
    return done


def _judge_uploads(uploads: list[Stored]) -> Sum:
    owned = [(ids[1], upload) for upload in uploads if (ids := parse_original_key(upload.key))]
    records = due.records(_distinct(owned))
    before = now() - DAY
    judged: dict[Verdict, list[Stored]] = defaultdict(list)
    for file_id, upload in owned:
        judged[verdicts.of_upload(records.get(file_id), upload, before=before)].append(upload)
    unowned = judged[Verdict.HIDE]
    if _too_many(len(unowned), looked_at=len(owned)):
        return _abort(judged[Verdict.DELETE]) + Counter(Unowned=len(unowned))
    return _abort(judged[Verdict.DELETE] + unowned)


def _abort(uploads: list[Stored]) -> Sum:
    if uploads:
        keys = [upload.key for upload in uploads[:LOGGED]]
        logger.warning("aborting uploads that no file waits for", extra={"keys": keys, "count": len(uploads)})
    for upload in uploads:
        multipart.abort_upload(upload.key, upload.version_id)
    return Counter(Orphans=len(uploads))


# --- the derived bucket


def _renditions(objects: list[Stored]) -> Sum:
    """Judges the renditions of one page, and deletes those that no record leads to. They can be made again."""
    owned = [(file_id, stored) for stored in objects if (file_id := file_of_rendition(stored.key))]
    records = due.records(_distinct(owned))
    before = now() - DAY
    delete = [
        stored.key
        for file_id, stored in owned
        if verdicts.of_rendition(records.get(file_id), stored, before=before) is Verdict.DELETE
    ]
    return _delete_renditions(delete, looked_at=len(owned)) + Counter(Missing=_without_original(records.values()))


def _delete_renditions(keys: list[str], looked_at: int) -> Sum:
    if _too_many(len(keys), looked_at):
        return Counter(Unowned=len(keys))
    if keys:
        logger.warning("deleting renditions without a record", extra={"keys": keys[:LOGGED], "count": len(keys)})
        derived.delete_many(keys)
        if not removal.invalidate(keys, f"reconcile-{timestamp(now())}"):
            logger.error("edges may keep copies of public renditions without a record", extra={"keys": keys[:LOGGED]})
    return Counter(Orphans=len(keys))


def file_of_rendition(key: str) -> str | None:
    """The file id in a rendition's key, `f/{visibility}/{file id}/{version}/{name}`; None for any other key."""
    words = key.split("/")
    return words[2] if len(words) > 3 and words[0] == "f" and FILE_ID_PATTERN.fullmatch(words[2]) else None


def _distinct(owned: list[tuple[str, Stored]]) -> list[str]:
    """The file ids, each once, in the order of the page."""
    return list(dict.fromkeys(file_id for file_id, _ in owned))


def _too_many(unowned: int, looked_at: int) -> bool:
    """True if so much of a page has no record that the table must be at fault, and not the objects."""
    if unowned <= STRANGE or unowned <= looked_at * SHARE:
        return False
    logger.error("too many objects without a record; nothing is removed", extra={"unowned": unowned})
    return True


# --- the other way round: are the objects of a page's files there?


def _sample(candidates: Iterable[File]) -> list[File]:
    found = list(candidates)
    return random.sample(found, min(SAMPLE, len(found)))


def lost_renditions(file: File) -> set[str]:
    """Keys of renditions that a `ready` record lists and that are not there."""
    if file.status is not Status.READY or not file.all_renditions:
        return set()
    wanted = {rendition_key(file.visibility, file.id, str(file.source_version), each) for each in file.all_renditions}
    return wanted.difference(derived.keys_below(places.served_prefix(file) or ""))


def _without_renditions(candidates: Iterable[File]) -> int:
    """Counts the files of a sample that lack a rendition which their record lists."""
    missing = 0
    for file in _sample(file for file in candidates if file.status is Status.READY and file.all_renditions):
        if lost := lost_renditions(file):
            current = files.get(file.tenant, file.id)
            if current and places.served_prefix(current) == places.served_prefix(file):  # it was not changed meanwhile
                logger.error("renditions are missing", extra={"file_id": file.id, "keys": sorted(lost)[:LOGGED]})
                missing += 1
    return missing


def _without_original(candidates: Iterable[File]) -> int:
    """Counts the files of a sample whose original is gone."""
    missing = 0
    for file in _sample(file for file in candidates if file.status is Status.READY and file.version_id):
        if not originals.exists(file):
            current = files.get(file.tenant, file.id)
            if current and current.status is Status.READY:  # it was not deleted meanwhile
                logger.error("the original is missing", extra={"file_id": file.id})
                missing += 1
    return missing
