"""Webhooks hear of events: a delivery for each webhook that wants one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.model import File

# A webhook's item before and after a change of it.
Changed = tuple[dict[str, Any], dict[str, Any]]


def announce(files: Iterable[File], changed: Iterable[Changed]) -> None:
    """Writes a delivery for each webhook and event that it wants, and wakes the worker of each webhook."""
