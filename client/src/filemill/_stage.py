"""Requests about the credential, the tenant and the stage."""

from __future__ import annotations

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
    """What counts against the tenant's quotas, and what was used on each of the last 90 days.

    >>> client.usage().days[0].day
    '2026-11-26'
    """
    return Usage((yield from self._api.json("GET", "/v1/usage")))
