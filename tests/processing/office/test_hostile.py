"""Hostile Office files, by generators: they take no more than the bounds, and end as a warning or as corrupt."""

from __future__ import annotations

import io
import random
import struct
import time
import zipfile
from collections.abc import Callable

import pytest

from chalicelib.facts import MAX_BYTES
from chalicelib.model import PermanentFault
from chalicelib.processing import child
from chalicelib.processing.compound import MAX_STREAM, Compound
from chalicelib.processing.kinds import Made, Order, Source, processor_of
from chalicelib.processing.office import child as office_child
from chalicelib.processing.office import reading
from chalicelib.processing.office.formats import FORMATS
from chalicelib.processing.office.found import MAX_CHARACTERS
from chalicelib.renditions.recipes import RECIPES
from tests import fuzzing, offices

MAX_SECONDS = 3.0
"""CPU time for one damaged file of some kilobytes. A sound one takes 0.01."""


def outcome(data: bytes, content_type: str) -> tuple[str, Made]:
    """`corrupt`, the code of the first warning, or `ready`; and what was made."""
    source = Source(content_type, len(data), io.BytesIO(data))
    order = Order(RECIPES["document"], 1769 * 1024**2)
    try:
        made = processor_of(content_type).process(source, order, lambda *_: None)
    except PermanentFault as fault:
        return str(fault.code), Made()
    return made.warnings[0].code if made.warnings else "ready", made


def zeros(name: str, size: int) -> bytes:
    """A docx one of whose parts is so many bytes of nothing."""
    out = io.BytesIO(offices.archive({key: body for key, body in offices.docx_parts("").items() if key != name}))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as package, package.open(name, "w", force_zip64=True) as part:
        for _ in range(size // 1024**2):
            part.write(b" " * 1024**2)
    return out.getvalue()


def docx_of(body: str, doctype: str = "") -> bytes:
    return offices.archive(offices.docx_parts(body, doctype), method=zipfile.ZIP_STORED)


def entries(count: int) -> bytes:
    return offices.archive({f"{n}.xml": b"" for n in range(count)} | offices.docx_parts("<w:p/>"))


def claimed_entries() -> bytes:
    """An archive whose end says that it has 2^32 - 2 entries in a directory of as many bytes."""
    data = offices.docx("words")
    end = data.rfind(b"PK\5\6")
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 2**32 - 2, 2**32 - 2, 2**32 - 2, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    return data[:end] + record + locator + b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)


def overlapping() -> bytes:
    """Two entries of the directory with the same bytes."""
    data = bytearray(offices.docx("words"))
    first = data.find(b"PK\1\2")
    last = data.rfind(b"PK\1\2")
    data[last + 42 : last + 46] = data[first + 42 : first + 46]
    return bytes(data)


def external_entity() -> str:
    return '<!DOCTYPE x [<!ENTITY i SYSTEM "file:///etc/passwd">]>'


def ring_of_sectors() -> bytes:
    """A compound file whose chain of the directory has no end."""
    data = bytearray(offices.ole({"WordDocument": bytes(2000), "\5SummaryInformation": offices.properties({2: "x"})}))
    table = int.from_bytes(data[76:80], "little")
    for sector in range(128):
        struct.pack_into("<I", data, (table + 1) * 512 + 4 * sector, sector)
    return bytes(data)


def repeated_spine() -> bytes:
    """A book that names its only chapter again and again."""
    parts = offices.epub_parts(["<p>" + "words " * 1000 + "</p>"])
    opf = str(parts["OEBPS/book.opf"]).replace("<spine>", "<spine>" + '<itemref idref="c0"/>' * 100_000)
    return offices.archive(parts | {"OEBPS/book.opf": opf}, method=zipfile.ZIP_STORED)


def odt_of(body: str, doctype: str = "") -> bytes:
    parts = offices.odf_parts(offices.ODT, f"<office:text>{body}</office:text>", doctype)
    return offices.archive(parts, method=zipfile.ZIP_STORED)


