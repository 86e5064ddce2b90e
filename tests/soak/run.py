"""One soak: files go in while workers are killed and messages repeated; what is so at the end, and what is wrong."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from chalicelib.catalog import files as catalog_files
from chalicelib.model import File, Status
from ops.progress import Bar
from tests.local import Api
from tests.soak import pictures
from tests.soak.checks import Event, Facts, wrong
from tests.soak.disorder import Killer, Repeater, events_at, overheard, shorter_visibility

if TYPE_CHECKING:
    from ops.local.stage import LocalStage

CLIENTS = 6
TRIES = 60
# Disorder ends when no more than this share of the files is left to do, so that the soak does.
LAST = 0.03
INDEX_LAG = 60.0  # seconds


@dataclass(frozen=True)
class Plan:
    files: int = 2000
    photos: Path | None = None
    kills_per_minute: float = 20
    duplicates: float = 0.2  # share of messages that come again; at the end, as many once more
    seed: int = 1
    visibility: int = 120  # seconds; see `shorter_visibility`
    patience: float = 900  # seconds without any progress
    largest: int = pictures.LARGEST


@dataclass
class Result:
    facts: Facts
    faults: list[str]
    killed: dict[str, int]
    repeated: int
    asked_again: int
    retries: dict[int, int] = field(default_factory=dict)  # files by how often they were claimed
    most_kills: int = 0  # of workers that were working on one file
    seconds: float = 0

    def lines(self) -> list[str]:
        ready = sum(file.status is Status.READY for file in self.facts.records)
        kills = ", ".join(f"{count} {name}" for name, count in sorted(self.killed.items())) or "none"
        claims = ", ".join(f"{files} at try {tries}" for tries, files in sorted(self.retries.items()))
        lines = [
            f"{len(self.facts.sent)} files sent, {ready} ready after {self.seconds:.0f} s ({claims})",
            f"workers killed: {sum(self.killed.values())} ({kills}); at most {self.most_kills} times at one file",
            f"messages sent again: {self.repeated}; requests asked again by clients: {self.asked_again}",
            f"renditions: {len(self.facts.derived)}; original versions: {len(self.facts.originals)}",
            f"dead letters: {self.facts.dead}; events: {len(self.facts.events)}",
        ]
        shown = [f"WRONG: {fault}" for fault in self.faults[:50]]
        more = [f"and {len(self.faults) - 50} more"] if len(self.faults) > 50 else []
        return [*lines, *shown, *more, "all is well" if not self.faults else f"{len(self.faults)} things are wrong"]


class Client:
    """Sends files as a patient client does: what fails is sent again, with the same Idempotency-Key."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.asked_again = 0

    def send(self, name: str, content_type: str, data: bytes) -> str:
        """The file's id."""
        body = {"filename": name, "content_type": content_type, "size": len(data)}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        made = self._patiently(lambda: self.api("POST", "/v1/files", json=body, headers=headers)).json()
        form = made["upload"]
        self._patiently(
            lambda: requests.post(form["url"], data=form["fields"], files={"file": data}, timeout=60),
        )
        return str(made["id"])

    def get(self, path: str) -> Any:
        return self._patiently(lambda: self.api("GET", path)).json()

    def _patiently(self, ask: Callable[[], requests.Response]) -> requests.Response:
        said = ""
        for tries in range(TRIES):
            if tries:
                self.asked_again += 1
                time.sleep(min(5, 0.2 * 2**tries) * random.uniform(0.5, 1))
            try:
                answer = ask()
            except requests.RequestException as error:
                said = str(error)
                continue
            if answer.ok:
                return answer
            said = f"{answer.status_code} {answer.text[:300]}"
            if answer.status_code < 500 and answer.status_code not in (409, 429):
                break
        raise RuntimeError(f"a client gave up: {said}")


