"""`python -m ops redrive`: sends dead letters back to their queue, where each is tried five times again.

For each message: receive it, open its record again if that says `failed: internal`, send the message, and only then
delete it from the dead-letter queue. So nothing is lost wherever this stops, and a message that is sent twice is still
processed once. SQS's own StartMessageMoveTask can neither open records nor choose messages.
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

from chalicelib.model import FILE_ID_PATTERN, TENANT_PATTERN, ErrorCode, File, Status, parse_original_key
from ops import config
from ops.errors import OpsError
from ops.progress import Bar, Pace, moment, positive, rate

HIDDEN = 600  # seconds that a message stays hidden from another run while this one reads the rest
# So many answers in a row without a new message mean that the queue is empty. A long poll asks all of SQS's servers,
# but an answer may also have only messages that came before:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
EMPTY = 3


EXAMPLES = (
    "redrive --stage dev --dry-run",
    "redrive --stage dev --since 2026-11-22 --rate 10/s",
    "redrive --stage dev --queue import --file file_01K8Z0000000000000000000AA",
    "redrive --stage dev --queue webhook --tenant acme",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument(
        "--queue",
        choices=["ingest", "import", "webhook"],
        default="ingest",
        help="the queue that they come from (default: ingest)",
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only count what would be moved")
    parser.add_argument("--file", metavar="ID", help="only dead letters of this file")
    parser.add_argument("--tenant", help="only dead letters of this tenant's files")
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="only dead letters first sent since then (ISO 8601)"
    )
    parser.add_argument("--rate", type=rate, default=10.0, metavar="N/s", help="dead letters per second (default: 10)")
    parser.add_argument("--limit", type=positive, metavar="N", help="move at most this many")


def main(args: argparse.Namespace) -> int:
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    if args.tenant and not TENANT_PATTERN.fullmatch(args.tenant):
        raise OpsError(
            f"{args.tenant!r} can't be a tenant's name: use 1 to 63 lower-case letters, digits and hyphens, and no "
            "hyphen first."
        )
    if args.file and args.queue == "webhook":
        raise OpsError("A dead letter of the webhook queue is about a webhook, and not about a file: leave --file out.")
    if args.file:
        check_file(args.file)
    wanted = Wanted(args.file, args.tenant, args.since)
    done = redrive(args.queue, wanted, dry_run=args.dry_run, pace=Pace(args.rate), limit=args.limit)
    letters = "dead letter" if done["moved"] == 1 else "dead letters"
    print(f"{'would move' if args.dry_run else 'moved'} {done['moved']} {letters}, left {done['left']}")
    if done["opened"]:
        print(f"{done['opened']} records {'would be' if args.dry_run else 'were'} opened again")
    return 0


def check_file(file_id: str) -> None:
    """Refuses an id that can't be a file's, or that no file has."""
    if not FILE_ID_PATTERN.fullmatch(file_id):
        raise OpsError(
            f"{file_id!r} can't be a file's id, which is file_ and 26 digits and capital letters, such as "
            "file_01K8Z0000000000000000000AA."
        )
    from chalicelib.catalog import due

    if not due.records([file_id]):
        raise OpsError(f"There is no file {file_id}. Leave --file out to move every dead letter.")


@dataclass(frozen=True)
class Wanted:
    """Which dead letters are to be moved. None means any."""

    file_id: str | None = None
    tenant: str | None = None
    since: datetime | None = None

    def __contains__(self, letter: Letter) -> bool:
        ids = [(tenant, file_id) for tenant, file_id in letter.files if self.tenant in (None, tenant)]
        chosen = any(self.file_id in (None, file_id) for _, file_id in ids)
        anything = self.file_id is None and self.tenant in (None, letter.tenant)
        return (chosen or anything) and (self.since is None or letter.sent >= self.since)


@dataclass(frozen=True)
class Letter:
    """A dead letter. `files` are the (tenant, file id) that it is about; empty if it is about none, or not one of ours.

    `tenant` is the one whose webhook it is about.
    """

    id: str
    receipt: str
    body: str
    sent: datetime
    files: list[tuple[str, str]] = field(default_factory=list)
    tenant: str | None = None


def redrive(queue: str, wanted: Wanted, *, dry_run: bool, pace: Pace, limit: int | None = None) -> Counter[str]:
    """Moves the wanted dead letters. Counts those `moved`, the records `opened`, and those `left` in the queue."""
    from chalicelib import aws
    from chalicelib.settings import settings

    here = settings()
    urls = {"ingest": here.ingest_queue_url, "import": here.import_queue_url, "webhook": here.webhook_queue_url}
    url = urls[queue]
    dead_url, waiting = dead_letters_of(url)
    sqs = aws.sqs()
    done: Counter[str] = Counter()
    left: list[Letter] = []
    with Bar(min(waiting, limit or waiting), "dead letters") as bar:
        try:
            for letter in letters(dead_url, queue):
                left.append(letter)  # until it is deleted, so that none stays hidden if somebody stops us here
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
                with suppress(ClientError):  # otherwise it becomes visible by itself
                    sqs.change_message_visibility(QueueUrl=dead_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0)
    done["left"] = max(len(left), waiting - (0 if dry_run else done["moved"]))
    return done


def dead_letters_of(queue_url: str) -> tuple[str, int]:
    """(URL of a queue's dead-letter queue, the approximate number of messages in it)."""
    from chalicelib import aws

    sqs = aws.sqs()
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
    arn = json.loads(found.get("RedrivePolicy", "{}")).get("deadLetterTargetArn")
    if not arn:
        raise OpsError("The queue has no dead-letter queue: run `python -m ops provision --revert-drift`.")
    url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
    name: Any = "ApproximateNumberOfMessages"
    count = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
    return url, int(count)


def letters(dead_url: str, queue: str) -> Iterator[Letter]:
    """Every dead letter once. Each stays hidden from other readers for `HIDDEN` seconds."""
    from chalicelib import aws

    known: set[str] = set()
    empty = 0
    while empty < EMPTY:
        reply = aws.sqs().receive_message(
            QueueUrl=dead_url,
            MaxNumberOfMessages=1,  # so that one message stays hidden, not ten, if somebody stops us here
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
                tenant_of(message["Body"]) if queue == "webhook" else None,
            )


def files_of(body: str, queue: str) -> list[tuple[str, str]]:
    """(tenant, file id) of every file that a message is about."""
    if queue == "webhook":
        return []
    if queue == "import":
        from chalicelib.queues.imports import parse

        wanted = parse(body)
        return [(wanted.tenant, wanted.file_id)] if wanted else []
    from chalicelib.queues.ingest import asked

    if ours := asked(body):
        return [(ours.tenant, ours.file_id)]
    try:
        keys = [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body)["Records"]]
    except (ValueError, KeyError, TypeError):
        return []
    return [ids for key in keys if (ids := parse_original_key(key))]


def tenant_of(body: str) -> str | None:
    """The tenant whose webhook a message is about; None if it is about none."""
    try:
        found = json.loads(body)["tenant"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def open_again(tenant: str, file_id: str, *, dry_run: bool) -> bool:
    """Opens a record that says `failed: internal`, so that it can be processed or fetched again.

    A file that was `ready` and could not be reprocessed is reprocessed with its present recipe. Returns whether the
    record was opened (or, with `dry_run`, would be).
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
