"""One GET of a URL that a stranger chose, as a stream: bounded in size, time, speed, headers and redirects.

Pinned: a host is looked up once a hop, and the connection goes to an address that was checked, while the certificate
and the Host header go by its name. Reading the answer is `http.client`'s; sockets, TLS and the request are made here.
urllib3 could connect to the address with `server_hostname`, too, but has no bound on the whole (its timeouts start anew
with every byte that drips in) nor on the headers (6 MB), and both must sit below it, in the socket, where this is.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urljoin

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.outbound.addresses import (
    Address,
    Networks,
    RefusedError,
    Resolver,
    Target,
    UnreachableError,
    check_url,
    look_up,
    resolve_and_check,
)

CHUNK = 256 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Beside 5xx: a request that came too late, too early, or once too often.
TRANSIENT = frozenset({408, 425, 429})

# A host may have any number of addresses; so many are tried.
MAX_ADDRESSES = 4


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds.

    `total` is for everything, from the first look-up to the last byte. `slowest` is the least a source must send,
    in bytes a second of waiting for it, over every `window`.
    """

    max_bytes: int
    total: float
    connect: float = 5
    read: float = 20
    headers: int = 64 * 1024
    redirects: int = 5
    slowest: int = 16 * 1024
    window: float = 30


@dataclass(frozen=True)
class Source:
    """An answer whose body is still to come. `url` is the last one; `content_length` in bytes, None when not told.

    `chunks` raises UnreachableError when the body breaks off, and PermanentFault when it exceeds a limit.
    """

    url: str
    content_type: str | None
    content_length: int | None
    chunks: Iterator[bytes]


@contextmanager
def fetch(
    url: str,
    limits: Limits,
    *,
    allowed: Networks = (),
    resolve: Resolver = look_up,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Source]:
    """The source's 200 answer, after at most `limits.redirects` redirects, each checked like the first address.

    Sends no credentials and no cookies, knows no proxy, and takes the bytes as they are: what comes encoded though it
    was asked not to is refused. `tls` replaces the system's certificate authorities.

    Raises
    ------
    RefusedError
        Here or after a redirect: an address that may not be fetched, or from https back to http.
    PermanentFault
        What a later try would not change: 4xx, a wrong certificate, too large, too slow for the function's time.
    UnreachableError
        What it may: 5xx, time-outs, connections that break off.
    """
    clock = _Clock(limits.total)
    tls = tls or _tls()
    target = check_url(url, allowed)
    for _ in range(limits.redirects + 1):
        addresses = resolve_and_check(target, allowed, resolve)
        with (
            _connection(target, addresses, limits, clock, tls) as connection,
            _answer(target, _Wire(connection, limits, clock)) as answer,
        ):
            if answer.status not in REDIRECTS:
                yield _source(target, answer, limits)
                return
            target = _redirected(target, answer, allowed)
    raise _failed(f"The source redirects more than {limits.redirects} times.")


def _failed(message: str) -> PermanentFault:
    return PermanentFault(ErrorCode.SOURCE_UNREACHABLE, message)


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Clock:
    """Counts down the time for everything."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, at_most: float) -> float:
        """Seconds for the next step. Raises PermanentFault when there are none left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise _failed(f"The source did not send the whole file in {self.seconds:.0f} s.")
        return min(left, at_most)


class _Wire(io.RawIOBase):
    """What the source sends, through every bound that has to do with time, and the one on headers."""

    def __init__(self, connection: socket.socket, limits: Limits, clock: _Clock) -> None:
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

    def headers_end(self) -> None:
        self._headers_left = None

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        if self._headers_left is not None:
            if self._headers_left == 0:
                raise _failed(f"The source sends more than {self._limits.headers} bytes of headers.")
            view = view[: self._headers_left]
        self._connection.settimeout(self._clock.left(self._limits.read))
        began = time.monotonic()
        try:
            count = self._connection.recv_into(view)
        except TimeoutError:
            self._clock.left(0)  # says so if it was the time for everything
            raise
        self._waited += time.monotonic() - began
        self._came += count
        if self._headers_left is not None:
            self._headers_left -= count
            if count == 0:  # http.client would take it for the headers' end, and the file for empty
                raise ConnectionError("the headers break off")
        # Only time spent waiting counts, so that it is never our own slowness; a whole window, so that a pause may be.
        if self._waited >= self._limits.window:
            if self._came < self._waited * self._limits.slowest:
                raise UnreachableError(f"The source sends less than {self._limits.slowest} bytes a second.")
            self._waited, self._came = 0.0, 0
        return count


