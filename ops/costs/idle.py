"""The costs of a stage while it is idle, and of the events of a million files: counted units times list prices.

Units come from the template, the code, counted.json, and assumptions that stand here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ops.costs import bills, data
from ops.costs.data import MONTH
from ops.costs.items import Item, priced
from ops.openapi.problems import ROOT
from ops.prices import MILLION
from ops.stack import template

# A run of the sweep with nothing to do, in seconds: an assumption. It is 64 queries of some milliseconds, one by one.
SWEEP_SECONDS = 1.0
# Bytes of log of such a run, Lambda's own three lines included: an assumption.
SWEEP_LOG = 1500
# Lambda reads a queue with five pollers, and with fewer only if the mapping has no maximum concurrency (ours have one):
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLERS, LEAST_POLLERS = 5, 2
# Seconds that a poll of an empty queue lasts: SQS's longest. Lambda's documentation only says that it polls long.
POLL = 20


@cache
def resources() -> Mapping[str, Any]:
    found: Mapping[str, Any] = template.document(ROOT)["Resources"]
    return found


def alarm_metrics() -> int:
    """AWS bills an alarm for each metric in it."""
    alarms = [each["Properties"] for each in resources().values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    return sum(len([q for q in alarm.get("Metrics", []) if "MetricStat" in q]) or 1 for alarm in alarms)


def sweeps() -> int:
    """Runs of the sweep in a month."""
    found = re.search(r"@app\.schedule\(Rate\((\d+), unit=Rate\.MINUTES\)\)", (ROOT / "app.py").read_text())
    assert found
    return MONTH // (60 * int(found[1]))


def queues() -> int:
    """The queues that Lambda reads."""
    return len([each for each in resources().values() if "RedrivePolicy" in each.get("Properties", {})])


def polls(pollers: int = POLLERS) -> int:
    """Requests to empty queues in a month."""
    return queues() * pollers * MONTH // POLL


def idle() -> list[Item]:
    """A month of a stage that does nothing."""
    from chalicelib.upkeep import sweep

    (run,) = data.operation("sweep")["functions"].values()
    runs = sweeps()
    return [
        priced("alarms, by the metrics in them", alarm_metrics(), "alarm"),
        priced("metrics of our own that an idle stage writes", len(sweep.METRICS), "metric"),
        priced("dashboard", 1, "dashboard"),
        priced("runs of the sweep", runs, "run"),
        priced("their GB-seconds (arm64)", runs * SWEEP_SECONDS * data.gigabytes("sweep"), "gb_second"),
        priced("their read units of DynamoDB", runs * run["reads"], "read"),
        priced("GB of their log", runs * SWEEP_LOG / 1e9, "logged"),
        priced(f"Lambda's polls of the {_words(queues())} queues", polls(), "queued"),
    ]


def _words(count: int) -> str:
    return {3: "three", 4: "four", 5: "five"}.get(count, str(count))


def told() -> int:
    """Events of an upload that becomes ready: created, processing, ready."""
    return int(_photo("publish")["events"])


def _photo(function: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = data.operation("photo")["functions"][function]
    return found


# A run of `deliver` for one event, in seconds: it waits for the receiver. An assumption. With load, one has many.
DELIVER_SECONDS = 0.3


def events() -> list[Item]:
    """The events of a million photos that become ready, each event by itself, as on a quiet stage."""
    publish, deliver = _photo("publish"), data.operation("webhook")["functions"]["deliver"]
    # A change that a webhook hears costs more of `publish` than the same one that nobody hears.
    alone, heard = (data.operation(name)["functions"]["publish"] for name in ("patch", "webhook"))
    seconds = bills.spent("photo", "publish", publish).seconds(data.megabytes("publish"))
    million, each_event = MILLION, MILLION * told()
    stage, hook, socket = "every stage", "each webhook", "each socket"
    return [
        priced("every stage: runs of `publish`", million * publish["runs"], "run", stage),
        priced("… their GB-seconds (arm64)", million * seconds * data.gigabytes("publish"), "gb_second", stage),
        priced("… read units: who listens, and the audit", million * publish["reads"], "read", stage),
        priced("… write units: the audit", million * publish["writes"], "write", stage),
        priced("… events on the bus (PutEvents)", each_event, "event", stage),
        priced("each webhook: write units", each_event * delivery_writes(), "write", hook),
        priced("… read units", each_event * delivery_reads(), "read", hook),
        priced("… requests to SQS", each_event * (_queued(heard) - _queued(alone) + _queued(deliver)), "queued", hook),
        priced("… runs of `deliver`", each_event * deliver["runs"], "run", hook),
        priced(
            "… their GB-seconds (arm64)", each_event * DELIVER_SECONDS * data.gigabytes("deliver"), "gb_second", hook
        ),
        priced("each socket that hears of all: messages", each_event, "socket_message", socket),
        priced("… minutes of a connection that is open for a month", MONTH / 60, "socket_minute", socket),
    ]


def delivery_writes() -> int:
    """Write units of one event for one webhook that takes it at once."""
    return int(_more("writes"))


def delivery_reads() -> float:
    return float(_more("reads"))


def _more(name: str) -> float:
    """Units of `publish` and `deliver` for a change that a webhook hears, beyond those of one that nobody hears."""
    alone, heard = (data.operation(each)["functions"] for each in ("patch", "webhook"))
    both = sum(heard[function][name] for function in ("publish", "deliver"))
    return float(both - alone["publish"][name])


def _queued(tally: Mapping[str, Any]) -> int:
    return sum(count for call, count in tally["calls"].items() if call.startswith("sqs."))


def event_costs() -> dict[str, float]:
    """US dollars of the events of a million files, by who pays: every stage, each webhook, each socket."""
    parts: dict[str, float] = {}
    for item in events():
        parts[item.payer] = parts.get(item.payer, 0.0) + item.cost
    return parts
