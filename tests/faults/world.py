"""A stage on moto as everything around our code sees it: clients, queues, a stream, rules of buckets, and time.

It does what AWS does and nothing else: S3 tells the queue of each object version once, the queue gives a message again
until the handler that had it returns, five times in all, and the stream is told again until it is indexed. What holds
at every moment is checked at every moment (`check`), and what must hold in the end in `settled`.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import pytest

from chalicelib import importing, keyring, model, settings
from chalicelib.api.auth import memory
from chalicelib.catalog import files
from chalicelib.catalog.dynamodb import read
from chalicelib.catalog.index import counts, feed, lists
from chalicelib.catalog.index.query import ListQuery
from chalicelib.catalog.index.terms import postings
from chalicelib.catalog.keys import marker_key
from chalicelib.catalog.transitions import CREATE, TRANSITIONS
from chalicelib.events import indexing
from chalicelib.model import EXTENSIONS, File, Kind, Status, rendition_key, rendition_prefix
from chalicelib.processing import pipeline
from chalicelib.queues.worker import MAX_RECEIVES
from chalicelib.renditions import ladder, places
from chalicelib.upkeep import sweep
from tests import transitions
from tests.client import Answer, Client, new_client
from tests.stage import STAGE, aws_client, lambda_context, template

ACCOUNT, REGION = "123456789012", "eu-west-1"
TENANT = "acme"
SETTING = {"ingest": "INGEST", "imports": "IMPORT"}

# Longer than any lease of these tests' files, and than a message that the sweep takes for lost.
A_LEASE = pipeline.LEASE + timedelta(seconds=5)
# When the sweep comes by: it leaves alone what may come to an end by itself, and is patient with the rest.
SOON = timedelta(minutes=10)
LATER = (timedelta(minutes=20), timedelta(hours=3), timedelta(days=2), timedelta(days=8), timedelta(days=32))

# What a client sees of a file, but for what is made of chance and time.
_FACTS = (
    "status",
    "filename",
    "content_type",
    "size",
    "visibility",
    "recipe",
    "tags",
    "metadata",
    "focus",
    "kind",
    "sha256",
    "error",
    "image",
    "renditions",
    "made_with",
    "wanted_recipe",
)

Facts = tuple[str, ...]


class BrokenError(AssertionError):
    """A promise that does not hold."""


class Clock:
    """The present of the code under test: it goes a millisecond a look, and as far as it is told.

    `skew` is by how much the one who asks is wrong.
    """

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)
        self.skew = timedelta()

    def now(self, zone: Any = None) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return (self.moment + self.skew).astimezone(zone)

    def forward(self, by: timedelta) -> None:
        self.moment += by

    # As the module `time`.

    def time(self) -> float:
        return self.now(UTC).timestamp()

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.forward(timedelta(seconds=seconds))


@contextmanager
def world_at(clock: Clock) -> Iterator[World]:
    """An empty stage at this time. Every write of a record is held to the table of transitions."""
    with time_of(clock), transitions.watched() as unlisted:
        yield World(clock, unlisted)


@contextmanager
def time_of(clock: Clock) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "datetime", clock)
        for module in ("chalicelib.delivery.missing", "chalicelib.catalog.render_leases"):
            patch.setattr(f"{module}.time", clock)
        yield


def _backend(service: str, region: str = REGION) -> Any:
    backends = import_module(f"moto.{service}.models")
    return getattr(backends, f"{service}_backends")[ACCOUNT][region]


@dataclass
class Message:
    """One of a queue's; `received` counts."""

    id: str
    body: str
    received: int = 0


