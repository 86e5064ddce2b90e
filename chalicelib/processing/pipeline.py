"""From a storage event to a finished record: claim the file, read it, make its renditions, write the record last.

A video or a sound is another function's: `process` looks at its beginning and hands it over to `media`, which claims it
anew and does the same work.

Where the file itself is at fault, it ends as `failed` at once. Any other error is raised: the message comes back after
a pause, five times at most (the queue's redrive policy), and after the last time the record says that it failed.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from chalicelib.catalog import actors, claims, deletion, files, pending, scans
from chalicelib.catalog.claims import Findings, Refusal, Refused
from chalicelib.delivery import captions
from chalicelib.model import (
    QUARANTINED,
    ErrorCode,
    File,
    FileError,
    FileWarning,
    PermanentFault,
    Rendition,
    Status,
    Worker,
    original_key,
    parse_original_key,
    rendition_key,
)
from chalicelib.observability import Metric, append, count, logger
from chalicelib.processing import answers, hashing, reading, scanning, service_jobs, services, texts
from chalicelib.processing.kinds import PROCESSORS, Made, OfNoKindError, Order, Processor, Source
from chalicelib.processing.notifications import Stored, stored_objects
from chalicelib.processing.reading import Read
from chalicelib.processing.words import chosen_words
from chalicelib.queues import ingest, media, worker
from chalicelib.queues.ingest import Asked
from chalicelib.queues.worker import MAX_RECEIVES, Later, Message
from chalicelib.renditions import media_names, places
from chalicelib.settings import settings
from chalicelib.storage import derived, originals
from chalicelib.upkeep import removal

# A claim is held for this long, and for the time it takes to read the object. S3 is faster than this even on a bad day.
LEASE = timedelta(seconds=60)
# The function `media` has several children, one after another.
MEDIA_LEASE = timedelta(seconds=240)
SLOWEST_READ = 10_000_000  # bytes a second

# A message that waited longer than this (milliseconds) shows a backlog: tenants must then be told apart.
BACKLOG_AGE = 5_000

UPLOADERS = 12

# The outcomes that are counted. A claim that was lost to another worker is in the log only.
METRICS = {"ready": Metric.FILES_READY, "failed": Metric.FILES_FAILED}


@dataclass(frozen=True)
class Place:
    """The function that works, and its queue. With `hands_over`, other functions' files are left to them."""

    name: Worker
    queue_url: str
    hands_over: bool = False


def in_process() -> Place:
    return Place(Worker.PROCESS, settings().ingest_queue_url, hands_over=settings().has_media)


def handle(event: dict[str, Any], context: Any) -> None:
    """Works off one SQS batch (of one message). Raises when the message must come back to the queue."""
    actors.system("process")
    here = in_process()

    def process(message: Message) -> None:
        if asked := ingest.asked(message.body):
            _do(asked, message)
            return
        if answer := ingest.event_of(message.body):
            answers.handle(answer, message)
            return
        if (
            settings().fair_tenants
            and message.receives == 1
            and worker.age(message) > BACKLOG_AGE
            and _grouped(message)
        ):
            return
        for stored in stored_objects(message):
            process_object(stored, message, here)

    worker.work_off(event, context, here.queue_url, process)


def handle_media(event: dict[str, Any], context: Any) -> None:
    """The same for the function `media`: its queue has files that `process` handed over, and parts of streams."""
    actors.system("media")
    here = Place(Worker.MEDIA, settings().media_queue_url)

    def process(message: Message) -> None:
        if asked := media.asked(message.body):
            from chalicelib.processing.media import eager

            eager.handle(asked, message, lambda: context.get_remaining_time_in_millis() / 1000)
            return
        for stored in stored_objects(message):
            process_object(stored, message, here)

    worker.work_off(event, context, here.queue_url, process)


def _do(asked: Asked, message: Message) -> None:
    """Does what a message of ours asks for."""
    match asked.sort:
        case ingest.HASH:
            hashing.handle(asked.tenant, asked.file_id, asked.version_id, message)
        case ingest.SCAN:
            scanning.asked(asked.tenant, asked.file_id, asked.version_id, message)
        case ingest.SERVICES:
            service_jobs.begin(asked.tenant, asked.file_id)


def _grouped(message: Message) -> bool:
    """Sends S3's message again in its tenant's group, so that the queue can tell tenants apart; False if it was not."""
    tenants = {ids[0] for stored in stored_objects(message) if (ids := parse_original_key(stored.key))}
    return len(tenants) == 1 and ingest.with_group(json.loads(message.body), tenants.pop())


