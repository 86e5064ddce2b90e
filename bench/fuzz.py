"""`python -m bench.fuzz [KIND …] [--count N | --seconds N] [--seed S]`: hostile files of each kind, for longer.

Without KIND all are tried. `--write` puts the counts into bench/results/fuzz.json, and the page beside it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import containers, fuzzing, processors_fuzzed, structures_fuzzed, texts
from tests.forks import Forks
from tests.fuzz_seeds import SUBJECTS
from tests.fuzzing import Case
from tests.stage import ROOT

RESULT = ROOT / "bench" / "results" / "fuzz.json"

# Faults that such runs showed. Each is mended, and has a test that fails without the change.
FOUND = (
    "spreadsheet: calamine ends some damaged `xls` files with a panic of Rust: told as too much time or memory",
    "spreadsheet, presentation: names of sheets and slides with control characters were given to search",
    "email: for the name or charset of one part, Python's library raises TypeError or ValueError; the whole message "
    "was left out",
    "svg: a drawing without a size was told as too much time or memory",
    "structures: a JPEG 2000 that was cut at a tile, or lacked tiles, was ready with black in their place",
    "structures: 8 KB of a JPEG 2000 with 65,535 tiles took 800 MB; a TIFF with millions of strips 1.3 GB; "
    "a GIF's comment in blocks of one byte 50 bytes for each",
    "structures: a PNG of thousands of packed profiles took 4 ms for each KB; of profiles, gammas and clear colours "
    "the last one counted, where browsers take the first",
    "structures: an AVIF with matrix coefficients that are not read was `corrupt`",
    "video, audio: one track of an unknown codec left a film without any facts, pictures and stream",
    "video: pictures that an index mixed up were repacked as they were, and browsers gave up at them",
    "video: a picture whose codec's header was damaged left a film without any facts; a recording in fragments that "
    "was cut off had segments that could not be made",
    "audio: sounds of 9 or 64 channels had playlists whose segments could not be made",
)

Tried = tuple[Counter[str], Counter[str], list[Case]]
"""Outcomes, deaths of children, and the cases that must not be."""


@dataclass(frozen=True)
class Extent:
    """How many files to try, or for how many seconds."""

    seed: int
    count: int | None
    seconds: float


def _sniffed(extent: Extent) -> Tried:
    found, bad = containers.fuzz(extent.seed, extent.count, extent.seconds)
    return found, Counter(), [Case(name, data, problem, 0.0) for name, data, problem in bad]


def _images(extent: Extent) -> Tried:
    outcomes, bad = fuzzing.fuzz(extent.seed, extent.count, extent.seconds)
    return outcomes, Counter(), bad


def _structures(extent: Extent) -> Tried:
    outcomes, bad = structures_fuzzed.fuzz(extent.seed, extent.count, extent.seconds)
    return outcomes, Counter(), bad


def _texts(extent: Extent) -> Tried:
    outcomes, bad = texts.fuzz(extent.seed, extent.count, extent.seconds)
    return outcomes, Counter(), bad


def _processor(kind: str) -> Callable[[Extent], Tried]:
    def run(extent: Extent) -> Tried:
        with Forks(processors_fuzzed.CHILDREN) as forks:
            report = processors_fuzzed.fuzz(forks, kind, extent.seed, extent.count, extent.seconds)
        return report.outcomes, report.deaths, report.bad

    return run


KINDS: dict[str, Callable[[Extent], Tried]] = {
    "sniffing": _sniffed,
    "image": _images,
    "structures": _structures,
    "text": _texts,
    **{kind: _processor(kind) for kind in SUBJECTS},
}


def main() -> int:
    """Returns 0 if every file was processed or refused in time. Otherwise returns 1 and puts the bad files into DIR."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=60, help="how long for each kind (default: 60)")
    parser.add_argument("--count", type=int, help="how many files of each kind, in place of how long")
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="repeat a run with this seed")
    parser.add_argument("--keep", type=Path, default=Path(".local/fuzz"), help="folder for files that fail")
    parser.add_argument("--write", action="store_true", help=f"add the counts to {RESULT.relative_to(ROOT)}")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"there is no kind {', '.join(sorted(unknown))}; choose from {', '.join(KINDS)}")
    failed = False
    for kind in options.kinds or KINDS:
        outcomes, deaths, bad = KINDS[kind](Extent(options.seed, options.count, options.seconds))
        failed = failed or bool(bad)
        print(f"{kind}, seed {options.seed}: {outcomes.total()} files: {_said(outcomes)}; children: {_said(deaths)}")
        _keep(kind, bad, options.keep, options.seed)
        if options.write:
            _write(kind, options.seed, outcomes, deaths, len(bad))
    return 1 if failed else 0


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common()) or "none"


def _keep(kind: str, bad: list[Case], folder: Path, seed: int) -> None:
    for number, case in enumerate(bad):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{kind}-{seed}-{number}"
        path.write_bytes(case.data)
        print(f"{path}: {case.name}: {case.outcome}, {case.seconds:.1f} s")


def _write(kind: str, seed: int, outcomes: Counter[str], deaths: Counter[str], bad: int) -> None:
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    results[kind] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seed": seed,
        "files": outcomes.total(),
        "bad": bad,
        "outcomes": dict(outcomes.most_common()),
        "children": dict(deaths.most_common()),
    }
    RESULT.write_text(json.dumps(results, indent=1) + "\n")
    RESULT.with_suffix(".md").write_text(_page(results))


def _page(results: dict[str, dict[str, Any]]) -> str:
    lines = [
        "# Changed files",
        "",
        "Small sound files of every kind with random changes, also behind their compression, each through its whole",
        "processor. *Bad* is an error of ours, another result the second time, facts that no record may have, time",
        "beyond the bound, or bytes that were not in the file: of a file that the seeds point at, of the environment,",
        "or of freed memory. A child that dies harms nothing else; its file gets a warning, or is `corrupt`.",
        "*structures* are all kinds of images, cut and changed at every hundredth, with every chunk, box, segment and",
        "entry doubled, repeated, dropped and moved, and with wrong lengths and sizes; each is processed twice.",
        "`python -m bench.fuzz KIND --count N --seed S` repeats a run.",
        "",
        "| | files | bad | outcomes | children that ended otherwise | seed, date |",
        "|---|--:|--:|---|---|---|",
    ]
    for kind in (kind for kind in KINDS if kind in results):
        row = results[kind]
        outcomes, deaths = (_said(Counter(row[name])) for name in ("outcomes", "children"))
        lines.append(
            f"| {kind} | {row['files']:,} | {row['bad']} | {outcomes} | {deaths} | {row['seed']}, {row['date']} |"
        )
    lines += ["", "Found and mended on the way:", "", *(f"- {each}." for each in FOUND)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
