"""The costs of films: a watched minute, the first time and later; a stored hour; a film that nobody watches.

Seconds and bytes are those that `python -m bench media` measured (bench/results/media.json), calls are counted by
tests/ops/costs/test_films.py, and prices are AWS's lists for us-east-1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ops.costs.data import gigabytes
from ops.costs.items import Item, priced, without_free_units
from ops.openapi.problems import ROOT
from ops.prices import GB_MONTH, PRICES

RESULT = ROOT / "bench" / "results" / "media.json"

# Calls of AWS for one segment, at most: its file, its tenant, its lease and those of two segments ahead, the usage of
# the day; what is there already, the plan, and the ranges of the film; the segment is put.
SEGMENT_READS, SEGMENT_WRITES = 5, 5
SEGMENT_GETS, SEGMENT_PUTS = 8, 1

# Calls for one film that becomes ready, beside its objects: two claims, and the record.
FILM_WRITES, FILM_GETS = 60, 60


def measured() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(RESULT.read_text())
    return found


def segment_units(segment: Mapping[str, Any]) -> dict[str, float]:
    """The units of making one segment of a rung, by the name of their price."""
    return {
        "run": 1,
        "gb_second": segment["cpu"] * gigabytes("stream"),
        "read": SEGMENT_READS,
        "write": SEGMENT_WRITES,
        "get": SEGMENT_GETS,
        "put": SEGMENT_PUTS,
    }


def first_minute(segment: Mapping[str, Any]) -> float:
    """US dollars for making the segments of a minute of one rung."""
    a_segment = sum(PRICES[name].amount * units for name, units in segment_units(segment).items())
    return float(a_segment * 60 / segment["seconds"])


def minute(segment: Mapping[str, Any]) -> float:
    """US dollars for sending a minute of one rung to one viewer."""
    return float((segment["size"] / 1e9 * PRICES["sent"].amount + PRICES["viewed"].amount) * 60 / segment["seconds"])


def stored(segment: Mapping[str, Any]) -> float:
    """US dollars a month for an hour of one rung."""
    return float(segment["size"] * 3600 / segment["seconds"] / 1e9 * GB_MONTH)


def watched_table(found: Mapping[str, Any]) -> str:
    lines = [
        "| Rung | Making a thousand minutes, once | Sending a thousand minutes, each time | An hour stored, a month |",
        "|---|--:|--:|--:|",
    ]
    for each in found["segments"]:
        size = f" ({each['width']} x {each['height']})" if each["width"] else " (sound)"
        lines.append(
            f"| `{each['rung']}`{size} | ${1000 * first_minute(each):.2f} | ${1000 * minute(each):.2f} | "
            f"${stored(each):.4f} |"
        )
    return "\n".join(lines)


def unwatched(found: Mapping[str, Any], films: int = 1000) -> list[Item]:
    """The cost of films of an hour that are uploaded and never watched, without storage."""
    said = {row["name"]: row["value"] for row in found["figures"]}
    seconds = said["video: CPU of the function and its children"]
    objects = said["… video: objects that are stored"]
    return [
        priced("GB-seconds of `media` (arm64)", films * seconds * gigabytes("media"), "gb_second"),
        priced("runs of `process` and `media`", films * 2, "run"),
        priced("objects put into S3", films * objects, "put"),
        priced("ranges got from S3", films * FILM_GETS, "get"),
        priced("write units of DynamoDB", films * FILM_WRITES, "write"),
        priced("requests to SQS", films * 6, "queued"),
    ]


def unwatched_table(items: Iterable[Item]) -> str:
    return without_free_units("A thousand films of an hour, unwatched", items, digits=3, total=True)
