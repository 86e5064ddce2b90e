"""`python -m bench.fuzz [--sniff | --text] [--seconds N | --count N] [--seed S] [--keep DIR]`: fuzzing for longer."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests import containers, texts
from tests.fuzzing import fuzz


def main() -> int:
    """Returns 0 if every file was processed or refused in time. Otherwise returns 1 and puts the bad files into DIR."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="repeat a run with this seed")
    parser.add_argument("--keep", type=Path, default=Path(".local/fuzz"), help="folder for files that fail")
    parser.add_argument("--sniff", action="store_true", help="find out types only, of files of all kinds")
    parser.add_argument("--text", action="store_true", help="process texts instead of images")
    parser.add_argument("--count", type=int, help="how many images or texts, in place of how long")
    options = parser.parse_args()
    if options.sniff:
        return _sniffed(options.seed, options.seconds, options.keep)
    outcomes, bad = (texts.fuzz if options.text else fuzz)(options.seed, options.count, options.seconds)
    print(f"seed {options.seed}: {outcomes.total()} files: " + ", ".join(f"{n} {name}" for name, n in outcomes.items()))
    for number, case in enumerate(bad):
        options.keep.mkdir(parents=True, exist_ok=True)
        path = options.keep / f"{options.seed}-{number}"
        path.write_bytes(case.data)
        print(f"{path}: {case.name}: {case.outcome}, {case.seconds:.1f} s")
    return 1 if bad else 0


def _sniffed(seed: int, seconds: float, keep: Path) -> int:
    found, bad = containers.fuzz(seed, seconds=seconds)
    print(f"seed {seed}: {found.total()} files: " + ", ".join(f"{n} {name}" for name, n in found.items()))
    for number, (name, data, problem) in enumerate(bad):
        keep.mkdir(parents=True, exist_ok=True)
        path = keep / f"{seed}-{number}"
        path.write_bytes(data)
        print(f"{path}: {name}: {problem}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
