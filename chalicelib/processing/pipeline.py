"""From a storage event to a finished record: claim, look, process, write renditions, write the record last.

What the file itself is to blame for ends in `failed` at once. Everything else raises: the message comes back after a
pause, five times at most (the queue's redrive policy), and the last time the record says that it failed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import IO, Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.metrics import MetricUnit

from chalicelib.catalog import claims, files
from chalicelib.catalog.claims import Refusal, Refused
from chalicelib.model import (
    ErrorCode,
    File,
    FileError,
    ImageInfo,
    Kind,
    PermanentFault,
    Rendition,
    Status,
    parse_original_key,
    rendition_key,
)
from chalicelib.observability import append, emit, logger
from chalicelib.processing import sniff
from chalicelib.queues import ingest, worker
from chalicelib.queues.worker import MAX_RECEIVES, Later, Message
from chalicelib.renditions import places
from chalicelib.settings import settings
from chalicelib.storage import derived, originals
from chalicelib.upkeep import removal

# A claim is held this long, plus time to read the object at a rate that S3 exceeds even on a bad day.
LEASE = timedelta(seconds=60)
SLOWEST_READ = 10_000_000  # bytes a second

# An image is read whole into memory; bytes. Far above any camera's, far below the function's memory.
MAX_IMAGE_BYTES = 200 * 1024**2

# Milliseconds that a message waited: there is a backlog, in whose order tenants must be told apart.
BACKLOG_AGE = 5_000

CHUNK = 1024**2
UPLOADERS = 12


@dataclass(frozen=True)
class Stored:
    """One object version that S3 told us of. `size` in bytes."""

    bucket: str
    key: str
    version_id: str
    sequencer: str
    size: int


@dataclass(frozen=True)
class Outcome:
    """What processing found out; `size` in bytes, `sha256` in hex."""

    kind: Kind
    content_type: str
    size: int
    sha256: str
    image: ImageInfo | None
    renditions: list[Rendition]


def handle(event: dict[str, Any], context: Any) -> None:
    """Works off one SQS batch (of one message). Raises what must come back to the queue."""

    def work(message: Message, receives: int) -> None:
        if settings().fair_tenants and receives == 1 and worker.age(message) > BACKLOG_AGE and _grouped(message):
            return
        for stored in stored_objects(message):
            process_object(stored, message, last_try=receives >= MAX_RECEIVES)

    worker.work_off(event, context, settings().ingest_queue_url, work)


def _grouped(message: Message) -> bool:
    """Whether S3's message was sent again in its tenant's group, so that the queue can tell tenants apart."""
    tenants = {ids[0] for stored in stored_objects(message) if (ids := parse_original_key(stored.key))}
    return len(tenants) == 1 and ingest.with_group(json.loads(message.body), tenants.pop())


def stored_objects(message: Message) -> Iterator[Stored]:
    """The objects in a message; none in S3's test message and in what is no S3 event at all."""
    try:
        body = json.loads(message.body)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("Records"), list):
        test = isinstance(body, dict) and body.get("Event") == "s3:TestEvent"
        logger.info("S3 tests the queue" if test else "not a storage event; dropped")
        return
    for record in body["Records"]:
        if record["eventName"].startswith("ObjectCreated:"):
            stored = record["s3"]["object"]
            yield Stored(
                bucket=record["s3"]["bucket"]["name"],
                key=unquote_plus(stored["key"]),  # URL-encoded, with + for a space
                version_id=stored.get("versionId") or "",
                sequencer=stored.get("sequencer") or "",
                size=int(stored.get("size") or 0),
            )


