"""The header Range: which bytes it asks for."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def asked(header: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte, out of `size` bytes. The first is the greater if there are none in this range: 416.

    None for what is not one range. It gets the whole, as RFC 9110 allows (section 14.2).
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1