def process_object(stored: Stored, message: Message, here: Place) -> None:
    """Claims the object's file, works on it, and ends the claim. Raises Later, or an error to be tried again."""
    last_try = message.receives >= MAX_RECEIVES
    lease = _lease(stored, here.name)
    claimed = _claim(stored, lease)
    if claimed is None:
        return
    # A function that dies without a word must not hold the message for the queue's whole visibility timeout.
    worker.come_back(message, here.queue_url, int(lease.total_seconds()) + 1)
    started = time.monotonic()
    try:
        if here.name is not Worker.PROCESS and not scans.may_be_read(claimed):
            _hand_over(
                claimed, Worker.PROCESS, ingest.send
            )  # the gate was turned on meanwhile; only `process` may pass it
            return
        admitted = scanning.admit(claimed, stored, last_try=last_try) if here.name is Worker.PROCESS else claimed
        if admitted is None:
            return
        read = reading.read(admitted, stored.key, stored.version_id, here.name if here.hands_over else None)
        if read.elsewhere:
            _hand_over(admitted, Worker.MEDIA, media.send)
            return
        ended, kind = work(admitted, read)
        outcome = "ready"
    except PermanentFault as fault:
        logger.info("the file is at fault", extra={"code": fault.code})
        ended = _end_at_fault(claimed, fault, stored.size)
        outcome, kind = "failed", "none"
    except Exception as error:
        if last_try:
            reason = f"Processing failed {MAX_RECEIVES} times; the last reason was {type(error).__name__}."
            _fail(claimed, FileError(code=ErrorCode.INTERNAL, message=reason))
            _tell("failed", "none", claimed, stored, started, message)
        else:
            claims.release(claimed)
        raise
    if ended is None:
        _lost(claimed)
        outcome = "lost"
    elif ended.refused:
        _discard(ended)
    elif ended.leftovers and not claimed.leftovers and not ended.is_quarantined:
        # Leftovers from before this claim are left to the sweep: the edges may have to forget them, too. So are those
        # of a file that nobody may see any more.
        _clear(ended)
    _tell(outcome, kind, claimed, stored, started, message)


def _hand_over(file: File, to: Worker, send: Callable[[File], None]) -> None:
    """Gives the file to another function. The record says so first, so that a message which is lost is sent again."""
    if claims.hand_over(file, to):
        logger.info("handed over", extra={"to": to})
        _send(send, file)
    else:
        _lost(file)


def _claim(stored: Stored, lease: timedelta) -> File | None:
    """The file, claimed; None when there is nothing to do. Raises Later."""
    ids = parse_original_key(stored.key)
    if ids is None or stored.bucket != settings().originals_bucket:
        logger.warning("not one of our objects; dropped", extra={"bucket": stored.bucket, "key": stored.key})
        return None
    tenant, file_id = ids
    append(tenant=tenant, file_id=file_id)
    claimed = claims.claim(
        file_id,
        version_id=stored.version_id,
        sequencer=stored.sequencer,
        claim_id=secrets.token_hex(8),
        lease=lease,
    )
    if isinstance(claimed, Refused):
        _refused(claimed, stored)
        return None
    append(correlation_id=claimed.correlation_id)
    return claimed


