"""The quotas of a tenant: their names, and the bounds that hold for one."""

from __future__ import annotations

from datetime import datetime

from chalicelib.catalog.tenants import Tenant
from chalicelib.settings import MOST_OF_A_QUOTA, settings

QUOTAS = {
    "stored_bytes": "Bytes of the originals that the tenant's files have, at most",
    "files": "Files of the tenant, at most",
    "uploaded_bytes_per_day": "Bytes that the tenant may upload in a day (UTC)",
    "requests_per_minute": "Requests of the tenant's credentials in a minute",
    "renders_per_day": "Renditions that are made on demand in a day (UTC)",
}
"""Quota → its meaning. A quota that is not set is the stage's; 0 allows nothing."""

MOST = MOST_OF_A_QUOTA
"""The largest number that every JSON reader keeps exactly."""


class ExceededError(Exception):
    """A quota allows no more. `used` counts against it; `resets_at` is None if time alone gives nothing back."""

    def __init__(self, quota: str, limit: int, used: int, resets_at: datetime | None) -> None:
        super().__init__(f"{quota}: {used} of {limit}")
        self.quota = quota
        self.limit = limit
        self.used = used
        self.resets_at = resets_at


def limits(tenant: Tenant) -> dict[str, int]:
    """The quotas that hold for a tenant: its own, or else the stage's (where 0 is none). Others are left out."""
    stage = settings()
    of_stage = {
        "stored_bytes": stage.quota_stored_bytes,
        "files": stage.quota_files,
        "uploaded_bytes_per_day": stage.quota_uploaded_bytes_per_day,
        "requests_per_minute": stage.quota_requests_per_minute,
        "renders_per_day": stage.quota_renders_per_day,
    }
    # A quota of a later release is not known here, and is left alone.
    return {name: bound for name, bound in of_stage.items() if bound and name not in tenant.quotas} | {
        name: bound for name, bound in tenant.quotas.items() if name in of_stage
    }
