"""Time x price of each function by its memory, from the CPU that was measured: `python -m bench power` prints it.

Lambda gives processors in proportion to memory, one at 1,769 MB and no more than one to one thread. Work that waits for
AWS takes as long with any memory. So more memory makes a function faster as long as CPU is most of its time, and dearer
as soon as waiting is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ops.costs import bills, data, films
from ops.costs.bills import ONE_PROCESSOR
from ops.prices import GB_SECOND, RUN

MEMORIES = (512, 768, 1024, 1280, 1536, 1769, 2048, 2560, 3008)  # MB

# The part of a job's CPU that two processors share, by the wall times of bench/results/images.json: with two processors
# a photo takes 0.63 of the time. FFmpeg's segments are made by threads of their own.
PARALLEL_PICTURES, PARALLEL_FILMS = 0.74, 0.8


# A product that is so much larger than the least one is as good: the measurement knows no better.
AS_GOOD = 1.05

# Seconds for which a source, and a receiver of webhooks, lets a function wait: assumptions.
SOURCE_WAIT, RECEIVER_WAIT = 1.0, 0.3


@dataclass(frozen=True)
class Job:
    """The ordinary job of a function: the mean of some scenarios of counted.json, each run alone.

    `least`: MB that the tests of its memory need. `parallel`: the part of its CPU that two processors share. `wait`:
    seconds for which it waits for others than AWS. `rung`: the CPU is that of a segment of this rung, from
    bench/results/media.json.
    """

    function: str
    scenarios: tuple[str, ...]
    least: int = 512
    parallel: float = 0.0
    wait: float = 0.0
    rung: str = ""


JOBS = (
    Job("api_handler", ("create", "get", "list", "search", "patch")),
    Job("process", ("photo",), ONE_PROCESSOR, PARALLEL_PICTURES),
    Job("media", ("video",), ONE_PROCESSOR),
    Job("render", ("on demand",), ONE_PROCESSOR),
    # The largest rung: players fall behind there first.
    Job("stream", ("segment",), ONE_PROCESSOR, PARALLEL_FILMS, rung="v1080"),
    Job("fetch", ("import",), wait=SOURCE_WAIT),
    Job("index", ("photo",)),
    Job("publish", ("photo",)),
    Job("deliver", ("webhook",), wait=RECEIVER_WAIT),
    Job("sweep", ("sweep",)),
)


@dataclass(frozen=True)
class Point:
    """One function with one memory: seconds of a run, and US dollars for a million runs."""

    megabytes: int
    seconds: float
    dollars: float

    @property
    def product(self) -> float:
        return self.seconds * self.dollars


def spent(job: Job) -> bills.Spent:
    """The mean of the job's scenarios, for one run."""
    cpu = wait = 0.0
    for name in job.scenarios:
        tally = data.operation(name)["functions"][job.function]
        found = bills.spent(name, job.function, tally)
        cpu += found.cpu / tally["runs"]
        wait += found.wait / tally["runs"]
    if job.rung:
        (cpu,) = (each["cpu"] for each in films.measured()["segments"] if each["rung"] == job.rung)
    return bills.Spent(cpu / len(job.scenarios), wait / len(job.scenarios) + job.wait)


def curve(job: Job) -> list[Point]:
    return [_point(job, spent(job), memory) for memory in MEMORIES]


def _point(job: Job, found: bills.Spent, megabytes: int) -> Point:
    share = megabytes / ONE_PROCESSOR
    alone = found.cpu * (1 - job.parallel) / min(1.0, share)
    together = found.cpu * job.parallel / min(2.0, share)
    seconds = alone + together + found.wait
    return Point(megabytes, seconds, 1e6 * (RUN + seconds * megabytes / 1024 * GB_SECOND))


def best(job: Job) -> Point:
    """The least memory that is enough and whose time x price is about the least."""
    enough = [each for each in curve(job) if each.megabytes >= job.least]
    least = min(each.product for each in enough)
    return next(each for each in enough if each.product <= AS_GOOD * least)


def chosen() -> Mapping[str, int]:
    """MB by function, as the curves choose them."""
    return {job.function: best(job).megabytes for job in JOBS}


def table() -> str:
    """The curves in Markdown: milliseconds and US dollars for a million runs by memory."""
    head = " | ".join(f"{memory:,} MB" for memory in MEMORIES)
    lines = [f"| Function | CPU + waiting, ms | {head} |", "|---|--:|" + "--:|" * len(MEMORIES)]
    for job in JOBS:
        found, least = spent(job), best(job)
        cells = []
        for point in curve(job):
            cell = f"{point.seconds * 1000:,.0f} ms, ${point.dollars:,.2f}"
            cells.append(f"**{cell}**" if point == least else cell)
        lines.append(f"| `{job.function}` | {found.cpu * 1000:,.0f} + {found.wait * 1000:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def short_table() -> str:
    """The memory that each function has, with its time and price, and the bound of its tests."""
    lines = [
        "| Function | Its job | CPU + waiting, ms | Least by its tests, MB | Has, MB | A run, ms | A million runs |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for job in JOBS:
        found = spent(job)
        has = _point(job, found, data.megabytes(job.function))
        lines.append(
            f"| `{job.function}` | {', '.join(job.scenarios)} | {found.cpu * 1000:,.0f} + {found.wait * 1000:,.0f} | "
            f"{job.least:,} | {has.megabytes:,} | {has.seconds * 1000:,.0f} | ${has.dollars:,.2f} |"
        )
    return "\n".join(lines)


def page() -> str:
    """bench/results/power.md."""
    found = data.measured()
    lines = [
        "# Time x price by memory",
        "",
        "Milliseconds of a run, and US dollars for a million runs, by list prices (ops/prices.py). Bold is the least",
        "memory that a function's tests allow and whose product of the two is at most 5 % above the least one.",
        "",
        table(),
        "",
        *(f"- {name}: {value}" for name, value in found["conditions"].items()),
        f"- an HTTP exchange: {found['exchange'] * 1000:.2f} ms of CPU for each call, added; without TLS",
        f"- shared by two processors: {PARALLEL_PICTURES:.0%} of the CPU of `process` (by bench/results/images.json), "
        f"{PARALLEL_FILMS:.0%} of that of `stream` (assumed), nothing of the others",
        "- the CPU of `stream` is that of a segment of 1080 lines (bench/results/media.md)",
        "- waiting: assumed for each call (ops/costs/bills.py); this machine has no AWS",
        "",
    ]
    return "\n".join(lines)
