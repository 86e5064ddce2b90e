"""`make bench`, or `python -m bench [calls] [imports]`: what operations cost. Counts, and ratios taken in one run."""

from __future__ import annotations

import argparse

from bench import calls, imports

BENCHES = {"calls": calls.run, "imports": imports.run}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHES)} (default: all)")
    chosen = parser.parse_args().names or list(BENCHES)
    if unknown := set(chosen) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    for name in chosen:
        print(f"\n## {name}\n")
        BENCHES[name]()


main()
