"""The costs of films: a watched minute, the first time and later; a stored hour; a film that nobody watches.

Seconds and bytes are those that `python -m bench media` measured (bench/results/media.json), calls are counted by
tests/bench/test_costs.py, and prices are AWS's lists for us-east-1. `python -m bench costs` prints the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from bench.costs import ROOT, Item
from bench.media.figures import RESULT
from ops.prices import GB_MONTH, GB_SECOND, GET, PUT, READ, RUN, WRITE

PAGE = ROOT / "docs" / "costs.md"

# US dollars: a GB from CloudFront to viewers in North America and Europe, and a request to it (HTTPS). The other prices
# are those that estimates of `ops` use.
GB_OUT, REQUEST = 0.085, 0.01e-4

# Calls of AWS for one segment, at most: its file, its tenant, its lease and those of two segments ahead, the usage of
# the day; what is there already, the plan, and the ranges of the film; the segment is put.
SEGMENT_READS, SEGMENT_WRITES = 5, 5
SEGMENT_GETS, SEGMENT_PUTS = 8, 1

# Calls for one film that becomes ready, beside its objects: two claims, and the record.
FILM_WRITES, FILM_GETS = 60, 60


def measured() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(RESULT.read_text())
    return found


def memory(function: str) -> float:
    """GB that the function has."""
    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    return float(functions[function]["lambda_memory_size"]) / 1024


def first_minute(segment: Mapping[str, Any]) -> float:
    """US dollars for making the segments of a minute of one rung."""
    a_segment = (
        RUN
        + segment["cpu"] * memory("stream") * GB_SECOND
        + SEGMENT_READS * READ
        + SEGMENT_WRITES * WRITE
        + SEGMENT_GETS * GET
        + SEGMENT_PUTS * PUT
    )
    return float(a_segment * 60 / segment["seconds"])


def minute(segment: Mapping[str, Any]) -> float:
    """US dollars for sending a minute of one rung to one viewer."""
    return float((segment["size"] / 1e9 * GB_OUT + REQUEST) * 60 / segment["seconds"])


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
        Item("GB-seconds of `media` (arm64)", films * seconds * memory("media"), GB_SECOND, "$13.33 a million"),
        Item("runs of `process` and `media`", films * 2, RUN, "$0.20 a million"),
        Item("objects put into S3", films * objects, PUT, "$0.005 a thousand"),
        Item("ranges got from S3", films * FILM_GETS, GET, "$0.0004 a thousand"),
        Item("write units of DynamoDB", films * FILM_WRITES, WRITE, "$0.625 a million"),
        Item("requests to SQS", films * 6, 0.40e-6, "$0.40 a million"),
    ]


def unwatched_table(items: Iterable[Item]) -> str:
    items = list(items)
    lines = ["| A thousand films of an hour, unwatched | Units | Price | Cost |", "|---|--:|--:|--:|"]
    lines += [f"| {each.name} | {each.units:,.0f} | {each.said} | ${each.cost:.3f} |" for each in items]
    lines.append(f"| **all** | | | **${sum(each.cost for each in items):.2f}** |")
    return "\n".join(lines)


def tables() -> list[str]:
    return [watched_table(measured()), unwatched_table(unwatched(measured()))]


def write_page() -> None:
    """Puts the tables into docs/costs.md, in place of those that have the same heads."""
    text = PAGE.read_text(encoding="utf-8")
    for table in tables():
        before, head, after = text.partition(table.partition("\n")[0])
        assert head, "the page has a table of this sort"
        text = before + table + after[after.index("\n\n") :]
    PAGE.write_text(text, encoding="utf-8")


def run() -> None:
    print("\n\n".join(tables()))
