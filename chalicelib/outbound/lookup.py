"""From a host's name to the addresses to connect to. Every one of them has been checked."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from chalicelib.outbound.addresses import Address, Networks, may_fetch
from chalicelib.outbound.errors import RefusedError, UnreachableError
from chalicelib.outbound.urls import Target

Resolver = Callable[[str, int], Sequence[str]]
"""(host name, port) to addresses, in the order to try them; raises socket.gaierror."""

# The system's resolver says these if a name does not exist, or has no address.
_NO_SUCH_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def look_up(host: str, port: int) -> list[str]:
    """Asks the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def resolve_and_check(target: Target, allowed: Networks = (), resolve: Resolver = look_up) -> list[Address]:
    """The addresses to connect to, each once. If one of them may not be fetched from, the host is refused.

    Connect to these addresses, never to the name: a second look-up may give other ones (DNS rebinding). The error is
    the same for a name that does not exist and for one that leads inside, and it names no address. Otherwise anybody
    could try names, and learn which ones the network that we are in has.

    Raises
    ------
    RefusedError
        There is no such host, or one of its addresses is not public.
    UnreachableError
        The name servers don't answer just now.
    """
    if target.literal:
        return [target.literal]  # check_url saw that it is allowed
    try:
        found = [ip_address(text) for text in resolve(target.host, target.port)]
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_HOST:
            raise _refused(target) from None
        raise UnreachableError(f"The host {target.host} could not be looked up.") from None
    if not found or not all(may_fetch(address, allowed) for address in found):
        raise _refused(target)
    return list(dict.fromkeys(found))


def _refused(target: Target) -> RefusedError:
    return RefusedError(f"There is no host {target.host} that may be fetched from.")
