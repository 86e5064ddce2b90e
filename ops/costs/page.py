"""The tables of the pages about costs, in places that the pages mark: `<!-- made: NAME -->` … `<!-- end -->`.

All else on the pages is written by hand, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ops import prices
from ops.costs import bills, data, films, idle, items, power, services, workload
from ops.costs.workload import Workload
from ops.errors import OpsError
from ops.openapi.problems import ROOT

MIGRATE = ROOT / "docs" / "migrate-a-bucket.md"
README = ROOT / "README.md"
POWER = ROOT / "bench" / "results" / "power.md"
PAGES = (data.PAGE, MIGRATE, README)

_PLACE = re.compile(r"<!-- made: ([\w-]+) -->.*?<!-- end -->", re.DOTALL)

MILLION = prices.MILLION

# The month that the page compares with paid services: a million photos of a phone, each seen twenty times, and films.
PHOTOS = Workload(files=MILLION, mean_size=3e6, views=20 * MILLION)
FILMS = Workload(files=2000, mean_size=450e6, kinds={"video": 1.0}, minutes=20_000, watched=2 * MILLION)


def pages() -> dict[Path, str]:
    """The text of each page with its places filled, and of the page of curves."""
    found = {path: filled(path.read_text(encoding="utf-8"), path.name) for path in PAGES}
    return found | {POWER: power.page()}


def filled(text: str, name: str) -> str:
    """The page with what is made now.

    Raises
    ------
    OpsError
        The page has a place with an unknown name, or none.
    """

    def replaced(found: re.Match[str]) -> str:
        if found[1] not in PARTS:
            raise OpsError(f"{name} has a place for {found[1]!r}, which nothing makes. Parts: {', '.join(PARTS)}.")
        part = PARTS[found[1]]()
        around = "\n\n" if part.startswith(("| ", "- ")) else ""
        return f"<!-- made: {found[1]} -->{around}{part}{around}<!-- end -->"

    text, count = _PLACE.subn(replaced, text)
    if not count:
        raise OpsError(f"{name} has no place for what `ops costs` makes: restore it from version control.")
    return text


# --- the tables


def kinds_table() -> str:
    """A million files of each kind: counted units, and dollars by service."""
    head = [
        "A million files",
        "Write units",
        "Read units",
        "Runs",
        "GB-seconds",
        "Objects put",
        "Renditions, GB",
        "Table, GB",
    ]
    head += [*(f"{group}, $" for group in bills.GROUPS), "All, $"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    for name, entry in data.counted()["kinds"].items():
        stored = (data.measured()["stored"][name], entry["table_bytes"])
        lines.append(_row(f"{name}: {entry['said']}", name, [f"{size * MILLION / bills.GB:,.1f}" for size in stored]))
    return "\n".join(lines)


def operations_table() -> str:
    """A million operations of each sort."""
    head = ["A million of", "Write units", "Read units", "Runs", "GB-seconds", "PUT, LIST of S3", "Sent, GB"]
    head += [*(f"{group}, $" for group in bills.GROUPS), "All, $"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    for name, entry in data.counted()["operations"].items():
        lines.append(_row(entry["said"], name, None))
    return "\n".join(lines)


def _row(said: str, name: str, stored: Sequence[str] | None) -> str:
    """`stored` are cells about storage; without them the row says how much is sent."""
    units = bills.units(name)
    if name == "view":  # what the distribution's functions and the viewer take
        units += workload.view_units()
    cells = [f"{units[key] * MILLION / 1e6:,.1f} M" for key in ("write", "read", "run")]
    cells += [f"{units['gb_second'] * MILLION:,.0f}", f"{units['put'] * MILLION / 1e6:,.0f} M"]
    cells += stored or [f"{units['sent'] * MILLION:,.1f}"]
    groups = bills.by_group({key: count * MILLION for key, count in units.items()})
    cells += [f"{cost:,.2f}" for cost in groups.values()]
    return f"| {said} | {' | '.join(cells)} | **{sum(groups.values()):,.2f}** |"


def photo_table() -> str:
    """The bill of a million photos, line by line."""
    units = bills.units("photo")
    found = [items.priced(prices.PRICES[key].unit, units[key] * MILLION, key) for key in prices.PRICES if units[key]]
    return items.without_free_units("A million photos", found, total=True)


def calls_table() -> str:
    """The calls of AWS of each operation and kind, by function."""
    lines = ["| Operation | Function | Calls |", "|---|---|---|"]
    for name, entry in {**data.counted()["operations"], **data.counted()["kinds"]}.items():
        for function, tally in entry["functions"].items():
            calls = ", ".join(f"{count} {call.partition('.')[2]}" for call, count in tally["calls"].items())
            lines.append(f"| {name} | {_runs(function, tally)} | {calls or 'none'} |")
    return "\n".join(lines)


def _runs(function: str, tally: Mapping[str, Any]) -> str:
    if not tally["runs"]:
        return function
    return f"`{function}`" + (f" x {tally['runs']}" if tally["runs"] > 1 else "")


def services_table() -> str:
    """The same work, by list prices and by published prices."""
    head = ["A month", "Filemill", "… with a flat-rate plan of CloudFront", *(each.name for each in services.SERVICES)]
    lines = [f"| {' | '.join(head)} |"]
    lines.append("|---|--:|--:|" + "--:|" * len(services.SERVICES))
    rows = {
        "A million new photos of 3 MB with their renditions, 20 million views of 100 KB": PHOTOS,
        "2,000 films of 10 minutes, 2 million minutes watched": FILMS,
    }
    for said, work in rows.items():
        own = sum(item.cost for item in workload.items(work))
        asked = ["no" if cost is None else f"${cost:,.0f}" for cost in workload.others(work).values()]
        planned = workload.with_plan(work)
        cell = "no" if planned is None else f"${planned:,.0f}"
        lines.append(f"| {said} | **${own:,.0f}** | {cell} | {' | '.join(asked)} |")
    left_out = [f"| not in it | | | {' | '.join(each.leaves_out for each in services.SERVICES)} |"]
    return "\n".join(lines + left_out)


def month_table() -> str:
    """The photos' month by what it is for."""
    lines = ["| For | Cost a month |", "|---|--:|"]
    lines += [f"| {name} | ${bills.cost(units):,.2f} |" for name, units in workload.activities(PHOTOS).items()]
    lines.append(f"| **all** | **${sum(item.cost for item in workload.items(PHOTOS)):,.2f}** |")
    return "\n".join(lines)


