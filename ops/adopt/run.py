"""Adopts all objects of a source: several at the same time, at a pace, and with a report of what became of each.

The listing is read in pages, and only some objects are under way, so memory does not depend on how many there are.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TextIO

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.catalog.adoptions import Note
from chalicelib.settings import settings
from chalicelib.text import CONTROLS
from ops.adopt.adopting import Adopter, Outcome, QuotaError, check
from ops.adopt.estimate import Plan
from ops.adopt.source import Object, RefusedError
from ops.errors import NOT_SIGNED_IN, sentence
from ops.progress import Bar, Pace

# Failures that the report names. All are printed as they come, and all are counted.
NAMED = 1000
# Control characters, ends of lines, and marks that turn the direction of writing.
_UNSAFE = re.compile(f"[{CONTROLS}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# After so many objects in a row for which a quota has no room, there is none for the others either.
QUOTA_PATIENCE = 20
# Seconds between two looks at the queue.
LOOKS = 5.0


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode()


@dataclass(frozen=True)
class Failure:
    """An object that did not become a file; `code` is one of REASONS."""

    key: str
    code: str
    message: str


@dataclass
class Done:
    """The outcome of a run: counts by outcome and by reason, and the first failures."""

    outcomes: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    out_of_quota: str | None = None

    def fail(self, failure: Failure, out: TextIO) -> None:
        self.failed[failure.code] += 1
        if len(self.failures) < NAMED:
            self.failures.append(failure)
        # The bar stands in this line of a terminal, and is written anew with the next file.
        over_the_bar = "\r\x1b[K" if out.isatty() else ""
        # A key may have characters that steer a terminal, and so may S3's words about it.
        print(over_the_bar + _UNSAFE.sub(_escaped, f"{failure.key}: {failure.message}"), file=out)


class Brake:
    """Waits while the ingest queue has more than `most` messages: other uploads must not wait behind ours."""

    def __init__(
        self, most: int, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._sleep, self._clock = most, sleep, clock
        self._next = clock()

    def wait(self) -> None:
        """One GetQueueAttributes at most in five seconds, and more while it waits."""
        if self._clock() < self._next:
            return
        while waiting() > self._most:
            self._sleep(LOOKS)
        self._next = self._clock() + LOOKS


def waiting() -> int:
    """Messages in the ingest queue that nobody works on yet: SQS's approximate number."""
    found = aws.sqs().get_queue_attributes(
        QueueUrl=settings().ingest_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def chosen(adopter: Adopter, plan: Plan) -> Iterator[tuple[Object, Note | None]]:
    """The objects that are left to do, with their notes. Counts in `plan` what is passed over."""
    for page in adopter.source.pages():
        plan.listed += len(page)
        taken = []
        for each in page:
            if each.key.endswith("/") and not each.size:
                plan.folders += 1
            elif not adopter.source.takes(each.key):
                plan.not_chosen += 1
            else:
                taken.append(each)
        for each, note in zip(taken, adopter.notes(taken), strict=True):
            if note and note.copied:
                plan.already += 1
            else:
                yield each, note


def plan(adopter: Adopter, tell: Callable[[int], None] = lambda listed: None) -> Plan:
    """Lists all, and changes nothing. Objects that can't become files are counted as far as the listing tells."""
    found = Plan()
    for each, _ in chosen(adopter, found):
        try:
            check(each)
        except RefusedError as refused:
            found.refused[refused.code] += 1
        else:
            found.add(each)
        tell(found.listed)
    return found


def run(adopter: Adopter, total: int, *, jobs: int, pace: Pace, brake: Brake, out: TextIO | None = None) -> Done:
    """Adopts what is left to do. Failures of single objects are noted, and the others go on.

    Raises OpsError, or AWS's own error, when AWS does not accept the credentials any more.
    """
    done, out = Done(), out or sys.stderr
    under_way: dict[Future[Outcome], Object] = {}
    refused_in_a_row = 0
    # AWS clients are made by one thread.
    for client in (aws.s3, aws.dynamodb, aws.sqs):
        client()
    pool = ThreadPoolExecutor(jobs)

    def finish(most: int) -> None:
        """Notes what has ended, until at most so many are under way."""
        nonlocal refused_in_a_row
        while len(under_way) > most:
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                quota = _note(done, under_way.pop(future), future, out)
                refused_in_a_row = refused_in_a_row + 1 if quota else 0
                if quota == "files" or refused_in_a_row >= QUOTA_PATIENCE:
                    done.out_of_quota = quota
                bar.step()

    try:
        with Bar(total, "files", out) as bar:
            for found, note in chosen(adopter, Plan()):
                brake.wait()
                pace.wait()
                under_way[pool.submit(adopter.adopt, found, note)] = found
                finish(2 * jobs - 1)
                if done.out_of_quota:
                    break
            finish(0)
    finally:
        pool.shutdown(cancel_futures=True)
    return done


def _note(done: Done, found: Object, future: Future[Outcome], out: TextIO) -> str | None:
    """Notes what became of one object. Gives the quota that refused it, if one did."""
    try:
        outcome = future.result()
    except QuotaError as refused:
        done.fail(Failure(found.key, refused.code, str(refused)), out)
        return refused.quota
    except RefusedError as refused:
        done.fail(Failure(found.key, refused.code, str(refused)), out)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_SIGNED_IN:
            raise
        done.fail(Failure(found.key, "aws", sentence(error)), out)
    except BotoCoreError as error:
        done.fail(Failure(found.key, "aws", sentence(error)), out)
    else:
        done.outcomes[outcome] += 1
        done.bytes += found.size if outcome != "already" else 0
    return None
