"""Parts of a stream that are made before anybody watches, because the recipe asks for them.

Until the record says that they are made, it is due, so that the sweep sends the message again that asks for them.
"""

from __future__ import annotations

from typing import Any

from chalicelib.catalog import pending, transitions
from chalicelib.catalog.record_writer import attempt
from chalicelib.model import File


def record(file: File) -> None:
    """Notes that all parts of `file.source_version` are made. Does nothing if the record has another version by now.

    The record stays due while it has leftovers, and while it waits for anything else.
    """
    values: dict[str, Any] = {"eager_version": file.source_version}
    if not file.leftovers:
        values |= pending.due_when_ready(file.model_copy(update=values))
    attempt(transitions.MADE_EAGERLY, file.id, values, source_version=file.source_version)
