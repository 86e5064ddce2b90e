"""Sorts of text, by their contents. They are no proof: any text may be meant as any other.

`text_type` decides only where a client told no type, or one that says no more than "text". A type in doubt is
`text/plain`.
"""

from __future__ import annotations

import csv
import json
import re

from chalicelib.processing.sniffing.mail import mail
from chalicelib.processing.sniffing.markup import markup, plain

# Bytes that no text has: https://mimesniff.spec.whatwg.org/#binary-data-byte
_BINARY = bytes({*range(0x20)} - {0x09, 0x0A, 0x0C, 0x0D, 0x1B})
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF32 = b"\0\0\xfe\xff"


def is_text(head: bytes) -> bool:
    """True if a file may be text: it begins with UTF-16's or UTF-32's mark, or has no byte that only binary files have.

    With such a mark, what follows must be text in that encoding: no NUL, for one.
    """
    if head.startswith((*_UTF16, _UTF32)):
        head = plain(head)
    return head == head.translate(None, _BINARY)


def text_type(head: bytes, *, whole: bool) -> str | None:
    """The type of a text by its first bytes, which may be `whole`; None for what is no text.

    Never raises, and takes time in proportion to the bytes.
    """
    if not is_text(head):
        return None
    text = plain(head)
    if text.startswith(b"#!"):
        return "text/x-script"
    if text.startswith(b"WEBVTT"):
        return "text/vtt"
    if _SRT.match(text):
        return "application/x-subrip"
    return markup(text) or _json(text, whole) or mail(text) or _table(text, whole) or _markdown(text) or "text/plain"


_SRT = re.compile(rb"\d+\r?\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}")

_CUT = 6  # characters: a word or an escape at the end may be cut off


def _json(text: bytes, whole: bool) -> str | None:
    """JSON, or one value of JSON a line. The beginning of a longer text must be the beginning of JSON."""
    if text[:1] not in (b"{", b"["):
        return None
    words = text.decode("utf-8", "ignore").rstrip()
    try:
        json.loads(words)
    except RecursionError:
        return "application/json"
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return _json_lines(words, whole)
        cut = error.pos >= len(words) - _CUT or error.msg.startswith("Unterminated")
        return "application/json" if cut and not whole else None
    except ValueError:  # a number of thousands of digits
        return None
    return "application/json"


def _json_lines(words: str, whole: bool) -> str | None:
    """`application/x-ndjson` if each line is an object or array; the last one may be cut off."""
    lines = [line for line in words.splitlines() if line.strip()]
    try:
        for line in lines if whole else lines[:-1]:
            if not isinstance(json.loads(line), dict | list):
                return None
    except (ValueError, RecursionError):
        return None
    return "application/x-ndjson" if len(lines) > 1 and lines[-1].lstrip()[:1] in ("{", "[") else None


_DELIMITERS = {"\t": "text/tab-separated-values", ",": "text/csv", ";": "text/csv", "|": "text/csv"}


def _table(text: bytes, whole: bool) -> str | None:
    """A table has the same number of cells in each row: three rows of two cells, or two rows of three, at least."""
    words = text.decode("utf-8", "replace")
    for delimiter, content_type in _DELIMITERS.items():
        if delimiter not in words.partition("\n")[0]:
            continue
        try:
            rows = list(csv.reader(words.splitlines(keepends=True), delimiter=delimiter, strict=False))
        except csv.Error:
            continue
        if not whole:
            rows = rows[:-1]
        rows = [row for row in rows if row]
        ended = [row for row in rows if not row[-1].strip()]
        if (
            rows and rows[0] in ended and len(ended) > len(rows) / 2
        ):  # lines end with the delimiter, as in many languages
            rows = [row[:-1] for row in rows]
        cells = len(rows[0]) if rows else 0
        if {len(row) for row in rows} == {cells} and len(rows) >= 2 <= cells and len(rows) + cells >= 5:
            return content_type
    return None


# Marks of which two different ones make a text Markdown, if it has a heading, too.
_HEADING = re.compile(rb"^#{1,6} \S.*\r?\n(?:\r?\n|$)|^\S.*\r?\n(?:={3,}|-{3,})\r?$", re.M)
_MARKS = (
    re.compile(rb"^(?:```|~~~)", re.M),
    re.compile(rb"\[[^\]\n]{1,200}\]\([^)\s]{1,400}\)"),
    re.compile(rb"^\s{0,3}[-*] \S", re.M),
    re.compile(rb"^##{1,5} \S", re.M),
    re.compile(rb"\*\*\S[^*\n]{0,200}\*\*|`[^`\n]{1,200}`"),
)


def _markdown(text: bytes) -> str | None:
    marks = sum(bool(mark.search(text)) for mark in _MARKS)
    return "text/markdown" if marks >= 2 and _HEADING.search(text) else None