HOSTILE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "laughs in docx": (lambda: docx_of(offices.paragraph("x") + "&i;", offices.LAUGHS), offices.DOCX, "corrupt"),
    "external entity in docx": (lambda: docx_of("&i;", external_entity()), offices.DOCX, "corrupt"),
    "laughs in odt": (lambda: odt_of("<text:p>&i;</text:p>", offices.LAUGHS), offices.ODT, "text_not_read"),
    "external entity in odt": (lambda: odt_of("<text:p>&i;</text:p>", external_entity()), offices.ODT, "text_not_read"),
    "laughs in ods": (
        lambda: offices.odf(offices.ODS, "&i;", doctype=offices.LAUGHS),
        offices.ODS,
        "text_not_read",
    ),
    "laughs in epub": (
        lambda: offices.archive(offices.epub_parts([]) | {"OEBPS/book.opf": f"{offices.LAUGHS}<package>&i;</package>"}),
        offices.EPUB,
        "text_not_read",
    ),
    "zip bomb": (lambda: zeros("word/document.xml", 300 * 1024**2), offices.DOCX, "text_not_read"),
    "ratio": (lambda: zeros("word/document.xml", 20 * 1024**2), offices.DOCX, "text_not_read"),
    "10,001 entries": (lambda: entries(10_001), offices.DOCX, "text_not_read"),
    "2^32 entries": (claimed_entries, offices.DOCX, "corrupt"),
    "overlap": (overlapping, offices.DOCX, "corrupt"),
    "depth": (lambda: docx_of("<w:p>" * 200_000 + "</w:p>" * 200_000), offices.DOCX, "ready"),
    "deep rtf": (lambda: b"{\\rtf1 words" + b"{" * 500_000, offices.RTF, "text_cut"),
    "rtf of skips": (lambda: b"{\\rtf1 words" + b"\\bin2147483647 " * 1000 + b"}", offices.RTF, "ready"),
    "rtf of stops": (lambda: b"{\\rtf1 words" + b"\\'" * 500_000, offices.RTF, "ready"),
    "many attributes": (
        lambda: docx_of("<w:p " + " ".join(f'a{n}="1"' for n in range(200_000)) + "/>"),
        offices.DOCX,
        "ready",
    ),
    "many spaces": (
        lambda: odt_of("<text:p>words" + '<text:s text:c="999999999"/>' * 10_000 + "</text:p>"),
        offices.ODT,
        "text_cut",
    ),
    "ring": (ring_of_sectors, offices.DOC, "text_not_read"),
    "spine": (repeated_spine, offices.EPUB, "ready"),
    "many sheets": (lambda: offices.xlsx({f"{n}": [[n]] for n in range(2000)}), offices.XLSX, "facts_trimmed"),
    "wrong size": (
        lambda: offices.with_size(offices.docx("words " * 100_000), "word/document.xml", 100),
        offices.DOCX,
        "corrupt",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_within_the_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LIMITS", child.Limits(memory=400 * 1024**2, seconds=5))
    make, content_type, expected = HOSTILE[name]
    found, made = outcome(make(), content_type)
    assert found == expected
    assert len(made.text) <= MAX_CHARACTERS
    assert "root:" not in made.text
    if made.info:
        assert len(made.info.model_dump_json().encode()) <= MAX_BYTES


def test_names_in_an_archive_lead_to_no_other_file() -> None:
    """A relation that leaves the archive names an entry, or nothing: no path is ever opened."""
    parts = offices.docx_parts("<w:p/>") | {
        "word/_rels/document.xml.rels": offices.relations(("f", "footnotes", "../../../../etc/passwd")),
    }
    found, made = outcome(offices.archive(parts), offices.DOCX)
    assert (found, made.text) == ("no_preview", "")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "\0", "http://x/y"])
def test_a_main_part_outside_of_the_archive_is_missing(target: str) -> None:
    parts = offices.docx_parts("<w:p/>")
    rels = offices.relations(("a", "officeDocument", target)).replace("\0", "&#65533;")
    assert outcome(offices.archive(parts | {"_rels/.rels": rels}), offices.DOCX)[0] == "corrupt"


def test_a_stream_of_a_compound_file_is_never_longer_than_asked_for() -> None:
    compound = Compound(io.BytesIO(offices.ole({"WordDocument": bytes(30_000)})))
    assert len(compound.read("worddocument", 100)) == 100
    assert len(Compound(io.BytesIO(ring_of_sectors())).read("worddocument")) <= MAX_STREAM


# --- mutations


