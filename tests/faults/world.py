"""A stage on moto with everything around our code: clients, queues, a stream, the buckets' rules, and time.

It does what AWS does and nothing else, but the webhooks' queue rests until `hear`. S3 tells the queue of each object
version once. The queue delivers a message until its handler returns, five times in all. A batch of the stream comes
again until it is indexed, and until it is published. `check` checks what must hold at every moment, and `settled` what
must hold in the end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

from chalicelib import importing, keyring, settings
from chalicelib.catalog import memory
from chalicelib.catalog.audit import pages as audit_pages
from chalicelib.events import delivering, indexing, publish
from chalicelib.model import Worker, rendition_key
from chalicelib.processing import pipeline
from chalicelib.queues.worker import MAX_RECEIVES
from chalicelib.upkeep import sealing, sweep
from ops.stack.event_sources import PUBLISHED
from tests import transitions
from tests.client import Answer, Client, new_client
from tests.faults import looking
from tests.faults.clock import Clock, time_of
from tests.faults.looking import derived_keys, emptied, is_file, multipart_uploads, originals, records
from tests.faults.promises import (
    TENANT,
    BrokenError,
    Facts,
    check_acknowledged,
    check_all_announced,
    check_all_heard,
    check_all_told,
    check_forgotten,
    check_heard,
    check_history,
    check_index,
    check_whole,
    facts_of,
    on_demand,
    orphans,
)
from tests.faults.queues import Queue
from tests.sockets import FakeManagement, Listener, management
from tests.stage import aws_client, lambda_context, passed, template

# Longer than any lease in these tests, and than the sweep waits for a message before it counts as lost.
A_LEASE = pipeline.LEASE + timedelta(seconds=5)
# When the sweep runs. It leaves alone what may still end by itself, so it needs more than one run for the rest.
SOON = timedelta(minutes=10)
NOTE_DAYS = 9
LATER = (timedelta(minutes=20), timedelta(hours=3), timedelta(days=2), timedelta(days=8), timedelta(days=32))


@dataclass
class World:
    """One stage, empty at first. `unlisted` gets the writes that are not in the table of transitions."""

    clock: Clock
    unlisted: list[str]
    sockets: FakeManagement
    client: Client = field(init=False)
    ingest: Queue = field(init=False)
    imports: Queue = field(init=False)
    media: Queue = field(init=False)
    webhooks: Queue = field(init=False)
    listeners: list[Listener] = field(default_factory=list)
    _told: set[tuple[str, str]] = field(default_factory=set)
    _indexed: int = 0
    _published: int = 0
    _sequencer: int = 0x10

    def __post_init__(self) -> None:
        self._began = self.clock.moment
        emptied()
        self.restart()
        self.client = new_client(TENANT)
        self.ingest = Queue("ingest", pipeline.handle)
        self.imports = Queue("imports", importing.handle)
        self.media = Queue("media", pipeline.handle_media)
        self.webhooks = Queue("webhooks", delivering.handle)

    # --- what the world does

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A client's request. A process that is killed gives no answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client(method, path, body, headers=named)

    def put(self, file_id: str, body: bytes) -> str:
        """Uploads as the sender of the form does. Returns the object's version."""
        reply = aws_client("s3").put_object(Bucket="originals", Key=f"{TENANT}/{file_id}", Body=body)
        return str(reply["VersionId"])

    def restart(self) -> None:
        """A new process: it remembers nothing."""
        memory.forget()
        keyring.forget()
        audit_pages.forget()
        settings.settings.cache_clear()

    def notify(self) -> None:
        """S3 tells the queue of the objects that it has not told of yet."""
        for key, version, size in originals():
            if (key, version) not in self._told:
                self._told.add((key, version))
                self.ingest.send(self.event(key, version, size))

    def forget_notices(self) -> None:
        """S3 tells nobody of the objects that are stored by now."""
        self._told |= {(key, version) for key, version, _ in originals()}

    def event(self, key: str, version: str, size: int) -> str:
        """One notification, with the next sequencer."""
        self._sequencer += 1
        stored = {"key": quote_plus(key, safe="/"), "size": size, "versionId": version}
        stored["sequencer"] = f"{self._sequencer:016X}"
        entry = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "originals"}, "object": stored}}
        return json.dumps({"Records": [{"eventSource": "aws:s3", "eventVersion": "2.1", **entry}]})

    def deliver(self, queue: Queue, message: Any) -> bool:
        """One delivery, and a check of what must hold after it. True if the handler is done with the message."""
        before = records()
        done = queue.deliver(message)
        if done and queue in (self.ingest, self.media):
            check_acknowledged(message.body, before, Worker.PROCESS if queue is self.ingest else Worker.MEDIA)
        self.check()
        return done

    def drain(self) -> None:
        """Delivers every message until it is done or dead. One that fails comes back after a lease."""
        for _ in range(4 * MAX_RECEIVES):
            self.notify()
            waiting = [
                (queue, message) for queue in (self.imports, self.ingest, self.media) for message in queue.waiting()
            ]
            if not waiting:
                break
            failed = [message for queue, message in waiting if not self.deliver(queue, message)]
            if failed:
                self.clock.forward(A_LEASE)
        else:
            raise BrokenError("messages that never come to an end")
        self.index()
        self.publish()

    def stream(self) -> list[dict[str, Any]]:
        """The records of the stream that are not indexed yet."""
        return looking.stream()[self._indexed :]

    def unpublished(self) -> list[dict[str, Any]]:
        """The records of the stream that are not published yet, and that the filters of `publish` pass."""
        return passed(looking.stream()[self._published :], PUBLISHED)

    def index(self, tries: int = 20) -> None:
        """The index catches up. As with Lambda, each batch comes again until it is done, but at most `tries` times."""
        waiting = self.stream()
        self._catch_up(indexing.handle, [record for record in waiting if is_file(record)], tries)
        self._indexed += len(waiting)

    def publish(self, tries: int = 20) -> None:
        """The publisher catches up, as the index does."""
        end = len(looking.stream())
        self._catch_up(publish.handle, self.unpublished(), tries)
        self._published = end

    def hear(self) -> None:
        """New processes publish all, and deliver each message that waits then. It may leave others, which wait on."""
        self.restart()
        self.drain()
        for message in self.webhooks.waiting():
            self.restart()
            self.deliver(self.webhooks, message)

    def _catch_up(self, handle: Callable[[dict[str, Any], Any], None], waiting: list[Any], tries: int) -> None:
        for start in range(0, len(waiting), 100):
            for _ in range(tries):
                try:
                    handle({"Records": waiting[start : start + 100]}, lambda_context())
                    break
                except Exception:
                    self.clock.forward(timedelta(seconds=1))
            else:
                raise BrokenError("a batch of the stream that never comes through")

    def sweep(self) -> Counter[str]:
        """One whole run of the sweep. Returns what it did."""
        return sweep.run()

    def swept_soon(self) -> None:
        """One run of the sweep a while later, and the messages that it sends."""
        self.clock.forward(SOON)
        self.sweep()
        self.drain()

    def later(self) -> None:
        """A long time in which only the sweep and the buckets' rules act."""
        for wait in LATER:
            self.clock.forward(wait)
            self._apply_rules()
            self.sweep()
            self.drain()
        self._apply_rules()

    def _apply_rules(self) -> None:
        """The lifecycle rules of the originals bucket that the template declares, once enough days have passed."""
        rules = template()["Resources"]["OriginalsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        days = (self.clock.moment - self._began).days
        if any(
            days >= rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation", 999) for rule in rules
        ):
            for upload in multipart_uploads():
                aws_client("s3").abort_multipart_upload(
                    Bucket="originals", Key=upload["Key"], UploadId=upload["UploadId"]
                )
        if days >= 31 and any("NoncurrentVersionExpiration" in rule for rule in rules):
            keys = looking.backend("s3", "aws").buckets["originals"].keys
            for hidden in [version for key in list(keys) for version in keys.getlist(key)[:-1]]:
                aws_client("s3").delete_object(Bucket="originals", Key=hidden.name, VersionId=hidden.version_id)

    # --- what must hold

    def check(self) -> None:
        """Raises BrokenError for what must hold at every moment, and does not."""
        if self.unlisted:
            raise BrokenError(self.unlisted[0])
        self.ingest.check()
        self.imports.check()
        self.webhooks.check()
        derived, stored = derived_keys(), {(key, version) for key, version, _ in originals()}
        for file in records():
            check_whole(file, derived, stored)
        check_history(looking.stream())
        check_heard(looking.stream(), looking.bus())

    def settled(self, *, swept: bool) -> Counter[Facts]:
        """The state of the stage as facts to compare. With `swept`, nothing may be left over.

        Raises BrokenError where the index or the feed differ from the table.
        """
        self.publish()
        self.check()
        check_all_heard(looking.stream(), looking.bus())
        check_all_announced(looking.stream())
        if not swept:  # a socket lives for two hours
            check_all_told(self.listeners)
        now = records()
        check_index(now)
        check_forgotten()
        left = orphans(now)
        if swept and left:
            raise BrokenError(f"left for ever: {sorted(left)[:3]} and {max(0, len(left) - 3)} more")
        found: Counter[Facts] = Counter(facts_of(file) for file in now)
        listed = {rendition_key(f.visibility, f.id, str(f.source_version), r) for f in now for r in f.all_renditions}
        for key in (derived_keys() & on_demand(now)) - listed:
            found[("on demand", key.rpartition("/")[2])] += 1
        found[("orphans", str(len(left)))] += 1
        found[("dead letters", str(len(self.ingest.dead) + len(self.imports.dead)))] += 1
        return found


@contextmanager
def world_at(clock: Clock) -> Iterator[World]:
    """An empty stage at this time. Every write of a record is held to the table of transitions.

    Notes of the audit are kept for NOTE_DAYS, which is more than all steps of `later` but the last: the sweep asks for
    every hour of them, and would ask a thousand times in each of thousands of worlds.
    """
    with ExitStack() as stack:
        for module in (audit_pages, sealing):
            stack.enter_context(patch.object(module, "NOTE_DAYS", NOTE_DAYS))
        stack.enter_context(time_of(clock))
        unlisted = stack.enter_context(transitions.watched())
        yield World(clock, unlisted, stack.enter_context(management()))