class Queue:
    """A queue and its event source mapping: a message goes when the handler that had it returned, and else comes again.

    The messages are moto's, so that the code can do to them what it may do; when one comes again is ours to say.
    """

    def __init__(self, name: str, handle: Callable[[dict[str, Any], Any], None]) -> None:
        self.name, self.handle = name, handle
        self.known: set[str] = set()
        self.acknowledged: set[str] = set()
        self.dead: dict[str, Any] = {}

    @property
    def _queue(self) -> Any:
        return _backend("sqs").queues[self.name]

    @property
    def url(self) -> str:
        return STAGE[f"FILEMILL_{SETTING[self.name]}_QUEUE_URL"]

    def send(self, body: str) -> None:
        aws_client("sqs").send_message(QueueUrl=self.url, MessageBody=body)

    def waiting(self) -> list[Any]:
        """Messages that a handler may yet get, those that have been received too often set aside."""
        for message in list(self._queue._messages):
            self.known.add(message.id)
            if message.approximate_receive_count >= MAX_RECEIVES:
                self.dead[message.id] = message
                self._queue._messages.remove(message)
        return list(self._queue._messages)

    def redrive(self) -> None:
        """What `ops redrive` does."""
        for message in self.dead.values():
            self.send(message.body)
        self.acknowledged |= self.dead.keys()
        self.dead.clear()

    def deliver(self, message: Any) -> bool:
        """Gives a message to the handler; whether that is done with it."""
        message.mark_received(visibility_timeout=3600)
        self._queue.pending_messages.add(message)
        record = {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.approximate_receive_count),
                "SentTimestamp": "1700000000000",
            },
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}",
            "awsRegion": REGION,
        }
        context = SimpleNamespace(aws_request_id=secrets.token_hex(4), get_remaining_time_in_millis=lambda: 900_000)
        try:
            self.handle({"Records": [record]}, context)
        except Exception:
            return False
        if message in self._queue._messages:
            self._queue._messages.remove(message)
            self.acknowledged.add(message.id)
        return True

    def lose(self, message: Any) -> None:
        """What the queue's retention does, or a hand that purges it."""
        self._queue._messages.remove(message)
        self.acknowledged.add(message.id)

    def check(self) -> None:
        here = {message.id for message in self.waiting()}
        if vanished := self.known - here - self.acknowledged - self.dead.keys():
            raise BrokenError(f"{len(vanished)} messages of {self.name} vanished that nobody had worked off")


