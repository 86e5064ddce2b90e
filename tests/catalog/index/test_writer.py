"""The index compared with a model of it, whatever is written, and however the stream tells of it."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bench.capacity_units import item_size
from chalicelib import aws
from chalicelib.catalog.index import counts, feed, lists, positions, writer
from chalicelib.catalog.index.query import ListQuery
from chalicelib.catalog.index.terms import postings, sortable_name
from chalicelib.events import indexing
from chalicelib.model import File, Kind, Status
from chalicelib.observability import Metric
from chalicelib.settings import settings
from tests.catalog.fake import CrashedError, FakeDynamoDB
from tests.making import file
from tests.stage import lambda_context
from tests.strict.watching import Checked

REPEATED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

TAGS = st.lists(st.sampled_from(["a", "b", "#0", "a=b"]), max_size=2, unique=True)
NAMES = st.sampled_from(["a.jpg", "A b.jpg", "a", "a!", "ß.png", "z" * 255, "猫🐈.heic"])
EDIT = st.fixed_dictionaries(
    {},
    optional={
        "tags": TAGS,
        "filename": NAMES,
        "size": st.sampled_from([None, 0, 9, 10, 10**12]),
        "status": st.sampled_from([Status.PROCESSING, Status.READY, Status.FAILED, Status.DELETED]),
        "content_type": st.sampled_from(["image/png", "text/csv; charset=utf-8"]),
        "kind": st.sampled_from([Kind.IMAGE, Kind.OTHER]),
    },
)
WRITES = st.lists(st.tuples(st.integers(0, 5), EDIT), max_size=25)


Writes = list[tuple[int, dict[str, Any]]]


def handle(records: list[dict[str, Any]]) -> None:
    indexing.handle({"Records": records}, lambda_context())


def write(
    table: FakeDynamoDB, writes: Writes, before: dict[str, File] | None = None
) -> tuple[list[dict[str, Any]], dict[str, File]]:
    """Each write makes a record or its next revision. Returns what the stream tells, and the records by then."""
    told: list[dict[str, Any]] = []
    stands = dict(before or {})
    for number, values in writes:
        new = file(number, revision=1)
        present = stands.get(new.id, new)
        moved = {"revision": present.revision + 1, "updated_at": present.updated_at + timedelta(seconds=7)}
        stands[new.id] = File.model_validate(present.model_dump() | values | moved)
        told.append(table.write_record(stands[new.id]))
    return told, stands


class Consumer:
    """A reader of the feed, which keeps only its cursor and what it was told."""

    def __init__(self) -> None:
        self.positions: feed.Positions = {}
        self.knows: dict[str, int | None] = {}

    def read(self, limit: int) -> bool:
        page = feed.changes("acme", self.positions, limit)
        assert len(page.items) <= limit
        for change in page.items:
            self.knows[change.id] = change.file.revision if change.file else None
        self.positions = page.positions
        return page.more

    def drain(self, limit: int) -> None:
        while self.read(limit):
            pass


def everything(query: ListQuery, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    for _ in range(1000):
        page = lists.list_files("acme", query, after, limit)
        assert len(page.files) <= limit
        found += [each.id for each in page.files]
        after = page.after
        if after is None:
            return found
    raise AssertionError("the pages do not end")


def order(query: ListQuery) -> Any:
    keys = {
        "created": lambda f: (f.id,),
        "updated": lambda f: (f.updated_at, f.id),
        "size": lambda f: (f.size or 0, f.id),
        "filename": lambda f: (sortable_name(f.filename).encode(), f.id),
    }
    return keys[query.order]


def check(table: FakeDynamoDB, stands: dict[str, File], consumer: Consumer, limit: int) -> None:
    live = {file_id: f for file_id, f in stands.items() if f.status is not Status.DELETED}
    wanted = {place for f in live.values() for place in postings(f, _shard(table, f.id))}
    assert table.holds("FACET#") | table.holds("SORT#") | table.holds("WORD#") == wanted
    consumer.drain(limit)
    assert consumer.knows == {i: f.revision if i in live else None for i, f in stands.items()}
    stats = counts.stats("acme")
    assert {s: c.files for s, c in stats.by_status.items()} == Counter(str(f.status) for f in live.values())
    assert {k: c.files for k, c in stats.by_kind.items()} == Counter(str(f.kind or "unknown") for f in live.values())
    assert stats.bytes == sum(f.size or 0 for f in live.values())
    for query in QUERIES:
        matching = sorted((f for f in live.values() if query.matches(f)), key=order(query), reverse=not query.forward)
        assert everything(query, limit) == [f.id for f in matching], query


def _shard(table: FakeDynamoDB, file_id: str) -> int:
    return int(table.items[f"FILE#{file_id}", "INDEX"]["shard"]["N"])


QUERIES = [
    ListQuery(),
    ListQuery(sort="created"),
    ListQuery(tags=("a",)),
    ListQuery(tags=("a", "b"), sort="created"),
    ListQuery(tags=("#0",), status=Status.READY, content_type="image/*"),
    ListQuery(kind=Kind.OTHER, content_type="text/csv"),
    ListQuery(status=Status.FAILED, created_after=file(2).created_at),
    ListQuery(created_before=file(4).created_at),
    ListQuery(sha256=file(3).sha256, status=Status.READY),
    *(ListQuery(sort=s) for s in ("-updated", "updated", "-size", "size", "filename", "-filename")),
    ListQuery(filename_prefix="A"),
    ListQuery(filename_prefix="SS", sort="-filename"),
]


@given(WRITES, st.integers(1, 4), st.data())
@examples(max_examples=120, deadline=None, suppress_health_check=REPEATED)
def test_the_index_is_that_of_the_records_however_the_stream_is_told(
    monkeypatch: pytest.MonkeyPatch, writes: list[Any], limit: int, data: st.DataObject
) -> None:
    """Batches are split anywhere, told twice or from the beginning, ended at any call and told again, with more."""
    table = FakeDynamoDB()
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    told, stands = write(table, writes)
    consumer = Consumer()
    begin = 0
    while begin < len(told):
        end = data.draw(st.integers(begin + 1, min(len(told), begin + 8)))
        table.crash_at = data.draw(st.none() | st.integers(0, 12))
        try:
            handle(told[begin:end])
            begin = data.draw(st.sampled_from([end, end, end, begin, 0])) if len(table.calls) % 3 else end
        except CrashedError:
            pass  # told again
        table.crash_at = None
        if data.draw(st.booleans()):
            consumer.read(limit)
    handle(told)
    check(table, stands, consumer, limit)


@given(WRITES, st.integers(1, 4), st.integers(1, 5))
@examples(max_examples=40, deadline=None, suppress_health_check=REPEATED)
def test_shards_change_nothing_but_where_things_are(
    monkeypatch: pytest.MonkeyPatch, writes: list[Any], limit: int, shards: int
) -> None:
    table = FakeDynamoDB()
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    consumer = Consumer()
    half = len(writes) // 2
    told, stands = write(table, writes[:half])
    handle(told)
    consumer.read(limit)
    monkeypatch.setenv("FILEMILL_LIST_SHARDS", str(shards))
    settings.cache_clear()
    try:
        told, stands = write(table, writes[half:], stands)
        handle(told)
        check(table, stands, consumer, limit)
    finally:
        monkeypatch.delenv("FILEMILL_LIST_SHARDS")
        settings.cache_clear()


def test_writers_index_workers_and_a_reader_at_once_end_with_the_tables_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four shards of a stream, each told in order. All are of one tenant, so they contend for its one feed."""
    table = FakeDynamoDB(chaos=0.1, seed=1)
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    stands: dict[str, File] = {}
    consumer = Consumer()
    failed: list[BaseException] = []
    done = threading.Event()

    def work(lane: int) -> None:
        chance = random.Random(lane)
        try:
            told = []
            for turn in range(60):
                number = lane * 100 + chance.randrange(12)
                new = file(number, revision=1)
                present = stands.get(new.id, new)
                status = chance.choice([Status.READY, Status.FAILED, Status.DELETED])
                stands[new.id] = present.model_copy(update={"revision": present.revision + 1, "status": status})
                told.append(table.write_record(stands[new.id]))
                if turn % 5 == 4:
                    deliver(told)
                    told = []
        except BaseException as error:
            failed.append(error)

    def deliver(told: list[dict[str, Any]]) -> None:
        for _ in range(50):  # as Lambda: the same batch, until it is done
            try:
                handle(told)
            except positions.ContendedError:
                continue
            return
        raise AssertionError("never done")

    def read() -> None:
        while not done.is_set():
            consumer.read(3)

    workers = [threading.Thread(target=work, args=(lane,)) for lane in range(4)]
    reader = threading.Thread(target=read)
    for thread in (*workers, reader):
        thread.start()
    for thread in workers:
        thread.join(120)
    done.set()
    reader.join(30)
    assert failed == []
    check(table, stands, consumer, 7)


