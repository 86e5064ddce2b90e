"""`python -m ops replay`: puts the events of a time in the past on the stage's bus again, from the bus's archive.

EventBridge does the work, and marks each event with `replay-name`. Rules get the events as they were, with the same
ids.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.model import timestamp
from ops import config
from ops.errors import OpsError
from ops.progress import moment
from ops.stack import inventory

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import DescribeArchiveResponseTypeDef, DescribeReplayResponseTypeDef

POLL = 2.0  # seconds between two looks at a replay
# An event may come to the archive some minutes after it came to the bus:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
LATE = timedelta(minutes=10)

EXAMPLES = (
    "replay --stage prod --from 2026-11-22T12:00Z --to 2026-11-22T13:00Z",
    "replay --stage prod --from 2026-11-22 --rule thumbnails",
)

Say = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument(
        "--from",
        dest="begin",
        type=moment,
        required=True,
        metavar="TIME",
        help="the first time whose events are replayed (ISO 8601, UTC unless it names another zone)",
    )
    parser.add_argument(
        "--to", dest="end", type=moment, metavar="TIME", help="the last time whose events are replayed (default: now)"
    )
    parser.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="NAME",
        help="give the events to this rule of the bus only (repeatable; default: to every rule)",
    )


def main(args: argparse.Namespace) -> int:
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    replay(args.stage, args.begin, args.end or datetime.now(UTC), args.rule, partial(print, flush=True))
    return 0


def replay(stage: str, begin: datetime, end: datetime, rules: Sequence[str], say: Say) -> None:
    """Replays the events from `begin` to `end`, and returns when all are on the bus. Ctrl-C cancels the replay.

    Raises
    ------
    OpsError
        The times make no sense, the stage has no archive, there is no such rule, or the replay failed.
    """
    from chalicelib import aws
    from chalicelib.settings import settings

    present = datetime.now(UTC)
    check_times(begin, end, present)
    client = aws.events()
    bus = settings().event_bus
    archive = archive_of(client, stage, bus)
    for note in notes(archive, begin, end, present):
        say(note)
    arns = [rule_arn(client, bus, rule) for rule in rules]
    name = f"filemill-{stage}-{present:%Y%m%dT%H%M%S}"
    destination: Any = {"Arn": archive["EventSourceArn"], **({"FilterArns": arns} if arns else {})}
    client.start_replay(
        ReplayName=name,
        EventSourceArn=archive["ArchiveArn"],
        EventStartTime=begin,
        EventEndTime=end,
        Destination=destination,
    )
    say(f"replay {name} has started: {timestamp(begin)} to {timestamp(end)}")
    try:
        follow(client, name, begin, end, say)
    except KeyboardInterrupt:
        with suppress(ClientError):  # it may have ended
            client.cancel_replay(ReplayName=name)
        say(f"replay {name} is cancelled; what was replayed is replayed")
        raise


def check_times(begin: datetime, end: datetime, present: datetime) -> None:
    if begin > present:
        raise OpsError(f"--from {timestamp(begin)} is in the future. Give a time that has passed.")
    if end > present:
        raise OpsError(f"--to {timestamp(end)} is in the future. Leave it out to replay everything until now.")
    if begin >= end:
        raise OpsError(
            f"--from {timestamp(begin)} is not before --to {timestamp(end)}. Give the earlier time as --from."
        )


def archive_of(client: EventBridgeClient, stage: str, bus: str) -> DescribeArchiveResponseTypeDef:
    """The archive of the stage's bus, which has the bus's name."""
    try:
        return client.describe_archive(ArchiveName=bus)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    raise OpsError(
        f"Stage {stage} keeps no events, so there is nothing to replay. From now on it keeps them after `python -m ops "
        f"provision --stage {stage} --set EventArchiveDays=30`. For files as they are now, use GET /v1/changes."
    )


def notes(archive: DescribeArchiveResponseTypeDef, begin: datetime, end: datetime, present: datetime) -> list[str]:
    """Sentences about events of that time that the archive may not have. Raises OpsError if it can have none."""
    days = archive.get("RetentionDays") or 0
    first = max([archive["CreationTime"], *([present - timedelta(days=days)] if days else [])])
    if end < first:
        raise OpsError(f"The archive has no events before {timestamp(first)}. Give a later time as --to.")
    found = []
    if begin < first:
        found.append(f"the archive has no events before {timestamp(first)}")
    if end > present - LATE:
        found.append(
            "events of the last 10 minutes may not be in the archive yet; replay them later, if some are missing"
        )
    return found


def rule_arn(client: EventBridgeClient, bus: str, name: str) -> str:
    try:
        return client.describe_rule(Name=name, EventBusName=bus)["Arn"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    known = sorted(inventory.bus_rules(client, bus))
    raise OpsError(f"The bus {bus} has no rule {name!r}. It has: {', '.join(known) or 'none'}.")


def follow(client: EventBridgeClient, name: str, begin: datetime, end: datetime, say: Say) -> None:
    """Tells how far a replay is, until it is completed."""
    told = ""
    while True:
        found = client.describe_replay(ReplayName=name)
        state = found["State"]
        if state == "COMPLETED":
            say(f"replay {name} is completed")
            return
        if state in ("FAILED", "CANCELLING", "CANCELLED"):
            why = found.get("StateReason") or "EventBridge gives no reason"
            raise OpsError(
                f"Replay {name} ended as {state}: {why}. It may have replayed events. Run the command again: consumers "
                "know an event by its id."
            )
        if (line := progress(found, begin, end)) != told:
            say(line)
            told = line
        time.sleep(POLL)


def progress(found: DescribeReplayResponseTypeDef, begin: datetime, end: datetime) -> str:
    """How far a replay is, by the time of the event that it replayed last."""
    last = found.get("EventLastReplayedTime")
    if not last:
        return f"{found['State'].lower()}: nothing is replayed yet"
    share = min(max((last - begin) / (end - begin), 0), 1)
    return f"{found['State'].lower()}: replayed up to {timestamp(last)} ({share:.0%})"
