"""Words for what was found: counts, the files that differ from every reference, and what changed since an older run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.peers.verdict import ALONE, DIFFERS, SAME, why_not

Row = dict[str, Any]
Rows = dict[str, Row]
"""By file, relative to the corpus: "verdict", "ours", and "references" by name."""


def page(rows: Rows, versions: dict[str, str], before: Rows | None = None) -> str:
    lines = [f"{len(rows)} files. References: {', '.join(versions.values()) or 'none'}.", ""]
    lines += _counts(rows, list(versions), before)
    lines += ["", *_outcomes(rows, before), "", *_differing(rows)]
    if before is not None:
        lines += ["", *_changed(before, rows)]
    return "\n".join(lines) + "\n"


def outcome(ours: Row) -> str:
    """The outcome in a word or two: `ready`, `ready, other`, or the code of a failure."""
    if ours["outcome"] == "ready":
        return "ready" if "width" in ours else f"ready, {ours['kind']}"
    return str(ours["code"] or ours["outcome"]) if ours["outcome"] == "failed" else str(ours["outcome"])


def _counts(rows: Rows, names: list[str], before: Rows | None) -> list[str]:
    def number(name: str, of: Rows) -> int:
        tried = [each for each in of.values() if each["references"].get(name, {"outcome": "none"})["outcome"] != "none"]
        return sum(why_not(each["ours"], each["references"][name]) is not None for each in tried)

    def count(of: Rows, verdict: str) -> int:
        return sum(each["verdict"] == verdict for each in of.values())

    what: dict[str, Callable[[Rows], int]] = {
        "the same as a reference": lambda of: count(of, SAME),
        "**differ from every reference**": lambda of: count(of, DIFFERS),
        "of a format that no reference reads": lambda of: count(of, ALONE),
    }
    for name in names:
        what[f"differ from {name}"] = partial(number, name)
    return _table("Files", {name: _pair(function, rows, before) for name, function in what.items()}, before)


def _outcomes(rows: Rows, before: Rows | None) -> list[str]:
    found = [Counter(outcome(row["ours"]) for row in each.values()) for each in (before or {}, rows)]
    names = sorted(found[0] | found[1], key=lambda name: -found[1][name])
    cells = {name: [each[name] for each in (found if before is not None else found[1:])] for name in names}
    return _table("Outcome", cells, before)


def _pair(function: Callable[[Rows], int], rows: Rows, before: Rows | None) -> list[int]:
    return [function(before), function(rows)] if before is not None else [function(rows)]


def _table(title: str, cells: dict[str, list[int]], before: Rows | None) -> list[str]:
    heads = ["before", "after"] if before is not None else ["files"]
    lines = [f"| {title} | {' | '.join(heads)} |", "|---" + "|--:" * len(heads) + "|"]
    return lines + [f"| {name} | {' | '.join(map(str, numbers))} |" for name, numbers in cells.items()]


def _differing(rows: Rows) -> list[str]:
    lines = ["| Differs from every reference | ours | why |", "|---|---|---|"]
    for name, row in rows.items():
        if row["verdict"] == DIFFERS:
            lines.append(f"| {_in_cell(name)} | {outcome(row['ours'])} | {reasons(row)} |")
    return lines


def reasons(row: Row) -> str:
    tried = {name: each for name, each in row["references"].items() if each["outcome"] != "none"}
    return "; ".join(f"{name}: {why}" for name, each in tried.items() if (why := why_not(row["ours"], each)))


def _changed(before: Rows, rows: Rows) -> list[str]:
    lines = ["| Changed | before | after |", "|---|---|---|"]
    for name in rows:
        if name in before and (words := [_in_words(each[name]) for each in (before, rows)])[0] != words[1]:
            lines.append(f"| {_in_cell(name)} | {words[0]} | {words[1]} |")
    for name in sorted(rows.keys() ^ before.keys()):
        lines.append(f"| {_in_cell(name)} | {'-' if name in rows else 'was there'} | only in one of the runs |")
    return lines


def _in_words(row: Row) -> str:
    facts = [outcome(row["ours"]), row["verdict"], reasons(row)]
    if "width" in row["ours"]:
        ours = row["ours"]
        facts.append(f"{ours['width']} x {ours['height']}{', alpha' if ours['has_alpha'] else ''}")
    return ", ".join(filter(None, facts))


def _in_cell(name: str) -> str:
    return "".join(letter if letter.isprintable() and letter not in "|*`<>[]" else "?" for letter in name)
