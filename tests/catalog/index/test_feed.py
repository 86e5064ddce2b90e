"""The feed of changes, shard by shard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.catalog.index import counts, feed, writer
from chalicelib.catalog.index.writer import Change
from chalicelib.catalog.keys import shard_of
from chalicelib.model import File, Status
from chalicelib.settings import settings
from tests.catalog.fake import FakeDynamoDB
from tests.making import file

SHARDS = 3


@pytest.fixture
def shards(table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDynamoDB]:
    monkeypatch.setenv("FILEMILL_LIST_SHARDS", str(SHARDS))
    settings.cache_clear()
    yield table


def indexed(table: FakeDynamoDB, *files: File) -> None:
    for each in files:
        table.write_record(each)
        writer.index([Change(each)])


def told(after: feed.Positions, limit: int = 10) -> tuple[list[str], feed.Positions, bool]:
    page = feed.changes("acme", after, limit)
    return [change.id for change in page.items], page.positions, page.more


def test_a_consumer_goes_on_after_the_position_that_it_has(table: FakeDynamoDB) -> None:
    files = [file(number) for number in range(3)]
    indexed(table, *files)
    assert told({}, 2) == ([files[0].id, files[1].id], {0: 2}, True)
    assert told({0: 2}, 2) == ([files[2].id], {0: 3}, False)
    assert told({0: 3}, 2) == ([], {0: 3}, False)
    assert told({0: 1}, 1) == ([files[1].id], {0: 2}, True)
    assert told({}, 3) == ([each.id for each in files], {0: 3}, False)


def test_a_file_that_changed_again_is_told_once_at_its_last_change(table: FakeDynamoDB) -> None:
    indexed(table, file(1), file(2), file(1, revision=4))
    assert told({}) == ([file(2).id, file(1).id], {0: 3}, False)
    indexed(table, file(2, revision=5, status=Status.DELETED))
    [change] = feed.changes("acme", {0: 3}, 10).items
    assert (change.id, change.revision, change.file) == (file(2).id, 5, None)


def test_a_change_is_told_with_the_revision_that_the_file_has_by_now(table: FakeDynamoDB) -> None:
    indexed(table, file(1), file(2), file(3))
    table.write_record(file(1, revision=9))
    table.write_record(file(2, revision=9, status=Status.DELETED))
    table.remove_record(file(3).id)
    changes = feed.changes("acme", {}, 10).items
    assert [(change.revision, change.file is None) for change in changes] == [(9, False), (9, True), (3, True)]


def test_each_page_has_something_of_every_shard_and_nothing_is_told_twice_or_lost(shards: FakeDynamoDB) -> None:
    files = [file(number) for number in range(20)]
    assert {shard_of(each.id, SHARDS) for each in files} == set(range(SHARDS))
    indexed(shards, *files)
    positions: feed.Positions = {}
    found: list[str] = []
    pages = 0
    more = True
    while more:
        page, positions, more = told(positions, 6)
        if pages == 0:
            assert {shard_of(each, SHARDS) for each in page} == set(range(SHARDS))
        assert len(page) <= 6
        found += page
        pages += 1
        assert pages < 20
    assert sorted(found) == sorted(each.id for each in files)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_page_that_is_too_short_for_every_shard_leaves_none_out_for_ever(shards: FakeDynamoDB, limit: int) -> None:
    files = [file(number) for number in range(12)]
    indexed(shards, *files)
    positions: feed.Positions = {}
    found: list[str] = []
    for _ in range(len(files)):
        page, positions, more = told(positions, limit)
        assert len(page) <= limit
        assert page
        found += page
        if not more:
            break
    assert sorted(found) == sorted(each.id for each in files)


def test_all_that_the_feed_reads_is_strongly_consistent(table: FakeDynamoDB) -> None:
    """A reader would go past an entry that it does not see yet, and never come back for it."""
    indexed(table, file(1), file(2))
    table.measure()
    told({})
    assert table.calls == {"BatchGetItem": 2, "Query": 1}
    assert not table.eventual


def test_a_shard_without_news_is_not_read(shards: FakeDynamoDB) -> None:
    one = file(1)
    indexed(shards, one)
    shards.measure()
    assert told({})[0] == [one.id]
    assert shards.calls["Query"] == 1
    shards.measure()
    assert told({shard_of(one.id, SHARDS): 1}) == ([], {shard_of(one.id, SHARDS): 1}, False)
    assert shards.calls["Query"] == 0


def test_counts_are_those_of_all_shards_and_groups_without_a_file_are_left_out(shards: FakeDynamoDB) -> None:
    indexed(shards, *(file(number) for number in range(8)), file(9, size=None, kind=None, status=Status.FAILED))
    indexed(shards, file(0, revision=4, status=Status.DELETED), file(9, revision=4, kind=None, size=7))
    stats = counts.stats("acme")
    assert {name: count.files for name, count in stats.by_status.items()} == {"ready": 8}
    assert {name: count.files for name, count in stats.by_kind.items()} == {"image": 7, "unknown": 1}
    assert (stats.files, stats.bytes) == (8, sum(1000 + number for number in range(1, 8)) + 7)
