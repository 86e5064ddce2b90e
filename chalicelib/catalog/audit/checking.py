"""Checks a tenant's audit against its seals: pure, and without the stage's secret.

It finds what was changed, removed or added after it was sealed, in entries and in seals. It can't find an entry that
was made up before it was sealed, and can't tell the stage's seals from those of somebody who has the stage's secret.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chalicelib import keyring
from chalicelib.catalog.audit import seals
from chalicelib.catalog.audit.entries import digest
from chalicelib.catalog.audit.pages import Page
from chalicelib.catalog.audit.seals import Head, Row, Seal, Stored


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it was sealed. `place` is an hour of changes, or names a seal."""

    place: str
    text: str


@dataclass
class Report:
    """The result of a check."""

    seals: int = 0
    entries: int = 0
    unsealed: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class _Named:
    """A page as a seal names it."""

    seal: Seal
    row: Row


def check(
    stored: Iterable[Stored],
    head: Head | None,
    pages: Iterable[Page],
    *,
    public_key: bytes,
    finished: str,
    moment: datetime,
    since: str = "",
) -> Report:
    """Checks one tenant.

    Parameters
    ----------
    stored: all of its seals.
    pages: all of its pages since `since`, or since ever.
    finished: the last hour that is sealed for every tenant.
    moment: now. Pages that are older than their seal says that they are kept may be gone.
    """
    report = Report()
    chain = list(_chain(stored, head, public_key, moment, report))
    named = {row.place: _Named(seal, row) for seal in chain for row in seal.pages}
    digests, altered = _compare(pages, named, finished, report)
    for seal in chain:
        rows = [row for row in seal.pages if row.key >= since and not _is_gone(row, seal, moment)]
        for row in rows:
            if row.place not in digests:
                text = f"{len(row.entries)} entries are missing: page {row.key} of seal {seal.number}"
                report.faults.append(Fault(_hour_of(row.key), text))
        whole = len(rows) == len(seal.pages) and all(row.place in digests for row in rows)
        if whole and seal.number not in altered and _sum(digests[row.place] for row in rows) != seal.sha256:
            report.faults.append(Fault(seal.hour, f"the pages are not those of seal {seal.number}"))
    return report


def _sum(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _hour_of(key: str) -> str:
    return f"{key[:13]}:00"


def _is_gone(row: Row, seal: Seal, moment: datetime) -> bool:
    """True if the table's TTL may have removed the page."""
    made = datetime.fromisoformat(row.key.partition("#")[0]).replace(tzinfo=UTC)
    return made + timedelta(days=seal.days) <= moment


# --- the chain of seals


def _chain(
    stored: Iterable[Stored], head: Head | None, public_key: bytes, moment: datetime, report: Report
) -> Iterator[Seal]:
    """The seals that are the stage's own, in their order. Everything that is wrong with the chain is reported."""
    number = 0
    last: str | None = ""
    for each in stored:
        report.seals += 1
        wrong = list(_wrong(each, public_key))
        loose = [text] if (text := _gap(each, number, last, moment)) else []
        report.faults += [Fault(f"seal {each.number}", text) for text in (*wrong, *loose)]
        is_good = each.seal is not None and not wrong
        # After a seal that is none, nothing can be said of the link of the next one.
        number, last = each.number, each.seal.hash if each.seal and is_good else None
        if each.seal and is_good:
            yield each.seal
    if head is None and number:
        report.faults.append(Fault("the end", "the end of the chain is missing, so seals may be missing, too"))
    elif head and head.number != number:
        text = f"the chain ends with seal {head.number}, but the newest that is there is {number or 'none'}"
        report.faults.append(Fault("the end", text))
    elif head and last not in (None, head.hash):
        report.faults.append(Fault("the end", f"seal {number} is not the one with which the chain ends"))


def _gap(each: Stored, number: int, last: str | None, moment: datetime) -> str:
    """A sentence about what is missing between a seal and the one before it, which has this number and this hash."""
    if each.number == number + 1:
        follows = each.seal is None or last is None or each.seal.previous == last
        return "" if follows else "it does not follow from the seal before it"
    if number:
        return f"the seals {number + 1} to {each.number - 1} before it are missing"
    return "the seals before it are missing" if each.seal and _must_be_there(each.seal, moment) else ""


def _wrong(each: Stored, public_key: bytes) -> Iterator[str]:
    """Sentences about one seal by itself."""
    seal = each.seal
    if seal is None:
        yield "it can't be read, so it is not as it was signed"
        return
    if seal.number != each.number:
        yield f"seal {seal.number} stands in its place"
    if each.key_id != keyring.key_id_of(public_key):
        yield f"it is signed with another key, {each.key_id or 'none'}"
    elif not _is_signed(public_key, each.signature, seal):
        yield "it is not as it was signed"


def _is_signed(public_key: bytes, signature: str, seal: Seal) -> bool:
    try:
        return keyring.is_signed(public_key, bytes.fromhex(signature), bytes.fromhex(seal.hash))
    except ValueError:
        return False


def _must_be_there(seal: Seal, moment: datetime) -> bool:
    """True if the seal before this one can't have ended yet."""
    began = datetime.fromisoformat(f"{seal.previous_hour}:00:00").replace(tzinfo=UTC)
    return began + timedelta(days=seal.days) > moment


# --- the pages


def _compare(
    pages: Iterable[Page], named: dict[str, _Named], finished: str, report: Report
) -> tuple[dict[str, bytes], set[int]]:
    """Compares each page with its row. (the digests of the pages by their places, the seals of pages that differ)."""
    digests: dict[str, bytes] = {}
    altered: set[int] = set()
    for page in pages:
        report.entries += len(page.entries)
        place = seals.place(page.shard, page.key)
        digests[place] = seals.page_digest(page)
        if place in named:
            found = named[place]
            if digests[place].hex()[:32] != found.row.digest:
                altered.add(found.seal.number)
                report.faults += [
                    Fault(_hour_of(page.key), f"{text}: page {page.key} of seal {found.seal.number}")
                    for text in _differences(page, found.row)
                ]
        elif page.written > finished:
            report.unsealed += len(page.entries)
        else:
            ids = ", ".join(str(entry.get("id")) for entry in page.entries)
            report.faults.append(Fault(_hour_of(page.key), f"added, or never sealed: {ids} in page {page.key}"))
    return digests, altered


def _differences(page: Page, row: Row) -> Iterator[str]:
    """How a page differs from its row, in words."""
    present = [digest(entry).hex()[:8] for entry in page.entries]
    if Counter(present) == Counter(row.entries):
        yield "the entries stand in another order" if present != list(row.entries) else "the page itself was altered"
        return
    unknown = Counter(present) - Counter(row.entries)
    missing = sum((Counter(row.entries) - Counter(present)).values())
    for entry, mark in zip(page.entries, present, strict=True):
        if unknown[mark]:
            unknown[mark] -= 1
            word = "altered" if missing else "added"
            missing -= 1
            yield f"{word}: {entry.get('id')} of {entry.get('at')}"
    if missing > 0:
        yield f"{missing} {'entry is' if missing == 1 else 'entries are'} missing"
