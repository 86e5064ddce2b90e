"""`python -m bench partitions`: the load on the hottest partition of each kind, compared with DynamoDB's limits.

Nothing is measured. The real catalog writes records to a mocked table (uploads.py). A sample of uploads goes through
the table's real keys, and each write is counted in capacity units by DynamoDB's published rules (heat.py,
bench/capacity_units.py). The sample counts as a part of a second and is scaled linearly to the rate.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from bench.partitions import figures, report
from bench.partitions.heat import RATE, SEED, Heat, simulate
from bench.partitions.uploads import WORKLOADS, lives

FILES = 1_000_000_000
SHARDS = (1, 16, 64, 256)
LIVES = 70


def run(
    rate: float = RATE,
    files: float = FILES,
    shards: Sequence[int] = SHARDS,
    json_file: Path | None = None,
) -> None:
    """Simulates and prints the page. Writes the figures to `json_file`, if given, and the page beside it (.md)."""
    progress = Progress(len(WORKLOADS) * len(shards) + 2)
    of = lives(LIVES, SEED)
    progress.step()
    # The longest jobs first, so that all processes end at about the same time.
    jobs = sorted(itertools.product(WORKLOADS, sorted(set(shards))), key=lambda job: -job[1])
    done: dict[tuple[str, int], Heat] = {}
    with ProcessPoolExecutor() as pool:
        checked = pool.submit(figures.scaling_error, of, rate, report.middle(shards))
        waiting = {pool.submit(simulate, workload, n, of, rate=rate): (workload.name, n) for workload, n in jobs}
        for future in as_completed(waiting):
            done[waiting[future]] = future.result()
            progress.step()
        error = checked.result()
        progress.step()
    results = {w.name: {count: done[w.name, count] for count in sorted(set(shards))} for w in WORKLOADS}
    text = report.page(results, of, rate, files, error)
    print(text)
    if json_file:
        exact = json.dumps(figures.values(results, of, rate, files, error))
        values = json.loads(exact, parse_float=lambda x: round(float(x), 4))
        json_file.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n")
        json_file.with_suffix(".md").write_text(text)


class Progress:
    """A progress bar on standard error, if that is a terminal."""

    def __init__(self, steps: int) -> None:
        self.steps, self.done = steps, 0
        self._draw()

    def step(self) -> None:
        self.done += 1
        self._draw()

    def _draw(self) -> None:
        if sys.stderr.isatty():
            end = "\n" if self.done == self.steps else ""
            bar = "#" * (30 * self.done // self.steps)
            print(f"\rbench: [{bar:<30}] {self.done}/{self.steps}", end=end, file=sys.stderr, flush=True)
