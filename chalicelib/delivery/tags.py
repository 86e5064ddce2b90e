"""HTML tags. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def tag(name: str, attributes: Mapping[str, str | None]) -> str:
    """The start of an element. Each value is escaped; an attribute whose value is None stands without one."""
    said = (key if value is None else f'{key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name} {' '.join(said)}>"
