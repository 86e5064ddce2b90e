"""Tar archives by their checksum."""

from __future__ import annotations

import tarfile

import pytest

from chalicelib.processing.sniff import sniff
from tests.containers import tarred


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_of_tar_is_known(format: int) -> None:
    assert sniff(tarred(("a.txt", b"a"), format=format)) == "application/x-tar"
    assert sniff(tarred(("é" * 45, b"a"), format=format)) == "application/x-tar"


def test_an_old_archive_has_no_mark_but_a_checksum() -> None:
    header = bytearray(tarred(("a.txt", b"a"))[:512])
    header[257:265] = bytes(8)
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    assert sniff(bytes(header)) == "application/x-tar"


def test_a_sum_of_signed_bytes_is_taken() -> None:
    header = bytearray(tarred(("a.txt", b"a"))[:512])
    header[:6] = "é.txt".encode()
    rest = header[:148] + b" " * 8 + header[156:]
    header[148:156] = b"%06o\0 " % sum(byte - 256 * (byte > 127) for byte in rest)
    assert sniff(bytes(header)) == "application/x-tar"


@pytest.mark.parametrize("name", ["GIF89a.txt", "%PDF-1.7", "BM.txt", "{\\rtf", "PK\x03\x04", "<svg>", "OTTO"])
def test_the_name_of_the_first_file_is_no_proof_of_another_type(name: str) -> None:
    assert sniff(tarred((name, b"a"))) == "application/x-tar"


def test_the_first_file_is_not_taken_for_the_archive() -> None:
    assert sniff(tarred(("a.pdf", b"%PDF-1.7\n"))) == "application/x-tar"
    assert sniff(tarred(("a.mp3", (b"\xff\xfb\x90\x00" + bytes(413)) * 3))) == "application/x-tar"


@pytest.mark.parametrize("at", [0, 100, 150, 257, 511])
def test_a_header_with_one_other_byte_is_none(at: int) -> None:
    header = bytearray(tarred(("a.txt", b"a"))[:512])
    header[at] ^= 1
    assert sniff(bytes(header)) is None
    assert sniff(tarred(("a.txt", b"a"))[:511]) is None


def test_zeros_are_no_archive() -> None:
    assert sniff(bytes(1024)) is None
    assert sniff(bytes(148) + b"000400\0 " + bytes(1024)) is None, "a file has a name"
