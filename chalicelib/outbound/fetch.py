"""One GET of a URL that a stranger chose, as a stream: bounded in size, time, speed, headers and redirects.

At the start and after each redirect, the URL is checked (`urls`), its host is looked up once (`lookup`), and the
connection goes to one of the checked addresses (`connection`). `http.client` reads the answer.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urljoin

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.outbound.addresses import Networks
from chalicelib.outbound.connection import Wire, connected, connection_errors, default_tls
from chalicelib.outbound.errors import RefusedError, UnreachableError, source_fault
from chalicelib.outbound.limits import Clock, Limits
from chalicelib.outbound.lookup import Resolver, look_up, resolve_and_check
from chalicelib.outbound.urls import Target, check_url

CHUNK = 256 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# A later try may succeed after these and after 5xx: the request came too late, too early, or too often.
TRANSIENT = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Source:
    """An answer whose body is still to come. `url` is the last one; `content_length` in bytes, None if not given.

    `chunks` raises UnreachableError if the body breaks off, and PermanentFault if it exceeds a limit.
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
    """The source's answer with status 200, after at most `limits.redirects` redirects, each checked like the first URL.

    Sends no credentials and no cookies, and uses no proxy. The bytes are taken as they are: an answer with a content
    encoding is refused, because the request asks for none. `tls` replaces the system's certificate authorities.

    Raises
    ------
    RefusedError
        The URL, or a redirect, leads to an address that may not be fetched from, or from https back to http.
    PermanentFault
        A later try would not help: 4xx, a wrong certificate, too large, too slow for the function's time.
    UnreachableError
        A later try may help: 5xx, time-outs, connections that break off.
    """
    clock = Clock(limits.total)
    tls = tls or default_tls()
    target = check_url(url, allowed)
    for _ in range(limits.redirects + 1):
        addresses = resolve_and_check(target, allowed, resolve)
        with (
            connected(target, addresses, limits, clock, tls) as connection,
            _answer(target, Wire(connection, limits, clock)) as answer,
        ):
            if answer.status not in REDIRECTS:
                yield _source(target, answer, limits)
                return
            target = _redirected(target, answer, allowed)
    raise source_fault(f"The source redirects more than {limits.redirects} times.")


@contextmanager
def _answer(target: Target, wire: Wire) -> Iterator[http.client.HTTPResponse]:
    """Sends the request and reads the answer's headers."""
    # No part of the URL can end a line: check_url lets only ASCII through, and no control character.
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: Filemill",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    with connection_errors(target):
        wire.send("\r\n".join([*lines, "", ""]).encode("ascii"))
    with http.client.HTTPResponse(cast(socket.socket, wire), method="GET") as answer:
        with connection_errors(target):
            answer.begin()
        wire.end_headers()
        yield answer


def _redirected(target: Target, answer: http.client.HTTPResponse, allowed: Networks) -> Target:
    """The URL that a redirect leads to, checked like the first one."""
    location = answer.headers.get("location")
    if not location:
        raise source_fault(f"The source answers {answer.status} without a Location.")
    try:  # http.client reads headers as Latin-1, but servers send raw UTF-8
        location = location.encode("latin-1").decode()
    except UnicodeError:
        raise source_fault(f"The source answers {answer.status} with a Location that is not a URL.") from None
    try:
        joined = urljoin(target.url, location.strip(" \t"))
    except ValueError:
        raise RefusedError("The source redirects to a Location that is not a URL.") from None
    following = check_url(joined, allowed)
    if target.scheme == "https" and following.scheme == "http":
        raise RefusedError("The source redirects from https to http.")
    return following


def _source(target: Target, answer: http.client.HTTPResponse, limits: Limits) -> Source:
    """The answer as a Source, if its headers promise a whole file within the limits."""
    status = answer.status
    if status >= 500 or status in TRANSIENT:
        raise UnreachableError(f"The source answers {status}.")
    if status != http.HTTPStatus.OK:
        raise source_fault(f"The source answers {status}.")
    if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise source_fault("The source sends the file encoded, although the request asked for no encoding.")
    lengths = answer.headers.get_all("content-length", [])
    transfer = answer.headers.get("transfer-encoding")
    if len(set(lengths)) > 1 or (transfer and not answer.chunked):
        raise source_fault("The source does not say clearly where the file ends.")
    length = answer.length
    if length is not None and length > limits.max_bytes:
        raise _too_large(limits)
    return Source(target.url, answer.headers.get("content-type"), length, _chunks(target, answer, length, limits))


def _too_large(limits: Limits) -> PermanentFault:
    return PermanentFault(ErrorCode.TOO_LARGE, f"The file has more than the {limits.max_bytes} bytes allowed.")


def _chunks(target: Target, answer: http.client.HTTPResponse, length: int | None, limits: Limits) -> Iterator[bytes]:
    """The body in pieces of at most CHUNK bytes, as long as it keeps to the limits and to its own length."""
    received = 0
    while True:
        with connection_errors(target):
            chunk = answer.read(CHUNK)
        if not chunk:
            break
        received += len(chunk)
        if received > limits.max_bytes:
            raise _too_large(limits)
        yield chunk
    # Read piece by piece, http.client takes the end of the connection for the end of the body.
    if length is not None and received != length:
        raise UnreachableError(f"The connection to {target.host} broke off after {received} of {length} bytes.")
