"""The cost of each query, in calls and in DynamoDB's read units: the same with 100 files and with 100,000."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from ulid import ULID

from chalicelib import aws
from chalicelib.catalog import files
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.index import counts as index_counts
from chalicelib.catalog.index import feed, lists, search, writer
from chalicelib.catalog.index.lists import PAGE_QUERIES
from chalicelib.catalog.index.query import ListQuery
from chalicelib.catalog.index.terms import postings
from chalicelib.catalog.index.writer import Change
from chalicelib.catalog.keys import feed_key, head_key
from chalicelib.model import File, Status
from tests.catalog.fake import FakeDynamoDB, record
from tests.making import file
from tests.strict.watching import Checked

FEW, MANY = 100, 100_000

Query = Callable[[], object]
PAGE = 50


def nth(number: int) -> File:
    return file(number, filename=f"IMG {number:06d} beach.jpg")


def made(key: tuple[str, str]) -> dict[str, Any]:
    """The item of a key in `table_of`. It is made when it is read, because a million items would take minutes."""
    pk, sk = key
    if pk.startswith("FILE#"):
        number = int.from_bytes(ULID.from_str(pk.rpartition("_")[2]).bytes[6:])
        return attributes(record(nth(number)))
    if pk.startswith("FEED#"):
        each = nth(int(sk) - 1)
        return attributes({"pk": pk, "sk": sk, "file_id": each.id, "revision": each.revision})
    if pk.startswith("SEQ#"):
        raise KeyError(key)
    return {"pk": {"S": pk}, "sk": {"S": sk}}


@cache
def table_of(count: int) -> FakeDynamoDB:
    """A table with so many files and their index."""
    table = FakeDynamoDB()
    table.make = made
    for number in range(count):
        each = nth(number)
        own = (f"FILE#{each.id}", "FILE")
        table.lists["by_created", "LIST#acme#0"].append((each.id.encode(), own))
        table.lists["by_sha256", f"SHA#acme#{each.sha256}"].append((each.id.encode(), own))
        position = feed_key("acme", 0, number + 1)
        for pk, sk in (*postings(each, 0), (position["pk"], position["sk"])):
            table.lists[None, pk].append((sk.encode(), (pk, sk)))
    for listed in table.lists.values():
        listed.sort()
    counts = {f"{group}.{what}": count for group in ("status.ready", "kind.image") for what in ("files", "bytes")}
    head = attributes({**head_key("acme", 0), "n": count, "seen": count, **counts})
    table.items[head["pk"]["S"], head["sk"]["S"]] = head
    return table


def listed(**query: object) -> Query:
    return lambda: lists.list_files("acme", ListQuery(**query), None, PAGE)  # type: ignore[arg-type]


SOME = [file(number).id for number in range(0, 100, 2)]

QUERIES: dict[str, tuple[Query, dict[str, int], float]] = {
    "newest": (listed(), {"Query": 1}, 4.0),
    "oldest": (listed(sort="created"), {"Query": 1}, 4.0),
    "created between": (listed(created_after=file(10).created_at), {"Query": 1}, 4.0),
    "tag": (listed(tags=("holiday",)), {"Query": 1, "BatchGetItem": 1}, 26.0),
    "two tags and a status": (
        listed(tags=("holiday", "cats"), status=Status.READY, created_before=file(99).created_at),
        {"Query": 3, "BatchGetItem": 1},
        27.0,
    ),
    "content type": (listed(content_type="image/*"), {"Query": 1, "BatchGetItem": 1}, 26.0),
    "last updated": (listed(sort="-updated"), {"Query": 1, "BatchGetItem": 1}, 26.0),
    "largest": (listed(sort="-size"), {"Query": 1, "BatchGetItem": 1}, 26.0),
    "by name": (listed(filename_prefix="img 0000"), {"Query": 1, "BatchGetItem": 1}, 26.0),
    "by hash": (listed(sha256=file(7).sha256), {"Query": 1, "BatchGetItem": 1}, 1.0),
    "search one word": (lambda: search.search("acme", ["000042"], 20), {"Query": 2, "BatchGetItem": 1}, 1.5),
    "changes": (lambda: feed.changes("acme", {}, PAGE), {"Query": 1, "BatchGetItem": 2}, 53.0),
    "stats": (lambda: index_counts.stats("acme"), {"BatchGetItem": 1}, 0.5),
    "batch-get": (lambda: files.batch_get("acme", SOME), {"BatchGetItem": 1}, 50.0),
}


def measured(count: int, query: Query, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, int], float]:
    table = table_of(count)
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    table.measure()
    query()
    return dict(table.calls), table.units


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_costs_the_same_with_100_and_with_100_000_files(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    query, calls, units = QUERIES[name]
    few, many = measured(FEW, query, monkeypatch), measured(MANY, query, monkeypatch)
    assert few[0] == many[0] == calls
    assert many[1] == pytest.approx(few[1], rel=0.05)
    assert many[1] == pytest.approx(units, abs=2.0)


def test_a_search_for_what_every_file_has_reads_no_more_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, units = measured(MANY, lambda: search.search("acme", ["beach", "img"], 20), monkeypatch)
    assert calls == {"Query": 4, "BatchGetItem": 1}
    assert units < 35


def test_a_filter_that_matches_nothing_among_many_reads_no_more_than_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every second file has one tag, and all others have the other: the worst case for two lists."""
    query = listed(tags=("cats", "dogs"))
    calls, units = measured(MANY, query, monkeypatch)
    assert calls == {"Query": PAGE_QUERIES + 2}
    assert units < 200
    page = query()
    assert isinstance(page, lists.Page)
    assert page.files == []
    assert page.after is not None