@dataclass
class World:
    """One stage, empty at first. `unlisted` gets the writes that are not in the table of transitions."""

    clock: Clock
    unlisted: list[str]
    client: Client = field(init=False)
    ingest: Queue = field(init=False)
    imports: Queue = field(init=False)
    _told: set[tuple[str, str]] = field(default_factory=set)
    _indexed: int = 0
    _sequencer: int = 0x10
    _feed: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = self.clock.moment
        emptied()
        self.restart()
        self.client = new_client(TENANT)
        self.ingest = Queue("ingest", pipeline.handle)
        self.imports = Queue("imports", importing.handle)

    # --- what the world does

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A client's request; a process that dies answers nothing."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client(method, path, body, headers=named)

    def put(self, file_id: str, body: bytes) -> str:
        """What the form's sender does; the object's version."""
        reply = aws_client("s3").put_object(Bucket="originals", Key=f"{TENANT}/{file_id}", Body=body)
        return str(reply["VersionId"])

    def restart(self) -> None:
        """What a process remembers goes with it."""
        memory.forget()
        keyring.forget()
        settings.settings.cache_clear()

    def notify(self) -> None:
        """S3 tells the queue of what was stored."""
        for key, version, size in originals():
            if (key, version) not in self._told:
                self._told.add((key, version))
                self.ingest.send(self.event(key, version, size))

    def forget_notices(self) -> None:
        """What was stored by now, S3 tells nobody."""
        self._told |= {(key, version) for key, version, _ in originals()}

    def event(self, key: str, version: str, size: int) -> str:
        """One notification; the next in the order of all."""
        self._sequencer += 1
        stored = {"key": quote_plus(key, safe="/"), "size": size, "versionId": version}
        stored["sequencer"] = f"{self._sequencer:016X}"
        entry = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "originals"}, "object": stored}}
        return json.dumps({"Records": [{"eventSource": "aws:s3", "eventVersion": "2.1", **entry}]})

    def deliver(self, queue: Queue, message: Any) -> bool:
        """One delivery, and what must hold after it."""
        before = records()
        done = queue.deliver(message)
        if done and queue is self.ingest:
            check_acknowledged(message.body, before)
        self.check()
        return done

    def drain(self) -> None:
        """Every message is delivered until it is done with or dead; what failed comes back after a lease."""
        for _ in range(4 * MAX_RECEIVES):
            self.notify()
            waiting = [(queue, message) for queue in (self.imports, self.ingest) for message in queue.waiting()]
            if not waiting:
                break
            failed = [message for queue, message in waiting if not self.deliver(queue, message)]
            if failed:
                self.clock.forward(A_LEASE)
        else:
            raise BrokenError("messages that never come to an end")
        self.index()

    def stream(self) -> list[dict[str, Any]]:
        """What the stream holds that was not indexed yet."""
        return _stream()[self._indexed :]

    def index(self, tries: int = 20) -> None:
        """The index catches up. Lambda brings a batch again until it is done; here for so often."""
        waiting = self.stream()
        for start in range(0, len(waiting), 100):
            batch = {"Records": [r for r in waiting[start : start + 100] if is_file(r)]}
            for _ in range(tries):
                try:
                    indexing.handle(batch, lambda_context())
                    break
                except Exception:
                    self.clock.forward(timedelta(seconds=1))
            else:
                raise BrokenError("a batch of the stream that is never indexed")
        self._indexed += len(waiting)

    def sweep(self) -> Counter[str]:
        """One run of the sweep to its end; what it did."""
        return sweep.run()

    def swept_soon(self) -> None:
        """One run of the sweep after a while, and what comes of it."""
        self.clock.forward(SOON)
        self.sweep()
        self.drain()

    def later(self) -> None:
        """A long time with nobody about but the sweep and the rules of the buckets."""
        for wait in LATER:
            self.clock.forward(wait)
            self._apply_rules()
            self.sweep()
            self.drain()
        self._apply_rules()

    def _apply_rules(self) -> None:
        """The originals bucket's lifecycle: what the template declares, once enough days are over."""
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
            keys = _backend("s3", "aws").buckets["originals"].keys
            for hidden in [version for key in list(keys) for version in keys.getlist(key)[:-1]]:
                aws_client("s3").delete_object(Bucket="originals", Key=hidden.name, VersionId=hidden.version_id)

    # --- what must hold

    def check(self) -> None:
        """What holds at every moment, whatever was just killed."""
        if self.unlisted:
            raise BrokenError(self.unlisted[0])
        self.ingest.check()
        self.imports.check()
        derived, stored = derived_keys(), {(key, version) for key, version, _ in originals()}
        for file in records():
            _check_whole(file, derived, stored)
        _check_history(_stream())

    def settled(self, *, swept: bool) -> Counter[Facts]:
        """What there is now, as facts to compare. With `swept`, nothing may be left over.

        Raises BrokenError where the index or the feed tell anything else than the table.
        """
        self.check()
        now = records()
        _check_index(now)
        left = _orphans(now)
        if swept and left:
            raise BrokenError(f"left for ever: {sorted(left)[:3]} and {max(0, len(left) - 3)} more")
        found: Counter[Facts] = Counter(_facts(file) for file in now)
        listed = {rendition_key(f.visibility, f.id, str(f.source_version), r) for f in now for r in f.renditions}
        for key in (derived_keys() & _on_demand(now)) - listed:
            found[("on demand", key.rpartition("/")[2])] += 1
        found[("orphans", str(len(left)))] += 1
        found[("dead letters", str(len(self.ingest.dead) + len(self.imports.dead)))] += 1
        return found


# --- looking at the stage


def emptied() -> None:
    """Empties a provisioned stage, which is quicker than making it anew."""
    table = _backend("dynamodb").tables["filemill-test"]
    table.items.clear()
    table.stream_shard.items.clear()
    s3 = _backend("s3", "aws")
    for bucket in ("originals", "derived"):
        s3.buckets[bucket].keys.clear()
        s3.buckets[bucket].multiparts.clear()
    for queue in _backend("sqs").queues.values():
        queue._messages.clear()
        queue.pending_messages.clear()
    _backend("cloudfront", "aws").invalidations.clear()


def shown_again(queue: str) -> None:
    """The time is over for which a queue's messages were hidden from others than those who received them."""
    found = _backend("sqs").queues[queue]
    found.pending_messages.clear()
    for message in found._messages:
        message.visible_at = 0


def originals() -> list[tuple[str, str, int]]:
    """(key, version, bytes) of every version of every original."""
    keys = _backend("s3", "aws").buckets["originals"].keys
    return [(v.name, v.version_id, v.size) for key in keys for v in keys.getlist(key) if hasattr(v, "size")]


def derived_keys() -> set[str]:
    return set(_backend("s3", "aws").buckets["derived"].keys)


def multipart_uploads() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads", [])
    return found


