"""The costs of a stage while it is idle, and of the events of a million files: counted units times list prices.

Units come from the template, the code, one run of the sweep, and assumptions that stand here. `python -m bench costs`
prints the tables of docs/costs.md, and tests/bench/test_costs.py compares them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto import mock_aws

from ops.prices import GB_SECOND, MESSAGE, READ, RUN, WRITE
from ops.stack import template
from tests.stage import provisioned, recorded_calls

ROOT = Path(__file__).parents[1]

MONTH = 30 * 86400  # seconds

# A run of the sweep with nothing to do, in seconds: an assumption. It is 64 queries of some milliseconds, one by one.
SWEEP_SECONDS = 1.0
# Bytes of log of such a run, Lambda's own three lines included: an assumption.
SWEEP_LOG = 1500
# Lambda reads a queue with five pollers, and with fewer only if the mapping has no maximum concurrency (ours have one):
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLERS = 5
# Seconds that a poll of an empty queue lasts: SQS's longest. Lambda's documentation only says that it polls long.
POLL = 20


@dataclass(frozen=True)
class Item:
    """One kind of usage in a month. `price` in US dollars for each unit, `free` units of each account a month."""

    name: str
    units: float
    price: float
    said: str
    free: float = 0

    @property
    def cost(self) -> float:
        return self.units * self.price

    @property
    def after_free(self) -> float:
        """The cost in an account that uses these units for nothing else."""
        return max(0.0, self.units - self.free) * self.price


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


def idle(calls: Mapping[str, int]) -> list[Item]:
    """A month of a stage that does nothing. `calls` are the AWS calls of one run of the sweep that finds nothing."""
    from chalicelib.upkeep import sweep

    # Queries of an index are eventually consistent, half a unit each; the positions are read consistently.
    units = calls["dynamodb.Query"] / 2 + calls["dynamodb.GetItem"]
    memory = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]["sweep"]
    gigabytes = memory["lambda_memory_size"] / 1024
    read_queues = [each for each in resources().values() if "RedrivePolicy" in each.get("Properties", {})]
    polls = len(read_queues) * POLLERS * MONTH // POLL
    runs = sweeps()
    return [
        Item("alarms, by the metrics in them", alarm_metrics(), 0.10, "$0.10", free=10),
        Item("metrics of our own that an idle stage writes", len(sweep.METRICS), 0.30, "$0.30", free=10),
        Item("dashboard", 1, 3.00, "$3", free=3),
        Item("runs of the sweep", runs, RUN, "$0.20 a million", free=1e6),
        Item("their GB-seconds (arm64)", runs * SWEEP_SECONDS * gigabytes, GB_SECOND, "$13.33 a million", free=4e5),
        Item("their read units of DynamoDB", runs * units, READ, "$0.125 a million"),
        Item("GB of their log", runs * SWEEP_LOG / 1e9, 0.50, "$0.50", free=5),
        Item("Lambda's polls of the four queues", polls, MESSAGE, "$0.40 a million", free=1e6),
    ]


MILLION = 1_000_000

# Events of an upload that becomes ready: created, processing, ready.
EVENTS = 3
# A run of `publish` for one change, and of `deliver` for one event, in seconds: assumptions. With load, one has many.
PUBLISH_SECONDS = 0.1
DELIVER_SECONDS = 0.3
# Units of DynamoDB of one event for one webhook that takes it at once. tests/events/test_webhook_costs.py counts them.
# A change of an index's key is two writes in the index, so these are: the log's entry 3, and 3 again with the result,
# before which 1 notes that there is an answer about the file; the webhook's state 2 when it becomes due, 3 with the
# lease, 2 without it. With load, a batch shares the last three.
DELIVERY_WRITES = 3 + 3 + 1 + 2 + 3 + 2
DELIVERY_READS = 5.5
# `publish` asks which webhooks the tenant has, once a batch.
ANNOUNCE_READS = 1
# A page of the audit with one change: a write, and a read before it. tests/events/test_audit_costs.py counts them. With
# load, a batch shares them.
AUDIT_WRITES = 1
AUDIT_READS = 1
# Requests to SQS for one message: it is sent, received and deleted.
MESSAGE_REQUESTS = 3


def events() -> list[Item]:
    """The events of a million uploads that become ready, each event by itself, as on a quiet stage."""
    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    publish, deliver = (functions[name]["lambda_memory_size"] / 1024 for name in ("publish", "deliver"))
    told = EVENTS * MILLION
    runs = 2 * told  # the record itself, and then its entry in the feed
    month = MONTH / 60
    return [
        Item("every stage: runs of `publish`", runs, RUN, "$0.20 a million"),
        Item("… their GB-seconds (arm64)", runs * PUBLISH_SECONDS * publish, GB_SECOND, "$13.33 a million"),
        Item("… read units: does anybody listen?", told, READ, "$0.125 a million"),
        Item("… read units: which webhooks are there?", told * ANNOUNCE_READS, READ, "$0.125 a million"),
        Item("… write units: the audit", told * AUDIT_WRITES, WRITE, "$0.625 a million"),
        Item("… read units: the audit", told * AUDIT_READS, READ, "$0.125 a million"),
        Item("… events on the bus (PutEvents)", told, 1.00e-6, "$1.00 a million"),
        Item("each webhook: write units", told * DELIVERY_WRITES, WRITE, "$0.625 a million"),
        Item("… read units", told * DELIVERY_READS, READ, "$0.125 a million"),
        Item("… requests to SQS", told * MESSAGE_REQUESTS, MESSAGE, "$0.40 a million"),
        Item("… runs of `deliver`", told, RUN, "$0.20 a million"),
        Item("… their GB-seconds (arm64)", told * DELIVER_SECONDS * deliver, GB_SECOND, "$13.33 a million"),
        Item("each socket that hears of all: messages", told, 1.00e-6, "$1.00 a million"),
        Item("… minutes of a connection that is open for a month", month, 0.25e-6, "$0.25 a million"),
    ]


def event_table(items: Iterable[Item]) -> str:
    """The items as a table in Markdown, without free units."""
    lines = ["| For the events of a million files | Units | Price | Cost |", "|---|--:|--:|--:|"]
    lines += [f"| {each.name} | {each.units:,.0f} | {each.said} | ${each.cost:.2f} |" for each in items]
    return "\n".join(lines)


def table(items: Iterable[Item]) -> str:
    """The items as a table in Markdown."""
    items = list(items)
    lines = [
        "| A month of | Units | Price | Cost | Free units of the account | Cost after them |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for item in items:
        units = f"{item.units:,.0f}" if item.units == int(item.units) else f"{item.units:,.3f}"
        free = f"{item.free:,.0f}" if item.free else "none"
        lines.append(f"| {item.name} | {units} | {item.said} | ${item.cost:.2f} | {free} | ${item.after_free:.2f} |")
    whole, least = sum(item.cost for item in items), sum(item.after_free for item in items)
    lines.append(f"| **all** | | | **${whole:.2f}** | | **${least:.2f}** |")
    return "\n".join(lines)


def run() -> None:
    from chalicelib.upkeep import sweep

    with mock_aws():
        provisioned(b"")
        with recorded_calls() as calls:
            sweep.run()  # looks through both buckets, which it does once a day
            calls.clear()
            sweep.run()
            print(table(idle(Counter(calls.names))))
    print()
    print(event_table(events()))
    print()
    from bench import film_costs  # which needs this module

    film_costs.run()