class Stage:
    """What a soak reads from a stage. What was there before it is left out."""

    def __init__(self, stage: LocalStage, tenant: str) -> None:
        self.tenant = tenant
        self.variables = stage.variables()
        self.s3, self.sqs = stage.client("s3"), stage.client("sqs")
        self.dynamodb, self.streams = stage.client("dynamodb"), stage.client("dynamodbstreams")
        self.before = set(self._derived()) | set(self._originals())

    def _derived(self) -> dict[str, int]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.variables["FILEMILL_DERIVED_BUCKET"])
        return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", [])}

    def _originals(self) -> list[tuple[str, str]]:
        bucket = self.variables["FILEMILL_ORIGINALS_BUCKET"]
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        return [(each["Key"], each["VersionId"]) for page in pages for each in page.get("Versions", [])]

    def records(self) -> list[File]:
        table = self.variables["FILEMILL_TABLE"]
        query = {
            "FilterExpression": "sk = :sk AND tenant = :tenant",
            "ExpressionAttributeValues": {":sk": {"S": "FILE"}, ":tenant": {"S": self.tenant}},
        }
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **query)
        return [catalog_files.as_file(item) for page in pages for item in page["Items"]]

    def waiting(self) -> int:
        """Messages of the ingest queue that are not worked off, those in work included."""
        return self.messages(self.variables["FILEMILL_INGEST_QUEUE_URL"])

    def dead(self) -> int:
        return self.messages(self.variables["FILEMILL_DEAD_LETTER_QUEUE_URL"])

    def messages(self, queue: str) -> int:
        """Messages of a queue (its address), those in work included."""
        reply = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        names = ("", "NotVisible", "Delayed")
        return sum(int(reply[f"ApproximateNumberOfMessages{name}"]) for name in names)

    def events(self) -> list[Event]:
        """Every change of this tenant's records, from the table's stream."""
        arn = self.variables["FILEMILL_TABLE_STREAM_ARN"]
        shards = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        return [event for shard in shards for event in self._events_of(arn, shard["ShardId"])]

    def _events_of(self, arn: str, shard: str) -> Iterator[Event]:
        begin = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = self.streams.get_shard_iterator(**begin).get("ShardIterator")
        while iterator:
            reply = self.streams.get_records(ShardIterator=iterator, Limit=1000)
            for each in reply["Records"]:
                image = each["dynamodb"].get("NewImage", {})
                old = each["dynamodb"].get("OldImage", {})
                if image.get("sk") != {"S": "FILE"} or image.get("tenant") != {"S": self.tenant}:
                    continue
                if image["revision"] == old.get("revision"):
                    continue  # what clients cannot see
                yield Event(image["id"]["S"], Status(image["status"]["S"]), int(image["revision"]["N"]))
            iterator = reply.get("NextShardIterator") if reply["Records"] else None

    def facts(self, sent: dict[str, str], client: Client) -> Facts:
        deadline = time.monotonic() + INDEX_LAG
        while (counted := client.get("/v1/stats"))["by_status"].get("ready", {}).get("files") != len(sent):
            if time.monotonic() > deadline:
                break
            time.sleep(1)
        return Facts(
            sent=sent,
            records=self.records(),
            originals=[each for each in self._originals() if each not in self.before],
            derived={key: size for key, size in self._derived().items() if key not in self.before},
            events=self.events(),
            listed=[item["id"] for item in _items(client, "/v1/files?limit=200", "cursor", "next_cursor")],
            feed=[
                (item["id"], item["revision"])
                for item in _items(client, "/v1/changes?limit=200", "after", "next_after")
            ],
            counted={status: count["files"] for status, count in counted["by_status"].items()},
            waiting=self.waiting(),
            dead=self.dead(),
        )


def _items(client: Client, path: str, name: str, following: str) -> list[Any]:
    """All pages of a list, or of the feed."""
    items: list[Any] = []
    page = client.get(path)
    while True:
        items += page["items"]
        if not page.get("more", page[following]):
            return items
        page = client.get(f"{path}&{name}={page[following]}")


def soak(stage: LocalStage, plan: Plan, progress: Callable[[str], None]) -> Result:
    """Runs a plan on a stage, as a tenant of its own. The stage stands as before, but for the tenant's files.

    Raises
    ------
    RuntimeError
        A client gave up, or nothing moved for `plan.patience` seconds.
    """
    began = time.monotonic()
    tenant = f"soak-{uuid.uuid4().hex[:8]}"
    api = Api(stage.front_door, stage.api_key(tenant))
    client, reader = Client(api), Stage(stage, tenant)
    originals = pictures.sources(plan.photos, plan.largest)
    chance = random.Random(plan.seed)
    emulator = stage.emulator.process
    assert emulator is not None
    sent: dict[str, str] = {}

    def send(number: int) -> None:
        name, content_type, data = pictures.variant(originals, plan.seed, number, plan.largest)
        sent[client.send(name, content_type, data)] = hashlib.sha256(data).hexdigest()

    with ExitStack() as stack:
        heard_on = stack.enter_context(overheard(stage))
        stack.enter_context(shorter_visibility(stage, plan.visibility))
        ingest = reader.variables["FILEMILL_INGEST_QUEUE_URL"]
        repeater = Repeater(stage.client("sqs"), heard_on, ingest, plan.duplicates, chance)
        killer = Killer(
            emulator.pid, plan.kills_per_minute, random.Random(plan.seed), lambda: events_at(stage.endpoint_url)
        )
        threads = (killer, repeater)
        for thread in threads:
            thread.start()
            stack.callback(thread.end)
        bar = stack.enter_context(Bar(plan.files, "files"))
        clients = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        stack.callback(clients.shutdown, cancel_futures=True)
        sending = [clients.submit(send, number) for number in range(plan.files)]

        def ended() -> int:
            counted = client.get("/v1/stats")["by_status"]
            return sum(counted.get(status, {}).get("files", 0) for status in (Status.READY, Status.FAILED))

        def until(done: Callable[[], bool], state: Callable[[], Any]) -> None:
            last, moved = None, time.monotonic()
            while not done():
                for each in sending:
                    if each.done():
                        each.result()
                if (present := state()) != last:
                    last, moved = present, time.monotonic()
                if time.monotonic() - moved > plan.patience:
                    progress(f"nothing has moved for {plan.patience:.0f} s: {present}")
                    return
                time.sleep(2)

        def counted() -> tuple[int, int]:
            finished = ended()
            for _ in range(finished - bar.done):
                bar.step()
            return finished, len(sent)

        until(lambda: counted()[0] >= plan.files * (1 - LAST), counted)
        for thread in threads:
            thread.end()
        until(lambda: counted()[0] >= plan.files, counted)
        progress("all are processed; old messages come again")
        repeater.replay()
        until(lambda: reader.waiting() == 0, reader.waiting)
        facts = reader.facts(sent, client)
    retries: dict[int, int] = {}
    for file in facts.records:
        retries[file.attempts] = retries.get(file.attempts, 0) + 1
    return Result(
        facts,
        wrong(facts),
        dict(killer.killed),
        repeater.sent,
        client.asked_again,
        retries,
        max(killer.killed_at.values(), default=0),
        time.monotonic() - began,
    )
