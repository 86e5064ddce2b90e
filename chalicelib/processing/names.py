"""Text that a file says of itself, made fit for a record: bounded, and without control characters."""

from __future__ import annotations

from datetime import UTC, datetime

from chalicelib.facts import MAX_TEXT
from chalicelib.model import timestamp
from chalicelib.text import has_controls


def clean(text: str | None, longest: int = MAX_TEXT) -> str | None:
    """The text on one line, at most `longest` characters long; None for nothing."""
    if not text:
        return None
    kept = "".join(" " if c in "\t\r\n" else "" if has_controls(c) else c for c in text[: 4 * longest])
    kept = kept.encode("utf-8", "ignore").decode()  # lone surrogates
    return " ".join(kept.split())[:longest].strip() or None


def moment(value: datetime | None) -> str | None:
    """A time as records have it. A time without a zone is taken for UTC."""
    if value is None:
        return None
    return timestamp(value if value.tzinfo else value.replace(tzinfo=UTC))
