"""Writes the index, which follows the table: lists to filter, sort and search by, a feed of changes, and counts.

The index of a file is computed from the newest image of its record, and is written in an order that a crash cannot
harm. First the new postings are put, then stale ones are deleted, and last a turn (`turns`) writes the file's entry in
the feed, its marker and the counts. If a try ends before the turn, the next one does everything again.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from chalicelib.catalog.dynamodb import batch_write
from chalicelib.catalog.index import markers, positions, turns
from chalicelib.catalog.index.markers import Marker
from chalicelib.catalog.index.positions import ContendedError, Head
from chalicelib.catalog.index.terms import Term, posting, terms
from chalicelib.catalog.index.turns import Change, Turn
from chalicelib.catalog.keys import Key, shard_of
from chalicelib.model import File
from chalicelib.settings import settings

__all__ = ["Change", "index"]

# Tries of a turn while other writers are quicker, and the longest pause between two tries, in seconds.
TRIES = 14
LONGEST_PAUSE = 0.6

# Seconds after which somebody else's turn is finished that stands and does not go on. A turn takes far less, unless
# its writer is gone. A turn that has one of our own files is finished at once: Lambda tells of a file's changes one
# after another, so its writer is gone.
PATIENCE = 1.0

# Feed shards that are written at the same time.
GROUPS_AT_ONCE = 4


def index(changes: Iterable[Change]) -> int:
    """Brings the index up to these changes, one a file. Returns how many were news to it.

    A change that is older than the index is left out, so the same batch may come again at any time.

    Raises
    ------
    ContendedError, ClientError
        Not all of it is done. The same batch must come again for the rest.
    """
    waiting = {change.file.id: change for change in changes}
    groups: dict[tuple[str, int], list[Change]] = defaultdict(list)
    held = markers.markers(waiting)
    for file_id, change in waiting.items():
        marker = held.get(file_id)
        shard = marker.feed_shard if marker else shard_of(file_id, settings().list_shards)
        groups[change.file.tenant, shard].append(change)

    def work(group: tuple[tuple[str, int], list[Change]]) -> int | Exception:
        (tenant, shard), its_changes = group
        try:
            return _index_shard(tenant, shard, its_changes, held)
        except (ClientError, ContendedError) as error:
            return error

    if len(groups) == 1:
        done = [work(group) for group in groups.items()]
    else:
        with ThreadPoolExecutor(GROUPS_AT_ONCE) as pool:
            done = list(pool.map(work, groups.items()))
    for outcome in done:
        if isinstance(outcome, Exception):
            raise outcome
    return sum(outcome for outcome in done if isinstance(outcome, int))


def _index_shard(tenant: str, feed: int, changes: Sequence[Change], held: Mapping[str, Marker]) -> int:
    fresh = [c for c in changes if c.file.id not in held or held[c.file.id].revision < c.file.revision]
    _write_postings(fresh, held)
    for start in range(0, len(changes), turns.FILES_A_TURN):
        _Commit(tenant, feed).until_done(changes[start : start + turns.FILES_A_TURN], held)
    return len(fresh)


def _write_postings(changes: Sequence[Change], held: Mapping[str, Marker]) -> None:
    puts: list[Key] = []
    stale: list[Key] = []
    for change in changes:
        file, marker = change.file, held.get(change.file.id)
        shard = marker.shard if marker else shard_of(file.id, settings().list_shards)
        before = marker.terms if marker else frozenset[Term]()
        wanted = terms(file)
        # An earlier try may have put the postings of an older image of this batch, and ended before the marker.
        begun = frozenset[Term]().union(*map(terms, change.older))
        # Or it deleted postings by such an image that the newest image has again, and that the marker still has.
        ended = frozenset[Term]().union(*(before - terms(image) for image in change.older))
        puts += [_posting_key(term, file, shard) for term in wanted - (before - ended)]
        stale += [_posting_key(term, file, shard) for term in (before | begun) - wanted]
    batch_write(puts)
    batch_write((), stale)


def _posting_key(term: Term, file: File, shard: int) -> Key:
    pk, sk = posting(term, file.tenant, file.id, shard)
    return {"pk": pk, "sk": sk}


class _Commit:
    """Brings changes of one feed shard into its feed and its counts, in a turn of their own or of an earlier try."""

    def __init__(self, tenant: str, feed: int) -> None:
        self.tenant, self.feed = tenant, feed
        # By file: the position in a marker whose turn came to nothing.
        self.undone: dict[str, int] = {}
        self.met: Turn | None = None
        self.met_at = 0.0

    def until_done(self, changes: Sequence[Change], held: Mapping[str, Marker]) -> None:
        """Tries again while other writers are quicker. Raises ContendedError after TRIES."""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.01 * 2**attempt)))  # noqa: S311
                held = markers.markers(change.file.id for change in changes)
            head = self._head()
            left = [change for change in changes if not self._is_done(change, held.get(change.file.id), head)]
            shown = positions.show(self.tenant, self.feed, head)
            if not left:
                return
            if shown is None:
                continue
            try:
                if self._try(left, held, shown):
                    return
            except ClientError as error:
                if not positions.contended(error):
                    raise
        raise ContendedError(f"others were quicker {TRIES} times in feed shard {self.feed} of {self.tenant}")

    def _head(self) -> Head:
        return positions.head_of(self.tenant, self.feed)

    def _is_undone(self, file_id: str, marker: Marker | None) -> bool:
        return marker is not None and self.undone.get(file_id) == marker.position

    def _is_done(self, change: Change, marker: Marker | None, head: Head) -> bool:
        if marker is None or self._is_undone(change.file.id, marker):
            return False
        return marker.revision >= change.file.revision and marker.position <= head.n

    def _try(self, changes: Sequence[Change], held: Mapping[str, Marker], head: Head) -> bool:
        """One turn for these changes; True once they are done. A turn that stands is finished instead."""
        ids = [change.file.id for change in changes]
        waiting = {
            id_: m for id_ in ids if (m := held.get(id_)) and m.position > head.n and not self._is_undone(id_, m)
        }
        steps = []
        for position, change in enumerate(changes, head.n + 1):
            marker = held.get(change.file.id)
            undone = self._is_undone(change.file.id, marker)
            steps.append(turns.step(change, (self.feed, position), marker, undone=undone))
        turn = Turn(self.tenant, self.feed, head.n + 1, tuple((c.file.id, c.file.revision) for c in changes))
        if waiting or not turns.take(turn, steps[0]):
            self._finish(head, changes, waiting)
            return False
        if turns.carry_out(turn, head, steps):
            return True
        self.undone |= turns.look_back(turn, self._head())
        return False

    def _finish(self, head: Head, changes: Sequence[Change], waiting: Mapping[str, Marker]) -> None:
        """Finishes the turn that stands, if it is one of ours or does not go on."""
        turn = turns.standing(self.tenant, self.feed, head)
        if turn is None:
            if self._head().n == head.n:
                # No turn stands that these markers could be of, as after a restore.
                self.undone |= {file_id: marker.position for file_id, marker in waiting.items()}
            return
        if turn != self.met:
            self.met, self.met_at = turn, time.monotonic()
        mine = {change.file.id: change for change in changes}
        if any(file_id in mine for file_id, _ in turn.files) or time.monotonic() - self.met_at > PATIENCE:
            turns.finish(turn, head, mine)
