"""The sweep: every five minutes it finishes work that nobody else will finish, and reconciles pages of both buckets.

It is safe to run twice, or two at once: each write is conditional on the record's revision, a message that is sent
twice is handled once, and no record leads to an object that is removed.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from chalicelib import aws
from chalicelib.catalog import actors, claims, deletion, due, files, pending, retention, scans, webhook_states
from chalicelib.catalog.due import DueWebhook
from chalicelib.catalog.keys import DUE_SHARDS
from chalicelib.model import ErrorCode, File, FileError, Status, Worker, now
from chalicelib.observability import Metric, count, logger
from chalicelib.queues import imports, ingest, media
from chalicelib.queues import webhooks as webhook_queue
from chalicelib.queues.worker import MAX_RECEIVES
from chalicelib.renditions import places
from chalicelib.settings import settings
from chalicelib.storage import bounds, multipart, originals
from chalicelib.storage.multipart import UploadMissingError
from chalicelib.upkeep import delivered_bytes, reconcile, removal, sealing, service_upkeep, tombstones

# Seconds of the function's time that are kept back, and how long a run may take if the caller sets no time.
MARGIN = 30
SECONDS = 240.0

# Records that are read at once, and records that are handled at once.
PAGE = 100
WORKERS = 8

# Whoever changed a record gets this long to finish the rest themselves.
SETTLED = timedelta(seconds=30)
# The message of a failed try comes back by itself within the longest pause (worker.backoff) and a visibility timeout.
COMES_BACK = timedelta(seconds=180)
# A message is sent again after 1, 2, 4 … times AGAIN. If the queue has a backlog of more than BACKLOG messages, the
# first message may still be in it, so none is sent again before PATIENCE.
AGAIN = timedelta(minutes=5)
PATIENCE = timedelta(hours=1)
BACKLOG = 100
# A file that no worker took in this time fails.
HOPELESS = timedelta(days=1)
# A deleted file under legal hold is looked at this often. Its release makes it due at once.
HELD = timedelta(days=1)
# A record that could not be handled is tried again after this long.
TROUBLE = timedelta(minutes=15)

Sum = Counter[str]


def handle(_: Mapping[str, Any], context: Any) -> None:
    """One scheduled run, within the function's time."""
    actors.begin(context.aws_request_id)
    actors.system("sweep")
    run(seconds=context.get_remaining_time_in_millis() / 1000 - MARGIN, workers=WORKERS)


def run(*, seconds: float = SECONDS, workers: int = 1) -> Sum:
    """Handles every record that is due, then reconciles the buckets. Gives the counts by name.

    Stops when `seconds` are over; the next run goes on.
    """
    sweep = _Sweep(time.monotonic() + seconds, workers)
    done = sweep.handle_due()
    done += reconcile.run(sweep.deadline)
    done += tombstones.run(sweep.deadline)
    done += sealing.run(sweep.deadline)
    done += delivered_bytes.run(sweep.deadline)
    count({metric: sum(done[name] for name in names) for metric, names in METRICS.items()})
    logger.info("swept", extra={name: number for name, number in done.items() if number})
    return done


# The counts of a run. Expired: uploads whose time was over. Stalled: files whose message was sent again, or that were
# given up (GivenUp). Unhashed: large files that nobody could hash. Unmade: streams that lack parts. Unserved: services
# that nobody could start. RetentionOver: files that were deleted because their retention is over. Removed: finished
# removals. Woken: webhooks with something due. SweepErrors: records and webhooks that could not be handled.
# SweepBacklog: 1 if the time was over before everything was handled. reconcile.py, tombstones.py and sealing.py explain
# the others. All of them are in the log. An alarm watches only these sums.
METRICS: Mapping[Metric, tuple[str, ...]] = {
    Metric.FILES_IN_TROUBLE: ("GivenUp", "Missing", "Unhashed", "Unmade", "Unowned", "Unserved"),
    Metric.SWEEP_ERRORS: ("SweepErrors", "SweepBacklog"),
}