def test_what_the_index_costs_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo with one tag, created, claimed and finished: told one by one, told again, and told in one batch."""
    created = file(1).created_at
    steps = [
        file(1, tags=["cats"], status=Status.AWAITING_UPLOAD, kind=None, revision=1, updated_at=created),
        file(1, tags=["cats"], status=Status.PROCESSING, kind=None, revision=2, updated_at=file(2).updated_at),
        file(1, tags=["cats"], revision=3, updated_at=file(3).updated_at),
    ]
    table = FakeDynamoDB()
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    alone = []
    for step in steps:
        table.measure()
        writer.index([Change(step)])
        alone.append((table.written, table.units - table.written))
    # Eleven postings; none; five postings. Each has an entry, a marker and the head, and reads marker and head.
    assert alone == [(14, 2.0), (3, 2.0), (8, 2.0)]
    table.measure()
    writer.index([Change(steps[2])])
    assert (table.written, table.units) == (0, 2.0)
    together = FakeDynamoDB()
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(together))
    writer.index([Change(steps[2], tuple(steps[:2]))])
    # Twelve postings, and the deletion of two that an earlier try may have put for the older images.
    assert (together.written, together.units) == (17, 19.0)


def test_what_thirty_files_cost_in_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry and a marker each, one head; the first entry names all files, in two units."""
    table = FakeDynamoDB()
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    writer.index([Change(file(number, tags=[])) for number in range(30)])
    postings_of = len(postings(file(0, tags=[]), 0))
    assert table.written == 30 * (postings_of + 2) + 1 + 1


@pytest.mark.parametrize(("words", "units"), [(0, (10, 8, 20)), (40, (50, 8, 60)), (100, (111, 9, 121))])
def test_what_the_words_inside_a_file_cost(words: int, units: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished, with another tag, deleted: a unit for each word at the first and last. 100 make a larger marker."""
    found = [f"word{number:04d}" for number in range(words)]
    table = FakeDynamoDB()
    monkeypatch.setattr(aws, "dynamodb", lambda: Checked(table))
    started = file(1, tags=["cats"], status=Status.PROCESSING, kind=None, revision=2)
    writer.index([Change(started)])
    ready = file(1, tags=["cats"], revision=3, updated_at=file(3).updated_at, words=found)
    tagged = ready.model_copy(update={"revision": 4, "tags": ["cats", "dogs"]})
    counted = []
    for step in (ready, tagged, tagged.model_copy(update={"revision": 5, "status": Status.DELETED})):
        table.measure()
        writer.index([Change(step)])
        counted.append(table.units)
    assert tuple(counted) == units
