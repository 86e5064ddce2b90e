"""A stage's month, by what a team says of it: new files, their kinds and sizes, views, requests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from ops.costs import bills, data, films, idle, services
from ops.costs.bills import GB, Units
from ops.costs.items import Item, priced
from ops.prices import PRICES

# A rendition in the size that pages mostly show, in bytes: an assumption.
VIEW_SIZE = 100_000
# The part of views that an edge answers, by the simulation of bench/results/delivery.md.
CACHE_HITS = 0.67
# CloudFront's function sees each view twice: the request and the answer.
EDGE_RUNS = 2
# Viewers of films mostly get this rung and the sound.
RUNGS = ("v720", "a0")


@dataclass(frozen=True)
class Workload:
    """A month. `files` are new, `stored` are there at its end; `kinds` are parts of the new files that sum up to 1.

    Sizes in bytes, `minutes` of films that are uploaded, and `watched` minutes of films.
    """

    files: float
    mean_size: float = 3e6
    kinds: Mapping[str, float] = field(default_factory=lambda: {"photo": 1.0})
    stored: float | None = None
    views: float = 0
    view_size: float = VIEW_SIZE
    cache_hits: float = CACHE_HITS
    on_demand: float = 0
    gets: float = 0
    lists: float = 0
    searches: float = 0
    deletes: float = 0
    webhooks: float = 0
    minutes: float = 0
    watched: float = 0

    @property
    def there(self) -> float:
        return self.files if self.stored is None else self.stored


def activities(work: Workload) -> dict[str, Units]:
    """The units of a month by what they are for."""
    found = {
        "new files": _summed((kind, share * work.files) for kind, share in work.kinds.items()),
        "files in S3 and the table": _stored(work),
        "views": _views(work),
        "requests": _summed(
            (name, count)
            for name, count in (
                ("get", work.gets),
                ("list", work.lists),
                ("search", work.searches),
                ("delete", work.deletes),
                ("on demand", work.on_demand),
            )
        ),
        "films that are watched": _films(work),
        "webhooks": _webhooks(work),
        "a stage that is idle": _idle(),
    }
    return {name: units for name, units in found.items() if cost_of(units)}


def cost_of(units: Units) -> float:
    return bills.cost(units)


def _summed(counts: Iterable[tuple[str, float]]) -> Units:
    found: Units = Counter()
    for name, count in counts:
        for price, units in bills.units(name).items() if count else ():
            found[price] += units * count  # type: ignore[assignment]
    return found


def stored_derived(work: Workload) -> float:
    """GB of what is made of the stored files at once."""
    by_kind = data.measured()["stored"]
    return float(sum(by_kind[kind] * share for kind, share in work.kinds.items()) * work.there / GB)


def _stored(work: Workload) -> Units:
    table = sum(data.operation(kind)["table_bytes"] * share for kind, share in work.kinds.items()) * work.there / GB
    objects = work.mean_size * work.there / GB + stored_derived(work)
    return Counter({"stored_month": objects, "table_month": table, "recovery_month": table})


def sent(work: Workload) -> float:
    """GB that viewers of renditions get."""
    return work.views * work.view_size / GB


def view_units(size: float = VIEW_SIZE) -> Units:
    """The units of one view, without S3's."""
    return Counter({"viewed": 1, "edge": EDGE_RUNS, "sent": size / GB})


def _views(work: Workload) -> Units:
    found: Units = Counter({name: units * work.views for name, units in view_units(work.view_size).items()})
    found["get"] = work.views * (1 - work.cache_hits)  # type: ignore[assignment]
    return found


def _films(work: Workload) -> Units:
    """Each uploaded minute is made once, if it is watched, and sent as often as it is watched."""
    made = min(work.minutes, work.watched)
    found: Units = Counter()
    for segment in films.measured()["segments"]:
        if segment["rung"] not in RUNGS:
            continue
        a_minute = 60 / segment["seconds"]
        for price, units in films.segment_units(segment).items():
            found[price] += units * a_minute * made
        found["viewed"] += a_minute * work.watched
        found["sent"] += segment["size"] / GB * a_minute * work.watched
        found["stored_month"] += segment["size"] / GB * a_minute * made
    return found


