"""A slow run over both buckets: objects that are nobody's, and records whose objects are gone.

Some pages a run, behind where the last one stopped; once round a day at most. What is younger than a day is left, for
somebody may be at it. A page most of whose objects have no record says more of the table than of the objects, say after
it was restored to an earlier time: then nothing is removed, and the metric Unowned rings the alarm.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from chalicelib.catalog import due, files, reconciliations
from chalicelib.catalog.reconciliations import Position
from chalicelib.model import FILE_ID_PATTERN, File, Status, now, parse_original_key, rendition_key, timestamp
from chalicelib.observability import logger
from chalicelib.renditions import places
from chalicelib.settings import settings
from chalicelib.storage import derived, originals
from chalicelib.storage.objects import Listed, Stored
from chalicelib.upkeep import removal

DAY = timedelta(days=1)

# Files of a page whose objects on the other side are looked for.
SAMPLE = 3

# Objects without an owner that a page may have before it is thought strange; and then their share.
STRANGE, SHARE = 20, 0.5

# Walked: objects looked at. Orphans: objects removed that were nobody's. Unowned: objects that were not removed since
# they were too many. Untold: originals that nobody had told us of, told now. Missing: files without their objects.
Sum = Counter[str]


def run(deadline: float) -> Sum:
    """Some pages of each bucket, until `deadline` (of time.monotonic)."""
    done: Sum = Counter()
    for name, page_of, look in (
        ("originals", originals.page, _originals),
        ("derived", lambda after, _: derived.page(after), _derived),
    ):
        done += _walk(name, page_of, look, deadline)
    return done


def _walk(
    name: str, page_of: Callable[[str, str], Listed], look: Callable[[list[Stored]], Sum], deadline: float
) -> Sum:
    done: Sum = Counter()
    if not settings().sweep_pages:
        return done
    was = reconciliations.position(name)
    if was and was.ended and now() - was.began < DAY:
        return done
    at = Position("", now()) if was is None or was.ended else was
    for _ in range(settings().sweep_pages):
        if time.monotonic() > deadline:
            break
        page = page_of(at.after, at.version)
        done += look(page.objects) + Counter(Walked=len(page.objects))
        key, version = page.after or ("", "")
        to = Position(key, at.began, version, ended=page.after is None)
        if not reconciliations.move(name, was, to) or to.ended:
            break  # another sweep is at it, or this is the end
        was = at = to
    return done


def _is_old(modified: datetime) -> bool:
    return modified < now() - DAY


def _by_file(objects: Iterable[tuple[str, Stored]]) -> dict[str, list[Stored]]:
    groups: dict[str, list[Stored]] = defaultdict(list)
    for file_id, stored in objects:
        groups[file_id].append(stored)
    return groups


def _strange(unowned: int, looked_at: int) -> bool:
    if unowned <= STRANGE or unowned <= looked_at * SHARE:
        return False
    logger.error("too many objects without a record; nothing is removed", extra={"unowned": unowned})
    return True


# --- originals


def _originals(objects: list[Stored]) -> Sum:
    """One page: versions that are nobody's go, arrivals that we were not told of are told."""
    groups = _by_file((ids[1], stored) for stored in objects if (ids := parse_original_key(stored.key)))
    records = due.records(list(groups))
    late: list[Stored] = []  # not what the record was made from: first write wins
    unowned: dict[str, None] = {}
    untold: list[tuple[File, Stored]] = []
    for file_id, group in groups.items():
        file = records.get(file_id)
        for stored in filter(lambda each: _is_old(each.modified), group):
            match _owner(file, stored):
                case "nobody" if not stored.is_marker:
                    unowned[stored.key] = None
                case "late":
                    late.append(stored)
                case "untold" if file:
                    untold.append((file, stored))
    hidden = {stored.key for group in groups.values() for stored in group if stored.is_marker}
    unowned = {key: None for key in unowned if key not in hidden}  # the bucket's lifecycle has them already
    done: Sum = Counter()
    if _strange(len(unowned), len(groups)):
        done += Counter(Unowned=len(unowned))
    elif unowned:
        logger.warning("originals without a record hidden", extra={"keys": list(unowned)[:10], "count": len(unowned)})
        originals.hide(unowned)
        done += Counter(Orphans=len(unowned))
    if late:
        logger.warning("late versions of originals removed", extra={"keys": [each.key for each in late[:10]]})
        originals.delete_versions(late)
        done += Counter(Orphans=len(late))
    for file, stored in untold:
        _tell(file, stored)
        done += Counter(Untold=1)
    return done + Counter(Missing=_without_renditions(records.values()))


