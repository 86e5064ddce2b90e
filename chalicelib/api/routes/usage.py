"""`GET /v1/usage`: what the tenant has, what it used by day, and what its quotas leave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalice import Blueprint, Response

from chalicelib.api import quotas
from chalicelib.api.answers import UsageResource
from chalicelib.api.auth.callers import Scope
from chalicelib.api.routing import Call, json_response, route
from chalicelib.model import timestamp

routes = Blueprint(__name__)


@route(routes, "GET", "/v1/usage", scope=Scope.FILES_READ, returns={200: UsageResource})
def get_usage(call: Call) -> Response:
    """Tell what is stored now, what your quotas leave, and what you used on each of the last 90 days (UTC).

    The counts follow each change, as a rule within a second. Quotas are the operator's to change.
    """
    from chalicelib.catalog import usage_report  # few requests need it

    report = usage_report.report(call.tenant, quotas.limits_of(call.tenant))
    return json_response({**report, "quotas": {name: _quota(each) for name, each in report["quotas"].items()}})


def _quota(values: dict[str, Any]) -> dict[str, Any]:
    resets_at: datetime | None = values["resets_at"]
    return {**values, "resets_at": timestamp(resets_at) if resets_at else None}
