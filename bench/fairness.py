"""How long one tenant's file waits behind 100,000 of another: our code on a model of SQS, with and without groups.

The code that receives, reads and sends again is chalicelib's own (queues.worker, processing.pipeline, queues.ingest);
only the work on a file and the queue are stand-ins. The queue is SQS's as documented: oldest first; with groups, those
of a group that has more than a tenth of what is in flight, and 30 messages at least, only after all others, and a
message without a group is a tenant of its own. SQS has a second measure, a tenant's recent share of processing time,
without figures for "recent": it is left out. No AWS call is made.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html
"""

from __future__ import annotations

import heapq
import json
import os
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from chalicelib import aws, settings
from chalicelib.model import File, Status, Visibility, original_key
from chalicelib.processing import pipeline
from chalicelib.processing.notifications import Stored
from chalicelib.queues import ingest, worker
from tests.stage import STAGE, lambda_context

FILES, WORKERS = 100_000, 200
# Seconds to process a file, and to send its message again in its tenant's group (a warm function, one call).
WORK, SEND = 3.0, 0.05
NOISY_SHARE, NOISY_COUNT = 0.1, 30

_BEGAN = 1_800_000_000  # Unix seconds


@dataclass
class Message:
    number: int
    body: str
    group: str | None
    sent: float
    receives: int = 0

    def event(self) -> dict[str, Any]:
        """The record as the event source mapping passes it to `process`."""
        attributes = {"ApproximateReceiveCount": str(self.receives), "SentTimestamp": str(int(self.sent * 1000))}
        named = {"MessageGroupId": self.group} if self.group else {}
        record = {"messageId": str(self.number), "receiptHandle": str(self.number), "body": self.body}
        return {"Records": [{**record, "attributes": {**attributes, **named}, "eventSource": "aws:sqs"}]}


@dataclass
class FairQueue:
    """The queue, with the methods of SQS's client that the code calls. `clock` is in Unix seconds."""

    clock: float = _BEGAN
    _waiting: dict[str | None, deque[Message]] = field(default_factory=lambda: defaultdict(deque))
    _in_flight: Counter[str | None] = field(default_factory=Counter)
    _sent: int = 0

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageGroupId: str | None = None) -> None:  # noqa: N803
        assert QueueUrl == STAGE["FILEMILL_INGEST_QUEUE_URL"]
        self._sent += 1
        self._waiting[MessageGroupId].append(Message(self._sent, MessageBody, MessageGroupId, self.clock))

    def receive(self) -> Message | None:
        """The oldest message that is not from a noisy tenant, or else the oldest."""
        first = [waiting[0] for waiting in self._waiting.values() if waiting]
        if not first:
            return None
        message = min(first, key=lambda each: (self._is_noisy(each.group), each.number))
        self._waiting[message.group].popleft()
        self._in_flight[message.group] += 1
        message.receives += 1
        return message

    def _is_noisy(self, group: str | None) -> bool:
        own = self._in_flight[group]
        return group is not None and own >= NOISY_COUNT and own > NOISY_SHARE * self._in_flight.total()

    def delete(self, message: Message) -> None:
        self._in_flight[message.group] -= 1


def work_off(messages: FairQueue, handle: Callable[[Message], float], workers: int) -> None:
    """Lets that many workers empty the queue. `handle` returns the seconds that one message takes."""
    flying: list[tuple[float, int, Message]] = []
    while True:
        while len(flying) < workers and (message := messages.receive()):
            heapq.heappush(flying, (messages.clock + handle(message), message.number, message))
        if not flying:
            return
        messages.clock, _, message = heapq.heappop(flying)
        messages.delete(message)


def _file(tenant: str) -> File:
    moment = datetime.fromtimestamp(_BEGAN, UTC)
    return File(
        id=f"file_{0:026d}",
        tenant=tenant,
        status=Status.PROCESSING,
        filename="a.jpg",
        content_type="image/jpeg",
        visibility=Visibility.PRIVATE,
        recipe="photo",
        revision=1,
        created_at=moment,
        updated_at=moment,
        version_id="1",
    )


def _notification(tenant: str) -> str:
    """The message that S3 sends. It can't have a group."""
    stored = {"key": original_key(tenant, _file(tenant).id), "size": 1, "versionId": "1", "sequencer": "1"}
    entry = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "originals"}, "object": stored}}
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventVersion": "2.1", **entry}]})


@contextmanager
def _our_code(messages: FairQueue, worked: list[str], *, fair: bool) -> Iterator[None]:
    """The real code with this queue and this clock. Its only work is to note whose file it was."""

    def work(stored: Stored, *_: Any, **__: Any) -> None:
        worked.append(stored.key.partition("/")[0])

    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {"FILEMILL_FAIR_TENANTS": str(fair).lower()}))
        stack.enter_context(patch.object(aws, "sqs", lambda: messages))
        stack.enter_context(patch.object(worker, "time", SimpleNamespace(time=lambda: messages.clock)))
        stack.enter_context(patch.object(pipeline, "process_object", work))
        settings.settings.cache_clear()
        stack.callback(settings.settings.cache_clear)
        yield


def waits(*, fair: bool, files: int = FILES, workers: int = WORKERS, backfill: bool = False) -> tuple[float, float]:
    """Seconds until the quiet tenant's one file is ready, and until all are; it comes after the other's `files`.

    Those were uploaded, or with `backfill` are processed again.
    """
    messages, worked, context = FairQueue(), list[str](), lambda_context()
    quiet_at = 0.0

    def handle(message: Message) -> float:
        nonlocal quiet_at
        done = len(worked)
        clock = messages.clock
        messages.clock += SEND  # of what it sends, if it does
        pipeline.handle(message.event(), context)
        messages.clock = clock
        assert message.number <= 2 * files + 2, "messages are sent again and again"
        if len(worked) == done:
            return SEND
        if worked[-1] == "quiet":
            quiet_at = clock + WORK
        return WORK

    with _our_code(messages, worked, fair=fair):
        noisy, url = _file("noisy"), settings.settings().ingest_queue_url
        for _ in range(files):
            if backfill:
                ingest.send(noisy)
            else:
                messages.send_message(QueueUrl=url, MessageBody=_notification("noisy"))
        messages.send_message(QueueUrl=url, MessageBody=_notification("quiet"))
        work_off(messages, handle, workers)
    assert Counter(worked) == {"noisy": files, "quiet": 1}, "each file once"
    return quiet_at - _BEGAN, messages.clock - _BEGAN


def run() -> None:
    print(f"{FILES:,} files of one tenant, then one of another; {WORKERS} workers, {WORK:g} s a file\n")
    for fair, backfill, what in (
        (False, False, "uploads, FILEMILL_FAIR_TENANTS=false"),
        (True, False, "uploads, FILEMILL_FAIR_TENANTS=true"),
        (False, True, "a backfill before an upload, FILEMILL_FAIR_TENANTS=false"),
    ):
        quiet, everything = waits(fair=fair, backfill=backfill)
        print(f"  {what}: the one is ready after {quiet:,.0f} s, all after {everything:,.0f} s")


if __name__ == "__main__":
    run()