def _webhooks(work: Workload) -> Units:
    found: Units = Counter()
    for item in idle.events() if work.webhooks else ():
        if item.payer == "each webhook":
            found[item.key] += item.units * work.webhooks * work.files / 1e6  # type: ignore[assignment]
    return found


def _idle() -> Units:
    found: Units = Counter()
    for item in idle.idle():
        found[item.key] += item.units  # type: ignore[assignment]
    return found


def items(work: Workload) -> list[Item]:
    """The month's bill, each price once."""
    whole: Units = Counter()
    for units in activities(work).values():
        whole += units
    return [priced(PRICES[name].unit, whole[name], name) for name in PRICES if whole[name]]


# CloudFront's flat-rate plans: US dollars a month, requests and GB (docs/decisions/0031).
PLANS = ((0, 1e6, 100), (15, 1e7, 50_000), (200, 1.25e8, 50_000), (1000, 5e8, 50_000))


def with_plan(work: Workload) -> float | None:
    """US dollars of the month with the smallest of CloudFront's plans that is enough; None if none is."""
    bill = {item.key: item for item in items(work)}
    edge = {key: bill.pop(key) for key in ("viewed", "sent", "edge") if key in bill}
    requests, sent_gb = (edge[key].units if key in edge else 0.0 for key in ("viewed", "sent"))
    plan = next((price for price, most, gb in PLANS if requests <= most and sent_gb <= gb), None)
    return None if plan is None else plan + sum(item.cost for item in bill.values())


def month(work: Workload) -> services.Month:
    """The same month for the formulas of paid services."""
    derived = sum(
        share * sum(_puts(kind, function) for function in ("process", "media")) for kind, share in work.kinds.items()
    )
    return services.Month(
        files=work.files,
        uploaded=work.files * work.mean_size / GB,
        stored=work.there * work.mean_size / GB,
        stored_derived=stored_derived(work),
        derived=derived * work.files + work.on_demand,
        views=work.views,
        sent=sent(work),
        minutes=work.minutes,
        watched=work.watched,
        hits=work.cache_hits,
    )


def _puts(kind: str, function: str) -> int:
    tally = data.operation(kind)["functions"].get(function, {"calls": {}})
    return int(tally["calls"].get("s3.PutObject", 0))


def others(work: Workload) -> dict[str, float | None]:
    """US dollars that each paid service would ask for; None if it does not do this work."""
    return {service.name: service.asks(month(work)) for service in services.SERVICES}


def as_json(work: Workload) -> str:
    bill = items(work)
    told = {
        "workload": {**asdict(work), "stored": work.there},
        "lines": [
            {"unit": each.name, "units": each.units, "price": each.price, "cost": round(each.cost, 4)} for each in bill
        ],
        "activities": {name: round(cost_of(units), 4) for name, units in activities(work).items()},
        "cost": round(sum(each.cost for each in bill), 2),
        "cost_after_free_units": round(sum(each.after_free for each in bill), 2),
        "cost_with_flat_rate_plan": None if (planned := with_plan(work)) is None else round(planned, 2),
        "services": {name: None if asked is None else round(asked, 2) for name, asked in others(work).items()},
    }
    return json.dumps(told, indent=2)


def as_text(work: Workload) -> str:
    """The month in lines for a terminal."""
    bill, rows = items(work), []
    rows += [(name, cost_of(units)) for name, units in activities(work).items()]
    rows.append(("all, at list prices", sum(each.cost for each in bill)))
    rows.append(("after the account's free units", sum(each.after_free for each in bill)))
    if (planned := with_plan(work)) is not None:
        rows.append(("at list prices, with one of CloudFront's flat-rate plans", planned))
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  ${cost:>12,.2f} a month" for name, cost in rows]
    lines += ["", "The largest lines:"]
    for item in sorted(bill, key=lambda each: -each.cost)[:8]:
        lines.append(f"  ${item.cost:>12,.2f}  {item.units:>16,.0f} x {item.name} ({item.said})")
    lines += ["", "Paid services for the same work, by published prices (docs/costs.md says which are confirmed):"]
    for name, asked in others(work).items():
        lines.append(f"  {name:<34} " + ("does not do this work" if asked is None else f"${asked:>12,.2f} a month"))
    return "\n".join(lines)
