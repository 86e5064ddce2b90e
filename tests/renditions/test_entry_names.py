"""Whose entries have addresses, by a file's record and list alone."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.facts import ArchiveInfo, EmailInfo
from chalicelib.model import File, Kind
from chalicelib.renditions.entry_names import MAX_BYTES, entry_name, entry_number, is_given
from tests.making import file

ENTRY: dict[str, Any] = {"directory": False, "encrypted": False, "size": 9, "flags": []}


def archive(format: str = "zip", entries: int | None = 5, **more: Any) -> File:
    return file(1, kind=Kind.ARCHIVE, archive=ArchiveInfo(format=format, entries=entries, **more))


def test_an_archive_has_as_many_addresses_as_entries() -> None:
    assert [entry_number(archive(), entry_name(number)) for number in range(7)] == [0, 1, 2, 3, 4, None, None]
    assert entry_number(archive(entries=0), "e0.bin") is None


def test_no_archive_has_more_addresses_than_a_list_has_entries() -> None:
    for entries in (None, 10_000, 50_000):
        assert entry_number(archive(entries=entries), "e9999.bin") == 9999
        assert entry_number(archive(entries=entries), "e10000.bin") is None


@pytest.mark.parametrize("format", ["zip", "jar", "apk"])
def test_zips_by_all_their_names_have_entries(format: str) -> None:
    assert entry_number(archive(format), "e0.bin") == 0


@pytest.mark.parametrize(
    "other",
    [
        *(archive(format) for format in ("tar", "tar.gz", "gz", "7z", "rar", "zst")),
        archive(flags=["overlap"]),
        archive(flags=["parent", "overlap", "ratio"]),
        file(1),
        file(1, kind=Kind.EMAIL, email=EmailInfo(attachments=0)),
    ],
    ids=lambda file: f"{file.archive}",
)
def test_other_files_have_none(other: File) -> None:
    assert entry_number(other, "e0.bin") is None
    assert not is_given(other, 0, ENTRY)


@pytest.mark.parametrize(
    "name", ["e", "e.bin", "e00.bin", "e01.bin", "e-1.bin", "e1", "e1.bin\n", "x1.bin", "e\u0661.bin"]
)
def test_another_name_is_no_entrys(name: str) -> None:
    assert entry_number(archive(), name) is None


def test_attachments_have_addresses() -> None:
    message = file(1, kind=Kind.EMAIL, email=EmailInfo(attachments=2))
    assert [entry_number(message, entry_name(number)) for number in range(3)] == [0, 1, None]
    assert is_given(message, 1, ENTRY)


@pytest.mark.parametrize(
    ("other", "given"),
    [
        ({}, True),
        ({"size": 0}, True),
        ({"size": MAX_BYTES}, True),
        ({"size": MAX_BYTES + 1}, False),
        ({"size": None}, False),
        ({"directory": True}, False),
        ({"encrypted": True}, False),
        ({"flags": ["absolute", "parent", "controls"]}, True),
        *(({"flags": ["parent", flag]}, False) for flag in ("links", "method", "ratio")),
    ],
    ids=str,
)
def test_an_entry_that_is_refused_shows_why_in_the_list(other: dict[str, Any], given: bool) -> None:
    assert is_given(archive(), 0, ENTRY | other) == given
    assert not is_given(archive(), 5, ENTRY | other)
