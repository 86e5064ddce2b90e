"""Turns of a feed shard, with other writers in the middle of them: whatever meets, each change counts once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from bench.capacity_units import item_size
from chalicelib import aws
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.index import counts, feed, markers, positions, turns, writer
from chalicelib.catalog.index.writer import Change
from chalicelib.catalog.keys import feed_key, head_key, marker_key
from chalicelib.model import File, Status
from tests.catalog.fake import CrashedError, FakeDynamoDB
from tests.making import file
from tests.strict.watching import Checked


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers finish each other's turns at once."""
    monkeypatch.setattr(writer, "PATIENCE", -1.0)
    monkeypatch.setattr(writer, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(positions, "LONGEST_WAIT", 0.0)


class Interrupted:
    """The client of a writer in whose `at`-th call something else happens first. No call holds anything meanwhile."""

    def __init__(self, table: FakeDynamoDB, at: int, meanwhile: Callable[[], object]) -> None:
        self.happened = False
        self._client = Checked(table)
        self._left = at
        self._meanwhile = meanwhile
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def called(**request: Any) -> Any:
            with self._lock:
                self._left -= 1
                now = self._left == -1
            if now:
                self.happened = True
                self._meanwhile()
            return call(**request)

        return called if name != "exceptions" else call


def interruptions(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], object], meanwhile: Callable[[], object], before: list[Change]
) -> Iterator[FakeDynamoDB]:
    """A table after each way in which `meanwhile` may meet `work`, which then comes again, as a batch does."""
    for at in range(40):
        table = FakeDynamoDB()
        monkeypatch.setattr(aws, "dynamodb", lambda table=table: Checked(table))
        writer.index(before)
        client = Interrupted(table, at, meanwhile)
        monkeypatch.setattr(aws, "dynamodb", lambda client=client: client)
        work()
        monkeypatch.setattr(aws, "dynamodb", lambda table=table: Checked(table))
        if not client.happened:
            assert at > 5
            return
        yield table
    raise AssertionError("the work does not end")


def check(table: FakeDynamoDB, *files: File) -> None:
    """Counts, markers, and a feed in which each file has its last change, and no other entries."""
    for each in files:
        table.write_record(each)
    alive = [each for each in files if each.status is not Status.DELETED]
    stats = counts.stats("acme")
    assert {name: count.files for name, count in stats.by_status.items()} == Counter(str(f.status) for f in alive)
    assert stats.bytes == sum(f.size or 0 for f in alive)
    told = feed.changes("acme", {}, 100)
    assert not told.more
    assert {change.id: change.revision for change in told.items} == {f.id: f.revision for f in files}
    assert {i: m.revision for i, m in markers.markers(f.id for f in files).items()} == {f.id: f.revision for f in files}


def changes(*files: File) -> list[Change]:
    return [Change(each) for each in files]


def later(number: int, **values: Any) -> File:
    return file(number, revision=4, **values)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("files", [1, 3])
