"""`python -m tests.ops.stops [WORDS] [--plant KIND]`: stops a deployment at each of its calls, and prints the report.

WORDS choose scenarios by their names. `--plant KIND` turns off the adoption of one kind of thing (such as `sqs_event`),
which the report must then show. The exit code is 1 if the repeated command did not mend the stage after some stop.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest import mock

from ops.stack import inventory
from tests.ops.stops.harness import AFTER, BEFORE, SCENARIOS, Harness, Outcome, every_stop
from tests.ops.stops.project import world


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ops.stops", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("words", nargs="*", help="a part of a scenario's name")
    parser.add_argument("--plant", choices=inventory.KINDS, help="do not look for things of this kind")
    arguments = parser.parse_args()
    chosen = [scenario for scenario in SCENARIOS if " ".join(arguments.words) in scenario.name]
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as made:
        harness = Harness(made, Path(folder))
        for scenario in chosen:
            calls = harness.calls(scenario)
            with planted(arguments.plant) if arguments.plant else nullcontext():
                outcomes.append(harness.examine(scenario, every_stop(calls), calls))
            _say(*lines(outcomes[-1]))
    broken = sum(len(outcome.broken) for outcome in outcomes)
    _say(f"{sum(len(outcome.complaints) for outcome in outcomes)} stops, {broken} not mended by a repetition")
    return 1 if broken else 0


@contextmanager
def planted(kind: str) -> Iterator[None]:
    """A fault: things of one kind are not found on AWS, so they are neither adopted nor deleted."""
    find = inventory.find

    def find_others(client: inventory.Client, here: inventory.Deployment) -> list[inventory.Resource]:
        # As before there was any adoption: this kind is as the record says.
        recorded = [entry for entry in here.recorded if entry["resource_type"] == kind]
        return [*(found for found in find(client, here) if found["resource_type"] != kind), *recorded]

    with mock.patch.object(inventory, "find", find_others):
        yield


def lines(outcome: Outcome) -> Iterator[str]:
    """The report on one scenario: its calls, each with the number of stops before and after it and their outcome."""
    yield f"{outcome.scenario.name}: {len(outcome.calls)} calls"
    tried: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for stop, found in outcome.complaints.items():
        tried[outcome.calls[stop.call], stop.when] += 1
        failed[outcome.calls[stop.call], stop.when] += bool(found)
    for call in dict.fromkeys(outcome.calls):
        cells = [f"{when} {tried[call, when] - failed[call, when]}/{tried[call, when]}" for when in (BEFORE, AFTER)]
        yield f"  {call:<40} {'  '.join(f'{cell:<16}' for cell in cells)}".rstrip()
    for stop, found in outcome.broken.items():
        yield f"  NOT MENDED: {stop} ({outcome.calls[stop.call]}): {'; '.join(found)[:300]}"


def _say(*texts: str) -> None:
    for text in texts:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
