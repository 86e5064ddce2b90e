"""Requests to this machine, which must not go through a proxy.

HTTP_PROXY, HTTPS_PROXY and ALL_PROXY hold for every host that NO_PROXY does not name, this machine included. A proxy on
another machine can't reach our loopback addresses.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from typing import Any

HOSTS = ("localhost", "127.0.0.1", "::1")
NAMES = ("NO_PROXY", "no_proxy")  # programs read one or the other


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY and no_proxy with which a program in this environment goes past the proxy to loopback."""
    told = next((environment[name] for name in reversed(NAMES) if environment.get(name)), "")
    hosts = [host.strip() for host in told.split(",") if host.strip()]
    if hosts != ["*"]:
        hosts += [host for host in HOSTS if host not in hosts]
    return dict.fromkeys(NAMES, ",".join(hosts))


def urlopen(request: str | urllib.request.Request, timeout: float) -> Any:
    """`urllib.request.urlopen` without a proxy."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout)
