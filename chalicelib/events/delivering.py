"""Delivers events to the receivers of webhooks."""

from __future__ import annotations

from typing import Any


def handle(event: dict[str, Any], context: Any) -> None:
    """Delivers what is due to one webhook: one SQS batch, which has one message."""