def test_no_entry_is_read_before_its_turn_has_ended(table: FakeDynamoDB) -> None:
    """A worker ends between its entry and the head. Readers wait; the same batch told again ends the turn."""
    told = [table.write_record(file(1))]
    table.crash_at = 5  # markers, postings, the head, the entry, the marker; then the head
    with pytest.raises(CrashedError):
        handle(told)
    table.crash_at = None
    assert ("FEED#acme#0", f"{1:020d}") in table.items
    assert feed.changes("acme", {}, 10).items == []
    handle(told)
    assert [change.id for change in feed.changes("acme", {}, 10).items] == [file(1).id]


def test_a_posting_that_an_ended_try_deleted_by_an_older_image_is_written_again(table: FakeDynamoDB) -> None:
    """A tag goes and comes back. The first try was told only that it went, and ended, the posting deleted, before it
    could say so: the marker still has the tag when both changes are told."""
    tagged = file(1, tags=["a"])
    handle([table.write_record(tagged)])
    [posting] = [key for key in table.holds("FACET#") if key[1] == tagged.id and "tag" in key[0]]
    gone = table.write_record(tagged.model_copy(update={"tags": [], "revision": 4}))
    table.crash_at = 3  # markers, new postings, stale postings; then the head
    with pytest.raises(CrashedError):
        handle([gone])
    table.crash_at = None
    assert posting not in table.items
    back = tagged.model_copy(update={"revision": 5})
    handle([gone, table.write_record(back)])
    assert posting in table.items
    check(table, {back.id: back}, Consumer(), 4)


