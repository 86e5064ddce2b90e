"""One connection to an address that was checked: sockets, TLS, and every bound that has to do with time.

The connection is pinned: it goes to the checked address, while the certificate and the Host header use the name.
urllib3 could do that, too (`server_hostname`), but it bounds neither the whole time (its timeouts begin anew with every
byte that drips in) nor the headers (6 MB). Both bounds must sit below it, in the socket, and that is here.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.outbound.addresses import Address
from chalicelib.outbound.errors import UnreachableError, source_fault
from chalicelib.outbound.limits import Clock, Limits
from chalicelib.outbound.urls import Target

# A host may have any number of addresses; at most this many are tried.
MAX_ADDRESSES = 4


def default_tls() -> ssl.SSLContext:
    """Trusts the system's certificate authorities, and speaks HTTP/1.1 only."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def connection_errors(target: Target) -> Iterator[None]:
    """Turns each error of a connection into UnreachableError or PermanentFault."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise source_fault(f"The certificate of {target.host} is not valid: {error.verify_message}.") from error
    except TimeoutError as error:
        raise UnreachableError(f"The host {target.host} does not answer.") from error
    except (OSError, http.client.RemoteDisconnected, http.client.IncompleteRead) as error:
        raise UnreachableError(f"The connection to {target.host} broke off or could not be made.") from error
    except http.client.HTTPException as error:
        raise source_fault(f"The host {target.host} does not answer in HTTP.") from error


@contextmanager
def connected(
    target: Target, addresses: list[Address], limits: Limits, clock: Clock, tls: ssl.SSLContext
) -> Iterator[socket.socket]:
    """A socket to the first of the addresses that answers, with TLS for https. It is closed at the end."""
    with connection_errors(target):
        connection = _connect(target, addresses[:MAX_ADDRESSES], limits, clock)
        if target.scheme == "https":
            try:
                connection.settimeout(clock.left(limits.read))
                connection = tls.wrap_socket(connection, server_hostname=target.host)
            except BaseException:
                connection.close()
                raise
    try:
        yield connection
    finally:
        connection.close()


def _connect(target: Target, addresses: list[Address], limits: Limits, clock: Clock) -> socket.socket:
    failure: OSError | None = None
    for address in addresses:
        try:
            # An address in numbers is not looked up again.
            return socket.create_connection((str(address), target.port), timeout=clock.left(limits.connect))
        except OSError as error:
            failure = error
    raise failure or OSError("no address")


class Wire(io.RawIOBase):
    """A socket that `http.client` can read an answer from. Holds the source to its time, its speed and its headers."""

    def __init__(self, connection: socket.socket, limits: Limits, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._limits = limits
        self._headers_left: int | None = limits.headers
        self._waited = 0.0
        self._came = 0

    def readable(self) -> bool:
        return True

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, 64 * 1024)

    def send(self, request: bytes) -> None:
        self._connection.settimeout(self._clock.left(self._limits.read))
        self._connection.sendall(request)

    def end_headers(self) -> None:
        """Says that the headers were read, so that their bound no longer holds."""
        self._headers_left = None

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        if self._headers_left is not None:
            if self._headers_left == 0:
                raise source_fault(f"The source sends more than {self._limits.headers} bytes of headers.")
            view = view[: self._headers_left]
        count = self._receive(view)
        if self._headers_left is not None:
            self._headers_left -= count
            if count == 0:  # http.client would take it for the end of the headers, and the file for empty
                raise ConnectionError("the headers break off")
        self._check_speed()
        return count

    def _receive(self, view: memoryview) -> int:
        self._connection.settimeout(self._clock.left(self._limits.read))
        began = time.monotonic()
        try:
            count = self._connection.recv_into(view)
        except TimeoutError:
            self._clock.left(0)  # raises if the time for everything is over
            raise
        self._waited += time.monotonic() - began
        self._came += count
        return count

    def _check_speed(self) -> None:
        """Raises UnreachableError at the end of a window in which too little came.

        Only time spent waiting counts, so that our own slowness never does. A short pause is allowed: a whole window
        counts.
        """
        if self._waited < self._limits.window:
            return
        if self._came < self._waited * self._limits.slowest:
            raise UnreachableError(f"The source sends less than {self._limits.slowest} bytes a second.")
        self._waited, self._came = 0.0, 0
