"""Turns of a feed shard: changes of several files get the next positions, and count from one moment on.

Only one turn stands at a time, behind the head's last position. Each step is a plain write of one item:

1. The entry at the next position is put, if nobody has put one. It takes the turn, and names its files.
2. The entries of the other files are put.
3. Each file's marker is written, on the condition that nobody has written it since it was read.
4. The files' former entries are deleted.
5. The head goes on to the turn's last position, and adds to its counts what the markers say. Readers see the turn
   from now on, and a marker counts whose position the head has reached.

A writer may die in between. Then another one finishes the turn (`finish`): it writes the markers that are missing
where it has the files' changes itself. The other files are left out: their markers are fenced, so that the first
writer can't write them any more if it is only slow. After that nobody can change which files the turn has, and
whoever adds them up gets the same numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.dynamodb import attributes, batch_write, get_item, is_refused
from chalicelib.catalog.index import markers, positions
from chalicelib.catalog.index.markers import Counted, Marker, Was
from chalicelib.catalog.index.positions import Head
from chalicelib.catalog.index.terms import terms
from chalicelib.catalog.keys import Key, feed_key, shard_of
from chalicelib.model import File, Status, now, timestamp
from chalicelib.settings import settings

# Files in one turn: its first entry names them all, and has about 40 bytes for each.
FILES_A_TURN = 30

# Markers that are written at the same time.
MARKERS_AT_ONCE = 8

# A file without a marker that is older is no new one: the index is made anew, and its upload was counted before.
NEW = timedelta(days=1)

# Days after which entries of files in passing states expire. Such a file goes on to another state before that: an
# upload ends within 7 days, and its record is removed 30 days later.
PASSING_DAYS = 60
PASSING = (Status.AWAITING_UPLOAD, Status.PROCESSING)


@dataclass(frozen=True)
class Change:
    """One file in a batch of the stream: its newest image, and the older ones of the same batch."""

    file: File
    older: tuple[File, ...] = ()


@dataclass(frozen=True)
class Step:
    """One file of a turn: its marker as it is to be. `before` is the marker that the table has."""

    file: File
    marker: Marker
    before: Marker | None

    def entry(self) -> dict[str, Any]:
        """The file's entry in the feed."""
        place = feed_key(self.file.tenant, self.marker.feed_shard, self.marker.position)
        values: dict[str, Any] = {**place, "file_id": self.file.id, "revision": self.file.revision}
        if self.file.owner_mark:
            values["owner"] = self.file.owner_mark
        if self.marker.passing:
            values["ttl"] = int((now() + timedelta(days=PASSING_DAYS)).timestamp())
        return values


def step(change: Change, place: tuple[int, int], before: Marker | None, *, undone: bool = False) -> Step:
    """The step that a turn makes for a change. `place` is the feed shard and the position.

    With `undone`, the marker `before` was written for a turn that came to nothing.
    """
    file, (feed_shard, position) = change.file, place
    base = before.as_was() if before and undone else before
    came = markers.came((*change.older, file))
    marker = Marker(
        shard=base.shard if base else shard_of(file.id, settings().list_shards),
        revision=file.revision,
        position=position,
        terms=terms(file),
        counted=markers.counted(file),
        tenant=file.tenant,
        changed_at=timestamp(file.updated_at),
        uploaded=came if came is not None else base.uploaded if base else None,
        feed=feed_shard,
        passing=file.status in PASSING,
        was=_was(file, base),
    )
    return Step(file, marker, before)


def _was(file: File, base: Marker | None) -> Was:
    if base and base.revision:
        return Was(base.revision, base.counted, base.uploaded, base.former)
    return Was(used=file.created_at > now() - NEW)


@dataclass(frozen=True)
class Turn:
    """A turn by its first position. `files` has the id and the revision of each file, in the order of positions."""

    tenant: str
    shard: int
    first: int
    files: tuple[tuple[str, int], ...]

    @property
    def last(self) -> int:
        return self.first + len(self.files) - 1

    def key(self, position: int) -> Key:
        return feed_key(self.tenant, self.shard, position)


def take(turn: Turn, first: Step) -> bool:
    """Puts the first entry of a turn. False if a turn stands there already: it must be finished before."""
    entry = first.entry()
    if len(turn.files) > 1:
        entry["files"] = [list(each) for each in turn.files]
    try:
        aws.dynamodb().put_item(
            TableName=settings().table, Item=attributes(entry), ConditionExpression="attribute_not_exists(pk)"
        )
    except ClientError as error:
        if not is_refused(error):
            raise
        return False
    return True


