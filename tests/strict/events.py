"""EventBridge's rules for requests, by its documentation. The numbers of its model are checked in models.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.strict.rules import Params, Request, rule

API = "https://docs.aws.amazon.com/eventbridge/latest/APIReference"
GUIDE = "https://docs.aws.amazon.com/eventbridge/latest/userguide"

CALL = 256 * 1024  # bytes of all entries of a call
TIME = 14  # bytes that an entry's Time counts as


def size_of(entry: Params) -> int:
    """Bytes of an entry, as EventBridge counts them."""
    texts = [entry.get("Source", ""), entry.get("DetailType", ""), entry.get("Detail", ""), *entry.get("Resources", [])]
    return sum(len(text.encode()) for text in texts) + (TIME if "Time" in entry else 0)


@rule("events", "all entries of a call have less than 256 KB", "PutEvents", source=f"{GUIDE}/eb-putevent-size.html")
def _sizes(request: Request) -> Iterator[str]:
    size = sum(map(size_of, request.params["Entries"]))
    if size > CALL:
        yield f"they have {size} bytes"


# EventBridge answers such a request well, and says of each entry that it did not take it.
@rule(
    "events",
    "an entry has a source, a type, and a JSON object",
    "PutEvents",
    source=f"{API}/API_PutEventsRequestEntry.html",
)
def _entries(request: Request) -> Iterator[str]:
    for number, entry in enumerate(request.params["Entries"]):
        if missing := [name for name in ("Source", "DetailType", "Detail") if not entry.get(name)]:
            yield f"entry {number} lacks {missing}"
        elif not _is_object(entry["Detail"]):
            yield f"the detail of entry {number} is no JSON object"
        if str(entry.get("Source", "")).startswith("aws."):
            yield f"the source of entry {number} is AWS's own"
        if len(entry.get("DetailType", "")) > 128:
            yield f"the type of entry {number} is longer than 128 characters"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except ValueError:
        return False


def _refuse(constant: str) -> Any:
    raise ValueError(constant)  # Python writes NaN and Infinity, which are no JSON


@rule("events", "a time is a moment with its zone", "PutEvents", source=f"{API}/API_PutEventsRequestEntry.html")
def _times(request: Request) -> Iterator[str]:
    for entry in request.params["Entries"]:
        time = entry.get("Time")
        if isinstance(time, str) and datetime.fromisoformat(time).tzinfo is None:
            yield f"Time is {time!r}"