@dataclass
class _Sweep:
    """One run. `_busy` remembers which queues have a backlog, `_removals` those that are to be finished together."""

    deadline: float
    workers: int
    _busy: dict[str, bool] = field(default_factory=dict)
    _removals: list[removal.Removal] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def handle_due(self) -> Sum:
        """Goes round the shards, one page each, until nothing is due or the time is over."""
        done: Sum = Counter()
        first = random.randrange(DUE_SHARDS)  # noqa: S311 - so that no shard is always last
        waiting: dict[int, Mapping[str, Any] | None] = dict.fromkeys(
            (first + number) % DUE_SHARDS for number in range(DUE_SHARDS)
        )
        while waiting:
            for shard in list(waiting):
                if time.monotonic() > self.deadline:
                    return done + self._finish_removals() + Counter(SweepBacklog=1)
                page = due.due(shard, PAGE, waiting.pop(shard))
                if page.after:
                    waiting[shard] = page.after
                done += self._handle_all(page.files)
                done += sum(map(_wake, page.webhooks), Counter())
            done += self._finish_removals()
        return done

    def _finish_removals(self) -> Sum:
        """Finishes all removals of a round, with one invalidation for all."""
        removals, self._removals = self._removals, []
        try:
            later = removal.finish(removals)
        except Exception:
            logger.exception("the sweep could not finish removals")
            for each in removals:
                due.put_off(each.file, now() + TROUBLE)
            return Counter(SweepErrors=len(removals))
        for each in later:  # CloudFront takes no more just now
            due.put_off(each.file, now() + AGAIN)
        finished = [each.file.id for each in removals if each not in later]
        if finished:
            logger.info("finished removals", extra={"files": finished})
        return Counter(Removed=len(finished))

    def _handle_all(self, records: list[File]) -> Sum:
        if self.workers == 1 or len(records) < 2:
            return sum((self._handle(file) for file in records), Counter())
        with ThreadPoolExecutor(self.workers) as pool:
            return sum(pool.map(actors.carried(self._handle), records), Counter())

    def _handle(self, file: File) -> Sum:
        """Handles one record. If that fails, the record is put off, so that it does not delay the others."""
        if time.monotonic() > self.deadline:
            return Counter()  # handle_due counts it as backlog
        try:
            return Counter(self._by_status(file))
        except Exception:
            logger.exception("the sweep could not handle a file", extra=_facts(file))
            due.put_off(file, now() + TROUBLE)
            return Counter(SweepErrors=1)

    def _by_status(self, file: File) -> list[str]:
        """Does what the record needs; gives the names to count."""
        match file.status:
            case Status.AWAITING_UPLOAD | Status.EXPIRED:
                return self._awaited(file)
            case Status.PROCESSING:
                return self._stalled(file)
            case Status.DELETED:
                return self._deleted(file)
            case _:
                return self._ended(file) if retention.is_over(file) else self._replaced(file)

    def _ended(self, file: File) -> list[str]:
        """A file whose retention is over: it is deleted as a client deletes it."""
        actors.system("retention")
        try:
            deleted = self._delete(file)
        finally:
            actors.system("sweep")
        if deleted:
            logger.info("the retention of a file is over", extra=_facts(file))
        return ["RetentionOver"] * bool(deleted)

    def _delete(self, file: File) -> File | None:
        """Deletes a file as a client deletes it; None if the record has changed since it was read."""
        if settings().delete_window:
            return removal.retire(file)
        if deleted := deletion.mark_deleted(file.tenant, file.id, revision=file.revision):
            self._removals.append(removal.begin_purge(deleted))
        return deleted

    def _awaited(self, file: File) -> list[str]:
        """An upload that did not come in time, or that came without a message; or an import that nobody fetched.

        The status is `expired` as soon as the time is over, whether or not the table says so already.
        """
        if file.status is Status.AWAITING_UPLOAD and file.client_parts:
            return _add_up(file)
        if file.expires_at is None or not (file.source_url or file.status is Status.EXPIRED):
            return []
        since = file.expires_at if file.status is Status.EXPIRED else file.created_at
        if stored := originals.newest(file):
            arrived = file.model_copy(update={"version_id": stored.version_id, "size": file.size or stored.size})
            return self._send(arrived, since, settings().ingest_queue_url)
        if file.status is Status.EXPIRED:
            return _expire(file)
        return self._send(file, since, settings().import_queue_url, until=file.expires_at + files.EXPIRY_GRACE)

    def _stalled(self, file: File) -> list[str]:
        """A file that no worker holds: its message was lost, its worker died, or its message is about to come back."""
        since = file.lease_until or file.updated_at
        age = now() - since
        if age < timedelta() or (file.attempts and age < COMES_BACK):
            return []
        if scans.is_held(file):
            return self._send(file, since, settings().ingest_queue_url, send=ingest.send_scan)
        at_media = file.handed_to == Worker.MEDIA and settings().has_media
        url = settings().media_queue_url if at_media else settings().ingest_queue_url
        if file.attempts >= MAX_RECEIVES or (age > HOPELESS and not self._is_busy(url)):
            return _give_up(file)
        return self._send(file, since, url, send=media.send if at_media else None)

    def _replaced(self, file: File) -> list[str]:
        """A file with renditions that were replaced, or with bytes that were refused."""
        if file.refused:
            if now() - file.updated_at >= SETTLED:
                removal.discard(file)
                return ["Removed"]
        elif not file.leftovers:
            return self._pending(file)
        elif now() - file.updated_at >= SETTLED:
            self._removals.append(removal.begin_clear(file))
        return []

    def _pending(self, file: File) -> list[str]:
        """A file that waits for a service, for its hash or for parts of its stream, whose message may be lost."""
        services = pending.service_due(file) if file.status is Status.READY else None
        if services and services <= now():
            return self._serviced(service_upkeep.end_overdue(file))
        if file.status is Status.READY and pending.hash_is_missing(file):
            return self._unhashed(file, services)
        if file.status is Status.READY and pending.parts_are_missing(file):
            return self._unmade(file, services)
        _put_off_or_drop(file, services)
        return []

    def _serviced(self, file: File) -> list[str]:
        """A file on which services are to start. After a day of trying they fail."""
        since = service_upkeep.waits_since(file)
        if since is None:  # a pause, or another job that runs: the record is due when that is over
            return []
        if now() - since > HOPELESS and not self._is_busy(settings().ingest_queue_url):
            return ["Unserved"] * service_upkeep.give_up(file)
        return self._send(file, since, settings().ingest_queue_url, send=ingest.send_services)

    def _unhashed(self, file: File, services: datetime | None) -> list[str]:
        """A large file that nobody has hashed yet. After a day of trying it stays so.

        `services` is when its services are due.
        """
        if now() - file.updated_at > HOPELESS and not self._is_busy(settings().ingest_queue_url):
            logger.error("a file stays without a hash", extra=_facts(file))
            _put_off_or_drop(file, services)
            return ["Unhashed"]
        return self._send(file, file.updated_at, settings().ingest_queue_url, services, send=ingest.send_hash)

    def _unmade(self, file: File, services: datetime | None) -> list[str]:
        """A film of whose stream some parts should be made by now. After a day of trying, viewers have them made."""
        if now() - file.updated_at > HOPELESS and not self._is_busy(settings().media_queue_url):
            logger.error("not all parts of a stream that the recipe asks for were made", extra=_facts(file))
            _put_off_or_drop(file, services)
            return ["Unmade"]
        return self._send(file, file.updated_at, settings().media_queue_url, services, send=media.send_eager)

    def _deleted(self, file: File) -> list[str]:
        """A deleted file: its objects go at once, or when it can no longer be restored."""
        if now() - file.updated_at < SETTLED:
            return []
        if file.restore_until is None:
            self._removals.append(removal.begin_purge(file))
        elif file.legal_hold and not file.leftovers:
            due.put_off(file, now() + HELD)
        elif file.restore_until <= now() and not file.legal_hold:
            if ended := deletion.mark_deleted(file.tenant, file.id, revision=file.revision):
                self._removals.append(removal.begin_purge(ended))
        elif file.leftovers:
            self._removals.append(removal.begin_clear(file))
        else:
            due.put_off(file, file.restore_until)
        return []

    def _send(
        self,
        file: File,
        since: datetime,
        queue_url: str,
        until: datetime | None = None,
        send: Callable[[File], None] | None = None,
    ) -> list[str]:
        """Sends the file's message again, unless the first one may still be in the queue.

        The record is due again after AGAIN, and then after ever longer pauses, `until` at the latest.
        """
        age = now() - since
        again = now() + max(AGAIN, age)
        sent = age > PATIENCE or not self._is_busy(queue_url)
        if sent:
            queue = ingest if queue_url == settings().ingest_queue_url else imports
            (send or queue.send)(file)
            logger.warning("message sent again", extra=_facts(file) | {"age": age.total_seconds()})
        due.put_off(file, min(again, until) if until else again)
        return ["Stalled"] if sent else []

    def _is_busy(self, queue_url: str) -> bool:
        """True if the queue has a backlog: one GetQueueAttributes for each queue and run."""
        with self._lock:
            if queue_url not in self._busy:
                reply = aws.sqs().get_queue_attributes(
                    QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"]
                )
                self._busy[queue_url] = int(reply["Attributes"]["ApproximateNumberOfMessages"]) > BACKLOG
            return self._busy[queue_url]


