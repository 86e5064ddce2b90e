"""The characters that strings from outside may not have. Pure.

A client's strings end in headers, addresses, keys and log lines. There a control character ends a line, or is read in
another way by each program. So one rule refuses them for all strings: `api/documents.py` applies it to whole bodies and
queries, `api/routing.py` to paths, and `outbound/urls.py` to addresses that a source sends.
"""

from __future__ import annotations

import re

# C0 and DEL, C1 (NEL among them), line and paragraph separators, and lone surrogates, which UTF-8 can't hold.
CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"

_CONTROL = re.compile(f"[{CONTROLS}]")
_LINES = str.maketrans("", "", "\t\n\r")

# The only characters of a header that need no encoding anywhere: visible ASCII and the space.
_HEADER = re.compile(r"[\x20-\x7e]*+")


def has_controls(text: str, *, lines: bool = False) -> bool:
    """True if a string has control characters. With `lines` it may have tabs and line breaks: it is a text."""
    return _CONTROL.search(text.translate(_LINES) if lines else text) is not None


def fits_header(text: str) -> bool:
    """True if every program sends and reads this as a header's value without a change."""
    return _HEADER.fullmatch(text) is not None


def is_number(text: str, digits: int) -> bool:
    """True if a string is a whole number of at most so many ASCII digits. `int` alone takes much more."""
    return text.isascii() and text.isdigit() and len(text) <= digits
