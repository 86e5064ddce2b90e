"""The bill of every operation, counted on moto: `python -m ops costs` writes it to ops/costs/counted.json.

samples    one ordinary file of each kind
scenarios  the operations, and what must be there before
stage      a quiet stage: functions that run when AWS would run them
meter      calls, units and bytes, by the function that they are billed to
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bench.counting.meter import Tally, table_bytes
from bench.counting.scenarios import KINDS, SCENARIOS, Scenario
from bench.counting.stage import stage


def counted(*scenarios: Scenario) -> dict[str, Any]:
    """The tallies of scenarios by their names, and in each by function, in a cloud that is there."""
    return {each.name: _one(each) for each in scenarios}


def everything() -> dict[str, Any]:
    return {"operations": counted(*SCENARIOS), "kinds": counted(*KINDS)}


# Bytes that differ from run to run by a few: ids and signatures are random, and some of them are compressed.
_BYTES = ("table_bytes", "put", "got")
NEAR = 0.02


def settled(found: Any, known: Any) -> Any:
    """The new counts, with the known number of bytes where the new one is as good as the same.

    All other counts are exact, so each difference in the data is one of the code.
    """
    if not isinstance(found, dict) or not isinstance(known, dict):
        return found
    return {
        name: known[name]
        if name in _BYTES and abs(value - known.get(name, 0)) <= NEAR * abs(value)
        else settled(value, known.get(name))
        for name, value in found.items()
    }


def _one(scenario: Scenario) -> dict[str, Any]:
    with stage() as here:
        found = scenario.prepare(here)
        here.begin()
        before = table_bytes()
        scenario.run(here, found)
        after = table_bytes()
        tallies = {function: _told(tally) for function, tally in sorted(here.meter.tallies.items())}
    return {"said": scenario.said, "each": scenario.each, "table_bytes": after - before, "functions": tallies}


def _told(tally: Tally) -> dict[str, Any]:
    """A tally without its CPU, which differs from run to run."""
    told = {**asdict(tally), "calls": dict(sorted(tally.calls.items()))}
    del told["cpu"]
    return told