def table() -> dict[tuple[str, str], dict[str, Any]]:
    """Every item, as values."""
    found = {}
    for items in _backend("dynamodb").tables["filemill-test"].items.values():
        for item in items.values():
            values = read(_typed(item.attrs))
            found[values["pk"], values["sk"]] = values
    return found


def records() -> list[File]:
    """Every file's record, tombstones included."""
    return [File.model_validate(values) for (_, sk), values in table().items() if sk == "FILE"]


def record_of(file_id: str) -> File:
    return next(file for file in records() if file.id == file_id)


def is_file(record: dict[str, Any]) -> bool:
    return bool(record["dynamodb"]["Keys"]["sk"] == {"S": "FILE"})


def _stream() -> list[dict[str, Any]]:
    table = _backend("dynamodb").tables["filemill-test"]
    return [_typed(record.record) for record in table.stream_shard.items]


def _typed(value: Any) -> Any:
    """moto's own values as DynamoDB's JSON."""
    return json.loads(json.dumps(value, default=lambda v: v.to_json() if hasattr(v, "to_json") else str(v)))


# --- promises


def check_acknowledged(body: str, before: list[File]) -> None:
    """A message that is done with has left its mark."""
    was = {file.id: file for file in before}
    after = {file.id: file for file in records()}
    for entry in json.loads(body)["Records"]:
        stored = entry["s3"]["object"]
        file = after.get(stored["key"].rpartition("/")[2])
        if file is None:
            continue
        if file.status in (Status.AWAITING_UPLOAD, Status.EXPIRED):
            raise BrokenError(f"a message was acknowledged, and its file is `{file.status}`")
        same = file.id in was and was[file.id].generation == file.generation
        if file.status is Status.PROCESSING and file.version_id == stored["versionId"] and same:
            raise BrokenError("a message was acknowledged, and its file is `processing` still")


def _check_whole(file: File, derived: set[str], stored: set[tuple[str, str]]) -> None:
    """What is served is there: all renditions that a record names, and the original behind it."""
    if file.status in (Status.DELETED, Status.AWAITING_UPLOAD, Status.EXPIRED):
        return
    named = {rendition_key(file.visibility, file.id, str(file.source_version), r) for r in file.renditions}
    if missing := named - derived:
        raise BrokenError(f"`{file.status}` without {len(missing)} of its {len(named)} renditions")
    if file.status is Status.READY:
        if (f"{file.tenant}/{file.id}", file.version_id) not in stored:
            raise BrokenError("`ready` without its original")
        if file.kind is Kind.IMAGE and not file.renditions and file.recipe != "original-only":
            raise BrokenError("an image is `ready` without renditions")


def _check_history(stream: list[dict[str, Any]]) -> None:
    """Each change of a record is a transition in the table, and no change that clients see kept its revision."""
    last: dict[str, tuple[File, dict[str, Any]]] = {}
    told: set[tuple[str, int]] = set()
    revisions: dict[str, set[int]] = defaultdict(set)
    for change in stream:
        image = change["dynamodb"].get("NewImage")
        if image is None:
            continue
        if is_file(change):
            file = files.as_file(image)
            revisions[file.id].add(file.revision)
            if before := last.get(file.id):
                _check_step(before[0], file)
                if transitions.explained(before[1], image) is None:
                    raise BrokenError(f"no transition leads from this `{before[0].status}` to this `{file.status}`")
            elif file.status not in CREATE.target:
                raise BrokenError(f"a record that began as `{file.status}`")
            last[file.id] = file, image
        elif image["pk"]["S"].startswith("FEED#"):
            entry = read(image)
            event = (entry["file_id"], entry["revision"])
            if event in told:
                raise BrokenError("a change is in the feed twice")
            if entry["revision"] not in revisions[entry["file_id"]]:
                raise BrokenError("a change is in the feed that never was")
            told.add(event)


