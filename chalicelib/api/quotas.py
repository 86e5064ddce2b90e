"""Quotas in requests and answers: what a tenant may do, the refusal, and the headers that say what is left.

The headers are those of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (draft 09): a policy is
named by its quota. API Gateway's own limit for the whole stage is the policy `stage`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from http import HTTPStatus

from chalicelib.api.errors import Problem
from chalicelib.catalog import quotas, tenants
from chalicelib.catalog.memory import look_up
from chalicelib.catalog.quotas import ExceededError
from chalicelib.catalog.rates import RATES, Rate
from chalicelib.model import now, timestamp
from chalicelib.settings import settings

REQUESTS = "requests_per_minute"

# The unit of a quota that does not count requests, files or the like.
_IN_BYTES = ("stored_bytes", "uploaded_bytes_per_day")
# Seconds in which a quota of some time comes back.
_WINDOWS = {REQUESTS: 60, "uploaded_bytes_per_day": 86_400, "renders_per_day": 86_400}

_WORDS = {
    "stored_bytes": "Your files may have {limit} bytes together, and with this one there are more. Delete some first.",
    "files": "You may have {limit} files, and you have them. Delete some first.",
    "uploaded_bytes_per_day": "You may upload {limit} bytes in a day (UTC), and with this file there are more.",
    REQUESTS: "You may send {limit} requests in a minute.",
}

_rate: ContextVar[Rate | None] = ContextVar("rate", default=None)


def limits_of(tenant: str) -> dict[str, int]:
    """The quotas that hold for a tenant. At most one read of the table; none while this process remembers it."""
    return quotas.limits(look_up(tenants.get_tenant, tenant))


def begin() -> None:
    """From here on, the answer is another request's."""
    _rate.set(None)


def count_request(tenant: str) -> None:
    """Counts a request of the tenant, if it has such a quota. Raises Problem `quota_exceeded`.

    For most requests this costs nothing (catalog/rates.py).
    """
    limit = limits_of(tenant).get(REQUESTS)
    if limit is None:
        return
    rate = RATES.request(tenant, limit, time.time())
    _rate.set(rate)
    if not rate.allowed:
        resets_at = datetime.fromtimestamp(int(time.time()) + rate.resets_in, UTC)
        raise refusal(ExceededError(REQUESTS, limit, limit, resets_at))


def refusal(exceeded: ExceededError) -> Problem:
    """The answer to a request that a quota does not allow.

    429 where waiting helps (RFC 6585: too many in a given time). Otherwise 403 (RFC 9110: the same request should not
    be repeated), because clients repeat a request by themselves after 429. 413 is about the size of a request alone.
    """
    quota, resets_at = exceeded.quota, exceeded.resets_at
    policy = f'"{quota}";q={exceeded.limit}' + (';qu="content-bytes"' if quota in _IN_BYTES else "")
    left = f'"{quota}";r={max(0, exceeded.limit - exceeded.used)}'
    headers = {}
    if resets_at:
        seconds = max(1, int((resets_at - now()).total_seconds()))
        headers["Retry-After"] = str(seconds)
        policy += f";w={_WINDOWS[quota]}"
        left += f";t={seconds}"
    headers |= {"RateLimit-Policy": _joined(*_stage(), policy), "RateLimit": left}
    return Problem(
        "quota_exceeded",
        _WORDS[quota].format(limit=exceeded.limit),
        headers=headers,
        status=None if resets_at else HTTPStatus.FORBIDDEN,
        more={
            "quota": quota,
            "limit": exceeded.limit,
            "used": exceeded.used,
            "resets_at": timestamp(resets_at) if resets_at else None,
        },
    )


def headers() -> Mapping[str, str]:
    """The headers of an answer that does not say more: the stage's policy, and the quota of requests with the rest."""
    rate = _rate.get()
    policies = [*_stage(), *([f'"{REQUESTS}";q={rate.limit};w=60'] if rate else [])]
    found = {"RateLimit-Policy": _joined(*policies)} if policies else {}
    return found | ({"RateLimit": f'"{REQUESTS}";r={rate.remaining};t={rate.resets_in}'} if rate else {})


def _stage() -> list[str]:
    limit = settings().rate_limit
    return [f'"stage";q={limit};w=1'] if limit else []


def _joined(*items: str) -> str:
    return ", ".join(items)
