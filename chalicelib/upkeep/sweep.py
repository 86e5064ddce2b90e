"""What nobody else comes back for: every five minutes, whatever is due, and some pages of a walk over the buckets.

All of it can be repeated and can run twice at once: each record is changed under its revision, messages sent twice are
worked off once, and what is removed was nobody's before.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from chalicelib import aws
from chalicelib.catalog import claims, deletion, due, files
from chalicelib.catalog.keys import DUE_SHARDS
from chalicelib.model import ErrorCode, File, FileError, Status, now
from chalicelib.observability import begin, emit, logger
from chalicelib.queues import imports, ingest
from chalicelib.queues.worker import MAX_RECEIVES
from chalicelib.renditions import places
from chalicelib.settings import settings
from chalicelib.storage import multipart, originals
from chalicelib.upkeep import reconcile, removal

# Seconds of a function's time that are kept back, and what a run may take where nobody says.
MARGIN = 30
SECONDS = 240.0

# Records that are read at once, and seen to side by side.
PAGE = 100
WORKERS = 8

# Whoever changed a record is given this long to do the rest of it.
SETTLED = timedelta(seconds=30)
# A message that failed comes back by itself within its longest pause (deliveries.backoff) and a visibility timeout.
COMES_BACK = timedelta(seconds=180)
# A message is sent again at 1, 2, 4 … times this; and while the queue has a backlog, in which it may still be, not
# before `PATIENCE`.
AGAIN = timedelta(minutes=5)
PATIENCE = timedelta(hours=1)
BACKLOG = 100
# Sent again for so long in vain, the file failed.
HOPELESS = timedelta(days=1)
# What could not be seen to is looked at again after this long.
TROUBLE = timedelta(minutes=15)

Sum = Counter[str]


def handle(_: Mapping[str, Any], context: Any) -> None:
    """One scheduled run, within the function's time."""
    begin(request_id=context.aws_request_id)
    run(seconds=context.get_remaining_time_in_millis() / 1000 - MARGIN, workers=WORKERS)


def run(*, seconds: float = SECONDS, workers: int = 1) -> Sum:
    """Sees to what is due, then walks on; what was done, by metric. Bounded by time: the next run goes on."""
    sweep = _Sweep(time.monotonic() + seconds, workers)
    done = sweep.work_off()
    done += reconcile.run(sweep.deadline)
    emit({name: (MetricUnit.Count, done[name]) for name in METRICS})
    logger.info("swept", extra={name: count for name, count in done.items() if count})
    return done


# Of what is counted, what an alarm or a chart of the stack asks for: each metric is billed, so the rest is in the
# log alone. Expired: uploads whose time was over. Stalled: files whose message was sent again, or that were given up
# (GivenUp). Removed: ended files and renditions. SweepErrors: what could not be seen to. SweepBacklog: 1 when the time
# was over first. chalicelib/upkeep/reconcile.py has the others.
METRICS = ("Expired", "Stalled", "GivenUp", "SweepErrors", "SweepBacklog", "Orphans", "Unowned", "Missing")