def _lease(stored: Stored, here: Worker) -> timedelta:
    scan = settings().scan_seconds if settings().scan == "command" else 0
    return (MEDIA_LEASE if here is Worker.MEDIA else LEASE) + timedelta(seconds=stored.size // SLOWEST_READ + scan)


def _refused(refused: Refused, stored: Stored) -> None:
    """Removes bytes that belong to no file. Raises Later while another worker has the file."""
    logger.info("delivery refused", extra={"reason": refused.reason})
    match refused.reason:
        case Refusal.LEASED:
            until = refused.file.lease_until if refused.file else None
            raise Later(max(1, int(until.timestamp() - time.time()) + 1) if until else 1, "the file is leased")
        case Refusal.DELETED if refused.file and refused.file.restore_until:
            _forget_late(refused.file, stored)  # not the file's own bytes: it may be restored
        case Refusal.UNKNOWN | Refusal.DELETED:
            # A record is written before anyone can upload, so without one the file was deleted. Its bytes go, too.
            originals.delete_version(stored.key, stored.version_id)
        case Refusal.DONE | Refusal.STALE if refused.file:
            _forget_late(refused.file, stored)


def _forget_late(file: File, stored: Stored) -> None:
    """Removes bytes that were uploaded after the file's own, which the first upload is, and bytes of a refused file.

    The late version would hide the file's own one, and the bucket's lifecycle removes hidden versions.
    """
    ended_in_parts = file.status is Status.FAILED and file.upload_id is not None  # before any bytes were its own
    if file.version_id != stored.version_id and (file.version_id or ended_in_parts):
        originals.delete_version(stored.key, stored.version_id)


# A stranger's file is removed if it is something else, or more, than its upload token or the stranger said. A tenant's
# own one stays unless its size is wrong: somebody may look at it, and a later release may take it. So does a picture of
# a sort that is not read (`unsupported_type`): it is of a type that the token allows.
_NOT_ALLOWED = frozenset(
    {
        ErrorCode.CHECKSUM_MISMATCH,
        ErrorCode.EMPTY,
        ErrorCode.SIZE_MISMATCH,
        ErrorCode.TOO_LARGE,
        ErrorCode.TYPE_MISMATCH,
    }
)


def _is_refused(file: File, fault: PermanentFault, size: int) -> bool:
    """True if the original of a file that failed so must be removed. `size` is the original's, in bytes."""
    if file.token_id:
        return fault.code in _NOT_ALLOWED
    return fault.code is ErrorCode.SIZE_MISMATCH or (file.max_bytes is not None and size > file.max_bytes)


def _end_at_fault(claimed: File, fault: PermanentFault, size: int) -> File | None:
    """Ends the claim of a file that is itself at fault. None if it was lost. `size` is the original's, in bytes."""
    if fault.code in QUARANTINED:
        return scanning.quarantine(claimed, fault)
    error = FileError(code=fault.code, message=fault.message)
    return _fail(claimed, error, refused=_is_refused(claimed, fault, size))


def _fail(file: File, error: FileError, *, refused: bool = False) -> File | None:
    """Ends the claim as failed, and then removes this claim's renditions. None, and nothing removed, if it was lost."""
    ended = claims.fail(file, error, refused=refused)
    if ended:
        derived.delete_below(places.made_prefix(file))
    return ended


def _replaced(file: File) -> list[str]:
    """Prefixes in the derived bucket that no longer belong to the file once its new renditions are served."""
    served = places.served_prefix(file)
    return [*file.leftovers, *([served] if served and served != places.made_prefix(file) else [])]


def _discard(file: File) -> None:
    """Removes the original of a refused file. The file is finished even if that fails, as in `_clear`.

    A version that was uploaded later has a message of its own, and goes when that comes (`_forget_late`).
    """
    try:
        originals.delete_version(original_key(file.tenant, file.id), file.version_id or "")
        deletion.discarded(file)
    except Exception:
        logger.exception("the original of a refused file is left")


def _clear(file: File) -> None:
    """Removes replaced renditions. The file is finished even if that fails: its record says what is left to do."""
    try:
        removal.clear(file)
    except Exception:
        logger.exception("replaced renditions are left", extra={"leftovers": file.leftovers})


def _lost(file: File) -> None:
    """Another worker has the file now. Removes our renditions, unless they are at the address that its record names."""
    current, made = files.get(file.tenant, file.id), places.made_version(file)
    being_made = current is not None and current.status is Status.PROCESSING and current.generation == file.generation
    if current is None or not (being_made or current.source_version == made):
        derived.delete_below(places.made_prefix(file))


def work(file: File, read: Read) -> tuple[File | None, str]:
    """Makes the renditions of a claimed file, and ends its claim as `ready`.

    Returns the finished record (None when the claim was lost meanwhile) and the file's kind. Raises PermanentFault.
    """
    file.kind = read.processor.kind  # part of the addresses, from here on
    try:
        made, renditions = make_renditions(file, read.processor, read.source)
    except OfNoKindError:
        read = replace(read, processor=PROCESSORS[-1])
        file.kind, made, renditions = read.processor.kind, Made(), []
    except PermanentFault as fault:
        if fault.code is not ErrorCode.UNSUPPORTED_TYPE or not reading.was_told_nothing(file):
            raise
        # Nobody asked for a picture of it: the file is sound, and stored as one of no kind.
        derived.delete_below(places.made_prefix(file))
        read = reading.as_other(read, file)
        file.kind, made, renditions = read.processor.kind, Made(), []
    ended = claims.finish(
        file,
        kind=read.processor.kind,
        content_type=read.source.content_type,
        proven_type=read.proven_type,
        size=read.source.size,
        sha256=read.sha256,
        made=findings(replace(made, warnings=(*made.warnings, *_unhashed(read)))),
        renditions=renditions,
        source_version=places.made_version(file),
        made_with=places.recipe_of(file).fingerprint,
        leftovers=_replaced(file),
        asked=(asked := services.wanted(file, read.processor.kind, read.source.content_type, places.made_prefix(file))),
    )
    if ended and pending.hash_is_missing(ended):
        _send(ingest.send_hash, ended)
    if ended and asked:
        _send(ingest.send_services, ended)
    if ended and pending.parts_are_missing(ended):
        _send(media.send_eager, ended)
    return ended, str(read.processor.kind)


def _unhashed(read: Read) -> list[FileWarning]:
    """The warning for a file that will never have a hash."""
    if read.sha256 is not None or read.source.size <= pending.MOST_HASHED:
        return []
    bound = f"{pending.MOST_HASHED // 1000**3} GB"
    return [FileWarning(code="not_hashed", message=f"The file has no `sha256`, because it is larger than {bound}.")]


def _send(send: Callable[[File], None], file: File) -> None:
    """Sends a message about a file whose record says that it is due. If that fails, the sweep sends it again."""
    try:
        send(file)
    except Exception:
        logger.exception("a message could not be sent; the sweep sends it again")


@cache
def _uploaders() -> ThreadPoolExecutor:
    """Kept for the life of the process: a photo would start seven threads."""
    return ThreadPoolExecutor(UPLOADERS, thread_name_prefix="upload")


def findings(made: Made) -> Findings:
    """The findings of a processor, as the record has them."""
    words = tuple(chosen_words(made.headings, made.text, settings().found_words))
    return Findings(made.info, made.preview, made.warnings, words)


def make_renditions(file: File, processor: Processor, source: Source) -> tuple[Made, list[Rendition]]:
    """The processor's findings, and its renditions. Each is uploaded while the next is being made."""
    version = places.made_version(file)
    done: list[tuple[Rendition, Future[None]]] = []
    master = b""

    def upload(rendition: Rendition, encoded: bytes) -> None:
        nonlocal master
        if rendition.name == places.STREAM:
            master = encoded
        key = rendition_key(file.visibility, file.id, version, rendition)
        done.append((rendition, _uploaders().submit(put, key, encoded, rendition.content_type)))

    def put(key: str, encoded: bytes, content_type: str) -> None:
        derived.put(key, encoded, content_type)  # its answer has the bytes, and would keep them until the end

    try:
        time = file.poster.time if file.poster else None
        made = processor.process(source, Order(places.recipe_of(file), memory_bytes(), poster_time=time), upload)
        if made.text:
            upload(*texts.rendition(made.text))
        for _, uploaded in done:
            uploaded.result()
    finally:
        wait([uploaded for _, uploaded in done])  # whatever follows finds nothing that is still on its way
    listed = [rendition for rendition, _ in done if not rendition.name.startswith(media_names.FOLDER)]
    if master and file.captions:
        made, listed = _with_captions(file, made, listed, master)
    return made, sorted(listed, key=lambda each: (each.width or 0, each.format))


def _with_captions(file: File, made: Made, renditions: list[Rendition], master: bytes) -> tuple[Made, list[Rendition]]:
    """Has the client's captions among the new renditions. `master` is the playlist without them."""
    hls = next(each for each in renditions if each.name == places.STREAM)
    named, lost = captions.again(file, places.made_prefix(file), master, hls)
    if lost:
        logger.error("captions are missing", extra={"languages": [each.language for each in lost]})
        message = f"The captions in {', '.join(each.language for each in lost)} are no longer stored; add them again."
        made = replace(made, warnings=(*made.warnings, FileWarning(code="captions_missing", message=message)))
    return made, [named if each is hls else each for each in renditions]


def memory_bytes() -> int:
    """The memory of this function. On a laptop, which has no such setting, it is the figure in .chalice/config.json."""
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")) * 1024**2


def _tell(outcome: str, kind: str, claimed: File, stored: Stored, started: float, message: Message) -> None:
    """Logs how processing ended, and counts it. `started` is in seconds of the monotonic clock."""
    facts = {"outcome": outcome, "kind": kind, "attempts": claimed.attempts, "size": stored.size}
    took = round((time.monotonic() - started) * 1000)
    logger.info("file processed", extra=facts | {"took_ms": took, "waited_ms": round(worker.age(message))})
    if metric := METRICS.get(outcome):
        count({metric: 1})
