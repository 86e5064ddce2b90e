"""The addresses of the bytes of single entries: `e{number}.bin`. Pure.

The number is the entry's place in `entries.json`, from 0 on. The list never changes under one version of the address,
because both follow from the original's bytes and from the code that reads them (`places.VERSIONS`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.model import File

# Entries of a list.
MAX_ENTRIES = 10_000

# Bytes of an entry that is given.
MAX_BYTES = 100 * 1000**2

ZIPS = frozenset({"zip", "jar", "apk"})
"""The formats of archives (`archive.format`) whose entries can be read one by one."""

REFUSED = frozenset({"links", "method", "ratio"})
"""The flags of entries whose bytes are not given."""

_NAME = re.compile(r"e(0|[1-9][0-9]{0,3})\.bin")


def entry_name(number: int) -> str:
    return f"e{number}.bin"


def entry_number(file: File, name: str) -> int | None:
    """The number of the entry whose bytes are at `name`; None if the file's record shows that there are none.

    An archive whose entries share bytes gives none of them: it is damaged, or meant to be a bomb.
    """
    number = number_in(name)
    return number if number is not None and number < _count(file) else None


def number_in(name: str) -> int | None:
    """The number in the name of an entry's bytes; None for any other name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def _count(file: File) -> int:
    """How many entries may be had, at most."""
    if file.email is not None:
        return min(file.email.attachments, MAX_ENTRIES)
    if file.archive is None or file.archive.format not in ZIPS or "overlap" in file.archive.flags:
        return 0
    return MAX_ENTRIES if file.archive.entries is None else min(file.archive.entries, MAX_ENTRIES)


def is_given(file: File, number: int, entry: Mapping[str, Any]) -> bool:
    """True if the bytes of this entry of `entries.json` are given, as far as the list tells."""
    size = entry["size"]
    plain = not (entry["directory"] or entry["encrypted"] or REFUSED.intersection(entry["flags"]))
    return number < _count(file) and plain and size is not None and size <= MAX_BYTES
