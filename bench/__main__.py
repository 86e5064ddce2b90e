"""`make bench`, or `python -m bench [NAME …]`: what operations cost. Counts, and ratios taken in one run."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench import calls, cold_start, imports, memory, whole_job
from bench.images import run as images

BENCHES = {
    "calls": calls.run,
    "imports": imports.run,
    "cold_start": cold_start.run,
    "whole_job": whole_job.run,
    "memory": memory.run,
    "images": images.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHES)} (default: all)")
    of_images = parser.add_argument_group("images")
    of_images.add_argument("--photos", type=Path, metavar="DIR", help="your photographs, instead of the bench's own")
    of_images.add_argument("--json", type=Path, metavar="FILE", help="writes the figures, a table and a picture there")
    of_images.add_argument("--rounds", type=int, default=images.ROUNDS, help="(default: %(default)s)")
    options = parser.parse_args()
    chosen = options.names or list(BENCHES)
    if unknown := set(chosen) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    for name in chosen:
        print(f"\n## {name}\n")
        if name == "images":
            images.run(options.photos, options.json, options.rounds)
        else:
            BENCHES[name]()


main()
