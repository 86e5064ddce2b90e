"""Renditions on demand: each one that is made is counted for its tenant's day, and against its quota."""

from __future__ import annotations

from chalicelib.catalog import quotas, tenants, usage
from chalicelib.catalog.memory import look_up
from chalicelib.model import now


def count(tenant: str) -> bool:
    """Counts a rendition that is about to be made. False if the tenant may have no more made today.

    One UpdateItem, which is exact: as many are made as the quota allows, and no more. There are at most as many at the
    same time as functions run (`FILEMILL_RENDER_CONCURRENCY`), so one item is enough. At most one read, of the tenant;
    none while this process remembers it.
    """
    limit = quotas.limits(look_up(tenants.get_tenant, tenant)).get("renders_per_day")
    return usage.add_render(tenant, usage.day_of(now()), limit)
