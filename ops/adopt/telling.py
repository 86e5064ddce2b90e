"""What `ops adopt` says: the plan with its cost, what became of the objects, and the same as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ops import prices
from ops.adopt.adopting import Adopter, Wishes
from ops.adopt.estimate import Plan, cost
from ops.adopt.run import Done
from ops.adopt.source import REASONS, Source
from ops.progress import duration


def described(source: Source, wishes: Wishes, plan: Plan, per_second: float, *, other_region: bool) -> list[str]:
    """The plan in sentences: how much there is, what is passed over, and the cost."""

    kinds = ", ".join(f"{number:,} {kind}" for kind, number in plan.files.most_common())
    lines = [
        f"{plan.wanted:,} of {plan.listed:,} objects in {source.url} to adopt for {wishes.tenant}, "
        f"{_size(plan.bytes.total())} in all{f' ({kinds})' if kinds else ''}."
    ]
    passed = {"adopted already": plan.already, "not chosen": plan.not_chosen, "folders": plan.folders}
    if said := ", ".join(f"{number:,} {words}" for words, number in passed.items() if number):
        lines.append(f"Passed over: {said}.")
    lines += [f"{number:,} can't become a file: {REASONS[code]}." for code, number in plan.refused.items()]
    if not plan.wanted:
        return lines
    found = cost(plan, other_region=other_region)
    lines.append(
        f"{prices.dollars(found.once)} once, and {prices.dollars(found.storage_a_month).lower()} a month for the "
        "copies, by the list prices of us-east-1 (docs/migrate-a-bucket.md says what is in it)."
    )
    if other_region:
        lines.append(f"The bucket is in {source.region}, so the way to the stage's region is in it.")
    if wishes.limits:
        lines += _beyond_quotas(wishes, plan)
    lines.append(f"At {per_second:g}/s it takes {duration(plan.wanted / per_second)} or more.")
    return lines


def _beyond_quotas(wishes: Wishes, plan: Plan) -> list[str]:
    """A sentence for each quota that will not do."""
    from chalicelib.catalog import reserves, usage
    from chalicelib.catalog.index import counts
    from chalicelib.model import now

    held = reserves.held_by(counts.stats(wishes.tenant), usage.day_of(now()))
    needed = {"files": plan.wanted, "stored_bytes": plan.bytes.total(), "uploaded_bytes_per_day": plan.bytes.total()}
    return [
        f"The quota {quota} of {wishes.tenant} leaves {max(0, bound - held.of(quota)):,}, and {needed[quota]:,} are "
        f"needed. Raise it (`ops tenants set {wishes.tenant} --quota`), or add --ignore-quotas."
        for quota, bound in wishes.limits.items()
        if quota in needed and held.of(quota) + needed[quota] > bound
    ]


def told(done: Done) -> list[str]:
    """The outcome of a run, in sentences."""
    said = {
        "adopted": "adopted",
        "resumed": "begun by an earlier run and copied now",
        "already": "adopted by another run",
    }
    lines = [
        ", ".join(
            f"{done.outcomes[each]:,} {words}"
            for each, words in said.items()
            if done.outcomes[each] or each == "adopted"
        )
        + f", {_size(done.bytes)}"
    ]
    if done.failed:
        reasons = ", ".join(f"{number:,} {code}" for code, number in done.failed.most_common())
        lines.append(f"{done.failed.total():,} failed: {reasons}. Run the same command again to try them again.")
    if done.out_of_quota:
        lines.append(
            f"Stopped, because the quota {done.out_of_quota} is used up. Raise it (`ops tenants set`), or add "
            "--ignore-quotas; the same command does what is left."
        )
    return lines


def report(adopter: Adopter, plan: Plan, done: Done | None, *, other_region: bool) -> dict[str, Any]:

    found = cost(plan, other_region=other_region)
    report: dict[str, Any] = {
        "source": adopter.source.url,
        "tenant": adopter.wishes.tenant,
        "dry_run": done is None,
        "listed": plan.listed,
        "planned": {"files": plan.wanted, "bytes": plan.bytes.total(), "by_kind": dict(plan.files)},
        "passed": {"already": plan.already, "not_chosen": plan.not_chosen, "folders": plan.folders},
        "refused": dict(plan.refused),
        "cost": {**{name: round(value, 6) for name, value in asdict(found).items()}, "once": round(found.once, 6)},
    }
    if done:
        report |= {
            "done": {**{each: done.outcomes[each] for each in ("adopted", "resumed", "already")}, "bytes": done.bytes},
            "failed": dict(done.failed),
            "failures": [asdict(each) for each in done.failures],
            "out_of_quota": done.out_of_quota,
        }
    return report


def _size(size: int) -> str:
    for unit, bytes_ in (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{size} bytes"
