"""Formats inside OLE's compound files."""

from __future__ import annotations

import io

import pytest

from chalicelib.processing.sniff import inside, sniff
from tests.containers import ole

WORD, EXCEL = "application/msword", "application/vnd.ms-excel"
ANY = "application/x-ole-storage"


def found(data: bytes) -> str | None:
    return inside(sniff(data), data[:4096], io.BytesIO(data))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("names", "content_type"),
    [
        (("WordDocument",), WORD),
        (("1Table", "\x05SummaryInformation", "WordDocument"), WORD),
        (("Workbook",), EXCEL),
        (("Book",), EXCEL),
        (("PowerPoint Document", "Current User"), "application/vnd.ms-powerpoint"),
        (("__properties_version1.0",), "application/vnd.ms-outlook"),
        (("EncryptionInfo", "EncryptedPackage"), "application/encrypted"),
        (("EncryptionInfo", "EncryptedPackage", "\x05SummaryInformation"), "application/encrypted"),
        (("EncryptionInfo",), ANY),
        (("Data",), ANY),
        ((), ANY),
    ],
)
def test_a_program_is_known_by_its_stream(names: tuple[str, ...], content_type: str, large: bool) -> None:
    assert found(ole(*names, large=large)) == content_type


def test_a_document_inside_a_workbook_is_not_the_file() -> None:
    assert found(ole("Workbook", inner=("WordDocument",))) == EXCEL
    assert found(ole("Data", inner=("WordDocument",))) == ANY


@pytest.mark.parametrize(
    ("class_id", "content_type"),
    [
        ("00020906-0000-0000-c000-000000000046", WORD),
        ("00020820-0000-0000-c000-000000000046", EXCEL),
        ("64818d10-4f9b-11cf-86ea-00aa00b929e8", "application/vnd.ms-powerpoint"),
        ("00020d0b-0000-0000-c000-000000000046", "application/vnd.ms-outlook"),
        ("000c1084-0000-0000-c000-000000000046", ANY),  # an installer
    ],
)
def test_the_class_tells_where_no_stream_does(class_id: str, content_type: str) -> None:
    assert found(ole("Data", class_id=class_id)) == content_type


def test_a_directory_is_followed_through_its_chain() -> None:
    names = [f"Stream {number:02}" for number in range(40)]
    assert found(ole(*names, "WordDocument", directory=9)) == WORD


def test_a_directory_without_end_ends() -> None:
    data = bytearray(ole(*map(str, range(9)), directory=1))
    data[512 + 4 * 3 : 512 + 4 * 4] = (1).to_bytes(4, "little")  # the last sector leads to the first
    assert found(bytes(data)) == ANY


def test_siblings_in_a_circle_end() -> None:
    data = bytearray(ole("a", "b"))
    at = 1024 + 2 * 128 + 72
    data[at : at + 4] = (1).to_bytes(4, "little")
    assert found(bytes(data)) == ANY


@pytest.mark.parametrize("length", [8, 30, 511, 512, 600, 1024, 1100])
def test_a_file_that_is_cut_off_is_only_a_container(length: int) -> None:
    assert found(ole("WordDocument")[:length]) == ANY


def test_a_source_that_gives_no_more_ends_the_search() -> None:
    class Poor(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("too much")

    data = ole("WordDocument")
    assert inside(sniff(data), data, Poor(data)) == ANY