def _put_off_or_drop(file: File, until: datetime | None) -> None:
    """Has the record be due then, or when its retention is over; without a moment, it waits for nothing."""
    if until := min((moment for moment in (until, retention.due(file)) if moment), default=None):
        due.put_off(file, until)
    else:
        due.nothing_due(file)


def _wake(webhook: DueWebhook) -> Sum:
    """Wakes the worker of a webhook, whose message may be lost, or would have come too late for a queue's delay."""
    try:
        tenant = webhook_states.put_off(webhook.id, webhook.due_sk)
        if tenant:
            webhook_queue.send(tenant, webhook.id)
    except Exception:
        logger.exception("the sweep could not wake a webhook", extra={"webhook_id": webhook.id})
        return Counter(SweepErrors=1)
    return Counter(Woken=1 if tenant else 0)


def _facts(file: File) -> dict[str, Any]:
    """Fields for a log line. The log's own context cannot hold them, because several files are handled at once."""
    names = ("tenant", "status", "correlation_id")
    return {"file_id": file.id} | {name: getattr(file, name) for name in names}


def _add_up(file: File) -> list[str]:
    """An upload in parts whose lengths could not be signed: it ends when S3 holds more bytes than it may have."""
    end = file.expires_at or now()
    try:
        too_much = bounds.excess(file, multipart.list_parts(file, file.upload_id)) if file.upload_id else None
    except UploadMissingError:  # it was completed: its message is on its way
        due.put_off(file, end)
        return []
    if too_much is None:
        due.put_off(file, min(now() + files.ADDED_UP, end))
    elif refused := claims.refuse(file, too_much):
        logger.warning("an upload with too many bytes was ended", extra=_facts(file))
        removal.discard(refused)
    return ["Removed"] if too_much else []


def _expire(file: File) -> list[str]:
    if file.upload_id:
        multipart.abort(file, file.upload_id)
    if due.expire(file):
        logger.info("upload expired", extra=_facts(file))
        return ["Expired"]
    due.nothing_due(file)  # the table said so already
    return []


def _give_up(file: File) -> list[str]:
    why = f"Processing stopped {file.attempts} times without an error." if file.attempts else "No worker took the file."
    error = FileError(code=ErrorCode.INTERNAL, message=why)
    ended = claims.give_up(file, error, [*file.leftovers, places.made_prefix(file)])
    if ended is None:
        return []
    logger.error("file given up", extra=_facts(file) | {"attempts": file.attempts})
    removal.clear(ended)
    return ["Stalled", "GivenUp"]
