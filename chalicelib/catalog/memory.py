"""A short memory of the table's keys, tokens and tenants, so that a warm process need not read them each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Seconds that an entry is used without reading it again. A revoked key must stop working within a minute.
REMEMBER = 30.0
# Entries. When there are more, all are forgotten.
REMEMBER_KEYS = 1000

_remembered: dict[tuple[Callable[..., Any], str], tuple[float, Any]] = {}


def forget() -> None:
    """Empties the memory."""
    _remembered.clear()


def forget_one(read: Callable[[str], Any], name: str) -> None:
    """Forgets the result of `read(name)`, because it has changed."""
    _remembered.pop((read, name), None)


def look_up(read: Callable[[str], Any], name: str) -> Any:
    """The result of `read(name)`, from memory if it is younger than `REMEMBER` seconds. "Nothing" is not remembered."""
    moment = time.monotonic()
    found = _remembered.get((read, name))
    if found and moment - found[0] < REMEMBER:
        return found[1]
    _remembered.pop((read, name), None)
    known = read(name)
    if known:
        if len(_remembered) >= REMEMBER_KEYS:
            _remembered.clear()
        _remembered[read, name] = (moment, known)
    return known
