"""How long events take to the healthy ones of fifty receivers while five others hang and five fail: our own code.

The announcer, the worker, the breaker and the HTTP client are chalicelib's own. The receivers are real servers on
loopback; the ones that hang never answer, so a try to them takes all of its time. The table is moto's, and the queue is
a model of SQS with twenty workers, as deployed. Every event goes to one receiver.

Then the failing receivers mend, time goes on by a day at each step, and it is counted that no event is lost.
"""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

from ulid import ULID

from chalicelib import aws, model, settings
from chalicelib.catalog import webhook_deliveries, webhook_states, webhooks
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.keys import file_key
from chalicelib.catalog.webhooks import Webhook
from chalicelib.events import delivering
from chalicelib.events import webhooks as announcing
from chalicelib.model import Actor, ChangeType, File, LastChange, Status, Visibility, now
from chalicelib.observability import logger
from tests.stage import mocked_cloud, new_cdn_key, provisioned

ENDPOINTS, HANGING, FLAKY, EVENTS = 50, 5, 5, 2_000
RATE = 15.0
"""Events a second: moto's table takes that on one core."""
WORKERS = 20
MOST_RATIO = 1.5
ME = Actor(type="key", id="key_1")


class Queue:
    """SQS, as our code calls it, and its workers. A message that fails comes again in two seconds."""

    def __init__(self) -> None:
        self._messages: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._busy = 0
        self.failures = 0
        self.stopped = False

    def send_message(self, *, MessageBody: str, DelaySeconds: int = 0, **_: Any) -> None:  # noqa: N803 - boto's names
        with self._changed:
            heapq.heappush(self._messages, (time.monotonic() + DelaySeconds, next(self._numbers), MessageBody))
            self._changed.notify()

    def work(self) -> None:
        while body := self._take():
            try:
                delivering.work_off(body, seconds=75)
            except Exception:
                logger.exception("a worker failed")
                self.failures += 1
                self.send_message(MessageBody=body, DelaySeconds=2)
            with self._changed:
                self._busy -= 1

    def _take(self) -> str | None:
        with self._changed:
            while not self.stopped:
                left = self._messages[0][0] - time.monotonic() if self._messages else 1.0
                if left <= 0:
                    self._busy += 1
                    return heapq.heappop(self._messages)[2]
                self._changed.wait(min(left, 1.0))
        return None

    def hurry(self) -> None:
        """All delays are over."""
        with self._changed:
            self._messages = [(0.0, number, body) for _, number, body in self._messages]
            heapq.heapify(self._messages)
            self._changed.notify_all()

    @property
    def idle(self) -> bool:
        with self._changed:
            return not self._busy and not any(when <= time.monotonic() for when, *_ in self._messages)

    def stop(self) -> None:
        with self._changed:
            self.stopped = True
            self._changed.notify_all()


