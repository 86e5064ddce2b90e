"""`python -m ops costs`: counts every operation and writes the page of costs; or says what a stage's month costs."""

from __future__ import annotations

import argparse
import math
import re

from ops import made
from ops.costs import data, page, workload
from ops.costs.workload import CACHE_HITS, VIEW_SIZE, Workload
from ops.errors import OpsError

EXAMPLES = (
    "costs --files 1e6 --mean-size 3MB --views 20e6",
    "costs --files 50000 --kinds photo=80,pdf=20 --stored 2e6 --gets 1e6 --json",
    "costs --files 1000 --mean-size 500MB --kinds video=100 --minutes 20000 --watched 2e6",
    "costs",
    "costs --without-counting",
    "costs --check",
)

# More than any stage has, so that a slip of the finger is no estimate.
MOST = 1e15

_SIZE = re.compile(r"([0-9.,_e+]+?)\s*(|b|kb|mb|gb|tb|kib|mib|gib|tib)", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)}
_UNITS |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)}

# Options that stand for fields of a Workload.
_COUNTS = {
    "stored": "files that the stage has at the month's end (default: the new ones)",
    "views": "renditions that viewers see in the month",
    "on-demand": "first views of what is made on demand, such as AVIF",
    "gets": "requests for one file",
    "lists": "pages of the list, of 50 private photos",
    "searches": "searches, with as many answers",
    "deletes": "files that are deleted",
    "webhooks": "webhooks that hear of every event",
    "minutes": "minutes of the films among the new files",
    "watched": "minutes of films that viewers watch",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Say what a month of a stage costs at AWS's list prices, and what paid services publish for the same work. "
        "Without --files: count every operation on mocks of AWS, and write the counts and the tables of the pages; "
        "this takes a minute or two, and needs the packages of development."
    )
    stage = parser.add_argument_group("a stage's month")
    stage.add_argument("--files", type=count, metavar="N", help="new files in the month, such as 1e6")
    stage.add_argument("--mean-size", type=size, metavar="SIZE", help="mean size of a file (default: 3MB)")
    stage.add_argument(
        "--kinds", type=kinds, metavar="KIND=PERCENT,…", help="what the new files are (default: photo=100)"
    )
    for name, explanation in _COUNTS.items():
        stage.add_argument(f"--{name}", type=count, metavar="N", help=explanation)
    stage.add_argument(
        "--view-size", type=size, metavar="SIZE", help=f"size of a view (default: {VIEW_SIZE // 1000}KB)"
    )
    stage.add_argument(
        "--cache-hits",
        type=percent,
        metavar="PERCENT",
        help=f"percent of views from the edge (default: {100 * CACHE_HITS:.0f})",
    )
    stage.add_argument("--json", action="store_true", help="print JSON")
    of_page = parser.add_argument_group("the pages")
    made.add_arguments(of_page)
    of_page.add_argument(
        "--without-counting", action="store_true", help="make the tables of the counts that are there, which is quick"
    )


def main(args: argparse.Namespace) -> int:
    """Raises OpsError for options that do not go together."""
    given = {name: value for name, value in vars(args).items() if name in _fields() and value is not None}
    if args.files is None:
        if given or args.json:
            named = "--json" if args.json else f"--{next(iter(given)).replace('_', '-')}"
            raise OpsError(f"{named} is about a stage's month: say how many new files it has, too, with --files.")
        return generate(check=args.check, counting=not args.without_counting)
    if args.check or args.without_counting:
        raise OpsError("--check and --without-counting are about the pages: leave --files out, or leave them out.")
    work = Workload(**given)
    print(workload.as_json(work) if args.json else workload.as_text(work))
    return 0


def _fields() -> set[str]:
    return set(Workload.__dataclass_fields__)


def generate(*, check: bool, counting: bool) -> int:
    """Counts and writes. The exit code is 1 if `check` found a file that is not as it should be."""
    code = 0
    if counting:
        code = made.write({data.COUNTED: data.text_of(counted())}, check=check)
        data.counted.cache_clear()
    return code or made.write(page.pages(), check=check)


def counted() -> dict[str, object]:
    """Counts every operation.

    Raises
    ------
    OpsError
        The packages of development are missing.
    """
    try:
        from bench import counting
        from bench.counting.stage import cloud
    except ModuleNotFoundError as missing:
        raise OpsError(
            f"Counting needs the packages of development ({missing.name} is missing): run `make venv` in a checkout. "
            "An estimate (--files) needs none of them."
        ) from None
    with cloud():
        found = counting.everything()
    known = data.counted() if data.COUNTED.exists() else {}
    settled: dict[str, object] = counting.settled(found, known)
    return settled


# --- what people write


def _number(text: str) -> float:
    """The number that a text is; NaN, which no bound lets pass, if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def count(text: str) -> float:
    """A number of things: 20000, 20_000, 20e3."""
    found = _number(text.replace(",", ""))
    if not 0 <= found <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1e15: write for example 250000 or 20e6")
    return found


def size(text: str) -> float:
    """Bytes: 300000, 300KB, 2.5 MB, 1GiB."""
    found = _SIZE.fullmatch(text.strip())
    number = _number(found[1].replace(",", "")) * _UNITS[found[2].lower()] if found else math.nan
    if not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write for example 300KB, 2.5MB or 1GiB")
    return number


def percent(text: str) -> float:
    """A part of 1: 67, 67%, 0.67 %."""
    found = _number(text.strip().removesuffix("%"))
    if not 0 <= found <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage from 0 to 100: write for example 67")
    return found / 100


def kinds(text: str) -> dict[str, float]:
    """Parts of 1 by kind: photo=80,pdf=20."""
    known = list(data.counted()["kinds"])
    found: dict[str, float] = {}
    for pair in text.split(","):
        name, _, share = pair.strip().partition("=")
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is no kind that is counted: choose from {', '.join(known)}")
        if name in found:
            raise argparse.ArgumentTypeError(f"{name} stands twice in {text!r}")
        found[name] = percent(share)
    if not math.isclose(sum(found.values()), 1, abs_tol=0.001):
        raise argparse.ArgumentTypeError(
            f"{text!r} is {sum(found.values()):.0%} of the files: make it 100, such as photo=80,pdf=20"
        )
    return found
