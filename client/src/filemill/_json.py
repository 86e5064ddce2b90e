"""JSON from elsewhere: a service, a socket, a file of this computer."""

from __future__ import annotations

import json
from typing import Any

# Objects and lists in one another. The API takes 64 from its callers, and adds a few levels around theirs.
MOST_DEPTH = 128


def parse(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, also for one that is nested so deeply that reading it would fail."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return value
    raise ValueError("The JSON is nested too deeply.")
