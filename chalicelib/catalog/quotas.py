"""The quotas of a tenant."""

from __future__ import annotations

QUOTAS = {
    "stored_bytes": "Bytes of the originals that the tenant's files have, at most",
    "files": "Files of the tenant, at most",
    "uploaded_bytes_per_day": "Bytes that the tenant may upload in a day (UTC)",
    "requests_per_minute": "Requests of the tenant's credentials in a minute",
    "renders_per_day": "Renditions that are made on demand in a day (UTC)",
}
"""Quota → its meaning. A quota that is not set is the stage's; 0 allows nothing."""

MOST = 2**53 - 1
"""The largest number that every JSON reader keeps exactly."""
