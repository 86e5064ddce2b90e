"""One GET of a URL that a stranger chose, as a stream: bounded in size, time, speed, headers and redirects.

At the start and after each redirect, the URL is checked (`urls`), its host is looked up once (`lookup`), and the
connection goes to one of the checked addresses (`connection`). `exchange` asks there, and reads the answer.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

from chalicelib.outbound.addresses import Networks
from chalicelib.outbound.connection import Wire, connected, default_tls, source_errors
from chalicelib.outbound.errors import RefusedError, UnreachableError, source_fault
from chalicelib.outbound.exchange import Answer, Exchange, too_large
from chalicelib.outbound.limits import Clock, Limits
from chalicelib.outbound.lookup import Resolver, look_up, resolve_and_check
from chalicelib.outbound.urls import MAX_URL_CHARACTERS, Target, check_url

OK = 200
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
        with source_errors(target.host):
            addresses = resolve_and_check(target, allowed, resolve)
        with connected(target, addresses, limits, clock, tls) as connection:
            exchange = Exchange(target, Wire(connection, limits, clock), limits)
            answer = exchange.ask()
            if answer.status not in REDIRECTS:
                yield _source(target, answer, exchange, limits)
                return
            with source_errors(target.host):
                target = _redirected(target, answer, allowed)
    raise source_fault(f"The source redirects more than {limits.redirects} times.")


def _redirected(target: Target, answer: Answer, allowed: Networks) -> Target:
    """The URL that a redirect leads to, checked like the first one."""
    location = answer.first("location")
    if not location:
        raise source_fault(f"The source answers {answer.status} without a Location.")
    if len(location) > MAX_URL_CHARACTERS:
        raise RefusedError(f"The source redirects to a URL of more than {MAX_URL_CHARACTERS} characters.")
    try:  # servers send raw UTF-8, although headers are Latin-1
        location = location.encode("latin-1").decode()
    except UnicodeError:
        raise source_fault(f"The source answers {answer.status} with a Location that is not a URL.") from None
    try:
        joined = urljoin(target.url, location)
    except ValueError:
        raise RefusedError("The source redirects to a Location that is not a URL.") from None
    following = check_url(joined, allowed)
    if target.scheme == "https" and following.scheme == "http":
        raise RefusedError("The source redirects from https to http.")
    return following


def _source(target: Target, answer: Answer, exchange: Exchange, limits: Limits) -> Source:
    """The answer as a Source, if its headers promise a whole file within the limits."""
    status = answer.status
    if status >= 500 or status in TRANSIENT:
        raise UnreachableError(f"The source answers {status}.")
    if status != OK:
        raise source_fault(f"The source answers {status}.")
    if any(coding.strip().lower() != "identity" for coding in answer.all("content-encoding")):
        raise source_fault("The source sends the file encoded, although the request asked for no encoding.")
    length = answer.length
    if length is not None and length > limits.max_bytes:
        raise too_large(limits)
    return Source(target.url, answer.first("content-type"), length, exchange.chunks())
