"""Hashes that are made after their file is `ready`, because reading a large file takes minutes.

Until a record has its hash it is due, so that the sweep sends the message again that asks for it.
"""

from __future__ import annotations

from typing import Any

from chalicelib.catalog import pending, transitions
from chalicelib.catalog.keys import sha256_keys
from chalicelib.catalog.record_writer import attempt
from chalicelib.model import File, Status


def record(file: File, sha256: str) -> File | None:
    """Writes the hash of the version that `file` names. Returns None if the record has one, or has changed its state.

    The record stays due while it has leftovers, while a worker has it, and while a service is to answer.
    """
    values: dict[str, Any] = {"sha256": sha256, **sha256_keys(file.tenant, sha256, file.id)}
    if file.status is Status.READY and not file.leftovers:
        values |= pending.due_when_ready(file.model_copy(update={"sha256": sha256}))
    return attempt(transitions.HASH_LATER, file.id, values, version_id=file.version_id, status=file.status)
