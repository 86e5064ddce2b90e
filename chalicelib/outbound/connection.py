"""One connection to an address that was checked: sockets, TLS, and every bound that has to do with time.

The connection is pinned: it goes to the checked address, while the certificate and the Host header use the name.
urllib3 could do that, too (`server_hostname`), but it bounds neither the whole time (its timeouts begin anew with every
byte that drips in) nor the headers (6 MB). Both bounds must sit below it, in the socket, and that is here.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import h11

from chalicelib.model import PermanentFault
from chalicelib.observability import logger
from chalicelib.outbound.addresses import Address
from chalicelib.outbound.errors import UnreachableError, source_fault
from chalicelib.outbound.limits import Clock, Limits
from chalicelib.outbound.urls import Target

# A host may have any number of addresses; at most this many are tried.
MAX_ADDRESSES = 4

# Bytes that are read at once.
BLOCK = 256 * 1024

UNEXPECTED = "a source made our own code fail"
"""The log's message for an error that nobody foresaw."""


def default_tls() -> ssl.SSLContext:
    """Trusts the system's certificate authorities, and speaks HTTP/1.1 only."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def source_errors(host: str) -> Iterator[None]:
    """Turns each error of a connection, and of reading what came over it, into UnreachableError or PermanentFault.

    No other error leaves this block. A stranger chooses the source, so a source must never be able to make a message
    come back five times and become a dead letter. An error that nobody foresaw is a fault in our code: it is logged
    with its traceback, and the file fails like one whose source does not speak HTTP.
    """
    try:
        yield
    except (PermanentFault, UnreachableError):
        raise
    except ssl.SSLCertVerificationError as error:
        raise source_fault(f"The certificate of {host} is not valid: {error.verify_message}.") from error
    except TimeoutError as error:
        raise UnreachableError(f"The host {host} does not answer.") from error
    except OSError as error:
        raise UnreachableError(f"The connection to {host} broke off or could not be made.") from error
    except h11.RemoteProtocolError as error:
        raise source_fault(f"The host {host} does not answer in HTTP.") from error
    except Exception as error:
        logger.exception(UNEXPECTED)
        raise source_fault(f"The answer of {host} can't be read.") from error


@contextmanager
def connected(
    target: Target, addresses: list[Address], limits: Limits, clock: Clock, tls: ssl.SSLContext
) -> Iterator[socket.socket]:
    """A socket to the first of the addresses that answers, with TLS for https. It is closed at the end."""
    with source_errors(target.host):
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


class Wire:
    """A socket that holds the source to its time, its speed and its headers. `received` counts the bytes that came."""

    def __init__(self, connection: socket.socket, limits: Limits, clock: Clock) -> None:
        self.received = 0
        self._connection = connection
        self._clock = clock
        self._limits = limits
        self._block = memoryview(bytearray(BLOCK))
        self._headers_left: int | None = limits.headers
        self._waited = 0.0
        self._came = 0

    def send(self, request: bytes) -> None:
        self._connection.settimeout(self._clock.left(self._limits.read))
        self._connection.sendall(request)

    def end_headers(self) -> None:
        """Says that the headers were read, so that their bound no longer holds."""
        self._headers_left = None

    def receive(self) -> bytes:
        """The next bytes; none at the end of the connection. Raises what `source_errors` understands."""
        block = self._block
        if self._headers_left is not None:
            if self._headers_left == 0:
                raise source_fault(f"The source sends more than {self._limits.headers} bytes of headers.")
            block = block[: self._headers_left]
        count = self._receive(block)
        if self._headers_left is not None:
            self._headers_left -= count
            if count == 0:
                raise ConnectionError("the headers break off")
        self._check_speed()
        return bytes(block[:count])

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
        self.received += count
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
