"""Tickets: a page that must not see its backend's key opens one socket with one, within a minute."""

from __future__ import annotations

import re
import time

from chalicelib.api.auth.callers import Caller, as_of_now, names_of
from chalicelib.api.errors import Problem
from chalicelib.catalog import credentials
from chalicelib.catalog.credentials import Ticket, hash_key, new_credential

# Seconds in which a ticket can be used.
LIFE = 60

PREFIX = "fmt_"
_FORM = re.compile(PREFIX + r"([0-9a-f]{12})_[0-9a-f]{48}")


def issue(caller: Caller) -> tuple[str, int]:
    """(ticket, its end in Unix seconds), which stands for the caller's own credential. One write."""
    from chalicelib.api.auth import sign_in

    ticket_id, ticket = new_credential("fmt")
    expires = int(time.time()) + LIFE
    user = sign_in.as_values(caller) if caller.user else None
    made = Ticket(ticket_id, hash_key(ticket), names_of(caller)[0], expires, secret=caller.secret, user=user)
    credentials.put_ticket(made)
    return ticket, expires


def redeem(ticket: str) -> Caller:
    """The caller that a ticket stands for. It can be redeemed once.

    One DeleteItem, and the reads of the key or token. A user is as it was when the ticket was made. Raises Problem
    `unauthenticated` for a ticket that is unknown, used or over, and `as_of_now`'s or `token_expired` if the credential
    has ended.
    """
    match = _FORM.fullmatch(ticket)
    found = credentials.take_ticket(match[1], hash_key(ticket), int(time.time())) if match else None
    if not found:
        detail = "This ticket is not valid: it is unknown, was used, or is older than a minute. Ask for a new one."
        raise Problem("unauthenticated", detail)
    if found.user:
        from chalicelib.api.auth import sign_in

        return sign_in.of_values(found.user)
    return as_of_now(found.credential, secret=found.secret)
