"""How long one tenant's files wait behind those of another: our code on a model of SQS, with and without groups.

The code that receives, reads and sends again is chalicelib's own (queues.worker, processing.pipeline, queues.ingest and
queues.media); only the work on a file and the queue are stand-ins. The queue is SQS's as documented: oldest first; with
groups, those of a noisy group only after all others, and a message without a group is a tenant of its own. A group is
noisy if it has more than a tenth of what is in flight, and 30 messages at least; or if its recent share of the
processing time is more than a tenth. AWS does not say how long "recent" is. The first measure alone is modelled where
it is enough. The queue of films has fewer workers than 30, so there the second one counts, with RECENT seconds; and it
is shown, too, what is left without it. No AWS call is made.
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
from chalicelib.processing import hashing, pipeline
from chalicelib.processing.media import eager
from chalicelib.processing.notifications import Stored
from chalicelib.queues import ingest, media, worker
from tests.stage import MEDIA_STAGE, ROOT, STAGE, lambda_context

FILES, WORKERS = 100_000, 200
# Seconds to process a file, and to send its message again in its tenant's group (a warm function, one call).
WORK, SEND = 3.0, 0.05
NOISY_SHARE, NOISY_COUNT = 0.1, 30

# Films: how many one tenant and the other one have, workers (FILEMILL_MEDIA_CONCURRENCY), and seconds a film. A part
# of a stream takes PART seconds, and a message has ten. Large files are hashed in HASH seconds.
FILMS, FEW, FILM_WORKERS = 500, 3, 20
FILM, PART, HASH = 10.0, 2.0, 120.0
# Seconds of processing that count as recent: an assumption. (A tenant that sends nothing for so long is quiet again.)
RECENT = 300.0

_BEGAN = 1_800_000_000  # Unix seconds


@dataclass
class Message:
    number: int
    body: str
    group: str | None
    sent: float
    receives: int = 0
    received: float = 0.0

    def event(self) -> dict[str, Any]:
        """The record as the event source mapping passes it to the function."""
        attributes = {"ApproximateReceiveCount": str(self.receives), "SentTimestamp": str(int(self.sent * 1000))}
        named = {"MessageGroupId": self.group} if self.group else {}
        record = {"messageId": str(self.number), "receiptHandle": str(self.number), "body": self.body}
        return {"Records": [{**record, "attributes": {**attributes, **named}, "eventSource": "aws:sqs"}]}


@dataclass
class FairQueue:
    """The queue, with the methods of SQS's client that the code calls. `clock` is in Unix seconds."""

    clock: float = _BEGAN
    recent: float | None = None
    """Seconds in which the shares of processing time are counted; None: they are not."""
    url: str = STAGE["FILEMILL_INGEST_QUEUE_URL"]
    _spent: deque[tuple[float, str | None, float]] = field(default_factory=deque)
    _shares: dict[str | None, float] = field(default_factory=lambda: defaultdict(float))
    _waiting: dict[str | None, deque[Message]] = field(default_factory=lambda: defaultdict(deque))
    _in_flight: Counter[str | None] = field(default_factory=Counter)
    _sent: int = 0

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageGroupId: str | None = None) -> None:  # noqa: N803
        assert QueueUrl == self.url
        self._sent += 1
        self._waiting[MessageGroupId].append(Message(self._sent, MessageBody, MessageGroupId, self.clock))

    def receive(self) -> Message | None:
        """The oldest message that is not from a noisy tenant, or else the oldest."""
        self._forget()
        first = [waiting[0] for waiting in self._waiting.values() if waiting]
        if not first:
            return None
        message = min(first, key=lambda each: (self._is_noisy(each.group), each.number))
        message.received = self.clock
        self._waiting[message.group].popleft()
        self._in_flight[message.group] += 1
        message.receives += 1
        return message

    def _is_noisy(self, group: str | None) -> bool:
        own = self._in_flight[group]
        if group is None:
            return False
        if own >= NOISY_COUNT and own > NOISY_SHARE * self._in_flight.total():
            return True
        return self._shares[group] > NOISY_SHARE * sum(self._shares.values())

    def delete(self, message: Message) -> None:
        self._in_flight[message.group] -= 1
        if self.recent is None:
            return
        taken = self.clock - message.received
        self._spent.append((self.clock, message.group, taken))
        self._shares[message.group] += taken

    def _forget(self) -> None:
        """Leaves out the processing time that is no longer recent."""
        while self.recent is not None and self._spent and self._spent[0][0] < self.clock - self.recent:
            _, group, old = self._spent.popleft()
            self._shares[group] -= old


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


