"""Formats inside zip."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from chalicelib.processing.sniff import INSIDE, inside, sniff
from tests.containers import ODF, OOXML, docx, office, opendocument, zipped

SPREADSHEET, PRESENTATION = f"{OOXML[12:]}spreadsheetml.", f"{OOXML[12:]}presentationml."
DOCX, XLSX = f"{OOXML}wordprocessingml.document", f"{OOXML}spreadsheetml.sheet"
MANIFEST = ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n")


class Counted(io.BytesIO):
    """Counts the bytes that are read, and gives no more than `budget`."""

    def __init__(self, data: bytes, budget: int) -> None:
        super().__init__(data)
        self.left = budget

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.left -= len(data)
        if self.left < 0:
            raise OSError("too much")
        return data


def found(data: bytes, budget: int = 10**6) -> str | None:
    return inside(sniff(data[:4096]), data[:4096], Counted(data, budget))


@pytest.mark.parametrize(
    ("part", "main", "content_type"),
    [
        ("word/document.xml", f"{OOXML[12:]}wordprocessingml.document.main+xml", DOCX),
        ("word/document.xml", f"{OOXML[12:]}wordprocessingml.template.main+xml", f"{OOXML}wordprocessingml.template"),
        (
            "word/document.xml",
            "vnd.ms-word.document.macroEnabled.main+xml",
            "application/vnd.ms-word.document.macroenabled.12",
        ),
        (
            "word/document.xml",
            "vnd.ms-word.template.macroEnabledTemplate.main+xml",  # nobody's: the name of the part is all that is known
            DOCX,
        ),
        ("xl/workbook.xml", f"{SPREADSHEET}sheet.main+xml", XLSX),
        (
            "xl/workbook.xml",
            "vnd.ms-excel.sheet.macroEnabled.main+xml",
            "application/vnd.ms-excel.sheet.macroenabled.12",
        ),
        (
            "xl/workbook.bin",
            "vnd.ms-excel.sheet.binary.macroEnabled.main",
            "application/vnd.ms-excel.sheet.binary.macroenabled.12",
        ),
        ("ppt/presentation.xml", f"{PRESENTATION}presentation.main+xml", f"{OOXML}presentationml.presentation"),
        ("ppt/presentation.xml", f"{PRESENTATION}slideshow.main+xml", f"{OOXML}presentationml.slideshow"),
        ("word/document2.xml", f"{OOXML[12:]}wordprocessingml.document.main+xml", DOCX),  # some of Word's online files
    ],
)
def test_an_office_document_is_known_by_its_main_part(part: str, main: str, content_type: str) -> None:
    assert found(office(part, main)) == content_type


def test_a_document_with_a_workbook_in_it_is_a_document() -> None:
    embedded = ("word/embeddings/a.xlsx", b"PK")
    assert found(office("word/document.xml", f"{OOXML[12:]}wordprocessingml.document.main+xml", embedded)) == DOCX


@pytest.mark.parametrize(
    "name",
    [
        *(f"{ODF}{name}" for name in ("text", "text-template", "spreadsheet", "presentation", "graphics")),
        "application/epub+zip",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_opendocument_and_epub_say_what_they_are(name: str, first: bool) -> None:
    assert found(opendocument(name, first=first)) == name


def test_only_known_types_are_taken_from_an_archive_s_own_word() -> None:
    for name in ("text/html", "image/png", f"{ODF}invented", ""):
        assert found(opendocument(name)) == "application/zip"


def test_programs_are_archives_of_their_own_type() -> None:
    assert found(zipped(("a.class", b""), MANIFEST)) == "application/java-archive"
    android = zipped(MANIFEST, ("AndroidManifest.xml", b""), ("classes.dex", b""))
    assert found(android) == "application/vnd.android.package-archive"


def test_an_archive_that_holds_documents_is_an_archive() -> None:
    assert found(zipped(("a.docx", docx()), ("b/word/document.xml", b""))) == "application/zip"
    assert found(zipped()) == "application/zip"


def test_an_opendocument_whose_end_is_lost_is_known_by_its_beginning() -> None:
    assert found(opendocument(f"{ODF}text")[:120]) == f"{ODF}text"
    assert found(docx()[:-30]) == "application/zip"


def test_no_more_is_read_than_the_source_gives() -> None:
    many = zipped(*((f"{number}.txt", b"") for number in range(3000)), MANIFEST)
    assert found(many, budget=1_000_000) == "application/java-archive"
    assert found(many, budget=50_000) == "application/zip"


def test_a_large_archive_is_known_by_its_directory_alone() -> None:
    body = bytes(5_000_000)
    large = zipped(("word/media/a", body), ("word/document.xml", b"<a/>"), compression=zipfile.ZIP_STORED)
    assert found(large, budget=200_000) == DOCX


@pytest.mark.parametrize("bit", [0x1, 0x0])
def test_an_entry_that_is_encrypted_or_oddly_compressed_is_not_read(bit: int) -> None:
    data = bytearray(docx())
    at = data.index(b"PK\x01\x02")
    if bit:
        data[at + 8] |= bit
    else:
        data[at + 10 : at + 12] = (14).to_bytes(2, "little")  # LZMA, whose dictionary may be gigabytes
    assert found(bytes(data)) == DOCX, "by the names"


def test_a_bomb_in_the_list_of_types_is_cut_off() -> None:
    bomb = zipped(("[Content_Types].xml", b" " * 50_000_000), ("xl/workbook.xml", b""))
    assert found(bomb) == XLSX


@pytest.mark.parametrize("claimed", [0xFFFF, 0x7FFF])
def test_more_entries_claimed_than_there_are_is_only_an_archive(claimed: int) -> None:
    data = docx()
    end = data.rindex(b"PK\x05\x06")
    lying = data[: end + 8] + struct.pack("<HHI", claimed, claimed, 0xFFFFFFF0) + data[end + 16 :]
    assert found(lying) == "application/zip"


def test_every_type_is_one_that_is_listed() -> None:
    assert {DOCX, XLSX, "application/epub+zip", "application/java-archive", "application/msword"} <= INSIDE