@contextmanager
def _told(target: Target) -> Iterator[None]:
    """What goes wrong with a connection, as one of our two errors."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise _failed(f"The certificate of {target.host} is not valid: {error.verify_message}.") from error
    except TimeoutError as error:
        raise UnreachableError(f"The host {target.host} does not answer.") from error
    except (OSError, http.client.RemoteDisconnected, http.client.IncompleteRead) as error:
        raise UnreachableError(f"The connection to {target.host} broke off or could not be made.") from error
    except http.client.HTTPException as error:
        raise _failed(f"The host {target.host} does not answer in HTTP.") from error


@contextmanager
def _connection(
    target: Target, addresses: list[Address], limits: Limits, clock: _Clock, tls: ssl.SSLContext
) -> Iterator[socket.socket]:
    with _told(target):
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


def _connect(target: Target, addresses: list[Address], limits: Limits, clock: _Clock) -> socket.socket:
    failure: OSError | None = None
    for address in addresses:
        try:
            # An address in numbers is not looked up again.
            return socket.create_connection((str(address), target.port), timeout=clock.left(limits.connect))
        except OSError as error:
            failure = error
    raise failure or OSError("no address")


@contextmanager
def _answer(target: Target, wire: _Wire) -> Iterator[http.client.HTTPResponse]:
    """Sends the request and reads the answer's headers."""
    # Nothing in it can end a line: check_url let no control character and only ASCII through.
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: Filemill",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    with _told(target):
        wire.send("\r\n".join([*lines, "", ""]).encode("ascii"))
    with http.client.HTTPResponse(cast(socket.socket, wire), method="GET") as answer:
        with _told(target):
            answer.begin()
        wire.headers_end()
        yield answer


def _redirected(target: Target, answer: http.client.HTTPResponse, allowed: Networks) -> Target:
    location = answer.headers.get("location")
    if not location:
        raise _failed(f"The source answers {answer.status} without saying where to.")
    try:  # headers are read as Latin-1; what is sent raw is UTF-8
        location = location.encode("latin-1").decode()
    except UnicodeError:
        raise _failed(f"The source answers {answer.status} to where no URL leads.") from None
    try:
        joined = urljoin(target.url, location.strip(" \t"))
    except ValueError:
        raise RefusedError("The source redirects to what is not a URL.") from None
    following = check_url(joined, allowed)
    if target.scheme == "https" and following.scheme == "http":
        raise RefusedError("The source redirects from https to http.")
    return following


def _source(target: Target, answer: http.client.HTTPResponse, limits: Limits) -> Source:
    status = answer.status
    if status >= 500 or status in TRANSIENT:
        raise UnreachableError(f"The source answers {status}.")
    if status != http.HTTPStatus.OK:
        raise _failed(f"The source answers {status}.")
    if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _failed("The source sends the file encoded, although it was asked not to.")
    lengths = answer.headers.get_all("content-length", [])
    transfer = answer.headers.get("transfer-encoding")
    if len(set(lengths)) > 1 or (transfer and not answer.chunked):
        raise _failed("The source does not say clearly where the file ends.")
    length = answer.length
    if length is not None and length > limits.max_bytes:
        raise _too_large(limits)
    return Source(target.url, answer.headers.get("content-type"), length, _chunks(target, answer, length, limits))


def _too_large(limits: Limits) -> PermanentFault:
    return PermanentFault(ErrorCode.TOO_LARGE, f"The file has more than the {limits.max_bytes} bytes allowed.")


def _chunks(target: Target, answer: http.client.HTTPResponse, length: int | None, limits: Limits) -> Iterator[bytes]:
    received = 0
    while True:
        with _told(target):
            chunk = answer.read(CHUNK)
        if not chunk:
            break
        received += len(chunk)
        if received > limits.max_bytes:
            raise _too_large(limits)
        yield chunk
    # http.client takes the end of the connection for the end of the body when it is read piece by piece.
    if length is not None and received != length:
        raise UnreachableError(f"The connection to {target.host} broke off after {received} of {length} bytes.")