def carry_out(turn: Turn, head: Head, steps: Sequence[Step]) -> bool:
    """The rest of a turn that was just taken. False if another writer was quicker: then see what stands."""
    batch_write(step.entry() for step in steps[1:])
    if not _all_written(steps):
        return False
    return _count(turn, head, {step.file.id: step.marker for step in steps})


def _all_written(steps: Sequence[Step]) -> bool:
    def written(step: Step) -> bool:
        return markers.write(step.file.id, step.marker, step.before)

    if len(steps) == 1:
        return written(steps[0])
    with ThreadPoolExecutor(MARKERS_AT_ONCE) as pool:
        return all(list(pool.map(written, steps)))


def standing(tenant: str, shard: int, head: Head) -> Turn | None:
    """The turn that stands behind the head, if one does: one GetItem, strongly consistent."""
    first = head.n + 1
    entry = get_item(feed_key(tenant, shard, first))
    if entry is None:
        return None
    files = entry.get("files") or [[entry["file_id"], entry["revision"]]]
    return Turn(tenant, shard, first, tuple((file_id, revision) for file_id, revision in files))


def look_back(turn: Turn, head: Head) -> dict[str, int]:
    """Looks at a turn of our own that somebody else ended. Returns the files that do not count, with their positions.

    These are files in whose places the release before, which does not know turns, has put its own entries. Entries are
    deleted that were put after the turn had been ended without them.
    """
    undone: dict[str, int] = {}
    vain: list[Key] = []
    held = markers.markers(file_id for file_id, _ in turn.files)
    for position, (file_id, _) in enumerate(turn.files, turn.first):
        if position > head.n:
            break
        entry, marker = get_item(turn.key(position)), held.get(file_id)
        if entry and entry["file_id"] != file_id:
            undone[file_id] = position
        elif entry and (marker is None or marker.position != position):
            vain.append(turn.key(position))
    batch_write((), vain)
    return undone


def finish(turn: Turn, head: Head, mine: Mapping[str, Change]) -> bool:
    """Finishes a turn that another process began; `mine` are the changes that the caller has.

    False if somebody else went on with it meanwhile.
    """
    held = markers.markers(file_id for file_id, _ in turn.files)
    counted: dict[str, Marker] = {}
    left_out: list[Key] = []
    for position, (file_id, revision) in enumerate(turn.files, turn.first):
        marker, change = held.get(file_id), mine.get(file_id)
        if marker and (marker.feed_shard, marker.position) == (turn.shard, position):
            counted[file_id] = marker
        elif change and change.file.revision == revision:
            ours = step(change, (turn.shard, position), marker)
            if get_item(turn.key(position)) is None:
                batch_write([ours.entry()])
            if not markers.write(file_id, ours.marker, marker):
                return False
            counted[file_id] = ours.marker
        elif markers.fence(file_id, marker, shard_of(file_id, settings().list_shards)):
            left_out.append(turn.key(position))
        else:
            return False
    done = _count(turn, head, counted)
    if done:
        batch_write((), left_out)
    return done


def _count(turn: Turn, head: Head, counted: Mapping[str, Marker]) -> bool:
    """The last two steps of a turn: former entries, and the head. False if the head is no longer as it was read."""
    former = [marker.was.former for marker in counted.values() if marker.was and marker.was.former]
    batch_write((), map(turn.key, former))
    counts: dict[str, int] = defaultdict(int)
    used: dict[str, int] = defaultdict(int)
    for marker in counted.values():
        if was := marker.was:
            _add(counts, marker.counted, 1)
            _add(counts, was.counted, -1)
            if was.used:
                _use(used, marker, was)
    return positions.go_on(turn.tenant, turn.shard, head, turn.last, counts, used)


def _use(used: dict[str, int], marker: Marker, was: Was) -> None:
    """Adds what one change of a file means for the day's usage: a file that came, or one that was deleted."""
    if marker.uploaded is not None:
        used["uploaded_files"] += was.uploaded is None
        used["uploaded_bytes"] += marker.uploaded - (was.uploaded or 0)
        if marker.counted is None and (not was.revision or was.counted):
            used["deleted_files"] += 1
            used["deleted_bytes"] += marker.uploaded


def _add(counts: dict[str, int], what: Counted | None, sign: int) -> None:
    if what:
        for group in (f"status.{what.status}", f"kind.{what.kind}"):
            counts[f"{group}.files"] += sign
            counts[f"{group}.bytes"] += sign * what.size