def _file(tenant: str, number: int = 0) -> File:
    moment = datetime.fromtimestamp(_BEGAN, UTC)
    return File(
        id=f"file_{number:026d}",
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


@dataclass(frozen=True)
class Wait:
    """Seconds until a tenant's last message is worked off, and until all of them are."""

    quiet: float
    all: float


def films(*, sort: str = "films", grouped: bool = True, recent: float | None = RECENT) -> Wait:
    """Messages of one tenant, then FEW of another one; seconds until the other's are worked off.

    `sort`: `films` to be processed, `parts` of films before anybody watches (and a new film of the same tenant, which
    is the quiet one), or `hashes` of large files before uploads. `grouped=False`: as if no message had a group.
    """
    hashes = sort == "hashes"
    queue = FairQueue(recent=recent, url=STAGE["FILEMILL_INGEST_QUEUE_URL"] if hashes else _MEDIA_URL)
    worked = Counter[str]()
    quiet = "noisy" if sort == "parts" else "quiet"
    ended = 0.0

    def handle(message: Message) -> float:
        nonlocal ended
        before = worked.total()
        (pipeline.handle if hashes else pipeline.handle_media)(message.event(), lambda_context())
        assert worked.total() == before + 1
        seconds = _seconds(message.body)
        if _is_upload_of(message, quiet, after=FILMS):
            ended = queue.clock + seconds
        return seconds

    with _work_is_noted(queue, worked, grouped=grouped):
        for number in range(FILMS):
            _send_noisy(_file("noisy", number), sort)
        for number in range(FEW):
            (ingest.send if hashes else media.send)(_file(quiet, FILMS + number))
        work_off(queue, handle, WORKERS if hashes else FILM_WORKERS)
    assert worked.total() == FILMS + FEW
    return Wait(ended - _BEGAN, queue.clock - _BEGAN)


_MEDIA_URL = MEDIA_STAGE["FILEMILL_MEDIA_QUEUE_URL"]


def _send_noisy(file: File, sort: str) -> None:
    match sort:
        case "films":
            media.send(file)
        case "parts":
            media.send_parts(file, [f"av/v720-{number}.m4s" for number in range(10)], closes=False)
        case "hashes":
            ingest.send_hash(file)


def _seconds(body: str) -> float:
    if media.asked(body):
        return 10 * PART
    return HASH if ingest.asked(body) else FILM


def _is_upload_of(message: Message, tenant: str, *, after: int) -> bool:
    """True for the few: the files of that tenant from this number on."""
    return any(original_key(tenant, _file(tenant, after + number).id) in message.body for number in range(FEW))


@contextmanager
def _work_is_noted(queue: FairQueue, worked: Counter[str], *, grouped: bool) -> Iterator[None]:
    """The real code of both functions with this queue. The work itself is only counted."""

    def work(*_: Any, **__: Any) -> None:
        worked["done"] += 1

    class Ungrouped:
        def send_message(self, **request: Any) -> None:
            queue.send_message(**{**request, "MessageGroupId": None})

    client = queue if grouped else Ungrouped()
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, MEDIA_STAGE))
        stack.enter_context(patch.object(aws, "sqs", lambda: client))
        stack.enter_context(patch.object(worker, "time", SimpleNamespace(time=lambda: queue.clock)))
        for module, name in ((pipeline, "process_object"), (eager, "handle"), (hashing, "handle")):
            stack.enter_context(patch.object(module, name, work))
        settings.settings.cache_clear()
        stack.callback(settings.settings.cache_clear)
        yield


# On demand: viewers of a film that nobody has watched ask for segments, others for pictures. Requests a second, seconds
# that each takes, and the executions that the account has for functions without a reservation.
SEGMENTS, SEGMENT, PICTURES, PICTURE = 400, 2.0, 20, 0.5
POOL = 100


