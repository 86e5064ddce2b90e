"""Cursors: positions in a list, opaque and signed, for one tenant and one query."""

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
    """A cursor for `position`. `scope` names tenant and query; the same scope is needed to read the cursor."""
    raw = position.encode()
    return base64.urlsafe_b64encode(_mac(scope, raw) + raw).decode().rstrip("=")


def decode(cursor: str, scope: str, *, field: str = "cursor") -> str:
    """The position in a cursor that came in the parameter `field`.

    Raises Problem `invalid_cursor` if it was altered, or was made for another tenant or another query.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if hmac.compare_digest(mac, _mac(scope, position)) and cursor == encode(position.decode(), scope):
            return position.decode()
    except (binascii.Error, ValueError):
        pass
    raise Problem(
        "invalid_cursor",
        "This is not a cursor of this list. Send the one from the answer before, with the same parameters.",
        field=field,
    )
