"""The things that a file still waits for when it is `ready`, and the earliest moment when the sweep must look at it.

Leftovers must be removed, a large file must be hashed, services must answer, and parts of a stream must be made that
its recipe asks for before anybody watches. When its retention is over, it must be deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from chalicelib.catalog import retention
from chalicelib.catalog.keys import due_keys
from chalicelib.catalog.transitions import DUE
from chalicelib.model import File, now
from chalicelib.renditions import places
from chalicelib.settings import settings

# Bytes. Of a larger file nobody makes a hash: one run of a function could not read it (docs/kinds.md).
MOST_HASHED = 50 * 1000**3

# A run takes fifteen minutes at most, and may have to wait for its turn.
HASH_COMES = timedelta(minutes=30)


# Even all of a long film may be made by then.
EAGER_COMES = timedelta(minutes=30)


def parts_are_missing(file: File) -> bool:
    """True if the recipe asks for parts of the file's stream that nobody has noted as made."""
    return settings().has_media and places.eager(file) != 0 and file.eager_version != file.source_version


def hash_is_missing(file: File) -> bool:
    """True if the file has no hash, and is to get one."""
    return file.version_id is not None and file.sha256 is None and 0 < (file.size or 0) <= MOST_HASHED


def service_due(file: File) -> datetime | None:
    """When the sweep must look at the file's services; None if none of them is open."""
    return min((state.due_at for state in file.services.values() if state.is_open and state.due_at), default=None)


def due_when_failed(file: File) -> dict[str, Any]:
    """The keys of `by_due` for a file as it is `failed`. None removes them."""
    return _due(file, now() if file.leftovers or file.refused else retention.due(file))


def due_when_ready(file: File) -> dict[str, Any]:
    """The keys of `by_due` for a file as it is `ready`. None removes them."""
    return _due(file, min(_moments(file), default=None))


def _due(file: File, first: datetime | None) -> dict[str, Any]:
    return {**due_keys(file.id, first)} if first else dict.fromkeys(DUE)


def _moments(file: File) -> Iterator[datetime]:
    if file.leftovers:
        yield now()
    if hash_is_missing(file):
        yield now() + HASH_COMES
    if parts_are_missing(file):
        yield now() + EAGER_COMES
    if services := service_due(file):
        yield services
    if ends := retention.due(file):
        yield ends
