"""The check of the audit finds whatever was changed after it was sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib import keyring
from chalicelib.catalog.audit import seals
from chalicelib.catalog.audit.checking import Report, check
from chalicelib.catalog.audit.pages import Page
from chalicelib.catalog.audit.seals import Head, Seal, Stored

pytestmark = pytest.mark.pure

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
NOW = datetime(2026, 11, 26, 18, tzinfo=UTC)

Chain = list[Stored]
Pages = list[Page]


def entry(number: int, hour: int = 12) -> dict[str, Any]:
    return {
        "id": f"evt_file_{number}_1",
        "subject": f"file_{number}",
        "type": "filemill.file.updated",
        "at": f"2026-11-26T{hour:02d}:00:0{number}.000Z",
        "actor": {"type": "key", "id": "0123"},
        "fields": ["tags"],
    }


def page(hour: int, name: str, *numbers: int, written: int | None = None) -> Page:
    key = f"2026-11-26T{hour:02d}:00:00#{name}"
    return Page("acme", 0, key, f"2026-11-26T{written or hour:02d}", tuple(entry(n, hour) for n in numbers))


def signed(seal: Seal, key: Ed25519PrivateKey = KEY, **more: Any) -> Stored:
    public = key.public_key().public_bytes_raw()
    signature = key.sign(bytes.fromhex(seal.hash)).hex()
    return replace(Stored(seal.number, seal, signature, keyring.key_id_of(public)), **more)


def sealed(*hours: Pages) -> tuple[Chain, Head]:
    """A chain of seals, one for each list of pages."""
    chain: Chain = []
    previous = previous_hour = ""
    for number, some in enumerate(hours, 1):
        seal = Seal(
            tenant="acme",
            number=number,
            hour=some[0].written,
            days=365,
            pages=tuple(map(seals.row_of, some)),
            entries=sum(len(each.entries) for each in some),
            sha256=hashlib.sha256(b"".join(map(seals.page_digest, some))).hexdigest(),
            previous=previous,
            previous_hour=previous_hour,
            at="2026-11-26T16:00:00.000Z",
        )
        chain.append(signed(seal))
        previous, previous_hour = seal.hash, seal.hour
    return chain, Head(len(chain), previous, previous_hour, "")


FIRST = [page(12, "a", 1, 2, 3), page(12, "b", 4)]
SECOND = [page(13, "c", 5), page(12, "d", 6, written=13)]
THIRD = [page(14, "e", 7, 8)]


def report(
    change: Callable[[Chain, Pages], object] = lambda chain, pages: None,
    *,
    head: Head | str | None = "",
    public_key: bytes = PUBLIC,
    moment: datetime = NOW,
    finished: str = "2026-11-26T14",
    since: str = "",
) -> Report:
    chain, end = sealed(FIRST, SECOND, THIRD)
    pages = [*FIRST, *SECOND, *THIRD]
    change(chain, pages)
    pages = [each for each in pages if each.key >= since]
    known = end if head == "" else head
    assert not isinstance(known, str)
    return check(chain, known, pages, public_key=public_key, finished=finished, moment=moment, since=since)


def test_an_audit_that_nobody_changed_has_no_faults() -> None:
    found = report()
    assert (found.faults, found.seals, found.entries, found.unsealed) == ([], 3, 8, 0)


def with_entries(number: int, *entries: dict[str, Any]) -> Callable[[Chain, Pages], object]:
    def change(_: Chain, pages: Pages) -> None:
        pages[number] = replace(pages[number], entries=entries)

    return change


ALTERED = {**entry(2), "actor": {"type": "key", "id": "mallory"}}
ENTRIES = {
    "altered": (with_entries(0, entry(1), ALTERED, entry(3)), "altered: evt_file_2_1"),
    "a field added": (with_entries(0, entry(1), {**entry(2), "x": 1}, entry(3)), "altered: evt_file_2_1"),
    "removed": (with_entries(0, entry(1), entry(3)), "1 entry is missing"),
    "added": (with_entries(0, entry(1), entry(2), entry(3), entry(9)), "added: evt_file_9_1"),
    "twice": (with_entries(0, entry(1), entry(2), entry(2), entry(3)), "added: evt_file_2_1"),
    "in another order": (with_entries(0, entry(2), entry(1), entry(3)), "the entries stand in another order"),
    "all removed": (with_entries(0), "3 entries are missing"),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_change_of_entries_is_found(name: str) -> None:
    change, text = ENTRIES[name]
    [fault] = report(change).faults
    assert fault.place == "2026-11-26T12:00"
    assert text in fault.text
    assert FIRST[0].key in fault.text


def test_entries_that_changed_their_pages_are_found() -> None:
    def swap(_: Chain, pages: Pages) -> None:
        first, second = pages[:2]
        pages[:2] = replace(first, entries=second.entries), replace(second, entries=first.entries)

    assert len(report(swap).faults) >= 2


PAGES: dict[str, tuple[Callable[[Chain, Pages], object], str]] = {
    "removed": (lambda _, pages: pages.pop(1), "1 entries are missing"),
    "added": (lambda _, pages: pages.append(page(12, "z", 9)), "added, or never sealed: evt_file_9_1"),
    "moved": (
        lambda _, pages: pages.__setitem__(1, replace(pages[1], key="2026-11-26T12:00:00#y")),
        "added, or never sealed",
    ),
    "written in another hour": (
        lambda _, pages: pages.__setitem__(1, replace(pages[1], written="2026-11-26T17")),
        "the page itself was altered",
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_change_of_pages_is_found(name: str) -> None:
    change, text = PAGES[name]
    faults = report(change).faults
    assert any(text in fault.text and fault.place == "2026-11-26T12:00" for fault in faults), faults


def altered(chain: Chain, number: int, **values: Any) -> None:
    seal = chain[number].seal
    assert seal
    chain[number] = replace(chain[number], seal=replace(seal, **values))


def swapped(chain: Chain, _: Pages) -> None:
    chain[0], chain[1] = replace(chain[1], number=1), replace(chain[0], number=2)


SEALS: dict[str, tuple[Callable[[Chain, Pages], object], str, str]] = {
    "altered": (lambda chain, _: altered(chain, 1, entries=9), "seal 2", "it is not as it was signed"),
    "unreadable": (
        lambda chain, _: chain.__setitem__(1, replace(chain[1], seal=None)),
        "seal 2",
        "it can't be read",
    ),
    "without its signature": (
        lambda chain, _: chain.__setitem__(1, replace(chain[1], signature="")),
        "seal 2",
        "it is not as it was signed",
    ),
    "signature that is no text of one": (
        lambda chain, _: chain.__setitem__(1, replace(chain[1], signature="x")),
        "seal 2",
        "it is not as it was signed",
    ),
    "first removed": (lambda chain, _: chain.pop(0), "seal 2", "the seals before it are missing"),
    "middle removed": (lambda chain, _: chain.pop(1), "seal 3", "the seals 2 to 2 before it are missing"),
    "last removed": (lambda chain, _: chain.pop(2), "the end", "the newest that is there is 2"),
    "all removed": (lambda chain, _: chain.clear(), "the end", "the newest that is there is none"),
    "in another order": (swapped, "seal 1", "seal 2 stands in its place"),
    "made with another key": (
        lambda chain, _: chain.__setitem__(1, signed(chain[1].seal, OTHER)),  # type: ignore[arg-type]
        "seal 2",
        "it is signed with another key",
    ),
}


@pytest.mark.parametrize("name", SEALS)
def test_a_change_of_seals_is_found(name: str) -> None:
    change, place, text = SEALS[name]
    faults = report(change).faults
    assert any(fault.place == place and text in fault.text for fault in faults), faults


def test_a_seal_that_was_made_anew_with_the_stages_secret_does_not_fit_into_the_chain() -> None:
    def forge(chain: Chain, pages: Pages) -> None:
        pages.pop(1)
        seal = chain[0].seal
        assert seal
        digest = hashlib.sha256(seals.page_digest(FIRST[0])).hexdigest()
        chain[0] = signed(replace(seal, pages=seal.pages[:1], entries=3, sha256=digest))

    [fault] = report(forge).faults
    assert (fault.place, fault.text) == ("seal 2", "it does not follow from the seal before it")


def test_a_page_that_differs_where_its_row_does_not_look_is_found_by_the_hash_of_all() -> None:
    def forge(chain: Chain, _: Pages) -> None:
        seal = chain[2].seal
        assert seal
        chain[2] = signed(replace(seal, sha256="0" * 64))

    faults = report(forge, head=None).faults
    assert any("the pages are not those of seal 3" in fault.text for fault in faults)


def test_a_chain_without_its_end_is_found() -> None:
    [fault] = report(head=None).faults
    assert fault.place == "the end"


def test_an_end_that_is_another_chains_is_found() -> None:
    [fault] = report(head=Head(3, "0" * 64, "", "")).faults
    assert "not the one with which the chain ends" in fault.text


def test_seals_of_another_stage_are_found() -> None:
    faults = report(public_key=OTHER.public_key().public_bytes_raw()).faults
    assert sum("another key" in fault.text for fault in faults) == 3


def test_the_newest_pages_may_have_no_seal_yet() -> None:
    found = report(lambda _, pages: pages.append(page(15, "n", 9)))
    assert (found.faults, found.unsealed) == ([], 1)


def test_pages_that_ended_are_not_missed() -> None:
    def end(chain: Chain, pages: Pages) -> None:
        pages[:] = THIRD
        chain.pop(0)

    later = datetime(2027, 11, 26, 13, 30, tzinfo=UTC)
    assert report(end, moment=later).faults == []
    assert report(end, moment=later - timedelta(hours=3)).faults != []


def test_only_entries_since_a_moment_are_looked_at() -> None:
    since = "2026-11-26T13:00:00"
    assert report(since=since).faults == []
    assert report(with_entries(0), since=since).faults == []
    assert report(with_entries(2), since=since).faults != []
