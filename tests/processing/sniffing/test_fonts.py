"""Fonts, and texts that begin like them."""

from __future__ import annotations

import pytest

from chalicelib.processing.sniff import families, sniff
from tests.containers import sfnt

COLLECTION = b"ttcf\0\1\0\0\0\0\0\2\0\0\0\x14\0\0\0\x20"


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (sfnt(), "font/ttf"),
        (sfnt(tables=256), "font/ttf"),
        (sfnt(b"true"), "font/ttf"),
        (sfnt(b"OTTO"), "font/otf"),
        (COLLECTION, "font/collection"),
        (COLLECTION.replace(b"\0\1\0\0", b"\0\2\0\0", 1), "font/collection"),
        (b"ttcf\0\1\0\0\0\0\x04\0\0\0\x20\0", "font/collection"),
        (b"wOFF\0\1\0\0" + bytes(40), "font/woff"),
        (b"wOFFOTTO" + bytes(40), "font/woff"),
        (b"wOF2\0\1\0\0" + bytes(40), "font/woff2"),
        (b"wOF2ttcf" + bytes(40), "font/woff2"),
    ],
)
def test_a_font_is_known(head: bytes, content_type: str) -> None:
    assert sniff(head) == content_type
    assert "font" in families(head)


@pytest.mark.parametrize(
    "head",
    [
        b"OTTO is a name, and not that of a font",
        b"true\n",
        b"true and false",
        b"wOFF is a format",
        b"wOF2 is another one",
        b"ttcf\0\1\0\0\0\0\0\0",
        b"ttcf\0\1\0\0\0\0\x04\x01",
        b"ttcf\0\3\0\0\0\0\0\2",
        sfnt(tables=0),
        sfnt(tables=257),
        sfnt()[:15],
        b"\0\1\0\0Standard Jet DB\0",  # Access
        sfnt()[:12] + b"\0\1\2\3" + bytes(99),
    ],
)
def test_what_only_begins_like_a_font_is_none(head: bytes) -> None:
    assert sniff(head) is None
