"""Opaque list positions: signed, and bound to the tenant and the query they came from."""

from __future__ import annotations

import base64
import binascii
import hmac

from chalicelib import keyring
from chalicelib.api.errors import Problem

_MAC_BYTES = 16


def _mac(scope: str, position: bytes) -> bytes:
    return keyring.mac("cursor", scope.encode() + b"\0" + position)[:_MAC_BYTES]


def encode(position: str, scope: str) -> str:
    """A cursor for `position`; `scope` names tenant and query, and is needed again to read it."""
    raw = position.encode()
    return base64.urlsafe_b64encode(_mac(scope, raw) + raw).decode().rstrip("=")


def decode(cursor: str, scope: str) -> str:
    """The position in a cursor.

    Raises Problem `invalid_cursor` when it was altered, or was made for another tenant or another query.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if hmac.compare_digest(mac, _mac(scope, position)):
            return position.decode()
    except (binascii.Error, ValueError):
        pass
    raise Problem(
        "invalid_cursor",
        "This cursor is not one of this list's: use `next_cursor` of the page before, with the same parameters.",
        field="cursor",
    )
