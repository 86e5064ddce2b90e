"""One POST to a URL that a tenant chose. However the receiver behaves, the result is an Outcome, and never an error.

The URL is checked (`receivers`), and the connection goes to one of the addresses that were checked. Redirects are not
followed. All of it, the look-up of the name included, takes SECONDS at most.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from functools import cache

from chalicelib.model import PermanentFault
from chalicelib.observability import logger
from chalicelib.outbound.addresses import Networks
from chalicelib.outbound.connection import UNEXPECTED, Wire, connected, default_tls
from chalicelib.outbound.errors import UnreachableError
from chalicelib.outbound.exchange import Answer, Exchange, Post
from chalicelib.outbound.limits import Clock, Limits
from chalicelib.outbound.lookup import Resolver, look_up
from chalicelib.outbound.receivers import check_receiver, within

# Time for everything until the head of the answer is there, in seconds.
SECONDS = 15.0
# The body of the answer is for the log only, so it gets this long, within the time for everything.
BODY_SECONDS = 2.0
# Bytes of the answer's body that are read, and that are kept.
READ_BYTES = 64 * 1024
KEPT_BYTES = 1024

# No lowest speed: the time for everything is short enough.
LIMITS = Limits(max_bytes=READ_BYTES, total=SECONDS, framing=READ_BYTES, redirects=0, slowest=0)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a POST.

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
        target, addresses = check_receiver(url, allowed, within(limits.total, resolve))
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
    return str(error).replace("The source", "The receiver")


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