def process_object(stored: Stored, message: Message, *, last_try: bool) -> None:
    """One object through claim, work and finish. Raises Later, or what is to be tried again."""
    ids = parse_original_key(stored.key)
    if ids is None or stored.bucket != settings().originals_bucket:
        logger.warning("not one of our objects; dropped", extra={"bucket": stored.bucket, "key": stored.key})
        return
    tenant, file_id = ids
    append(tenant=tenant, file_id=file_id)
    lease = LEASE + timedelta(seconds=stored.size // SLOWEST_READ)
    claimed = claims.claim(
        file_id,
        version_id=stored.version_id,
        sequencer=stored.sequencer,
        claim_id=secrets.token_hex(8),
        lease=lease,
    )
    if isinstance(claimed, Refused):
        _refused(claimed, stored)
        return
    append(correlation_id=claimed.correlation_id)
    # A function that dies without a word must not hold the message for the queue's whole visibility timeout.
    worker.come_back(message, settings().ingest_queue_url, int(lease.total_seconds()) + 1)
    started = time.monotonic()
    try:
        outcome = _work(claimed, stored)
        ended = claims.finish(
            claimed,
            kind=outcome.kind,
            content_type=outcome.content_type,
            size=outcome.size,
            sha256=outcome.sha256,
            image=outcome.image,
            renditions=outcome.renditions,
            source_version=places.made_version(claimed),
            made_with=places.recipe_of(claimed).fingerprint,
            leftovers=_replaced(claimed),
        )
        label, kind = "ready", str(outcome.kind)
    except PermanentFault as fault:
        logger.info("the file is at fault", extra={"code": fault.code, "reason": fault.message})
        ended = _fail(claimed, FileError(code=fault.code, message=fault.message))
        label, kind = "failed", "none"
    except Exception as error:
        if last_try:
            reason = f"Processing failed {MAX_RECEIVES} times; the last reason was {type(error).__name__}."
            _fail(claimed, FileError(code=ErrorCode.INTERNAL, message=reason))
            _count("failed", "none", stored, started, message)
        else:
            claims.release(claimed)
        raise
    if ended is None:
        _lost(claimed)
        label = "lost"
    elif ended.leftovers and not claimed.leftovers:  # what was left before may need the edges' purging, too
        _clear(ended)
    _count(label, kind, stored, started, message)
    logger.info("file processed", extra={"outcome": label, "kind": kind, "attempts": claimed.attempts})


def _refused(refused: Refused, stored: Stored) -> None:
    logger.info("delivery refused", extra={"reason": refused.reason})
    match refused.reason:
        case Refusal.LEASED:
            until = refused.file.lease_until if refused.file else None
            raise Later(max(1, int(until.timestamp() - time.time()) + 1) if until else 1, "the file is leased")
        case Refusal.DELETED if refused.file and refused.file.restore_until:
            _forget_late(refused.file, stored)  # but it may come back
        case Refusal.UNKNOWN | Refusal.DELETED:
            # The record comes before the upload's address, so no record means: deleted. Its bytes go too.
            originals.delete_version(stored.key, stored.version_id)
        case Refusal.DONE | Refusal.STALE if refused.file:
            _forget_late(refused.file, stored)


def _forget_late(file: File, stored: Stored) -> None:
    """First write wins. What came too late goes: it hides the file's own bytes, and the bucket ends what is hidden."""
    if file.version_id not in (None, stored.version_id):
        originals.delete_version(stored.key, stored.version_id)


def _fail(file: File, error: FileError) -> File | None:
    """The record first: renditions are removed only by the worker whose failure counts, never another one's."""
    ended = claims.fail(file, error)
    if ended:
        derived.delete_below(places.made_prefix(file))
    return ended


def _replaced(file: File) -> list[str]:
    """The prefixes that hold nothing of the file's once it is finished."""
    served = places.served_prefix(file)
    return [*file.leftovers, *([served] if served and served != places.made_prefix(file) else [])]


def _clear(file: File) -> None:
    """The file is finished, whatever becomes of what it was before: the record says that there is something left."""
    try:
        removal.clear(file)
    except Exception:
        logger.exception("replaced renditions are left", extra={"leftovers": file.leftovers})


def _lost(file: File) -> None:
    """The claim ended under us. Another worker's renditions stay; those that no record will ever name go."""
    current, made = files.get(file.tenant, file.id), places.made_version(file)
    being_made = current is not None and current.status is Status.PROCESSING and current.generation == file.generation
    if current is None or not (being_made or current.source_version == made):
        derived.delete_below(places.made_prefix(file))


def _work(file: File, stored: Stored) -> Outcome:
    # The GET tells all that a HEAD would: no call of its own for that.
    original = originals.open_version(stored.key, stored.version_id)
    with original.body as body:
        if original.size == 0:
            raise PermanentFault(ErrorCode.EMPTY, "The file is empty.")
        if file.size is not None and original.size != file.size:
            raise PermanentFault(
                ErrorCode.SIZE_MISMATCH, f"The file has {original.size} bytes, but {file.size} were declared."
            )
        if file.max_bytes is not None and original.size > file.max_bytes:
            raise PermanentFault(ErrorCode.TOO_LARGE, f"The file has more than the {file.max_bytes} bytes allowed.")
        head = body.read(min(sniff.SNIFF_BYTES, original.size))
        detected = sniff.sniff(head)
        if sniff.contradicts(file.content_type, detected):
            found = detected or "something else"
            raise PermanentFault(
                ErrorCode.TYPE_MISMATCH, f"The file was declared as {file.content_type}, but its bytes are {found}."
            )
        content_type = file.content_type if _says_more(file.content_type, detected) else str(detected)
        kind = sniff.kind_of(content_type)
        if kind is Kind.IMAGE and original.size > MAX_IMAGE_BYTES:
            bound = MAX_IMAGE_BYTES // 1024**2
            raise PermanentFault(ErrorCode.TOO_LARGE, f"An image may have at most {bound} MiB.")
        data = BytesIO()
        digest = _hash_stream(head, body, data if kind is Kind.IMAGE else None)
    if file.declared_sha256 and file.declared_sha256 != digest:
        raise PermanentFault(
            ErrorCode.CHECKSUM_MISMATCH, f"The bytes' SHA-256 is {digest}, but {file.declared_sha256} was declared."
        )
    image, renditions = _make_renditions(file, data) if kind is Kind.IMAGE else (None, [])
    return Outcome(kind, content_type, original.size, digest, image, renditions)


def _says_more(declared: str, detected: str | None) -> bool:
    """Whether to keep the declared type: always, but where it says nothing and the bytes do."""
    return detected is None or declared not in sniff.GENERIC


def _hash_stream(head: bytes, body: IO[bytes], keep: BytesIO | None) -> str:
    """SHA-256 (hex) of what begins with `head`; it is read in pieces, and kept only where it is wanted."""
    digest, chunk = hashlib.sha256(), head
    while chunk:
        digest.update(chunk)
        if keep is not None:
            keep.write(chunk)
        chunk = body.read(CHUNK)
    if keep is not None:
        keep.seek(0)
    return digest.hexdigest()


def _make_renditions(file: File, data: BytesIO) -> tuple[ImageInfo, list[Rendition]]:
    """Encodes and uploads side by side: each rendition is on its way to S3 while the next is encoded."""
    from chalicelib.processing.image.cascade import process_image  # Pillow: only when there is an image

    version = places.made_version(file)
    done: list[tuple[Rendition, Future[None]]] = []
    with ThreadPoolExecutor(UPLOADERS) as uploaders:

        def emit_rendition(rendition: Rendition, encoded: bytes) -> None:
            key = rendition_key(file.visibility, file.id, version, rendition)
            done.append((rendition, uploaders.submit(derived.put, key, encoded, rendition.content_type)))

        image = process_image(data, places.recipe_of(file), memory=memory_bytes(), emit=emit_rendition)
        for _, upload in done:
            upload.result()
    return image, sorted((r for r, _ in done), key=lambda r: (r.width, r.format))


def memory_bytes() -> int:
    """What this function was given; the figure for a laptop's tests is the one in .chalice/config.json."""
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")) * 1024**2


def _count(outcome: str, kind: str, stored: Stored, started: float, message: Message) -> None:
    emit(
        {
            "FilesProcessed": (MetricUnit.Count, 1),
            "BytesProcessed": (MetricUnit.Bytes, stored.size),
            "ProcessingTime": (MetricUnit.Milliseconds, (time.monotonic() - started) * 1000),
            "QueueAge": (MetricUnit.Milliseconds, worker.age(message)),
        },
        outcome=outcome,
        kind=kind,
    )