def test_a_writer_that_is_only_slow_and_one_who_finishes_its_turn_count_each_change_once(
    monkeypatch: pytest.MonkeyPatch, files: int, known: bool
) -> None:
    before = changes(*map(file, range(files))) if known else []
    ours = [later(number, size=7) for number in range(files)]
    other = file(9)
    met = 0
    for table in interruptions(
        monkeypatch, lambda: writer.index(changes(*ours)), lambda: writer.index(changes(other)), before
    ):
        check(table, *ours, other)
        assert len(table.holds("FEED#")) == files + 1, "no former or left-out entry stays"
        met += 1
    assert met >= 6


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("more", [0, 2])
def test_a_batch_that_comes_again_while_its_first_try_still_runs_counts_once(
    monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """Lambda's time for the first try is over, and its last requests are still on their way."""
    first = [later(number) for number in range(2)]
    again = [*first, *(later(5 + number) for number in range(more))]
    for table in interruptions(
        monkeypatch,
        lambda: writer.index(changes(*first)),
        lambda: writer.index(changes(*again)),
        changes(*map(file, range(2))),
    ):
        check(table, *again)


@pytest.mark.usefixtures("impatient")
def test_a_try_that_still_runs_does_not_bring_back_an_older_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    new = file(1, revision=5, tags=[], status=Status.DELETED)
    for table in interruptions(
        monkeypatch,
        lambda: writer.index(changes(later(1), later(2))),
        lambda: writer.index([Change(new, (later(1),)), Change(later(2))]),
        changes(file(1), file(2)),
    ):
        check(table, new, later(2))


def written_by_the_release_before(table: FakeDynamoDB, each: File) -> None:
    """Its transaction, which takes the next position whoever has put an entry there, and its raising of `seen`."""
    key = head_key("acme", 0)
    head = table.items.get((key["pk"], key["sk"]), attributes({**key, "n": 0, "seen": 0}))
    n = int(head["n"]["N"]) + 1
    counted = [str(each.status), str(each.kind), each.size]
    entry = {**feed_key("acme", 0, n), "file_id": each.id, "revision": each.revision}
    marker = {**marker_key(each.id), "shard": 0, "revision": each.revision, "position": n, "terms": []}
    table.put(attributes(entry))
    table.put(attributes({**marker, "counted": counted, "tenant": "acme"}))
    new = dict(head) | {"n": {"N": str(n)}, "seen": {"N": str(n)}}
    for group in (f"status.{each.status}", f"kind.{each.kind}"):
        for what, by in (("files", 1), ("bytes", each.size or 0)):
            name = f"{group}.{what}"
            new[name] = {"N": str(int(new.get(name, {"N": "0"})["N"]) + by)}
    table.put(new)


@pytest.mark.parametrize("known", [True, False])
def test_a_writer_of_the_release_before_may_come_between_at_any_time(
    monkeypatch: pytest.MonkeyPatch, impatient: None, known: bool
) -> None:
    """While a stage is deployed, functions of both releases run for a moment."""
    ours = [later(1, size=7), later(2)]
    for at in range(40):
        table = FakeDynamoDB()
        monkeypatch.setattr(aws, "dynamodb", lambda table=table: Checked(table))
        writer.index(changes(file(1), file(2)) if known else [])
        client = Interrupted(table, at, partial(written_by_the_release_before, table, file(9)))
        monkeypatch.setattr(aws, "dynamodb", lambda client=client: client)
        writer.index(changes(*ours))
        monkeypatch.setattr(aws, "dynamodb", lambda table=table: Checked(table))
        if not client.happened:
            return
        check(table, *ours, file(9))
    raise AssertionError("the work does not end")


def test_a_turn_of_somebody_else_is_waited_for(table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LONGEST_PAUSE", 0.0)
    table.crash_at = 4
    with pytest.raises(CrashedError):
        writer.index(changes(file(1)))
    table.crash_at = None
    with pytest.raises(positions.ContendedError):
        writer.index(changes(file(2)))
    moment = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: float(next(moment)))
    assert writer.index(changes(file(2))) == 1
    writer.index(changes(file(1)))
    check(table, file(1), file(2))


def test_a_marker_whose_turn_never_was_is_written_again(table: FakeDynamoDB, impatient: None) -> None:
    """As after a restore of the table to a moment in the middle of a turn, or when feeds were deleted by hand."""
    writer.index(changes(file(1)))
    for key in [key for key in table.items if key[0].startswith(("FEED#", "SEQ#"))]:
        table._delete(key)
    writer.index(changes(file(1)))
    check(table, file(1))


def test_entries_of_passing_states_expire_and_others_stay(table: FakeDynamoDB) -> None:
    waiting = file(1, status=Status.AWAITING_UPLOAD, kind=None, revision=1)
    writer.index(changes(waiting))
    writer.index(changes(file(1, status=Status.PROCESSING, kind=None, revision=2)))
    writer.index(changes(file(1)))
    expiring = {sk: "ttl" in item for (pk, sk), item in table.items.items() if pk.startswith("FEED#")}
    assert list(expiring.values()) == [True, True, False]
    # They outlive every state that passes: 7 days for an upload, and 30 until its record is removed.
    assert timedelta(days=turns.PASSING_DAYS) > timedelta(days=45)
    check(table, file(1))


def test_a_consumer_from_the_beginning_is_told_once_of_a_file_with_past_entries(table: FakeDynamoDB) -> None:
    for number in range(3):
        for status, kind, revision in (
            (Status.AWAITING_UPLOAD, None, 1),
            (Status.PROCESSING, None, 2),
            (Status.READY, file(0).kind, 3),
        ):
            each = file(number, status=status, kind=kind, revision=revision)
            table.write_record(each)
            writer.index(changes(each))
    told: list[str] = []
    places: feed.Positions = {}
    more = True
    while more:
        page = feed.changes("acme", places, 2)
        assert len(page.items) <= 2
        told += [change.id for change in page.items]
        places, more = page.positions, page.more
    assert told == [file(number).id for number in range(3)]


def test_the_first_entry_of_a_full_turn_stays_small(table: FakeDynamoDB) -> None:
    writer.index(changes(*map(file, range(turns.FILES_A_TURN))))
    sizes = [item_size(item) for (pk, _), item in table.items.items() if pk.startswith("FEED#")]
    assert max(sizes) < 2048
    assert sorted(sizes)[-2] < 200
