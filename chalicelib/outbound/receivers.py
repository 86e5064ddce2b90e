"""Which URLs events may be sent to: those that may be fetched from, by https. Pure, but for the resolver's threads.

An operator's own networks may have receivers without a certificate, so http is for those alone.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

from chalicelib.outbound.addresses import Address, Networks
from chalicelib.outbound.errors import RefusedError
from chalicelib.outbound.lookup import Resolver, resolve_and_check
from chalicelib.outbound.urls import Target, check_url


def check_receiver(url: str, allowed: Networks, resolve: Resolver) -> tuple[Target, list[Address]]:
    """A receiver's URL, read, and the addresses to connect to.

    The error for a name that does not exist is the one for a name that leads inside, so that nobody learns which names
    the network has that we are in.

    Raises
    ------
    RefusedError
        The URL may not be called.
    UnreachableError
        The name servers don't answer just now.
    """
    target = check_url(url, allowed)
    try:
        addresses = resolve_and_check(target, allowed, resolve)
    except RefusedError:
        if target.scheme == "http":
            raise _no_https() from None
        raise RefusedError(f"There is no host {target.host} that events may be sent to.") from None
    if target.scheme == "http" and not all(any(each in network for network in allowed) for each in addresses):
        raise _no_https()
    return target, addresses


def _no_https() -> RefusedError:
    return RefusedError("The URL must begin with https://. Only a network that the operator allows may have http.")


def within(seconds: float, resolve: Resolver) -> Resolver:
    """A resolver that waits for so long at most. The system's own may take half a minute, and can't be interrupted.

    A look-up that takes longer goes on in its thread, and nobody waits for it.
    """

    def look_up(host: str, port: int) -> Sequence[str]:
        found: list[Sequence[str] | OSError] = []

        def ask() -> None:
            try:
                found.append(resolve(host, port))
            except OSError as error:
                found.append(error)
            except UnicodeError:  # Python's own check of a name, before anybody is asked
                found.append(socket.gaierror(socket.EAI_NONAME, "no name"))

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(seconds)
        answer = found[0] if found else socket.gaierror(socket.EAI_AGAIN, "no answer in time")
        if isinstance(answer, OSError):
            raise answer
        return answer

    return look_up
