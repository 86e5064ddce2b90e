"""Pages of the audit: what is written once, what it costs, and how it is found again."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from ulid import ULID

from chalicelib import settings
from chalicelib.catalog.audit import finding, pages
from chalicelib.catalog.audit.entries import Entry
from chalicelib.catalog.dynamodb import attributes, read
from chalicelib.catalog.keys import shard_of
from chalicelib.model import new_file_id, timestamp
from tests.catalog.fake import FakeDynamoDB

ACTOR = {"type": "key", "id": "0123456789ab"}
FILE = new_file_id()


@pytest.fixture(autouse=True)
def forgotten(table: FakeDynamoDB) -> None:
    pages.forget()


def entry(number: int, *, second: int = 0, subject: str = FILE, before: str | None = None, **more: Any) -> Entry:
    values: dict[str, Any] = {
        "id": f"evt_{subject}_{number}",
        "tenant": "acme",
        "subject": subject,
        "type": "filemill.file.updated",
        "at": f"2026-11-26T12:00:{second:02d}.{number % 1000:03d}Z",
        "actor": ACTOR,
        "address": "203.0.113.0/24",
        "request_id": "5b0b2a0e-8a39-4a0f-9b26-000000000000",
        "fields": ("tags",),
        "revision": number,
        "before": before,
    }
    return Entry(**{**values, **more})


def stored(table: FakeDynamoDB, begins: str = "AUDIT#") -> list[dict[str, Any]]:
    return [values for values in map(read, table.items.values()) if values["pk"].startswith(begins)]


def size(item: dict[str, Any]) -> int:
    """Bytes of an item, about as DynamoDB counts them."""
    return sum(len(name) + len(value if isinstance(value, bytes) else str(value)) for name, value in item.items())


def found(tenant: str = "acme", **more: Any) -> list[str]:
    how: dict[str, Any] = {"since": finding.FIRST, "until": finding.LAST, "after": None, "limit": 1000} | more
    entries = finding.changes(tenant, passes=lambda _: True, **how).entries
    return [each.id for each in entries]


def test_a_batch_of_one_second_is_one_page_and_one_note(table: FakeDynamoDB) -> None:
    assert pages.write([entry(number) for number in range(1, 4)]) == 3
    [page] = stored(table)
    assert [each["id"] for each in pages.as_page(page).entries] == [f"evt_{FILE}_{n}" for n in (1, 2, 3)]
    assert len(stored(table, "AUDITED#")) == 1


def test_a_page_of_one_change_is_one_write_unit_and_many_changes_share_them(table: FakeDynamoDB) -> None:
    pages.write([entry(1)])
    [page] = stored(table)
    assert size(page) < 1024
    some = [entry(1, subject=new_file_id(), request_id=f"{random.getrandbits(128):032x}", second=1) for _ in range(40)]
    pages.write(some)
    [page] = [each for each in stored(table) if each != page]
    assert size(page) < 4 * 1024, "forty changes of forty files, in four units"


def test_a_batch_that_comes_again_whole_halved_or_larger_writes_nothing_twice(table: FakeDynamoDB) -> None:
    some = [entry(number, second=number // 3) for number in range(1, 9)]
    pages.write(some[:5])
    before = dict(table.items)
    for again in (some[:5], some[:2], some[2:5], some[4:5]):
        assert pages.write(again) == 0
    assert table.items == before
    assert pages.write(some) == 3
    assert sorted(found()) == sorted(each.id for each in some)


def test_a_write_that_ends_half_way_is_completed_by_the_next(table: FakeDynamoDB, monkeypatch: Any) -> None:
    def broken(puts: Any, *_: Any) -> None:
        puts = list(puts)
        if puts and "entries" in puts[0]:
            table.put(attributes(puts[0]))
            raise TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr(pages, "batch_write", broken)
        with pytest.raises(TimeoutError):
            pages.write([entry(1, second=1), entry(2, second=2)])
    assert pages.write([entry(1, second=1), entry(2, second=2)]) == 1
    assert len(found()) == 2


def test_the_note_of_an_hour_is_written_before_its_pages(table: FakeDynamoDB, monkeypatch: Any) -> None:
    def broken(puts: Any, *_: Any) -> None:
        for values in puts:
            assert values["pk"].startswith("AUDITED#")
            raise TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr(pages, "batch_write", broken)
        with pytest.raises(TimeoutError):
            pages.write([entry(1)])
    pages.write([entry(1)])
    assert len(stored(table, "AUDITED#")) == 1, "a note that was not written is written the next time"


@pytest.mark.parametrize("shards", [1, 4])
def test_a_tenants_entries_are_found_newest_first_and_in_parts(
    table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    monkeypatch.setenv("FILEMILL_LIST_SHARDS", str(shards))
    settings.settings.cache_clear()
    some = [entry(number, second=number // 4, subject=new_file_id()) for number in range(1, 30)]
    for start in range(0, len(some), 5):
        pages.write(some[start : start + 5])
    pages.write([entry(1, tenant="other", subject=new_file_id())])
    wanted = [each.id for each in sorted(some, key=lambda each: each.place, reverse=True)]
    assert found() == wanted
    parts: list[str] = []
    after = None
    while True:
        part = finding.changes("acme", since="0", until="9", after=after, limit=4, passes=lambda _: True)
        parts += [each.id for each in part.entries]
        after = part.after
        if after is None:
            break
    assert parts == wanted
    inside = [each.id for each in some if "2026-11-26T12:00:02.009Z" <= each.at < "2026-11-26T12:00:04.017Z"]
    assert sorted(found(since="2026-11-26T12:00:02.009Z", until="2026-11-26T12:00:04.017Z")) == sorted(inside)


def test_a_filter_that_few_entries_pass_ends_an_answer_early(table: FakeDynamoDB, monkeypatch: Any) -> None:
    monkeypatch.setattr(finding, "LOOKED_AT", 3)
    pages.write([entry(number, second=number) for number in range(1, 6)])
    part = finding.changes("acme", since="0", until="9", after=None, limit=9, passes=lambda each: each.revision == 1)
    assert (part.entries, part.after is not None) == ([], True)
    rest = finding.changes("acme", since="0", until="9", after=part.after, limit=9, passes=lambda e: e.revision == 1)
    assert [each.revision for each in rest.entries] == [1]


# --- one file


def moments(*seconds: int) -> list[Entry]:
    """Changes of one file, each of which knows when the one before was made."""
    some: list[Entry] = []
    for number, second in enumerate(seconds, 1):
        some.append(entry(number, second=second, before=some[-1].at if some else None))
    return some


@pytest.mark.parametrize(
    "seconds", [(0, 1, 2, 3), (0, 0, 0, 0), (0, 5, 5, 9), (5, 3, 4, 2), (5, 6, 5, 6), (7,)], ids=str
)
def test_a_history_is_every_change_of_a_file_also_where_clocks_differ(
    table: FakeDynamoDB, seconds: tuple[int, ...]
) -> None:
    some = moments(*seconds)
    others = [entry(number, second=number, subject=new_file_id()) for number in range(9)]
    for each in (*some, *others):
        pages.write([each])
    revisions = [each.revision for each in reversed(some)]
    whole = finding.history("acme", FILE, some[-1].at, 99)
    assert ([each.revision for each in whole.entries], whole.after) == (revisions, None)
    start, parts = some[-1].at, []
    while start:
        part = finding.history("acme", FILE, start, 1)
        parts += [each.revision for each in part.entries]
        start = part.after or ""
    assert parts == revisions
    assert finding.history("other", FILE, some[-1].at, 99).entries == []


def test_a_history_is_found_after_the_stages_shards_were_raised(
    table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = moments(1, 2, 3)
    pages.write(some[:2])
    assert shard_of(FILE, 1) == 0
    monkeypatch.setenv("FILEMILL_LIST_SHARDS", "7")
    settings.settings.cache_clear()
    pages.write(some[2:])
    assert len(finding.history("acme", FILE, some[-1].at, 9).entries) == 3


def test_where_an_entry_is_missing_the_creation_is_still_found(table: FakeDynamoDB) -> None:
    made = timestamp(datetime.fromtimestamp(ULID.from_str(FILE[5:]).timestamp, UTC))
    first = entry(1, at=made)
    third = entry(3, second=9, before="2026-11-26T12:00:05.000Z")
    pages.write([first, third])
    assert [each.revision for each in finding.history("acme", FILE, third.at, 9).entries] == [3, 1]
