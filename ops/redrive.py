"""`python -m ops redrive`: dead letters go back to their queue, each to be tried five times again.

A message is received, its record is opened where it says `failed: internal`, the message is sent, and only then is it
deleted: stopped anywhere, nothing is lost, and what is sent twice is worked off once. SQS's own StartMessageMoveTask
opens no record, and chooses none.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from chalicelib.model import TENANT_PATTERN, ErrorCode, File, Status, parse_original_key
from ops import config
from ops.errors import OpsError
from ops.progress import Bar, Pace, moment, positive, rate

# Seconds that a message is hidden from another run while this one looks at the rest.
HIDDEN = 600
# Empty answers after which the queue is taken for empty: SQS asks only some of its servers each time.
EMPTY = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument("--queue", choices=["ingest", "import"], default="ingest", help="whose dead letters")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be moved")
    parser.add_argument("--file", metavar="ID", help="only the dead letters of this file")
    parser.add_argument("--tenant", help="only the dead letters of this tenant's files")
    parser.add_argument("--since", type=moment, metavar="TIME", help="only those first sent since then (ISO 8601)")
    parser.add_argument("--rate", type=rate, default=10.0, metavar="N/s", help="how many a second (default: 10)")
    parser.add_argument("--limit", type=positive, metavar="N", help="at most so many")


def main(args: argparse.Namespace) -> int:
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    if args.tenant and not TENANT_PATTERN.fullmatch(args.tenant):
        raise OpsError(f"{args.tenant!r} can't be a tenant.")
    wanted = Wanted(args.file, args.tenant, args.since)
    done = redrive(args.queue, wanted, dry_run=args.dry_run, pace=Pace(args.rate), limit=args.limit)
    print(f"{'would move' if args.dry_run else 'moved'} {done['moved']} dead letters, left {done['left']}")
    if done["opened"]:
        print(f"{done['opened']} records {'would be' if args.dry_run else 'were'} opened again")
    return 0


@dataclass(frozen=True)
class Wanted:
    """Which dead letters; None: any."""

    file_id: str | None = None
    tenant: str | None = None
    since: datetime | None = None

    def __contains__(self, letter: Letter) -> bool:
        ids = [(tenant, file_id) for tenant, file_id in letter.files if self.tenant in (None, tenant)]
        chosen = any(self.file_id in (None, file_id) for _, file_id in ids)
        anything = self.file_id is None and self.tenant is None
        return (chosen or anything) and (self.since is None or letter.sent >= self.since)


@dataclass(frozen=True)
class Letter:
    """A dead letter; `files` are (tenant, id), none in what is no message of ours."""

    id: str
    receipt: str
    body: str
    sent: datetime
    files: list[tuple[str, str]] = field(default_factory=list)


def redrive(queue: str, wanted: Wanted, *, dry_run: bool, pace: Pace, limit: int | None = None) -> Counter[str]:
    """Moves what is wanted; counts of `moved`, `opened` records, and `left` in the dead-letter queue."""
    from chalicelib import aws
    from chalicelib.settings import settings

    url = settings().ingest_queue_url if queue == "ingest" else settings().import_queue_url
    dead_url, waiting = dead_letters_of(url)
    sqs = aws.sqs()
    done: Counter[str] = Counter()
    left: list[Letter] = []
    with Bar(min(waiting, limit or waiting), "dead letters") as bar:
        try:
            for letter in letters(dead_url, queue):
                left.append(letter)  # until it is deleted: whoever stops us here leaves none hidden
                if limit is not None and done["moved"] >= limit:
                    break
                if letter in wanted:
                    pace.wait()
                    for tenant, file_id in letter.files:
                        done["opened"] += open_again(tenant, file_id, dry_run=dry_run)
                    if not dry_run:
                        sqs.send_message(QueueUrl=url, MessageBody=letter.body)
                        sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=letter.receipt)
                        left.pop()
                    done["moved"] += 1
                bar.step()
        finally:
            for letter in left:
                with suppress(ClientError):  # else it shows by itself
                    sqs.change_message_visibility(QueueUrl=dead_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0)
    done["left"] = max(len(left), waiting - (0 if dry_run else done["moved"]))
    return done


def dead_letters_of(queue_url: str) -> tuple[str, int]:
    """(URL of a queue's dead-letter queue, about how many wait there)."""
    from chalicelib import aws

    sqs = aws.sqs()
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
    arn = json.loads(found.get("RedrivePolicy", "{}")).get("deadLetterTargetArn")
    if not arn:
        raise OpsError("The queue has no dead-letter queue: run `python -m ops provision` again.")
    url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
    name: Any = "ApproximateNumberOfMessages"
    count = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
    return url, int(count)


def letters(dead_url: str, queue: str) -> Iterator[Letter]:
    """Every dead letter once; each stays hidden for a while."""
    from chalicelib import aws

    known: set[str] = set()
    empty = 0
    while empty < EMPTY:
        reply = aws.sqs().receive_message(
            QueueUrl=dead_url,
            MaxNumberOfMessages=1,  # whoever stops us here leaves one hidden, not ten
            VisibilityTimeout=HIDDEN,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        messages = reply.get("Messages", [])
        fresh = [message for message in messages if message["MessageId"] not in known]
        empty = 0 if fresh else empty + 1
        for message in fresh:
            known.add(message["MessageId"])
            sent = int(message.get("Attributes", {}).get("SentTimestamp", "0")) / 1000
            yield Letter(
                message["MessageId"],
                message["ReceiptHandle"],
                message["Body"],
                datetime.fromtimestamp(sent, UTC),
                files_of(message["Body"], queue),
            )


def files_of(body: str, queue: str) -> list[tuple[str, str]]:
    """(tenant, file id) of each file that a message is about."""
    if queue == "import":
        from chalicelib.queues.imports import parse

        wanted = parse(body)
        return [(wanted.tenant, wanted.file_id)] if wanted else []
    try:
        keys = [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body)["Records"]]
    except (ValueError, KeyError, TypeError):
        return []
    return [ids for key in keys if (ids := parse_original_key(key))]


def open_again(tenant: str, file_id: str, *, dry_run: bool) -> bool:
    """Whether the record was one that says `failed: internal`: then it may be claimed, or fetched, again.

    One that was `ready` before, and could not be made anew, is made anew by the recipe that it has.
    """
    from chalicelib.catalog import edits
    from chalicelib.catalog import files as catalog_files
    from chalicelib.model import now

    file = catalog_files.get(tenant, file_id)
    if file is None or file.error is None or file.error.code is not ErrorCode.INTERNAL or not _is_over(file):
        return False
    if dry_run:
        return True
    if file.version_id:
        return edits.reprocess(file, file.recipe) is not None
    return edits.reopen_import(file, now() + timedelta(days=1)) is not None


def _is_over(file: File) -> bool:
    return file.status in (Status.FAILED, Status.READY) and bool(file.version_id or file.source_url)
