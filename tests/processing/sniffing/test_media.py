"""Bitmaps, and files that begin like them: found where our types and those of `file` and magika differed."""

from __future__ import annotations

from io import BytesIO

import pytest

from chalicelib.processing.sniff import families, inside, sniff
from tests import images

ICO = images.encoded(images.picture(16, 16), "ICO", sizes=[(16, 16)])
EMF = b"\1\0\0\0\x6c\0\0\0" + bytes(32) + b" EMF\0\0\1\0" + bytes(40)


def test_an_icon_has_pictures_after_its_list() -> None:
    assert sniff(ICO) == "image/x-icon"
    assert sniff(b"\0\0\1\0" + bytes(300)) is None, "a resource fork with a font of an old Mac"
    assert sniff(ICO[:18] + b"\x10\0\0\0" + ICO[22:]) is None
    assert sniff(ICO[:18]) is None


def test_a_drawing_with_a_pdf_in_it_is_no_pdf() -> None:
    assert sniff(EMF + b"%PDF-1.3\n") == "image/emf"
    assert sniff(EMF.replace(b" EMF", b"\0EMF") + b"%PDF-1.3\n") == "application/pdf"


@pytest.mark.parametrize(("brand", "found"), [(b"M4A ", "audio/mp4"), (b"M4B ", "audio/mp4"), (b"M4V ", "video/mp4")])
def test_sound_in_mp4_is_known_by_its_brand(brand: bytes, found: str) -> None:
    head = b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0isommp42"
    assert sniff(head) == "video/mp4"
    assert inside("video/mp4", head, BytesIO(head)) == found


@pytest.mark.parametrize(("form", "sort", "found"), [(b"FORM", b"AIFF", {"audio"}), (b"FORM", b"AIFC", {"audio"})])
def test_sound_of_a_mac_is_known_by_its_form(form: bytes, sort: bytes, found: set[str]) -> None:
    assert families(form + bytes(4) + sort) == found
    assert families(b"MORF" + bytes(4) + sort) == families(form + bytes(4) + b"ILBM") == set()


def stream(length: int = 188, sync: int = 0, count: int = 22) -> bytes:
    """Packets of a transport stream, each of which is `length` bytes long and has its sync byte at `sync`."""
    return (bytes(sync) + b"G\x01\0\x10" + bytes(range(0x80, 0xFF)) * 2)[:length].ljust(length, b"\xff") * count


@pytest.mark.parametrize(("length", "sync"), [(188, 0), (192, 4), (204, 0)])
def test_a_transport_stream_is_known_by_its_packets(length: int, sync: int) -> None:
    data = stream(length, sync)
    assert sniff(data) == sniff(data[: 5 * length]) == sniff(data[100:]) == "video/mp2t"
    assert sniff(data[: 4 * length]) is None
    assert sniff(data[: 7 * length] + b"\0" + data[7 * length :]) is None


def test_a_program_stream_is_known_by_its_first_header() -> None:
    assert sniff(bytes.fromhex("000001ba44000400040100") + bytes(9)) == "video/mpeg"
    assert sniff(bytes.fromhex("000001ba21000100018001") + bytes(9)) == "video/mpeg", "of MPEG-1"
    assert sniff(bytes.fromhex("000001ba00000400040100") + bytes(9)) is None
    assert sniff(bytes.fromhex("000001b31600f015ffffe0") + bytes(9)) == "video/mpv", "pictures alone"


def test_a_text_with_a_g_in_the_same_column_is_no_transport_stream() -> None:
    assert sniff((b"G".ljust(187, b"o") + b"\n") * 30) is None
    assert sniff(b"G" * 4095 + b"\0") is None
    assert sniff(bytes([0x47, 0, 0, 0]).ljust(188, b"\0") * 30) is None