def seeds() -> dict[str, tuple[bytes, str]]:
    """One small sound file for each reader, stored and compressed."""
    docx = offices.docx_parts(offices.paragraph("some words", "berschrift1"), title="A title")
    pptx = offices.pptx_parts([("A slide", ["words"])])
    xlsx = offices.xlsx_parts({"One": "".join(offices.sheet_rows([["a", "b"], [1, True]]))}, title="A title")
    odt = offices.odf_parts(
        offices.ODT, "<office:text><text:h>A heading</text:h></office:text>", meta="<dc:title>x</dc:title>"
    )
    epub = offices.epub_parts(["<h1>One</h1><p>words</p>"], "<dc:title>A book</dc:title>")
    summary = offices.properties({2: "A title", 4: "An Author", 12: bytes(6) + b"\xdc\1", 14: 3})
    found = {
        f"{name}{method}": (offices.archive(parts, method=method), content_type)
        for name, parts, content_type in (
            ("docx", docx, offices.DOCX),
            ("pptx", pptx, offices.PPTX),
            ("xlsx", xlsx, offices.XLSX),
            ("odt", odt, offices.ODT),
            ("epub", epub, offices.EPUB),
        )
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    }
    rtf = rb"{\rtf1\ansi\ansicpg1252{\info{\title x}{\creatim\yr2026\mo1}}words \u8364?\'e4{\*\x y}\bin3 abc\par}"
    return found | {
        "ods": (offices.ods([["a", "b"], ["1", "2"]]), offices.ODS),
        "rtf": (rtf, offices.RTF),
        "doc": (offices.ole({"WordDocument": bytes(600), "\5SummaryInformation": summary}), offices.DOC),
        "xls": (offices.ole({"Workbook": bytes.fromhex("0908100000060500") + bytes(600)}), offices.XLS),
    }


READERS = {content_type: reader for content_type, (_, reader) in FORMATS.items()}


# calamine takes all memory for a sheet that claims to be large, so it runs in a child here, too.
SHEETS = {offices.XLSX, offices.XLS, offices.ODS}
TIGHT = child.Limits(memory=512 * 1024**2, seconds=3)


def tried(data: bytes, content_type: str) -> str:
    """Runs the child's code, where it can in this process. An error that nobody expected is the outcome, too."""
    arguments = {"reader": READERS[content_type], "cells": True}
    try:
        if content_type in SHEETS:
            header, body = child.run(office_child.__name__, data, arguments, TIGHT)
        else:
            header, body = office_child.main(data, arguments)
    except child.ChildDiedError as died:
        # "it ended with", "it took too long", or the name of an exception.
        return "died" if str(died).startswith("it ") or str(died) == "MemoryError" else str(died)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if "damaged" in header:
        return "damaged"
    body[: header["text"]].decode()
    return "encrypted" if header.get("encrypted") else "unread" if header["unread"] else "ready"


def inside(data: bytes, generator: random.Random) -> bytes:
    """The archive with one of its parts changed, so that its checksum is right all the same."""
    if not data.startswith(b"PK"):
        return fuzzing.mutated(data, generator, data)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts: dict[str, str | bytes] = {name: package.read(name) for name in package.namelist()}
    name = generator.choice([*parts])
    body = bytes(parts[name])  # type: ignore[arg-type]
    return offices.archive(parts | {name: fuzzing.mutated(body, generator, body or data)})


def fuzz(seed: int, count: int, *, sheets: bool) -> dict[str, int]:
    """How many of `count` changed files had each outcome; `sheets` says whether workbooks are among them."""
    generator, sound = random.Random(seed), seeds()
    if not sheets:
        sound = {name: seed for name, seed in sound.items() if seed[1] not in SHEETS}
    names, outcomes = sorted(sound), dict[str, int]()
    for number in range(count):
        data, content_type = sound[names[number % len(names)]]
        other, _ = sound[generator.choice(names)]
        changed = inside(data, generator) if generator.random() < 0.5 else fuzzing.mutated(data, generator, other)
        began = time.process_time()
        found = tried(changed, content_type)
        assert found in ("ready", "damaged", "unread", "encrypted", "died"), (seed, number, found)
        assert time.process_time() - began < MAX_SECONDS, (seed, number)
        outcomes[found] = outcomes.get(found, 0) + 1
    return outcomes


def test_every_seed_is_sound() -> None:
    bad = {name: tried(*seed) for name, seed in seeds().items()}
    assert {name for name, found in bad.items() if found != "ready"} == {"doc", "xls"}


@pytest.mark.parametrize(("seed", "count", "sheets"), [(1, 300, False), (2, 300, False), (3, 16, True)])
def test_damage_anywhere_never_does_more_than_fail(seed: int, count: int, sheets: bool) -> None:
    outcomes = fuzz(seed, count, sheets=sheets)
    assert outcomes["damaged"] > 0
    assert sum(outcomes.values()) == count


@pytest.mark.parametrize("name", sorted(seeds()))
def test_a_damaged_file_goes_through_its_whole_processor(name: str) -> None:
    data, content_type = seeds()[name]
    changed = fuzzing.mutated(data, random.Random(name), data)
    found, made = outcome(changed, content_type)
    assert found in ("ready", "corrupt", "text_cut", "text_not_read", "no_preview", "too_costly_to_read")
    assert not made.info or len(made.info.model_dump_json().encode()) <= MAX_BYTES