@dataclass
class _Sweep:
    deadline: float
    workers: int
    _busy: dict[str, bool] = field(default_factory=dict)
    _endings: list[removal.Ending] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def work_off(self) -> Sum:
        """Goes round the shards, a page each, until nothing is due or the time is over."""
        done: Sum = Counter()
        first = random.randrange(DUE_SHARDS)  # noqa: S311 - so that no shard is always last
        waiting: dict[int, Mapping[str, Any] | None] = dict.fromkeys(
            (first + number) % DUE_SHARDS for number in range(DUE_SHARDS)
        )
        while waiting:
            for shard in list(waiting):
                if time.monotonic() > self.deadline:
                    return done + self._finish() + Counter(SweepBacklog=1)
                page = due.due(shard, PAGE, waiting.pop(shard))
                if page.after:
                    waiting[shard] = page.after
                done += self._see_to_all(page.files)
            done += self._finish()
        return done

    def _finish(self) -> Sum:
        """The end of all removals of a round, with one invalidation for all."""
        endings, self._endings = self._endings, []
        try:
            later = removal.finish(endings)  # CloudFront takes no more just now
        except Exception:
            logger.exception("the sweep could not finish removing files")
            for ending in endings:
                due.put_off(ending.file, now() + TROUBLE)
            return Counter(SweepErrors=len(endings))
        for ending in later:
            due.put_off(ending.file, now() + AGAIN)
        done = [ending.file.id for ending in endings if ending not in later]
        if done:
            logger.info("removed what had ended", extra={"files": done})
        return Counter(Removed=len(done))

    def _see_to_all(self, records: list[File]) -> Sum:
        if self.workers == 1 or len(records) < 2:
            return sum((self._see_to(file) for file in records), Counter())
        with ThreadPoolExecutor(self.workers) as pool:
            return sum(pool.map(self._see_to, records), Counter())

    def _see_to(self, file: File) -> Sum:
        """One record. What fails is put off, so that it never stands before the rest."""
        if time.monotonic() > self.deadline:
            return Counter()  # work_off says so
        try:
            return Counter(self._step(file))
        except Exception:
            logger.exception("the sweep could not see to a file", extra=_facts(file))
            due.put_off(file, now() + TROUBLE)
            return Counter(SweepErrors=1)

    def _step(self, file: File) -> list[str]:
        match file.status:
            case Status.AWAITING_UPLOAD | Status.EXPIRED:
                return self._awaited(file)
            case Status.PROCESSING:
                return self._stalled(file)
            case Status.DELETED:
                return self._ended(file)
            case _:
                return self._replaced(file)

    def _awaited(self, file: File) -> list[str]:
        """An upload that did not come in time, or whose arrival we were not told of; an import that nobody fetched.

        `expired` may be what the record is, or only what it should be.
        """
        if file.expires_at is None or not (file.source_url or file.status is Status.EXPIRED):
            return []
        since = file.expires_at if file.status is Status.EXPIRED else file.created_at
        if stored := originals.newest(file):
            arrived = file.model_copy(update={"version_id": stored.version_id, "size": file.size or stored.size})
            return self._send(arrived, since, settings().ingest_queue_url)
        if file.status is Status.EXPIRED:
            if file.upload_id:
                multipart.abort(file, file.upload_id)
            if due.expire(file):
                logger.info("upload expired", extra=_facts(file))
                return ["Expired"]
            due.nothing_due(file)  # it had expired before
            return []
        return self._send(file, since, settings().import_queue_url, until=file.expires_at + files.EXPIRY_GRACE)

    def _stalled(self, file: File) -> list[str]:
        """A file that nobody holds: its message was lost, its worker died, or the message is about to come back."""
        since = file.lease_until or file.updated_at
        age = now() - since
        if age < timedelta() or (file.attempts and age < COMES_BACK):
            return []
        url = settings().ingest_queue_url
        if file.attempts >= MAX_RECEIVES or (age > HOPELESS and not self._is_busy(url)):
            return _give_up(file)
        return self._send(file, since, url)

    def _replaced(self, file: File) -> list[str]:
        """Renditions that a file had before."""
        if not file.leftovers:
            due.nothing_due(file)
        elif now() - file.updated_at >= SETTLED:
            self._endings.append(removal.begin_clear(file))
        return []

    def _ended(self, file: File) -> list[str]:
        """A deleted file: for now, or for good."""
        if now() - file.updated_at < SETTLED:
            return []
        if file.restore_until is None:
            self._endings.append(removal.begin_purge(file))
        elif file.restore_until <= now():
            if ended := deletion.mark_deleted(file.tenant, file.id, revision=file.revision):
                self._endings.append(removal.begin_purge(ended))
        elif file.leftovers:
            self._endings.append(removal.begin_clear(file))
        else:
            due.put_off(file, file.restore_until)
        return []

    def _send(self, file: File, since: datetime, queue_url: str, until: datetime | None = None) -> list[str]:
        """The file's message once more, unless the one before may still wait; then later, and ever more seldom."""
        age = now() - since
        again = now() + max(AGAIN, age)
        sent = age > PATIENCE or not self._is_busy(queue_url)
        if sent:
            _message(file, queue_url)
            logger.warning("message sent again", extra=_facts(file) | {"age": age.total_seconds()})
        due.put_off(file, min(again, until) if until else again)
        return ["Stalled"] if sent else []

    def _is_busy(self, queue_url: str) -> bool:
        """Whether the queue has a backlog: one GetQueueAttributes a run."""
        with self._lock:
            if queue_url not in self._busy:
                reply = aws.sqs().get_queue_attributes(
                    QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"]
                )
                self._busy[queue_url] = int(reply["Attributes"]["ApproximateNumberOfMessages"]) > BACKLOG
            return self._busy[queue_url]


def _facts(file: File) -> dict[str, Any]:
    """For a line of the log: several files are seen to at once, so that its context can hold none."""
    names = ("tenant", "status", "correlation_id")
    return {"file_id": file.id} | {name: getattr(file, name) for name in names}


def _message(file: File, queue_url: str) -> None:
    queue = ingest if queue_url == settings().ingest_queue_url else imports
    queue.send(file)


def _give_up(file: File) -> list[str]:
    why = f"Processing stopped {file.attempts} times without a word." if file.attempts else "No worker took the file."
    error = FileError(code=ErrorCode.INTERNAL, message=why)
    ended = claims.give_up(file, error, [*file.leftovers, places.made_prefix(file)])
    if ended is None:
        return []
    logger.error("file given up", extra=_facts(file) | {"attempts": file.attempts})
    removal.clear(ended)
    return ["Stalled", "GivenUp"]
