"""Sockets hear of changes: the feed, pushed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def tell(feed: Mapping[tuple[str, int], int]) -> None:
    """Tells the subscribers of each (tenant, feed shard) what is new in it. The value is the lowest new position."""


def end(credentials: Iterable[dict[str, Any]]) -> None:
    """Closes the sockets of keys and tokens that were revoked."""


def close_when_due(connection_id: str) -> None:
    """Closes a socket if its credential's time is over."""