class Receivers:
    """The receivers: one server, whose answer depends on the path. `came` has (path, event id, Unix seconds)."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str, float]] = []
        self.taken: Counter[str] = Counter()
        self.mended = threading.Event()
        receivers, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    receivers.came.append((self.path, body["id"], time.time()))
                if not receivers.mended.is_set():
                    if "hanging" in self.path:
                        receivers.mended.wait(60)
                        return
                    if "flaky" in self.path and random.random() < 0.5:
                        self.send_response(500)
                        self.end_headers()
                        return
                with lock:
                    receivers.taken[body["id"]] += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.mended.set()
        self._server.shutdown()
        with suppress(OSError):
            self._server.server_close()


class Calendar:
    """The wall clock of the code under test. It can be put forward."""

    ahead = timedelta()

    @classmethod
    def now(cls, zone: Any = None) -> datetime:
        return datetime.now(zone or UTC) + cls.ahead

    fromisoformat = datetime.fromisoformat


@dataclass
class Run:
    """The outcome of one run. Lags in seconds, sorted, of the first arrivals at healthy receivers."""

    lags: list[float]
    lost: int
    twice: int
    tries: Counter[str] = field(default_factory=Counter)
    failures: int = 0

    def lag(self, share: float) -> float:
        return self.lags[min(len(self.lags) - 1, int(share * len(self.lags)))]


@contextmanager
def _stage() -> Iterator[Queue]:
    Calendar.ahead = timedelta()
    queue = Queue()
    level = logger.log_level
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {"FILEMILL_WEBHOOK_NETWORKS": "127.0.0.0/8"}))
        stack.enter_context(mocked_cloud())
        provisioned(new_cdn_key())
        stack.enter_context(patch.object(aws, "sqs", lambda: queue))
        stack.enter_context(patch.object(model, "datetime", Calendar))
        logger.setLevel(logging.CRITICAL)
        stack.callback(logger.setLevel, level)
        stack.callback(settings.settings.cache_clear)
        yield queue


def _hook(path: str, tenant: str, port: int) -> Webhook:
    moment = now()
    webhook = Webhook.model_validate(
        {
            "id": webhooks.new_id(),
            "tenant": tenant,
            "url": f"http://localhost:{port}/{path}",
            "created_by": ME,
            "created_at": moment,
            "updated_at": moment,
        }
    )
    webhooks.create(webhook)
    return webhook


def _file(tenant: str) -> File:
    moment = now()
    file = File(
        id=f"file_{ULID()}",
        tenant=tenant,
        status=Status.READY,
        filename="a.jpg",
        content_type="image/jpeg",
        visibility=Visibility.PRIVATE,
        recipe="photo",
        revision=3,
        created_at=moment,
        updated_at=moment,
        last_change=LastChange(type=ChangeType.READY, at=moment, actor=ME),
    )
    item = {**file_key(file.id), **file.model_dump(mode="json", exclude_none=True)}
    aws.dynamodb().put_item(TableName=settings.settings().table, Item=attributes(item))
    return file


def measured(kinds: list[str], events: int, rate: float = RATE, workers: int = WORKERS) -> Run:
    """Sends `events`, `rate` a second, to receivers of these kinds in turn. A tenant has one of them each."""
    with _stage() as queue:
        receivers = Receivers()
        hooks = {f"tenant{i}": _hook(f"{kind}/{i}", f"tenant{i}", receivers.port) for i, kind in enumerate(kinds)}
        threads = [threading.Thread(target=queue.work, daemon=True) for _ in range(workers)]
        for thread in threads:
            thread.start()
        try:
            sent = _announce(list(hooks), events, rate)
            _settle(queue, 30)
            lags = _lags(receivers, sent)
            tries = Counter(path.split("/")[1] for path, *_ in receivers.came)
            _mend(queue, receivers, hooks, sent)
        finally:
            queue.stop()
            receivers.close()
            for thread in threads:
                thread.join(30)
        lost = sum(1 for each in sent if not receivers.taken[each])
        twice = sum(number - 1 for number in receivers.taken.values())
        return Run(lags, lost, twice, tries, queue.failures)


def _announce(tenants: list[str], events: int, rate: float) -> dict[str, float]:
    """Makes and announces events at that rate. Gives the time of each by its id."""
    sent: dict[str, float] = {}
    began = time.monotonic()
    for number in range(events):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        file = _file(tenants[number % len(tenants)])
        sent[f"evt_{file.id}_{file.revision}"] = time.time()
        announcing.announce([file], ())
    return sent


def _settle(queue: Queue, seconds: float) -> None:
    """Waits until nobody works and no message is visible, for so long at most."""
    until, quiet = time.monotonic() + seconds, 0
    while time.monotonic() < until and quiet < 5:
        quiet = quiet + 1 if queue.idle else 0
        time.sleep(0.1)


def _lags(receivers: Receivers, sent: dict[str, float]) -> list[float]:
    first: dict[str, float] = {}
    for path, event, at in list(receivers.came):
        if path.startswith("/healthy"):
            first.setdefault(event, at)
    return sorted(at - sent[event] for event, at in first.items())


def _mend(queue: Queue, receivers: Receivers, hooks: dict[str, Webhook], sent: dict[str, float]) -> None:
    """The failing receivers mend, and days go by, with the sweep, until all events have come."""
    receivers.mended.set()
    _settle(queue, 30)
    for _ in range(12):
        if all(receivers.taken[each] for each in sent):
            return
        Calendar.ahead += timedelta(days=1, hours=6)
        queue.hurry()
        for tenant, webhook in hooks.items():
            if webhook_deliveries.due(webhook.id, 1):
                webhook_states.arm(tenant, webhook.id)
                queue.send_message(MessageBody=json.dumps({"tenant": tenant, "webhook": webhook.id}))
        _settle(queue, 60)


def kinds_of(endpoints: int, hanging: int, flaky: int) -> list[str]:
    """The kinds of receivers: the failing ones come first in each round."""
    return ["hanging"] * hanging + ["flaky"] * flaky + ["healthy"] * (endpoints - hanging - flaky)


def run() -> None:
    """Prints the lags with and without the failing receivers."""
    socket.setdefaulttimeout(60)
    sick = kinds_of(ENDPOINTS, HANGING, FLAKY)
    well = ["well" if kind != "healthy" else kind for kind in sick]
    without, with_sick = measured(well, EVENTS), measured(sick, EVENTS)
    print(f"{EVENTS} events, {RATE:.0f} a second, to {ENDPOINTS} receivers; {WORKERS} workers")
    print(f"{'healthy receivers':<40}{'median ms':>10}{'p99 ms':>8}{'lost':>6}{'twice':>7}")
    for name, each in (("all others are healthy, too", without), (f"{HANGING} hang, {FLAKY} fail half", with_sick)):
        figures = f"{each.lag(0.5) * 1000:>10.0f}{each.lag(0.99) * 1000:>8.0f}{each.lost:>6}{each.twice:>7}"
        print(f"{name:<40}{figures}")
    ratio = with_sick.lag(0.99) / without.lag(0.99)
    print(f"ratio of the p99: {ratio:.2f} (at most {MOST_RATIO}); tries {dict(with_sick.tries)}")
    if ratio > MOST_RATIO or with_sick.lost or without.lost:
        raise SystemExit("one receiver delays another, or events were lost")
