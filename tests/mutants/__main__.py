"""`python -m tests.mutants [--room NAME] [--sample N]`, or `make mutants [ROOM=NAME] [SAMPLE=N]`.

Without `--sample` the fixed sample is taken, and what became of it is written to bench/results. The exit code is 1 when
a fault survived that is no equivalent.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue

from tests.mutants.report import Results, markdown
from tests.mutants.trial import (
    EQUIVALENT,
    ROOT,
    SEED,
    SURVIVED,
    Copy,
    RedError,
    Room,
    Verdict,
    copied,
    equivalents,
    possible,
    rooms,
    sample,
    summary,
)

RESULTS = ROOT / "bench/results/mutants.json"

# Copies, and so trials at a time.
WORKERS = 2


def main() -> int:
    arguments = _arguments()
    chosen = [room for name, room in rooms().items() if arguments.room in ("", name)]
    results: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rooms": {}}
    results["seed"], survived = SEED, 0
    with ExitStack() as stack:
        copies = [stack.enter_context(copied()) for _ in range(WORKERS)]
        for room in chosen:
            try:
                verdicts = run(room, arguments.sample or room.sample, copies, _say)
            except RedError as error:
                _say(str(error))
                return 2
            survived += sum(verdict.outcome == SURVIVED for verdict in verdicts)
            results["rooms"][room.name] = summary(room, verdicts, len(possible(room)))
            if not arguments.sample:
                _write(results)
    _say(f"{survived} survived")
    return 1 if survived else 0


def run(room: Room, count: int, copies: list[Copy], say: Callable[[str], None]) -> list[Verdict]:
    """The verdict on each fault of a room's sample, in the order of the sample. Raises RedError."""
    copies[0].measure(room)
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        copy.seconds = copies[0].seconds * len(copies)  # they share the computer
        free.put(copy)
    reasons = {each.name: each.why for each in equivalents()}
    faults = sample(room, count)
    say(f"{room.name}: {len(faults)} faults")

    def judged(number: int) -> Verdict:
        fault = faults[number]
        if fault.name in reasons:
            return Verdict(fault, EQUIVALENT, reasons[fault.name])
        copy = free.get()
        try:
            verdict = copy.judge(room, fault)
        finally:
            free.put(copy)
        place = f"{fault.module}:{fault.line} {fault.function}"
        say(f"{number + 1}/{len(faults)} {verdict.outcome}: {place}: {fault.before} -> {fault.after} ({verdict.by})")
        return verdict

    with ThreadPoolExecutor(len(copies)) as workers:
        return list(workers.map(judged, range(len(faults))))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--room", default="", choices=["", *rooms()], help="one room of tests/mutants/rooms.toml")
    parser.add_argument("--sample", type=int, default=0, help="so many faults a room, without writing the results")
    return parser.parse_args()


def _write(results: Results) -> None:
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    RESULTS.with_suffix(".md").write_text(markdown(results))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the copies are deleted then, too
    sys.exit(main())