def _check_step(before: File, after: File) -> None:
    if after.revision < before.revision:
        raise BrokenError(f"revision {before.revision} became {after.revision}")
    if not any((before.status, after.status) in transition.arrows for transition in TRANSITIONS):
        raise BrokenError(f"`{before.status}` became `{after.status}`")
    reopened = (before.status, after.status) == (Status.FAILED, Status.AWAITING_UPLOAD)
    if reopened and (before.version_id or not before.source_url):
        raise BrokenError("a file whose bytes nobody will send again waits for them")
    if after.status is Status.PROCESSING and after.generation == before.generation:
        if before.status not in (Status.AWAITING_UPLOAD, Status.EXPIRED, Status.PROCESSING):
            raise BrokenError(f"processed twice: `{before.status}` became `processing` again")
        if before.status is Status.PROCESSING and after.claim_id not in (None, before.claim_id):
            assert before.lease_until
            if before.lease_until > after.updated_at:
                raise BrokenError("processed twice: a file was claimed while another worker had it")
    unchanged = all(getattr(before, name) == getattr(after, name) for name in _FACTS)
    if unchanged and before.status is Status.READY and after.revision > before.revision:
        raise BrokenError("told twice: a change that changes nothing")
    seen = {*_FACTS, "updated_at"} - {"wanted_recipe", "made_with"}
    if after.status is not Status.DELETED and after.revision == before.revision:
        changed = {name for name in seen if getattr(before, name) != getattr(after, name)}
        if changed:
            raise BrokenError(f"{sorted(changed)} changed, and the revision did not")


def _check_index(now: list[File]) -> None:
    """Lists, counts and the feed say what the table says, once the index has caught up."""
    items = table()
    held = {key for key in items if key[0].startswith(("FACET#", "SORT#", "WORD#"))}
    wanted = {posting for file in now for posting in postings(file, 0)}
    if held != wanted:
        raise BrokenError(f"the index has {len(held - wanted)} postings too many and lacks {len(wanted - held)}")
    alive = [file for file in now if file.status is not Status.DELETED]
    stats = counts.stats(TENANT)
    if {name: count.files for name, count in stats.by_status.items()} != Counter(str(f.status) for f in alive):
        raise BrokenError("the counts are not the table's")
    if stats.bytes != sum(file.size or 0 for file in alive):
        raise BrokenError("the bytes counted are not the table's")
    listed = lists.list_files(TENANT, ListQuery(), limit=100).files
    if {file.id for file in listed} != {file.id for file in alive}:
        raise BrokenError("the list is not the table's")
    changes = feed.changes(TENANT, {}, 1000)
    if changes.more or {(c.id, c.revision) for c in changes.items} != {(f.id, f.revision) for f in now}:
        raise BrokenError("the feed does not end where the table stands")
    for file in now:
        marker = marker_key(file.id)
        if items[marker["pk"], marker["sk"]]["revision"] != file.revision:
            raise BrokenError("the index stands at another revision than the table")


def _orphans(now: list[File]) -> set[str]:
    """What is stored and belongs to no record."""
    alive = [file for file in now if file.status is not Status.DELETED or file.restore_until]
    keys = {rendition_key(f.visibility, f.id, str(f.source_version), r) for f in alive for r in f.renditions}
    left = derived_keys() - keys - _on_demand(now)
    own = {(f"{file.tenant}/{file.id}", file.version_id) for file in alive if file.version_id}
    left |= {f"{key} {version}" for key, version, _ in originals() if (key, version) not in own}
    waiting = {file.upload_id for file in alive if file.status is Status.AWAITING_UPLOAD}
    left |= {f"upload {u['UploadId']}" for u in multipart_uploads() if u["UploadId"] not in waiting}
    return left


def _on_demand(now: list[File]) -> set[str]:
    """Where a viewer may have had a rendition made: the ladder of each file, under the address that it has."""
    return {
        rendition_prefix(file.visibility, file.id, file.source_version) + f"{size.name}.{extension}"
        for file in now
        if file.status is not Status.DELETED and file.image and file.source_version
        for size in ladder.ladder(places.served_recipe(file), file.image.width, file.image.height)
        for extension in EXTENSIONS.values()
    }


def _facts(file: File) -> Facts:
    values = file.model_dump(mode="json", include=set(_FACTS))
    item = table()["FILE#" + file.id, "FILE"]
    inner = {
        "due": "due_pk" in item,
        "leftovers": bool(file.leftovers),
        "restorable": file.restore_until is not None,
        "purged": item.get("purged", False),
    }
    if file.status is Status.DELETED and inner["purged"]:
        values = {"status": values["status"], "filename": values["filename"]}
    return tuple(f"{name}={json.dumps(value, sort_keys=True)}" for name, value in {**values, **inner}.items())
