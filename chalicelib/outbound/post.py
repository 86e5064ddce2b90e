"""One POST to a URL that a tenant chose. However the receiver behaves, the result is an Outcome, and never an error.

The URL is checked like one that is fetched from (`urls`, `lookup`, `addresses`), and the connection goes to a checked
address. Redirects are not followed. All of it, the look-up of the name included, takes SECONDS at most.
"""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass
from functools import cache

from chalicelib.model import PermanentFault
from chalicelib.outbound.addresses import Address, Networks
from chalicelib.outbound.connection import UNEXPECTED, Wire, connected, default_tls, source_errors
from chalicelib.outbound.errors import RefusedError, UnreachableError
from chalicelib.outbound.exchange import Answer, Exchange, Post
from chalicelib.outbound.limits import Clock, Limits
from chalicelib.outbound.lookup import Resolver, look_up, resolve_and_check
from chalicelib.outbound.urls import Target, check_url
from chalicelib.observability import logger

# Time for everything until the head of the answer is there, in seconds.
SECONDS = 15.0
# The body of the answer is for the log only, so it gets this long, within the time for everything.
BODY_SECONDS = 2.0
# Bytes of the answer's body that are read, and that are kept.
READ_BYTES = 64 * 1024
KEPT_BYTES = 1024

# No lowest speed: the time for everything is short enough.
LIMITS = Limits(max_bytes=READ_BYTES, total=SECONDS, framing=READ_BYTES, redirects=0, slowest=0)

PLAIN = "The URL must begin with https://."


@dataclass(frozen=True)
class Outcome:
    """What came of a POST.

    `status` is None if no answer came, and `error` then says why, in a sentence. `answer` is the beginning of the
    answer's body. `retry_after` is in seconds, if the receiver asked for a pause. `ms` is the time until the answer's
    head was there, or until the try failed.
    """

    status: int | None
    ms: int
    error: str | None = None
    answer: str | None = None
    retry_after: int | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def check_receiver(url: str, allowed: Networks = ()) -> Target:
    """Reads a receiver's URL. Raises RefusedError if its text alone says that it may not be called.

    http is for names and addresses inside `allowed` only; for a name, the look-up decides that.
    """
    target = check_url(url, allowed)
    if target.scheme == "http" and not allowed:
        raise RefusedError(PLAIN)
    return target


def post(
    url: str,
    content: Post,
    *,
    allowed: Networks = (),
    resolve: Resolver = look_up,
    tls: ssl.SSLContext | None = None,
    limits: Limits = LIMITS,
) -> Outcome:
    """Posts to a URL. `allowed` are private networks that may be called, with http as well."""
    began = time.monotonic()
    clock = Clock(limits.total)

    def ms() -> int:
        return round((time.monotonic() - began) * 1000)

    try:
        target = check_receiver(url, allowed)
        addresses = _addresses(target, allowed, resolve, clock)
        with connected(target, addresses, limits, clock, tls or _tls()) as connection:
            exchange = Exchange(target, Wire(connection, limits, clock), limits, content)
            answer = exchange.ask()
            took = ms()
            clock.shorten(BODY_SECONDS)
            return Outcome(answer.status, took, answer=_text(exchange), retry_after=_retry_after(answer))
    except (PermanentFault, UnreachableError) as error:
        return Outcome(None, ms(), _why(error, clock, limits))
    except Exception:
        logger.exception(UNEXPECTED)
        return Outcome(None, ms(), "Filemill could not send the request.")


@cache
def _tls() -> ssl.SSLContext:
    return default_tls()  # reading the certificate authorities takes longer than the rest of a POST


def _why(error: PermanentFault | UnreachableError, clock: Clock, limits: Limits) -> str:
    if clock.over:
        return f"No answer came within {limits.total:.0f} s."
    return str(error).replace("The source", "The receiver").replace("may be fetched from", "webhooks may call")


def _addresses(target: Target, allowed: Networks, resolve: Resolver, clock: Clock) -> list[Address]:
    """The checked addresses, within the time for everything: the system's resolver has no bound of its own."""
    found: list[Address] = []
    failure: list[BaseException] = []

    def look() -> None:
        try:
            with source_errors(target.host):
                found.extend(resolve_and_check(target, allowed, resolve))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(clock.left(clock.seconds))
    if failure:
        raise failure[0]
    if thread.is_alive():
        raise UnreachableError(f"The host {target.host} could not be looked up.")
    inside = all(any(address in network for network in allowed) for address in found)
    if target.scheme == "http" and not inside:
        raise RefusedError(PLAIN)
    return found


def _text(exchange: Exchange) -> str | None:
    """The beginning of the body. A body that breaks off, lies or never ends is read as far as it goes."""
    kept, read = b"", 0
    try:
        for chunk in exchange.chunks():
            kept += chunk[: KEPT_BYTES - len(kept)]
            read += len(chunk)
            if len(kept) >= KEPT_BYTES or read >= READ_BYTES:
                break
    except (PermanentFault, UnreachableError):
        pass  # the status said what there is to say
    # A byte that is no UTF-8 becomes a character of three.
    return kept.decode(errors="replace").encode()[:KEPT_BYTES].decode(errors="ignore") or None


def _retry_after(answer: Answer) -> int | None:
    """Seconds of a Retry-After header. Its other form, a date, is left out: the receiver's clock may be wrong."""
    text = (answer.first("retry-after") or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