def polls_table() -> str:
    """A month of polling empty queues, in the ways that AWS offers."""
    lines = ["| Lambda reads the queues with | Polls of all queues a month | Cost |", "|---|--:|--:|"]
    for said, pollers in (
        ("five pollers each: with a maximum concurrency, as here", idle.POLLERS),
        ("two pollers each, the least that AWS names without one", idle.LEAST_POLLERS),
    ):
        polls = idle.polls(pollers)
        lines.append(f"| {said} | {polls:,} | ${polls * prices.PRICES['queued'].amount:.2f} |")
    return "\n".join(lines)


def starts_table() -> str:
    """A month of keeping functions ready, for the sizes that functions have."""
    lines = [
        "| Function | Memory, MB | One environment kept ready (provisioned concurrency), a month | A cached snapshot "
        "(SnapStart), a month | A thousand restores |",
        "|---|--:|--:|--:|--:|",
    ]
    for function in ("api_handler", "render", "stream"):
        gigabytes = data.gigabytes(function)
        month = gigabytes * data.MONTH
        lines.append(
            f"| `{function}` | {data.megabytes(function):,} | ${month * prices.PRICES['provisioned'].amount:.2f} | "
            f"${month * prices.PRICES['snapshot'].amount:.2f} | "
            f"${1000 * gigabytes * prices.PRICES['restored'].amount:.2f} |"
        )
    return "\n".join(lines)


def conditions() -> str:
    """The machine of the measured seconds, in a sentence."""
    found = data.measured()["conditions"]
    return f"measured on {found['date']} on {found['machine']}, Python {found['Python']}"


def event_sentences() -> str:
    parts = idle.event_costs()
    return (
        f"- every stage costs ${parts['every stage']:.2f} for them, whether anybody listens or not\n"
        f"- each webhook costs ${parts['each webhook']:.2f}, if it wants all of them and accepts each at once\n"
        f"- each socket that hears of all costs ${parts['each socket']:.2f}. It is one message an event at most: with "
        "load, several events\n  are in one"
    )


def _photo_writes() -> str:
    return f"{bills.units('photo')['write']:.0f}"


def _idle_total() -> str:
    return f"${sum(item.cost for item in idle.idle()):.0f} a month"


def _idle_least() -> str:
    return f"${sum(item.after_free for item in idle.idle()):.2f}"


def _adopted() -> str:
    from ops.adopt import estimate

    return estimate.table()


PARTS: Mapping[str, Callable[[], str]] = {
    "idle": lambda: items.with_free_units(idle.idle()),
    "idle-total": _idle_total,
    "idle-least": _idle_least,
    "polls": polls_table,
    "prices": prices.table,
    "kinds": kinds_table,
    "operations": operations_table,
    "photo": photo_table,
    "photo-writes": _photo_writes,
    "calls": calls_table,
    "conditions": conditions,
    "month": month_table,
    "services": services_table,
    "facts": services.facts_table,
    "events": lambda: items.without_free_units("For the events of a million files", idle.events()),
    "event-sentences": event_sentences,
    "films-watched": lambda: films.watched_table(films.measured()),
    "films-unwatched": lambda: films.unwatched_table(films.unwatched(films.measured())),
    "power": power.short_table,
    "starts": starts_table,
    "adopted": _adopted,
}
