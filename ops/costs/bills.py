"""The bill of an operation: the units that AWS bills, from what was counted and measured, times the list prices."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.costs import data
from ops.prices import PRICES

# Bytes of a GB, as S3 and CloudFront bill them.
GB = 1000**3

# Seconds that a function waits for the answer of one call: assumptions, because this machine has no AWS. DynamoDB
# answers within some milliseconds, S3 within some tens (bench/whole_job.py has the same). Lambda bills the waiting.
WAITS = {"dynamodb": 0.005, "s3": 0.04, "sqs": 0.01, "events": 0.02, "lambda": 0.02, "ssm": 0.02, "cloudfront": 0.3}
# S3 takes longer to store an object. Renditions are stored by so many threads (pipeline.UPLOADERS).
PUT_WAIT, UPLOADERS = 0.06, 12
# Lambda gives a function so much memory for one processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
ONE_PROCESSOR = 1769

_PUTS = ("Put", "Copy", "Upload", "Create", "Complete", "List", "Post")
# Free, or billed by what is in them: units of DynamoDB, events on the bus, runs of functions.
_FREE = ("s3.Delete", "s3.Abort", "ssm.", "dynamodb.", "events.PutEvents", "lambda.Invoke")

Units = Counter[str]
"""Units by the name of their price in ops/prices.py."""


@dataclass(frozen=True)
class Spent:
    """Seconds of one function in one operation, all of its runs together: of CPU, and of waiting for AWS."""

    cpu: float
    wait: float

    def seconds(self, megabytes: int) -> float:
        """Billed seconds, if the function has so much memory. One thread gets no more than one processor."""
        return self.cpu / min(1.0, megabytes / ONE_PROCESSOR) + self.wait


def spent(name: str, function: str, tally: Mapping[str, Any]) -> Spent:
    """A function's spending in an operation. Without a measurement of it, only its waiting is known."""
    cpu = data.measured()["cpu"].get(name, {}).get(function, 0.0)
    return Spent(float(cpu), waiting(tally["calls"]))


def waiting(calls: Mapping[str, int]) -> float:
    """Seconds that calls take, one after another; objects are put several at once."""
    puts = calls.get("s3.PutObject", 0)
    others = sum(WAITS.get(call.partition(".")[0], 0.0) * count for call, count in calls.items() if _waits(call))
    return others + PUT_WAIT * math.ceil(puts / UPLOADERS)


def _waits(call: str) -> bool:
    """False for calls that AWS makes, while no function runs."""
    return call not in ("s3.PutObject", "sqs.ReceiveMessage", "sqs.DeleteMessage", "apigateway.Request")


def units(name: str) -> Units:
    """The units of one operation or of one file of a kind, by its name in counted.json."""
    found: Units = Counter()
    for function, tally in data.operation(name)["functions"].items():
        found += _of_calls(tally["calls"])
        found["read"] += tally["reads"]
        found["write"] += tally["writes"]
        found["event"] += tally["events"]
        if tally["runs"]:
            found["run"] += tally["runs"]
            memory = data.megabytes(function)
            found["gb_second"] += spent(name, function, tally).seconds(memory) * memory / 1024  # type: ignore[assignment]
        if function == "api_handler":
            found["sent"] += tally["got"] / GB
    each = data.operation(name)["each"]
    return found if each == 1 else Counter({price: count / each for price, count in found.items()})


def _of_calls(calls: Mapping[str, int]) -> Units:
    found: Units = Counter()
    for call, count in calls.items():
        for price in prices_of(call):
            found[price] += count
    return found


def prices_of(call: str) -> tuple[str, ...]:
    """The prices of a call. A call that nobody has priced raises KeyError, so that no bill is too low in silence."""
    service, _, operation = call.partition(".")
    if call.startswith(_FREE):
        return ()
    match service:
        case "s3":
            return ("put",) if operation.startswith(_PUTS) else ("get",)
        case "sqs":
            return ("queued",)
        case "apigateway":  # through the front door
            return ("request", "viewed")
    if call == "cloudfront.CreateInvalidation":
        return ("forgotten",)
    raise KeyError(f"{call} has no price: say in ops/costs/bills.py what it costs")


def cost(found: Mapping[str, float]) -> float:
    """US dollars, without free units."""
    return sum(PRICES[name].amount * number for name, number in found.items())


GROUPS = {
    "DynamoDB": ("write", "read"),
    "Lambda": ("run", "gb_second"),
    "S3": ("put", "get"),
    "API": ("request", "viewed", "sent", "edge"),
    "events and queues": ("event", "queued", "forgotten"),
}


def by_group(found: Mapping[str, float]) -> dict[str, float]:
    """US dollars by service, as in the tables."""
    return {group: cost({name: found.get(name, 0) for name in names}) for group, names in GROUPS.items()}