def refused(*, apart: bool, seconds: int = 60) -> float:
    """The share of requests for pictures that Lambda refuses (429) while films have more viewers than there are runs.

    `apart`: `render` and `stream` have the concurrency that is reserved for each by default. Otherwise both take what
    they can of POOL.
    """
    chosen = settings.settings()
    bounds = {"stream": chosen.stream_concurrency, "render": chosen.render_concurrency}
    ends: dict[str, list[float]] = {"stream": [], "render": []}
    asked = [(number / SEGMENTS, "stream", SEGMENT) for number in range(SEGMENTS * seconds)]
    asked += [(number / PICTURES, "render", PICTURE) for number in range(PICTURES * seconds)]
    answers = Counter[bool]()
    for at, function, takes in sorted(asked):
        for name, running in ends.items():
            ends[name] = [end for end in running if end > at]
        busy = len(ends[function]) if apart else sum(map(len, ends.values()))
        starts = busy < (bounds[function] if apart else POOL)
        if starts:
            ends[function].append(at + takes)
        if function == "render":
            answers[starts] += 1
    return answers[False] / answers.total()


RESULT = ROOT / "bench" / "results" / "fairness.md"


def page() -> str:
    """The waiting times of the few behind the many, as a table in Markdown."""
    lines = [
        "# Fairness between tenants",
        "",
        "`python -m bench fairness` prints this page. Our own code works off a model of SQS's fair queues. The seconds",
        f"of the work are assumptions: {FILM:g} for a film or an upload, {10 * PART:g} for ten parts of a film, "
        f"{HASH:g} for a hash.",
        f"One tenant has {FILMS} messages, and then come {FEW} others. {FILM_WORKERS} workers are at work on films,",
        f"{WORKERS} on the rest. The seconds in the table are those until the {FEW} are done.",
        "",
        "| First | Then | Groups | Groups, but the first measure alone | No groups | All are done |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for sort, first, then in (
        ("films", "films of one tenant", "films of another one"),
        ("parts", "parts of one tenant's films, before anybody watches", "new films of the same tenant"),
        ("hashes", "hashes of one tenant's large files", "uploads of another one"),
    ):
        both, one, none = films(sort=sort), films(sort=sort, recent=None), films(sort=sort, grouped=False)
        cells = " | ".join(f"{each.quiet:,.0f} s" for each in (both, one, none))
        lines.append(f"| {first} | {then} | {cells} | {both.all:,.0f} s |")
    apart, shared = refused(apart=True), refused(apart=False)
    lines += [
        "",
        "SQS takes a group for noisy by either of two measures: its share of the messages in flight, of which it",
        f"must have {NOISY_COUNT}; or its recent share of the processing time. {FILM_WORKERS} workers never hold",
        f"{NOISY_COUNT} messages, so films depend on the second one. AWS does not say how long *recent* is: here it is",
        f"{RECENT:g} seconds.",
        "",
        f"**On demand.** {SEGMENTS} requests a second for segments that nobody has made, {SEGMENT:g} s each, and",
        f"{PICTURES} for pictures, {PICTURE:g} s each. Lambda refuses {apart:.0%} of the pictures where `render` and",
        f"`stream` have reserved concurrency, each its own, and {shared:.0%} where both share {POOL} executions.",
        "",
    ]
    return "\n".join(lines)


def run() -> None:
    print(f"{FILES:,} files of one tenant, then one of another; {WORKERS} workers, {WORK:g} s a file\n")
    for fair, backfill, what in (
        (False, False, "uploads, FILEMILL_FAIR_TENANTS=false"),
        (True, False, "uploads, FILEMILL_FAIR_TENANTS=true"),
        (False, True, "a backfill before an upload, FILEMILL_FAIR_TENANTS=false"),
    ):
        quiet, everything = waits(fair=fair, backfill=backfill)
        print(f"  {what}: the one is ready after {quiet:,.0f} s, all after {everything:,.0f} s")
    text = page()
    print(f"\n{text}")
    RESULT.write_text(text)


if __name__ == "__main__":
    run()
