"""Renditions on demand: each one that is made is counted for its tenant's day, and against its quota."""

from __future__ import annotations

import time

from chalicelib.catalog import quotas, tenants, usage
from chalicelib.model import now

# Seconds for which a process remembers a tenant's quota, and the most tenants. With more, all are forgotten.
REMEMBER = 30.0
REMEMBER_TENANTS = 1000

_limits: dict[str, tuple[float, int | None]] = {}


def forget() -> None:
    """Forgets all quotas."""
    _limits.clear()


def count(tenant: str) -> bool:
    """Counts a rendition that is about to be made. False if the tenant may have no more made today.

    One UpdateItem, which is exact: as many are made as the quota allows, and no more. There are at most as many at the
    same time as functions run (`FILEMILL_RENDER_CONCURRENCY`), so one item is enough. At most one read, of the tenant;
    none while this process remembers it.
    """
    return usage.add_render(tenant, usage.day_of(now()), _limit(tenant))


def _limit(tenant: str) -> int | None:
    moment = time.monotonic()
    known = _limits.get(tenant)
    if known is None or moment - known[0] >= REMEMBER:
        if len(_limits) >= REMEMBER_TENANTS:
            _limits.clear()
        known = _limits[tenant] = (moment, quotas.limits(tenants.get_tenant(tenant)).get("renders_per_day"))
    return known[1]