def test_a_redelivered_batch_shows_what_its_first_try_did_not(table: FakeDynamoDB) -> None:
    told = [table.write_record(file(1))]
    table.crash_at = 4
    with pytest.raises(CrashedError):
        handle(told)
    table.crash_at = None
    handle(told)
    assert [change.id for change in feed.changes("acme", {}, 10).items] == [file(1).id]


def test_postings_that_an_ended_try_began_are_taken_back(table: FakeDynamoDB) -> None:
    first = table.write_record(file(1, tags=["a"]))
    table.crash_at = 2  # markers and postings are written; then it ends
    with pytest.raises(CrashedError):
        handle([first])
    table.crash_at = None
    handle([first, table.write_record(file(1, tags=["b"], revision=4))])
    assert table.holds("FACET#acme#tag=a#") == set()
    assert table.holds("FACET#acme#tag=b#") == {("FACET#acme#tag=b#0", file(1).id)}


def test_contention_that_does_not_end_brings_the_batch_back(
    table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LONGEST_PAUSE", 0.0)
    table.chaos = 1.0
    with pytest.raises(positions.ContendedError):
        handle([table.write_record(file(1))])


def test_an_upload_that_the_ttl_removes_is_a_deletion(table: FakeDynamoDB) -> None:
    waiting = file(1, status=Status.AWAITING_UPLOAD, kind=None, revision=1)
    handle([table.write_record(waiting)])
    handle([table.remove_record(waiting.id)])
    consumer = Consumer()
    check(table, {waiting.id: waiting.model_copy(update={"status": Status.DELETED, "revision": 2})}, consumer, 10)
    assert consumer.knows == {waiting.id: None}


def test_a_tombstone_that_the_ttl_removes_is_no_news(table: FakeDynamoDB) -> None:
    handle([table.write_record(file(1)), table.write_record(file(1, status=Status.DELETED, revision=4))])
    consumer = Consumer()
    consumer.drain(10)
    table.measure()
    handle([table.remove_record(file(1).id)])
    assert consumer.read(10) is False
    assert consumer.knows == {file(1).id: None}
    assert "TransactWriteItems" not in table.calls


def test_a_record_that_cannot_be_read_is_left_out_and_the_others_are_indexed(
    table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[dict[Metric, float]] = []
    monkeypatch.setattr(indexing, "count", counted.append)
    bad = table.write_record(file(1))
    bad["dynamodb"]["NewImage"] = {**bad["dynamodb"]["NewImage"], "status": {"S": "melted"}}
    handle([bad, table.write_record(file(2))])
    assert everything(ListQuery(tags=("holiday",)), 10) == [file(2).id]
    assert counted == [{Metric.FILES_IN_TROUBLE: 1}]


def test_items_that_are_no_files_record_are_not_indexed(table: FakeDynamoDB) -> None:
    for keys in ({"pk": "TOKEN#1", "sk": "TOKEN"}, {"pk": f"FILE#{file(1).id}", "sk": "INDEX"}):
        typed = {name: {"S": value} for name, value in keys.items()}
        handle([{"eventName": "INSERT", "dynamodb": {"Keys": typed, "NewImage": typed}}])
    assert table.items == {}


def test_the_largest_record_stays_within_dynamodbs_bounds(table: FakeDynamoDB) -> None:
    """400 KB an item, 2,048 and 1,024 bytes a key."""
    names = ["😀" * 63 + f"{n:03d}" for n in range(400)]
    largest = [
        file(n, filename=names[n] + " " + " ".join(f"{chr(0x10400 + w) * 2}{n}" for w in range(40)), tags=names[:20])
        for n in range(40)
    ]
    largest = [f.model_copy(update={"filename": f.filename[:255]}) for f in largest]
    handle([table.write_record(f) for f in largest])
    for (pk, sk), item in table.items.items():
        assert len(pk.encode()) <= 2048
        assert len(sk.encode()) <= 1024
        assert item_size(item) < 400_000 / 10
    markers = [item_size(item) for (_, sk), item in table.items.items() if sk == "INDEX"]
    assert max(markers) < 400_000 / 10
