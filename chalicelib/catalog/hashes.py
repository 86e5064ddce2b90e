"""Hashes that are made after their file is `ready`, because reading a large file takes minutes.

Until a record has its hash it is due, so that the sweep sends the message again that asks for it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.catalog import transitions
from chalicelib.catalog.keys import due_keys, sha256_keys
from chalicelib.catalog.record_writer import attempt
from chalicelib.catalog.transitions import DUE
from chalicelib.model import File, Status, now

# Bytes. Of a larger file nobody makes a hash: one run of a function could not read it (docs/kinds.md).
MOST = 50 * 1000**3

# A run takes fifteen minutes at most, and may have to wait for its turn.
COMES = timedelta(minutes=30)


def missing(file: File) -> bool:
    """True if the file has no hash, and is to get one."""
    return file.version_id is not None and file.sha256 is None and 0 < (file.size or 0) <= MOST


def due_while_missing(file: File) -> dict[str, Any]:
    """The keys of `by_due` for a file that is `ready` and has nothing else to wait for. None removes them."""
    return {**due_keys(file.id, now() + COMES)} if missing(file) else dict.fromkeys(DUE)


def record(file: File, sha256: str) -> File | None:
    """Writes the hash of the version that `file` names. Returns None if the record has one, or has changed its state.

    The record stays due while it has leftovers, and while a worker has it.
    """
    values: dict[str, Any] = {"sha256": sha256, **sha256_keys(file.tenant, sha256, file.id)}
    if file.status is Status.READY and not file.leftovers:
        values |= dict.fromkeys(DUE)
    return attempt(transitions.HASH_LATER, file.id, values, version_id=file.version_id, status=file.status)
