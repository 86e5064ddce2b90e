"""`python -m ops tenants usage`: what a tenant has, what its quotas leave, and what it used by day."""

from __future__ import annotations

import json
from typing import Any

COLUMNS = {
    "uploaded_files": "uploaded",
    "uploaded_bytes": "bytes",
    "deleted_files": "deleted",
    "deleted_bytes": "bytes",
    "renders": "renders",
    "requests": "requests",
    "delivered_requests": "delivered",
    "delivered_bytes": "bytes",
}


def show(tenant: str, *, as_json: bool) -> int:
    """Prints the report. The stage's settings are in the environment. Costs what `usage_report.report` costs."""
    from chalicelib.catalog import quotas, tenants, usage_report

    report = usage_report.report(tenant, quotas.limits(tenants.get_tenant(tenant)))
    if as_json:
        print(json.dumps(report, default=lambda moment: moment.isoformat()))
        return 0
    print(f"{tenant}: {report['files']:,} files, {report['bytes']:,} bytes")
    for name, quota in report["quotas"].items():
        used = "at most" if quota["used"] is None else f"{quota['used']:,} of"
        print(f"  {name}: {used} {quota['limit']:,}")
    print("".join([f"{'day':10}", *(f"{title:>18}" for title in COLUMNS.values())]))
    for day in report["days"]:
        print(_line(day))
    return 0


def _line(day: dict[str, Any]) -> str:
    """A day's numbers; a dash for those that nobody counted."""
    numbers = ["-" if day[name] is None else f"{day[name]:,}" for name in COLUMNS]
    return "".join([f"{day['day']:10}", *(f"{number:>18}" for number in numbers)])
