"""Cursors: positions in a list or in the feed, opaque and signed, for one tenant and one query."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

from chalicelib import base64url, keyring

_MAC_BYTES = 16


def _mac(scope: str, position: bytes) -> bytes:
    return keyring.mac("cursor", scope.encode() + b"\0" + position)[:_MAC_BYTES]


def encode(position: str, scope: str) -> str:
    """A cursor for `position`. `scope` names tenant and query; the same scope is needed to read the cursor."""
    raw = position.encode()
    return base64url.encode(_mac(scope, raw) + raw)


def decode(cursor: str, scope: str) -> str | None:
    """The position in a cursor; None if it was altered, or was made for another tenant or another query."""
    try:
        raw = base64url.decode(cursor)
        mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if hmac.compare_digest(mac, _mac(scope, position)):
            return position.decode()
    except ValueError:
        pass
    return None


def encode_feed(tenant: str, positions: Mapping[int, int]) -> str:
    """A cursor for positions in a tenant's feed: the same for `GET /v1/changes` and for the socket."""
    return encode(json.dumps(sorted(positions.items()), separators=(",", ":")), _feed(tenant))


def decode_feed(tenant: str, cursor: str) -> dict[int, int] | None:
    """The positions in a cursor of a tenant's feed; None if it is none."""
    position = decode(cursor, _feed(tenant))
    return None if position is None else dict(json.loads(position))


def _feed(tenant: str) -> str:
    return f"{tenant}/changes"
