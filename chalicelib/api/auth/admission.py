"""Checks that every caller must pass besides its credential: its key's networks, and its tenant's good standing."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from chalicelib.api.auth.callers import Caller
from chalicelib.api.errors import Problem
from chalicelib.catalog import tenants
from chalicelib.catalog.memory import forget_one, look_up


def admit(caller: Caller, address: Callable[[], str | None]) -> None:
    """Raises Problem `network_not_allowed` or `tenant_suspended` for a caller that may do nothing.

    `address()` is the network address that the caller comes from. It is asked for only if the key has networks. At most
    one read of the table, of the tenant; none while this process remembers it.
    """
    if caller.key and caller.key.networks and not is_within(address(), caller.key.networks):
        detail = "This API key may not be used from this network address."
        raise Problem("network_not_allowed", detail)
    if not caller.is_operator and look_up(tenants.get_tenant, caller.tenant).suspended:
        raise Problem("tenant_suspended", "This tenant is suspended. Ask the operator of this stage.")


def admit_as_of_now(caller: Caller, address: Callable[[], str | None]) -> None:
    """The same, with the tenant as the table has it now."""
    forget_one(tenants.get_tenant, caller.tenant)
    admit(caller, address)


def is_within(address: str | None, networks: tuple[str, ...]) -> bool:
    """True if the address is in one of the networks (CIDRs). An address that is none is in no network."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address or "")
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return any((mapped or found) in network for network in parsed(networks))


@lru_cache(maxsize=256)
def parsed(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in networks)
