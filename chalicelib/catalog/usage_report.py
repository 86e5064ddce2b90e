"""The report on a tenant's usage, for `GET /v1/usage` and `python -m ops tenants usage`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chalicelib.catalog import reserves, usage
from chalicelib.catalog.index import counts
from chalicelib.catalog.index.counts import Count
from chalicelib.catalog.quotas import QUOTAS
from chalicelib.model import now


def report(tenant: str, limits: Mapping[str, int]) -> dict[str, Any]:
    """The tenant's present numbers, its quotas (`limits`) with what is used of each, and its days.

    One BatchGetItem for each hundred index shards and one Query, eventually consistent. `used` of the requests of this
    minute is None: no process knows it. `requests` and `delivered_*` of a day are None where nobody counted them.
    """
    stats = counts.stats(tenant)
    moment = now()
    today = usage.day_of(moment)
    days = usage.days(tenant, stats.days)
    held = reserves.held_by(stats, today)
    renders = next((day.numbers.get("renders", 0) for day in days if day.day == today), 0)
    used = {quota: held.of(quota) for quota in reserves.KEPT} | {"renders_per_day": renders}
    resets = {"requests_per_minute": moment.replace(second=0, microsecond=0) + timedelta(minutes=1)}
    resets |= dict.fromkeys(("uploaded_bytes_per_day", "renders_per_day"), usage.end_of_day(moment))
    return {
        "files": held.files,
        "bytes": held.stored_bytes,
        "by_kind": {kind: _count(count) for kind, count in stats.by_kind.items()},
        "quotas": {
            quota: {"limit": limits[quota], "used": used.get(quota), "resets_at": resets.get(quota)}
            for quota in QUOTAS
            if quota in limits
        },
        "days": [_day(day) for day in days],
    }


def _count(count: Count) -> dict[str, int]:
    return {"files": count.files, "bytes": count.bytes}


def _day(day: usage.Day) -> dict[str, Any]:
    counted = {name: day.numbers.get(name, 0) for name in (*usage.OF_THE_INDEX, "renders")}
    rest = {name: day.numbers.get(name) for name in usage.OTHERS if name != "renders"}
    return {"day": day.day, **counted, **rest}
