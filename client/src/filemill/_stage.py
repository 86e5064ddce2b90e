"""Requests about the credential, the tenant and the stage, and any request that has no method of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filemill._api import parsed
from filemill._effects import Flow
from filemill._resource import Resource
from filemill.models import Health, Me, Stats, Usage


def me(self: Resource) -> Flow[Me]:
    """The credential that this client uses: whose it is, and what it may do. Raises AuthenticationError.

    >>> client.me().tenant
    'acme'
    """
    return Me((yield from self._api.json("GET", "/v1/me")))


def health(self: Resource) -> Flow[Health]:
    """The stage answers. Needs no key.

    >>> client.health().status
    'ok'
    """
    return Health((yield from self._api.json("GET", "/v1/health")))


def stats(self: Resource) -> Flow[Stats]:
    """How many files and bytes there are, by status and kind.

    >>> client.stats().by_kind["image"].files
    1
    """
    return Stats((yield from self._api.json("GET", "/v1/stats")))


def usage(self: Resource) -> Flow[Usage]:
    """The amounts that count against the tenant's quotas, and the use on each of the last 90 days.

    >>> client.usage().days[0].day
    '2026-11-26'
    """
    return Usage((yield from self._api.json("GET", "/v1/usage")))


def request(
    self: Resource,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Flow[Any]:
    """Sends any request of the API, and gives the answer's JSON, or None if it has no body.

    path: begins with a slash, as in `/v1/files`; put nothing of a stranger's into it unquoted. query: None is left out,
    and lists are repeated. body: is sent as JSON. Errors and repetitions are those of the other methods: a POST is sent
    again after a lost connection only if `headers` has an Idempotency-Key. Raises ApiError, NetworkError, and
    ValueError for a path without a slash.

    >>> client.request("GET", "/v1/files", query={"limit": 1})["items"][0]["filename"]
    'photo.jpg'
    """
    if not path.startswith("/"):
        raise ValueError(f"The path {path!r} does not begin with a slash, as /v1/files does.")
    safe = True if any(name.lower() == "idempotency-key" for name in headers or ()) else None
    answer = yield from self._api.call(method.upper(), path, params=query, body=body, headers=headers, repeatable=safe)
    return parsed(answer)
