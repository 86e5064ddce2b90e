"""What this process remembers of the table for less than a minute: keys, tokens and tenants."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Seconds a key is trusted from memory. A revoked key must stop within a minute.
REMEMBER = 30.0
REMEMBER_KEYS = 1000


_remembered: dict[tuple[Callable[..., Any], str], tuple[float, Any]] = {}


def forget() -> None:
    """Empties this process's memory of keys and tenants."""
    _remembered.clear()


def look_up(read: Callable[[str], Any], name: str) -> Any:
    """What `read` finds under a name, for `REMEMBER` seconds from memory. That there is nothing is not remembered."""
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
