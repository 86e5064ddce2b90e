"""Hashes a large file that is `ready` already: the whole original is read, and its SHA-256 written into the record."""

from __future__ import annotations

import time

from chalicelib.catalog import files, hashes, scans
from chalicelib.catalog.pending import hash_is_missing
from chalicelib.model import Status, original_key
from chalicelib.observability import append, logger
from chalicelib.processing.reading import sha256_of
from chalicelib.queues import worker
from chalicelib.queues.worker import Message
from chalicelib.settings import settings
from chalicelib.storage.originals import OriginalMissingError

# Seconds: the function's own bound, and a little more. A function that dies must not hold its message for longer.
LONGEST = 960

# The record may change its state while the hash is written. It does so rarely, and seldom twice.
WRITES = 3


def handle(tenant: str, file_id: str, version_id: str, message: Message) -> None:
    """Does nothing if the file has a hash, or is gone. An error is raised, so that the message comes back."""
    append(tenant=tenant, file_id=file_id)
    file = files.get(tenant, file_id)
    if file is None or file.version_id != version_id or not hash_is_missing(file):
        logger.info("nothing to hash")
        return
    append(correlation_id=file.correlation_id)
    if not scans.may_be_read(file):
        logger.info("the file is not scanned")
        return
    worker.come_back(message, settings().ingest_queue_url, LONGEST)
    started = time.monotonic()
    try:
        sha256 = sha256_of(original_key(tenant, file_id), version_id, file.size or 0)
    except OriginalMissingError:
        logger.info("the original is gone")
        return
    written = _write(tenant, file_id, version_id, sha256)
    took = time.monotonic() - started
    facts = {"size": file.size, "took_ms": round(took * 1000), "outcome": "hashed" if written else "lost"}
    logger.info("file hashed", extra=facts)


def _write(tenant: str, file_id: str, version_id: str, sha256: str) -> bool:
    """False if the record is gone, or has a hash already."""
    for _ in range(WRITES):
        file = files.get(tenant, file_id)
        if file is None or file.version_id != version_id or not hash_is_missing(file):
            return False
        if file.status in (Status.READY, Status.PROCESSING) and hashes.record(file, sha256):
            return True
    return False
