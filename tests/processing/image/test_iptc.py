from __future__ import annotations

import random

import pytest

from chalicelib.processing.image import iptc
from chalicelib.processing.image.iptc import ARTIST, KEYWORDS, TITLE, read, with_digest
from tests.words_of_pictures import iim, resources

BLOCK = iim([(TITLE, b"A door"), (KEYWORDS, b"sea"), (KEYWORDS, b"sand"), (26, b"a place"), (ARTIST, b"Ann")])


def test_fields_are_read_of_iim_and_of_photoshops_resources() -> None:
    for found in (read(BLOCK), read(resources(BLOCK)), with_digest(BLOCK, b""), with_digest(b"", resources(BLOCK))):
        assert {n: found.texts(n) for n in found.fields} == {5: ["A door"], 25: ["sea", "sand"], 80: ["Ann"]}


@pytest.mark.parametrize(
    ("words", "encoding", "charset"),
    [
        ("Müller", "utf-8", b"\x1b%G"),
        ("Müller", "utf-8", b""),
        ("Müller", "latin-1", b""),
        ("Müller", "latin-1", b"\x1b%G"),  # says that it is UTF-8
        ("Müller", "utf-8", b"\x1b-A"),  # says that it is Latin-1
        ("Èâàí", "latin-1", b"\x1b-A"),
        ("Łódź", "iso8859_2", b"\x1b.B"),
        ("Иван", "iso8859_5", b"\x1b-L"),
        ("Trübiger", "mac_roman", b""),
        ("山田太郎", "cp932", b""),
        ("Don\u2019t go \u2013 it\u2019s a long way from here to the sea, and back", "cp1252", b""),
    ],
)
def test_a_text_is_read_in_the_encoding_it_has(words: str, encoding: str, charset: bytes) -> None:
    assert read(iim([(ARTIST, words.encode(encoding))], charset)).texts(ARTIST) == [words]


def test_a_text_in_an_unknown_encoding_is_left_out() -> None:
    assert read(iim([(KEYWORDS, "Иван".encode("cp1251")), (KEYWORDS, b"sea")])).texts(KEYWORDS) == ["sea"]


def test_bytes_of_words_in_the_other_order_are_turned() -> None:
    filled = BLOCK + bytes(-len(BLOCK) % 4)
    turned = b"".join(filled[n : n + 4][::-1] for n in range(0, len(filled), 4))
    assert read(turned).texts(KEYWORDS) == ["sea", "sand"]


def test_a_checksum_shows_that_iptc_was_changed_later() -> None:
    assert not read(BLOCK).is_newer
    assert not read(resources(BLOCK)).is_newer
    assert not read(resources(BLOCK, digest_of=BLOCK)).is_newer
    assert read(resources(BLOCK, digest_of=b"before")).is_newer
    assert not with_digest(BLOCK + b"\0\0", resources(b"", digest_of=BLOCK)).is_newer
    assert with_digest(BLOCK, resources(BLOCK, digest_of=b"before")).is_newer


def test_long_values_and_damage() -> None:
    longer = b"\x1c\x02\x50\x80\x04" + (40_000).to_bytes(4) + b"x" * 40_000
    assert read(longer).texts(ARTIST) == ["x" * 8000]
    assert read(BLOCK[:-1]).texts(KEYWORDS) == ["sea", "sand"]
    assert read(BLOCK[:-1]).texts(ARTIST) == []
    for bad in (b"\x1c\x02\x50\xff\xff", b"\x1c\x02\x50\x80\x05" + b"\xff" * 9, b"\x1c", b"8BIM", b"8BIM\4\4\xff", b""):
        assert read(bad).fields == {}
    assert len(read(b"\x1c\x02\x19\0\0" * 200_000).fields[KEYWORDS]) <= 5000


def test_damaged_blocks_raise_nothing() -> None:
    generator = random.Random(5)
    for whole in (BLOCK, resources(BLOCK, digest_of=BLOCK)):
        for _ in range(300):
            data = bytearray(whole)
            for _ in range(generator.randint(1, 5)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            found = read(bytes(data))
            assert isinstance(found.is_newer, bool)
            assert all(isinstance(text, str) for number in iptc.LIMITS for text in found.texts(number))