def _owner(file: File | None, stored: Stored) -> str:
    if file is None or (file.status is Status.DELETED and file.restore_until is None):
        return "nobody"
    if file.version_id:
        # A delete marker over it, too: it hides the file's bytes, and the bucket ends what is hidden.
        return "late" if stored.version_id != file.version_id else "file"
    if file.status is Status.FAILED:
        return "late"
    return "file" if stored.is_marker else "untold"


def _tell(file: File, stored: Stored) -> None:
    from chalicelib.queues.ingest import send

    logger.warning("an original that nobody told us of", extra={"file_id": file.id})
    send(file.model_copy(update={"version_id": stored.version_id, "size": file.size or stored.size}))


def _without_renditions(candidates: Iterable[File]) -> int:
    missing = 0
    for file in _sample(file for file in candidates if file.status is Status.READY and file.renditions):
        wanted = {rendition_key(file.visibility, file.id, str(file.source_version), each) for each in file.renditions}
        prefix = places.served_prefix(file) or ""
        if lost := wanted - {stored.key for stored in derived.page("", prefix).objects}:
            # Unless it was changed meanwhile.
            current = files.get(file.tenant, file.id)
            if current and places.served_prefix(current) == prefix:
                logger.error("renditions are missing", extra={"file_id": file.id, "keys": sorted(lost)[:10]})
                missing += 1
    return missing


def _sample(candidates: Iterable[File]) -> list[File]:
    found = list(candidates)
    return random.sample(found, min(SAMPLE, len(found)))


# --- renditions


def _derived(objects: list[Stored]) -> Sum:
    """One page: what no record leads to goes. Renditions that are gone can be made again."""
    groups = _by_file((file_id, stored) for stored in objects if (file_id := _rendered(stored.key)))
    records = due.records(list(groups))
    unowned = []
    for file_id, group in groups.items():
        kept = _kept(records.get(file_id))
        unowned += [s.key for s in group if not s.key.startswith(kept) and _is_old(s.modified)]
    looked_at = sum(map(len, groups.values()))
    done: Sum = Counter()
    if _strange(len(unowned), looked_at):
        done += Counter(Unowned=len(unowned))
    elif unowned:
        logger.warning("renditions of no record removed", extra={"keys": unowned[:10], "count": len(unowned)})
        derived.delete_objects(unowned)
        if not removal.forget(unowned, f"walk-{timestamp(now())}"):
            logger.error("edges may keep copies of public renditions of no record", extra={"keys": unowned[:10]})
        done += Counter(Orphans=len(unowned))
    return done + Counter(Missing=_without_original(records.values()))


def _rendered(key: str) -> str | None:
    """The file of a rendition's key; None for what is no rendition."""
    words = key.split("/")
    return words[2] if len(words) > 3 and words[0] == "f" and FILE_ID_PATTERN.fullmatch(words[2]) else None


def _kept(file: File | None) -> tuple[str, ...]:
    """Prefixes of what a record leads to, or says that it removes itself."""
    if file is None or (file.status is Status.DELETED and file.restore_until is None):
        return ()
    kept = [*file.leftovers]
    if served := places.served_prefix(file):
        kept.append(served)
    if file.status is Status.PROCESSING:
        kept.append(places.made_prefix(file))
    return tuple(kept)


def _without_original(candidates: Iterable[File]) -> int:
    missing = 0
    for file in _sample(file for file in candidates if file.status is Status.READY and file.version_id):
        if not originals.exists(file):
            current = files.get(file.tenant, file.id)
            if current and current.status is Status.READY:
                logger.error("the original is missing", extra={"file_id": file.id})
                missing += 1
    return missing
