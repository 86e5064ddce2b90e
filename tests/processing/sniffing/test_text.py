"""Sorts of text by their contents. Nothing active passes for something passive."""

from __future__ import annotations

import json
import time

import pytest

from chalicelib.processing.sniff import is_text, text_type
from tests.containers import MAIL

XML = b'<?xml version="1.0"?>\n'
PLAIN, HTML, JSON, CSV = "text/plain", "text/html", "application/json", "text/csv"


def whole(text: bytes) -> str | None:
    return text_type(text, whole=True)


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        (b"", PLAIN),
        (b"Hello", PLAIN),
        ("Grüße".encode("cp1252"), PLAIN),
        ("Grüße".encode("utf-16"), PLAIN),
        ("Grüße".encode("utf-32"), PLAIN),
        (b"#!/bin/sh\nls\n", "text/x-script"),
        (b"WEBVTT\n\n00:00.000 --> 00:01.000\nHi\n", "text/vtt"),
        (b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHi\r\n", "application/x-subrip"),
        (XML + b"<a/>", "application/xml"),
        (XML + b"<!-- c --><?xml-stylesheet href='a.xsl'?><a></a>", "application/xml"),
        (b"<rss version='2.0'></rss>", "application/xml"),
        (b"<ns:a xmlns:ns='b'>", "application/xml"),
        (b"<foo> is no tag", PLAIN),
        (b"<a@example.com> wrote:", PLAIN),
        (b"<3 you", PLAIN),
        (b'{"a": 1}', JSON),
        (b"[]", JSON),
        (b"\xef\xbb\xbf[1, 2]\n", JSON),
        (json.dumps({"a": "é"}).encode("utf-16"), JSON),
        (b"{a: 1}", PLAIN),
        (b"[section]\nkey = value\n", PLAIN),
        (b"{", PLAIN),
        (b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson"),
        (b'{"a": 1}\nand more\n', PLAIN),
        (b'{"a": 1}\n5\n', PLAIN),
        (b"[" * 4000, PLAIN),
        (b"[" * 2000 + b"]" * 2000, JSON),
        (b"[" + b"1" * 4090 + b"]", JSON),
        (b"a,b,c\n1,2,3\n", CSV),
        (b"a;b\n1;2\n3;4\n", CSV),
        (b"a|b|c\r\n1|2|3\r\n", CSV),
        (b'a,b,c\n"1\n2",2,3\n', CSV),
        (b"a\tb\tc\n1\t2\t3\n", "text/tab-separated-values"),
        (b"a,b\n1,2\n", PLAIN),
        (b"package A;\n\nrequire B;\nrequire C;\n", PLAIN),
        (b"a;b;c;\n1;2;3;\n", CSV),
        (b'bgcolor "white";\nkeyword blue;\nstring brown; // dark\nsymbol purple;\n', PLAIN),
        (b"a;b;c\n1;2;\n3;4;\n", CSV),
        (b"Dear A, dear B,\nthis is a text, and no table.\nBye\n", PLAIN),
        (MAIL, "message/rfc822"),
        (MAIL.replace(b"\n", b"\r\n"), "message/rfc822"),
        (MAIL[:150], "message/rfc822"),
        (b"Package: a\nVersion: 1\nMaintainer: b\nDate: today\n", PLAIN),
        (b"From: a\nTo: b\nSubject: c\nno field\n\n", PLAIN),
        (b"To: b\nSubject: c\nDate: d\n\n", PLAIN),
        (b"From a wall to another: it fell\nSubject: x\n", PLAIN),
        (b"# Title\n\n- a\n- b\n\n[c](https://example.com)\n", "text/markdown"),
        (b"Title\n=====\n\n```\ncode\n```\n\n## More\n", "text/markdown"),
        (b"# a comment\nx = [1](2)\n", PLAIN),
        (b"- a\n- b\n", PLAIN),
    ],
)
def test_a_text_is_of_its_sort(text: bytes, content_type: str) -> None:
    assert whole(text) == content_type


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        (b'{"a": [1, {"b": "cut of', JSON),
        (b'[{"a": tru', JSON),
        (b'["\\u00', JSON),
        (b'{"a": 1, ', JSON),
        (b'{"a": 1} more', None),
        (b'{"a": what is this', None),
        (b'{"a": 1}\n{"a": 2}\n{"a', "application/x-ndjson"),
        (b"a,b,c\n1,2,3\n4,5", CSV),
        (b"a,b,c\n1,2", None),
    ],
)
def test_a_text_that_goes_on_is_known_by_its_beginning(text: bytes, content_type: str | None) -> None:
    assert text_type(text, whole=False) == (content_type or PLAIN)
    if content_type == JSON:
        assert whole(text) != JSON


ACTIVE = [
    (b"<!doctype html><p>", HTML),
    (b"  \n<HTML>", HTML),
    (b"\xef\xbb\xbf<html>", HTML),
    (b"<script>alert(1)</script>", HTML),
    (b"<!-- a --><script>", HTML),
    (b"<!-- never closed", HTML),
    (b"<iframe src='x'>", HTML),
    (b"<body onload=x>", HTML),
    (b"<p>a</p>", HTML),
    (b"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<META a>", HTML),
    (b"<!-- c -->\n<frameset rows='9,*'><frame name=a /></frameset>", HTML),
    ("<html>".encode("utf-16"), HTML),
    ("<html>".encode("utf-32"), HTML),
    (XML + b"<html xmlns='http://www.w3.org/1999/xhtml'>", "application/xhtml+xml"),
    (XML + b"<!DOCTYPE html PUBLIC 'x'><html>", "application/xhtml+xml"),
    (XML + b"<h:html xmlns:h='http://www.w3.org/1999/xhtml'>", "application/xhtml+xml"),
    (b"<svg onload='x'/>", "image/svg+xml"),
    (XML + b"<!DOCTYPE svg><svg/>", "image/svg+xml"),
]


@pytest.mark.parametrize(("text", "content_type"), ACTIVE)
def test_what_can_run_scripts_is_named(text: bytes, content_type: str) -> None:
    assert whole(text) == content_type
    assert whole(text + b"\n1,2,3\n4,5,6\n" * 3) == content_type, "and no table"


@pytest.mark.parametrize("data", [b"\0", b"a\0b", b"\x01", b"a" * 99 + b"\x7f\x08", bytes(99), b"\xff\xfea\0\0\0"])
def test_binary_data_is_no_text(data: bytes) -> None:
    assert not is_text(data)
    assert text_type(data, whole=True) is None


@pytest.mark.parametrize(
    "text",
    [
        b"<" * 4096,
        b"<a " * 1365,
        b"<!--" * 1024,
        b"<a b='" + b" " * 4090,
        b"[" * 4096,
        b'"' * 4096,
        b",\n" * 2048,
        b"# a\n\n" + b"[" * 4090,
        b"**a" * 1365,
        b"`" * 4096,
        b"a:\n" * 1365,
        b"From:" * 819,
        b"{" * 4096,
        b'{"a":' * 819,
    ],
)
def test_no_text_takes_long(text: bytes) -> None:
    begun = time.process_time()
    for _ in range(10):
        text_type(text, whole=False)
        text_type(text, whole=True)
    assert time.process_time() - begun < 1.0
