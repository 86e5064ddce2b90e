"""What a soak does to a stage meanwhile: ends the processes of its functions, and sends S3's messages again."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.model import parse_original_key
from ops.local import loopback

if TYPE_CHECKING:
    from ops.local.stage import LocalStage

# How the emulator calls a worker's folder; the API's function has no name of its own.
WORKER = re.compile(r"/ministack-lambda-filemill-local(?:-(process|fetch|index|render|sweep))?-[^/]+/_worker\.py")

# A message is tried MAX_RECEIVES (5) times. Each killed worker costs it one, and so does a delivery that comes while
# another one still holds the file: at most one more than there were kills.
KILLS_PER_FILE = 2

LONGEST_DELAY = 60.0  # seconds after which a message comes again


def workers(emulator: int) -> list[tuple[int, str]]:
    """Process id and function of every Lambda worker that this emulator (its process id) started."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_text()
        except (OSError, IndexError, ValueError):
            continue  # it has just ended
        if parent == emulator and (match := WORKER.search(command)):
            found.append((int(folder.name), match[1] or "api"))
    return found


def file_of(event: Any) -> str | None:
    """The file id in an event of the ingest queue; None if there is none."""
    try:
        records = [record for each in event["Records"] for record in json.loads(each["body"])["Records"]]
        ids = [parse_original_key(unquote_plus(record["s3"]["object"]["key"])) for record in records]
    except (KeyError, TypeError, ValueError):
        return None
    return next((each[1] for each in ids if each), None)


def events_at(endpoint_url: str) -> dict[int, Any]:
    """The event that each worker of the emulator handles now, by process id."""
    with loopback.urlopen(f"{endpoint_url}/_edge/workers", timeout=30) as answer:
        return {int(pid): event for pid, event in json.load(answer).items()}


class Killer(Thread):
    """SIGKILL to a worker drawn at random, so many times a minute on average, until `end`.

    A file's worker is killed `KILLS_PER_FILE` times at most. Otherwise chance could kill one file as often as its
    message is tried, and the dead letter that follows would be no fault.

    Parameters
    ----------
    emulator:
        Process id of the workers' parent.
    events:
        Gives the event that each worker handles now, by process id.
    """

    def __init__(
        self, emulator: int, a_minute: float, chance: random.Random, events: Callable[[], dict[int, Any]]
    ) -> None:
        super().__init__(daemon=True)
        self.emulator, self.a_minute, self.chance, self.events = emulator, a_minute, chance, events
        self.killed: Counter[str] = Counter()
        self.killed_at: Counter[str] = Counter()  # workers by the file that they were working on
        self._ended = Event()

    def run(self) -> None:
        while self.a_minute and not self._ended.wait(self.chance.expovariate(self.a_minute / 60)):
            alive = workers(self.emulator)
            if not alive:
                continue
            # A function first, or most would be of the one that has most workers; half are of the one that works most.
            names = sorted({name for _, name in alive})
            name = "process" if "process" in names and self.chance.random() < 0.5 else self.chance.choice(names)
            pid = self.chance.choice([pid for pid, each in alive if each == name])
            with suppress(ProcessLookupError):
                self.killed[name] += self.kill(pid, name)

    def kill(self, pid: int, name: str) -> bool:
        """Kills a worker, unless its file has had its share, or it has no file now. True if it was killed."""
        if name != "process":
            os.kill(pid, signal.SIGKILL)
            return True
        os.kill(pid, signal.SIGSTOP)  # so that it does not end its file and get the next one meanwhile
        try:
            file_id = file_of(self.events().get(pid))
        except OSError:
            file_id = None
        if file_id is None or self.killed_at[file_id] >= KILLS_PER_FILE:
            os.kill(pid, signal.SIGCONT)
            return False
        self.killed_at[file_id] += 1
        os.kill(pid, signal.SIGKILL)
        return True

    def end(self) -> None:
        self._ended.set()
        self.join()


class Repeater(Thread):
    """Sends a share of S3's messages again: at once, so that two come side by side, or up to a minute later.

    `replay` sends some of all the old ones at the end.
    """

    def __init__(self, sqs: Any, heard_on: str, ingest: str, share: float, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.sqs, self.heard_on, self.ingest, self.share, self.chance = sqs, heard_on, ingest, share, chance
        self.heard: list[str] = []
        self.sent = 0
        self._later: list[tuple[float, str]] = []
        self._ended = Event()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen()
            except (BotoCoreError, ClientError):
                time.sleep(1)
            due = [body for at, body in self._later if at <= time.monotonic()]
            self._later = [(at, body) for at, body in self._later if at > time.monotonic()]
            self._send(due)

    def _listen(self) -> None:
        reply = self.sqs.receive_message(QueueUrl=self.heard_on, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in reply.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.heard_on, ReceiptHandle=message["ReceiptHandle"])
            if "Records" not in json.loads(message["Body"]):
                continue  # S3 tests the queue
            self.heard.append(message["Body"])
            if self.chance.random() < self.share:
                delay = 0.0 if self.chance.random() < 0.5 else self.chance.uniform(0, LONGEST_DELAY)
                self._later.append((time.monotonic() + delay, message["Body"]))

    def _send(self, bodies: list[str]) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.ingest, MessageBody=body)
            self.sent += 1

    def end(self) -> None:
        """Ends, and sends at once what was to come later."""
        self._ended.set()
        self.join()
        late, self._later = self._later, []
        self._send([body for _, body in late])

    def replay(self) -> None:
        self._send(self.chance.sample(self.heard, round(len(self.heard) * self.share)))


@contextmanager
def overheard(stage: LocalStage) -> Iterator[str]:
    """A queue that S3 tells all that it tells the ingest queue; its address. Taken away again."""
    s3, sqs = stage.client("s3"), stage.client("sqs")
    bucket = stage.variables()["FILEMILL_ORIGINALS_BUCKET"]
    before = s3.get_bucket_notification_configuration(Bucket=bucket)
    before.pop("ResponseMetadata", None)
    queue = sqs.create_queue(QueueName="filemill-local-soak")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    more = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    after = before | {"QueueConfigurations": [*before["QueueConfigurations"], more]}
    try:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=after)
        yield queue
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=before)
        sqs.delete_queue(QueueUrl=queue)


@contextmanager
def shorter_visibility(stage: LocalStage, seconds: int) -> Iterator[None]:
    """The ingest queue gives a message again after so many seconds, where the stack says 90 minutes.

    That is what a message waits whose worker was killed before its first call to AWS; with the stack's time, a soak
    would end when that is over.
    """
    sqs, queue = stage.client("sqs"), stage.variables()["FILEMILL_INGEST_QUEUE_URL"]
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(seconds)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)
