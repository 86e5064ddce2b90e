"""Retention: when a file is to be deleted by itself, by what its client said and by the stage's rules for tags.

The time counts from the file's creation. A file is deleted when it is `ready` or `failed`, not before, and not while it
is under legal hold. The sweep does it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.model import File, Status, now
from chalicelib.settings import settings


def delete_at(file: File) -> datetime | None:
    """When the file is to be deleted, the earliest of all that count for it; None if it stays."""
    rules = settings().retention
    seconds = [rules[f"tag:{tag}"] for tag in file.tags if f"tag:{tag}" in rules] if rules else []
    if file.expires_after is not None:
        seconds.append(file.expires_after)
    return file.created_at + timedelta(seconds=min(seconds)) if seconds else None


def due(file: File) -> datetime | None:
    """When the sweep must look at a file that is `ready` or `failed`; None while it is under legal hold."""
    return None if file.legal_hold else delete_at(file)


def is_over(file: File) -> bool:
    """True if the file is to be deleted now."""
    if file.status not in (Status.READY, Status.FAILED) or file.refused:
        return False
    moment = due(file)
    return moment is not None and moment <= now()
