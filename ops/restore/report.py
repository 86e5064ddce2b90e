"""The report of a restore: a few lines for a person, or one JSON document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ops.restore.audit import MEANING, Finding, Problem
from ops.restore.fates import Fate
from ops.restore.takeover import Outcome

SHOWN = 20  # names of one list that a person gets to see; JSON has all of them

FATES = {
    Fate.KEEP: "are as they were",
    Fate.RAISE: "go back to what they were",
    Fate.RESUME: "were being processed and are processed again",
    Fate.COPY: "keep their present record",
    Fate.SET_ASIDE: "came later and are set aside: `POST /v1/files/ID/restore` brings them back for 30 days",
    Fate.FORGET: "were deleted since, with their bytes, and stay deleted",
}


def of_outcome(outcome: Outcome) -> Iterator[str]:
    """The changes of the take-over, line by line."""
    for fate, text in FATES.items():
        if outcome.fates[fate]:
            yield f"{outcome.fates[fate]:>8} files {text}"
    yield from _listed("files came later than the restored time", outcome.newer)
    yield from _listed("files were deleted since and cannot come back, because their bytes are gone", outcome.lost)
    yield from _listed("API keys were made since and stay valid; revoke those that you do not want", outcome.keys_made)
    yield from _listed("API keys were revoked since and stay revoked", outcome.keys_revoked)
    yield from _listed("tenants have other settings now; `ops tenants` sets them again", outcome.tenants)
    yield from _listed("records cannot be read; they stay as they were", outcome.unreadable)


def of_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings of the audit, line by line."""
    groups: dict[tuple[Problem, bool], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.problem, finding.mended].append(finding)
    for (problem, mended), some in sorted(groups.items()):
        names = sorted(f"{each.tenant}/{each.file_id}  {each.detail}" for each in some)
        yield from _listed(f"{MEANING[problem]} ({'mended' if mended else 'left'})", names)
    if not findings:
        yield "records and buckets agree"


def _listed(text: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"{len(names):>8} {text}:"
        yield from (f"           {name}" for name in names[:SHOWN])
        if len(names) > SHOWN:
            yield f"           … and {len(names) - SHOWN} more (--json lists all)"


def document(facts: dict[str, Any], outcome: Outcome | None, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything, as one JSON object. `records` is null if nothing was compared with another table."""
    records = None
    if outcome:
        values = asdict(outcome)
        records = {
            **{name: value for name, value in values.items() if name not in ("fates", "resumed")},
            "fates": {str(fate): outcome.fates[fate] for fate in Fate},
        }
    return {**facts, "records": records, "findings": [asdict(finding) for finding in findings]}
