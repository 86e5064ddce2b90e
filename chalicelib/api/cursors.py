"""Cursors in requests."""

from __future__ import annotations

from chalicelib import cursors
from chalicelib.api.errors import Problem
from chalicelib.cursors import encode, encode_feed

__all__ = ["decode", "decode_feed", "encode", "encode_feed"]


def decode(cursor: str, scope: str, *, field: str = "cursor") -> str:
    """The position in a cursor that came in the parameter `field`.

    Raises Problem `invalid_cursor` if it was altered, or was made for another tenant or another query.
    """
    position = cursors.decode(cursor, scope)
    if position is None:
        raise _invalid(field)
    return position


def decode_feed(tenant: str, cursor: str, *, field: str = "cursor") -> dict[int, int]:
    """The positions in a cursor of a tenant's feed. Raises Problem `invalid_cursor`."""
    positions = cursors.decode_feed(tenant, cursor)
    if positions is None:
        raise _invalid(field)
    return positions


def _invalid(field: str) -> Problem:
    return Problem(
        "invalid_cursor",
        "This is not a cursor of this list. Send the one from the answer before, with the same parameters.",
        field=field,
    )
