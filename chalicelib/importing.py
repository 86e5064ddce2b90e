"""Imports: fetches a file from a URL and stores it as an original. From there it is processed like any uploaded file.

If the source fails in a way that a later try would not change, the file is `failed` at once. If the source can't be
reached just now, it is tried five times in all. So are our own errors, and after the fifth time their message goes to
the dead-letter queue. A source's failure never gets there, because anybody can name a source that fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from chalicelib.catalog import actors, claims, files, retention
from chalicelib.model import ErrorCode, File, FileError, PermanentFault, Status
from chalicelib.observability import append, logger
from chalicelib.outbound import addresses
from chalicelib.outbound.errors import UnreachableError
from chalicelib.outbound.fetch import fetch
from chalicelib.outbound.limits import Limits
from chalicelib.queues import worker
from chalicelib.queues.imports import parse
from chalicelib.queues.worker import MAX_RECEIVES, Later, Message
from chalicelib.settings import settings
from chalicelib.storage import originals

# Seconds of the function's time that fetching may not use: they are for the last parts, for completing the upload in
# S3, and for the record.
MARGIN = 60


def handle(event: dict[str, Any], context: Any) -> None:
    """Handles one SQS batch, which has one message. Raises if the message must come back."""
    actors.system("fetch")

    def work(message: Message) -> None:
        import_file(message, seconds=context.get_remaining_time_in_millis() / 1000)

    worker.work_off(event, context, settings().import_queue_url, work)


def import_file(message: Message, *, seconds: float) -> None:
    """Imports one file, within `seconds`. Raises Later, or an error of our own: both are tried again."""
    wanted = parse(message.body)
    if wanted is None:
        logger.warning("dropped a message that is not ours")
        return
    append(tenant=wanted.tenant, file_id=wanted.file_id, correlation_id=wanted.correlation_id)
    file = files.get(wanted.tenant, wanted.file_id)
    if file is None or file.status is not Status.AWAITING_UPLOAD or not file.source_url:
        logger.info("dropped a message: nothing to import", extra={"status": file.status if file else None})
        return
    # If the function dies, the message must not wait for the queue's whole visibility timeout.
    worker.come_back(message, settings().import_queue_url, int(seconds) + 5)
    started = time.monotonic()
    size = 0
    try:
        size = store(file, file.source_url, seconds - MARGIN)
        outcome = "stored"
    except PermanentFault as fault:
        outcome = _fail(file, FileError(code=fault.code, message=fault.message))
    except UnreachableError as unreachable:
        if message.receives < MAX_RECEIVES:
            # The source's name stays out of the log, also as the cause of this: Lambda logs the whole chain.
            raise Later(worker.backoff(message.receives), "the source can't be reached just now") from None
        outcome = _fail(file, FileError(code=ErrorCode.SOURCE_UNREACHABLE, message=str(unreachable)))
    except Exception as error:
        if message.receives >= MAX_RECEIVES:
            reason = f"Importing failed {MAX_RECEIVES} times; the last reason was {type(error).__name__}."
            _tell(_fail(file, FileError(code=ErrorCode.INTERNAL, message=reason)), 0, started, message)
        raise
    _tell(outcome, size, started, message)


def store(file: File, url: str, seconds: float) -> int:
    """Fetches a file into the originals bucket, and gives its size in bytes. Never stores a part of a file."""
    stage = settings()
    most = min(stage.max_import_bytes, file.max_bytes or stage.max_import_bytes)
    with fetch(url, Limits(max_bytes=most, total=seconds), allowed=addresses.networks(stage.import_networks)) as source:
        counted = _Counted(file, source.chunks, source.content_length)
        if not originals.put(file, counted):
            logger.info("there is an original already, and it stays")
    return counted.size


class _Counted:
    """The chunks of a source, counted. Raises PermanentFault if they do not have the declared size.

    `size` is the number of bytes so far.
    """

    def __init__(self, file: File, chunks: Iterator[bytes], announced: int | None) -> None:
        self.size = 0
        self._declared = file.size
        self._chunks = chunks
        self._compare(announced)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self._declared is not None and self.size > self._declared:
                raise PermanentFault(
                    ErrorCode.SIZE_MISMATCH, f"The source sends more than the {self._declared} bytes declared."
                )
            yield chunk
        self._compare(self.size)

    def _compare(self, size: int | None) -> None:
        if None not in (size, self._declared) and size != self._declared:
            raise PermanentFault(
                ErrorCode.SIZE_MISMATCH, f"The source has {size} bytes, but {self._declared} were declared."
            )


def _fail(file: File, error: FileError) -> str:
    logger.info("the source failed", extra={"code": error.code})
    return "failed" if claims.fail_import(file.tenant, file.id, error, retention.due(file)) else "lost"


def _tell(outcome: str, size: int, started: float, message: Message) -> None:
    """Logs how an import ended. `started` is in seconds of the monotonic clock."""
    facts = {"outcome": outcome, "size": size, "receives": message.receives}
    took = round((time.monotonic() - started) * 1000)
    logger.info("import ended", extra=facts | {"took_ms": took, "waited_ms": round(worker.age(message))})
