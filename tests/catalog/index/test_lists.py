"""Lists at the edges of their filters, pages and bounds of work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from ulid import ULID

from chalicelib.catalog.index import lists, writer
from chalicelib.catalog.index.lists import ID_SLACK, PAGE_QUERIES, PAGE_ROUNDS
from chalicelib.catalog.index.query import ListQuery, UnservedQueryError
from chalicelib.catalog.index.writer import Change
from chalicelib.model import File, Kind, Status
from tests.catalog.fake import FakeDynamoDB
from tests.making import BEGIN, file

MILLISECOND = timedelta(milliseconds=1)


def indexed(table: FakeDynamoDB, *files: File) -> None:
    for each in files:
        table.write_record(each)
    writer.index([Change(each) for each in files])


def ids(query: ListQuery, limit: int = 10) -> list[str]:
    return [each.id for each in lists.list_files("acme", query, None, limit).files]


def test_a_page_is_full_at_its_limit_and_goes_on_with_the_next_file(table: FakeDynamoDB) -> None:
    files = [file(number) for number in range(4)]
    indexed(table, *files)
    for query in (
        ListQuery(sort="created"),
        ListQuery(sort="updated"),
        ListQuery(tags=("holiday",), sort="created"),
        ListQuery(filename_prefix="img"),
    ):
        for limit in (1, 2, 3):
            page = lists.list_files("acme", query, None, limit)
            assert [each.id for each in page.files] == [each.id for each in files[:limit]]
            rest = lists.list_files("acme", query, page.after, 10)
            assert [each.id for each in rest.files] == [each.id for each in files[limit:]]
            assert rest.after is None
        page = lists.list_files("acme", query, None, 4)
        assert (len(page.files), page.after) == (4, None)


def test_a_page_never_goes_back_before_the_querys_own_bounds(table: FakeDynamoDB) -> None:
    files = [file(number) for number in range(4)]
    indexed(table, *files)
    between = ListQuery(created_after=files[1].created_at, created_before=files[3].created_at, sort="created")
    assert ids(between) == [files[1].id, files[2].id]
    from_the_beginning = lists.list_files("acme", between, files[0].id, 10)
    assert [each.id for each in from_the_beginning.files] == [files[1].id, files[2].id]
    newest = ListQuery(created_after=files[1].created_at, created_before=files[3].created_at)
    from_the_end = lists.list_files("acme", newest, files[3].id, 10)
    assert [each.id for each in from_the_end.files] == [files[2].id, files[1].id]


def made_at(made: datetime, taken: datetime) -> File:
    """A file whose id was made at one moment, and the time of its record was taken at another."""
    milliseconds = int(made.timestamp() * 1000)
    ulid = ULID.from_bytes(milliseconds.to_bytes(6, "big") + bytes(10))
    return file(1, id=f"file_{ulid}", created_at=taken)


@pytest.mark.parametrize("tags", [(), ("holiday",)])
def test_created_after_is_included_and_created_before_is_not(table: FakeDynamoDB, tags: tuple[str, ...]) -> None:
    one = made_at(BEGIN, BEGIN)
    indexed(table, one)
    assert ids(ListQuery(created_after=BEGIN, tags=tags)) == [one.id]
    assert ids(ListQuery(created_after=BEGIN + MILLISECOND, tags=tags)) == []
    assert ids(ListQuery(created_before=BEGIN, tags=tags)) == []
    assert ids(ListQuery(created_before=BEGIN + MILLISECOND, tags=tags)) == [one.id]


def test_an_id_that_was_made_a_moment_before_its_record_is_found(table: FakeDynamoDB) -> None:
    slow = made_at(BEGIN - timedelta(milliseconds=ID_SLACK), BEGIN)
    indexed(table, slow)
    assert ids(ListQuery(created_after=BEGIN)) == [slow.id]
    assert ids(ListQuery(created_after=BEGIN + MILLISECOND)) == []


def test_times_beyond_those_of_ids_are_no_error(table: FakeDynamoDB) -> None:
    indexed(table, file(1))
    first, last = datetime(1, 1, 2, tzinfo=BEGIN.tzinfo), datetime(9999, 12, 30, tzinfo=BEGIN.tzinfo)
    assert ids(ListQuery(created_after=first, created_before=last)) == [file(1).id]
    assert ids(ListQuery(created_before=first)) == []
    assert ids(ListQuery(created_after=last)) == []


def test_a_file_whose_time_is_over_is_listed_as_expired_though_nobody_wrote_so(table: FakeDynamoDB) -> None:
    over = BEGIN - timedelta(days=3000)
    files = [
        file(1, status=Status.AWAITING_UPLOAD, expires_at=over),
        file(2, status=Status.EXPIRED),
        file(3, status=Status.AWAITING_UPLOAD, expires_at=None),
        file(4),
    ]
    indexed(table, *files)
    assert ids(ListQuery(status=Status.EXPIRED)) == [files[1].id, files[0].id]
    assert ids(ListQuery(status=Status.AWAITING_UPLOAD)) == [files[2].id]


def test_a_file_that_no_longer_matches_is_left_out_though_the_index_has_it(table: FakeDynamoDB) -> None:
    files = [file(number) for number in range(3)]
    indexed(table, *files)
    table.write_record(file(1, tags=[], status=Status.FAILED, kind=None, content_type="text/csv", sha256="f" * 64))
    others = [files[2].id, files[0].id]
    for query in (
        ListQuery(tags=("holiday",)),
        ListQuery(status=Status.READY),
        ListQuery(kind=Kind.IMAGE),
        ListQuery(content_type="image/*"),
        ListQuery(content_type="image/jpeg"),
    ):
        assert ids(query) == others, query
    table.write_record(file(0, status=Status.DELETED))
    assert ids(ListQuery(sort="-updated")) == [files[2].id, files[1].id]


def test_a_file_that_moved_in_the_order_is_shown_at_one_place_only(table: FakeDynamoDB) -> None:
    files = [file(number) for number in range(3)]
    indexed(table, *files)
    moved = file(0, updated_at=files[2].updated_at + timedelta(seconds=1), size=10**6, filename="Z.jpg")
    table.write_record(moved)  # and the index is behind
    for sort in ("updated", "size", "filename"):
        assert ids(ListQuery(sort=sort)) == [files[1].id, files[2].id], sort
    assert ids(ListQuery(sort="created")) == [each.id for each in files]


def test_another_tenants_file_is_not_shown_even_if_an_entry_leads_to_it(table: FakeDynamoDB) -> None:
    indexed(table, file(1))
    table.write_record(file(1, tenant="other"))
    assert ids(ListQuery(tags=("holiday",))) == []
    assert ids(ListQuery(sort="size")) == []


def test_a_page_whose_records_all_changed_reads_on_but_not_for_ever(table: FakeDynamoDB) -> None:
    files = [file(number) for number in range(3 * PAGE_ROUNDS)]
    indexed(table, *files)
    for each in files[: 2 * PAGE_ROUNDS]:
        table.write_record(each.model_copy(update={"tags": []}))
    table.measure()
    page = lists.list_files("acme", ListQuery(tags=("holiday",), sort="created"), None, 2)
    assert (page.files, page.after) == ([], files[2 * PAGE_ROUNDS].id)
    assert table.calls["BatchGetItem"] == PAGE_ROUNDS
    page = lists.list_files("acme", ListQuery(tags=("holiday",), sort="created"), page.after, 2)
    assert [each.id for each in page.files] == [each.id for each in files[2 * PAGE_ROUNDS :][:2]]


def test_a_page_stops_reading_where_it_is_full(table: FakeDynamoDB) -> None:
    files = [file(number) for number in range(6)]
    indexed(table, *files)
    table.write_record(files[0].model_copy(update={"tags": []}))
    table.measure()
    page = lists.list_files("acme", ListQuery(tags=("holiday",), sort="created"), None, 2)
    assert [each.id for each in page.files] == [files[1].id, files[2].id]
    assert page.after == files[3].id
    assert table.calls["BatchGetItem"] == 2, "one for the page, one for the file that was missing in it"


@pytest.mark.parametrize("forward", [True, False])
def test_a_search_for_a_needle_goes_on_over_pages_until_it_is_found(
    table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch, forward: bool
) -> None:
    """Two lists that hardly meet: each page does no more than its share, and loses nothing."""
    monkeypatch.setattr(lists, "MATCH_CHUNK", 1)
    files = [file(number, tags=["a" if number % 2 else "b"]) for number in range(4 * PAGE_QUERIES)]
    needle = 2 * PAGE_QUERIES
    files[needle] = file(needle, tags=["a", "b"])
    indexed(table, *files)
    query = ListQuery(tags=("a", "b"), sort="created" if forward else "-created")
    found, after, pages = [], None, 0
    while pages == 0 or after is not None:
        table.measure()
        page = lists.list_files("acme", query, after, 1)
        assert table.calls["Query"] <= PAGE_QUERIES + 2
        found += [each.id for each in page.files]
        after, pages = page.after, pages + 1
        assert pages < 50
    assert found == [files[needle].id]
    assert pages > 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"filename_prefix": "a", "sort": "created"}, "sort"),
        ({"filename_prefix": "a", "sort": "-size"}, "sort"),
        ({"filename_prefix": "a", "kind": Kind.IMAGE}, "kind"),
        ({"filename_prefix": "a", "tags": ("t",)}, "tag"),
        ({"filename_prefix": "a", "created_before": BEGIN}, "created_before"),
        ({"sort": "size", "status": Status.READY}, "sort"),
        ({"sort": "-updated", "sha256": "a"}, "sort"),
        ({"sort": "filename", "content_type": "a/b"}, "sort"),
        ({"sort": "updated", "created_after": BEGIN}, "sort"),
        ({"created_after": BEGIN, "created_before": BEGIN}, "created_before"),
        ({"created_after": BEGIN + MILLISECOND, "created_before": BEGIN}, "created_before"),
    ],
)
def test_a_query_that_no_index_serves_is_refused_and_the_parameter_named(
    table: FakeDynamoDB, query: dict[str, Any], field: str
) -> None:
    with pytest.raises(UnservedQueryError) as refused:
        lists.list_files("acme", ListQuery(**query))
    assert refused.value.field == field
    assert f"`{field}`" in refused.value.message or "`sort=" in refused.value.message
    assert not table.calls


@pytest.mark.parametrize(
    "query",
    [
        {"filename_prefix": "a"},
        {"filename_prefix": "a", "sort": "-filename"},
        {"sort": "created", "status": Status.READY, "tags": ("a",), "kind": Kind.IMAGE, "sha256": "a"},
        {"created_after": BEGIN, "created_before": BEGIN + MILLISECOND},
        {"sort": "-size"},
    ],
)
def test_a_query_that_an_index_serves_is_not_refused(query: dict[str, Any]) -> None:
    ListQuery(**query).check()
