"""Figures with their goals, and the page that shows them."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import av

from chalicelib.renditions.engine import ENGINE_VERSION
from tests.stage import ROOT

RESULT = ROOT / "bench" / "results" / "media.json"

Bound = Literal["at most", "at least", "within"]


@dataclass(frozen=True)
class Figure:
    """One measured number. `goal` is None for one that only explains others.

    With `bound` "within", the goal is how far the value may be from 1.
    """

    group: str
    name: str
    value: float
    unit: str = ""
    goal: float | None = None
    bound: Bound = "at most"

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        match self.bound:
            case "at most":
                return self.value <= self.goal
            case "at least":
                return self.value >= self.goal
            case "within":
                return abs(self.value - 1) <= self.goal

    @property
    def said(self) -> str:
        return number(self.value, self.unit)

    @property
    def wanted(self) -> str:
        if self.goal is None:
            return ""
        sign = {"at most": "≤", "at least": "≥", "within": "1 ±"}[self.bound]
        return f"{sign} {number(self.goal, self.unit)}"


def number(value: float, unit: str) -> str:
    digits = 0 if value == int(value) else 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1
    return f"{value:,.{digits}f} {unit}".strip()


@dataclass(frozen=True)
class Cost:
    """The average cost of a segment of a film of this height: `cpu` and `wall` in seconds, `size` in bytes."""

    rung: str
    width: int
    height: int
    seconds: float
    cpu: float
    wall: float
    size: float


def conditions(load: float, seconds: float) -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "load average before, after": [round(load, 1), round(os.getloadavg()[0], 1)],
        "one pass over": seconds,
        "Python": f"{platform.python_version()}, {platform.machine()}",
        "PyAV": av.__version__,
        "engine": ENGINE_VERSION,
    }


def write(figures: Sequence[Figure], costs: Sequence[Cost], said: Mapping[str, Any], path: Path = RESULT) -> str:
    """Writes both files. Returns the page."""
    rows = [{**asdict(each), "met": each.met} for each in figures]
    found = {"conditions": said, "figures": rows, "segments": [asdict(each) for each in costs]}
    path.write_text(json.dumps(found, indent=1) + "\n")
    text = page(figures, costs, said)
    path.with_suffix(".md").write_text(text)
    return text


def page(figures: Sequence[Figure], costs: Sequence[Cost], said: Mapping[str, Any]) -> str:
    missed = sum(each.met is False for each in figures)
    goals = sum(each.goal is not None for each in figures)
    lines = [
        "# Films and sounds",
        "",
        "`python -m bench media` prints this page. Films are made by FFmpeg's own sources: a moving test picture with",
        "noise, H.264 with 12 Mbit/s and a key picture each second, AAC. A film of hours or of 5 GB is a clip of 12",
        "seconds, repeated. S3 is this computer's memory: the requests to it are counted, and take no time.",
        "*One pass* is FFmpeg (PyAV), which decodes the film once and encodes the same rungs with the same settings,",
        "on all cores. Ratios are of times in one run.",
        "",
        f"**{goals - missed} of {goals} goals are met.**",
    ]
    group = ""
    for each in figures:
        if each.group != group:
            group = each.group
            lines += ["", f"## {group}", "", "| | | goal | |", "|---|--:|--:|---|"]
        result = {True: "met", False: "**missed**", None: ""}[each.met]
        lines.append(f"| {each.name} | {each.said} | {each.wanted} | {result} |")
    lines += [
        "",
        "## A segment of each rung",
        "",
        "The film is the phone's clip (1080p), with one core. [costs.md](../../docs/costs.md#films-and-sounds) makes",
        "prices of these.",
        "",
        "| rung | size | lasts s | CPU s | wall s | wall, as a share | kB |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for cost in costs:
        size = f"{cost.width} x {cost.height}" if cost.width else "sound"
        lines.append(
            f"| `{cost.rung}` | {size} | {cost.seconds:.2f} | {cost.cpu:.2f} | {cost.wall:.2f} | "
            f"{cost.wall / cost.seconds:.3f} | {cost.size / 1000:,.0f} |"
        )
    lines += ["", *(f"- {name}: {value}" for name, value in said.items()), ""]
    return "\n".join(lines)
