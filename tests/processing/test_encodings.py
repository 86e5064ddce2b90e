"""Encodings of text: the mark, UTF-8, the declared one, windows-1252, in this order; in pieces of any length."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.processing.encodings import Decoder, declared, encoding_of

GERMAN = "Größe;Straße;Äpfel für Übermut\r\n"
JAPANESE = "日本語のテキスト、東京\n"


def decoded(data: bytes, content_type: str = "text/plain", step: int = 1024) -> tuple[str, str]:
    decoder = Decoder(content_type)
    text = "".join(decoder.decode(data[at : at + step], final=False) for at in range(0, len(data), step))
    return text + decoder.decode(b"", final=True), decoder.encoding


@pytest.mark.parametrize(
    ("data", "content_type", "encoding", "text"),
    [
        (GERMAN.encode(), "text/plain", "utf-8", GERMAN),
        (codecs.BOM_UTF8 + GERMAN.encode(), "text/plain; charset=iso-8859-1", "utf-8", GERMAN),
        (codecs.BOM_UTF16_LE + GERMAN.encode("utf-16-le"), "text/plain", "utf-16", GERMAN),
        (codecs.BOM_UTF16_BE + GERMAN.encode("utf-16-be"), "text/plain; charset=utf-8", "utf-16", GERMAN),
        (codecs.BOM_UTF32_LE + GERMAN.encode("utf-32-le"), "text/plain", "utf-32", GERMAN),
        (codecs.BOM_UTF32_BE + GERMAN.encode("utf-32-be"), "text/plain", "utf-32", GERMAN),
        (GERMAN.encode("cp1252"), "text/plain", "windows-1252", GERMAN),
        (GERMAN.encode("cp1252"), "text/plain; charset=utf-8", "windows-1252", GERMAN),
        (GERMAN.encode("cp1252"), "text/plain; charset=us-ascii", "windows-1252", GERMAN),
        ("5 € … „ja“".encode("cp1252"), "text/plain; charset=ISO-8859-1", "windows-1252", "5 € … „ja“"),
        (GERMAN.encode("cp850"), "text/plain; charset=cp850", "cp850", GERMAN),
        (JAPANESE.encode("shift_jis"), 'text/plain; charset="Shift_JIS"', "shift_jis", JAPANESE),
        (JAPANESE.encode("euc-jp"), "text/plain;charset=EUC-JP", "euc-jp", JAPANESE),
        (JAPANESE.encode(), "text/plain; charset=Shift_JIS", "utf-8", JAPANESE),
        (b"<?xml version='1.0' encoding='ISO-8859-2'?><a>\xb1</a>", "text/xml", "iso-8859-2", None),
        (b'<html><meta charset="windows-1251">\xcf\xf0\xe8</html>', "text/html", "windows-1251", None),
        (b"encoding=koi8-r \xcf\xf0\xe8", "text/plain", "windows-1252", None),
        (b"ascii only", "text/plain; charset=windows-1251", "utf-8", "ascii only"),
        (b"", "text/plain", "utf-8", ""),
        (GERMAN.encode() * 9 + b"\xff damaged", "text/plain", "utf-8", GERMAN * 9 + "\ufffd damaged"),
        ("\ufffd\ufffd was damaged before".encode(), "text/plain", "utf-8", "\ufffd\ufffd was damaged before"),
    ],
)
def test_the_encoding_is_found_and_decoded(data: bytes, content_type: str, encoding: str, text: str | None) -> None:
    found, name = decoded(data, content_type)
    assert name == encoding == encoding_of(data, content_type, whole=True)
    assert text is None or found == text
    assert text is not None or "\ufffd" not in found


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_half_a_character_at_the_end_is_replaced(mark: bytes) -> None:
    order = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    text, encoding = decoded(mark + "abc".encode(order)[:-1])
    assert (text, encoding) == ("ab\ufffd", "utf-16")


def test_a_character_that_is_cut_at_the_end_of_the_first_look_is_no_other_encoding() -> None:
    head = "Gr\u00f6\u00dfe".encode()[:-2]
    assert encoding_of(head, "", whole=False) == "utf-8"
    assert encoding_of("x€".encode()[:-1], "", whole=False) == "utf-8"
    assert encoding_of("x€".encode()[:-1], "", whole=True) == "windows-1252"


def test_the_first_piece_that_is_not_ascii_settles_it() -> None:
    """A long file in windows-1252 may have its first umlaut far from the beginning."""
    assert decoded(b"a" * 5000 + b"\xe4", step=1000) == ("a" * 5000 + "ä", "windows-1252")
    assert decoded(b"a" * 4999 + "ä".encode(), step=1000) == ("a" * 4999 + "ä", "utf-8")
    xml = b"<?xml version='1.0' encoding='cp1250'?>".ljust(2000) + b"\xb9"
    assert decoded(xml, step=1000)[1] == "cp1250"


def test_a_mark_counts_at_the_beginning_only() -> None:
    assert decoded(b"a" * 1000 + b"\xff\xfe" + b"b" * 10, step=1000) == ("a" * 1000 + "ÿþ" + "b" * 10, "windows-1252")
    assert decoded(b"a" * 1000 + codecs.BOM_UTF8, step=1000) == ("a" * 1000 + "\ufeff", "utf-8")


@given(st.text(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.integers(1, 9))
def test_pieces_of_any_length_give_the_text(text: str, encoding: str, step: int) -> None:
    assume(encoding != "utf-16" or not text.startswith("\0"))  # with its mark, that begins as UTF-32 does
    data = text.encode(encoding, "replace")
    expected = data.decode(encoding)
    assert decoded(data, step=step)[0] == expected.removeprefix("\ufeff" if encoding == "utf-8" else "")


@given(st.binary(max_size=300), st.text(max_size=60), st.integers(1, 50))
def test_no_bytes_and_no_declaration_raise(data: bytes, charset: str, step: int) -> None:
    decoded(data, f"text/plain; charset={charset}", step)


@pytest.mark.parametrize(
    "charset",
    ["", "none", "utf-8", "UTF-7", "rot13", "base64", "idna", "punycode", "unicode_escape", "undefined", "zip", "hex"],
)
def test_what_is_no_encoding_of_text_is_not_believed(charset: str) -> None:
    assert declared(f"text/plain; charset={charset}") is None


def test_every_declarable_codec_decodes_in_pieces() -> None:
    names = {name.replace("_", "-") for name in __import__("encodings").aliases.aliases.values()}
    known = {name for name in names if declared(f"text/plain; charset={name}")}
    assert {"cp437", "iso8859-15", "koi8-r", "shift-jis", "euc-kr", "gb18030", "big5", "mac-roman"} <= known
    for name in known:
        assert isinstance(decoded(bytes(range(256)) * 3, f"text/plain; charset={name}", step=7)[0], str)
