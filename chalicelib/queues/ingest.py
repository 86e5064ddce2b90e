"""The ingest queue: S3 sends a message for each stored original, and we send it again to process a file again.

Other messages ask for the hash of a large file or for its malware scan, or have services start on a file. EventBridge's
rules send events of other services. A former release drops all of these as no events of S3's.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import settings

# Marks the body of a message that was sent with its tenant's message group. S3 cannot name a group.
GROUPED = "grouped"

# The sorts of messages of our own. Each has one field, of this name; S3's messages have `Records`.
HASH, SCAN, SERVICES = "hash", "scan", "services"


class Asked(NamedTuple):
    """A message of ours: its sort (`HASH`, `SCAN` or `SERVICES`), and the version of the file that it is about."""

    sort: str
    tenant: str
    file_id: str
    version_id: str


def send(file: File) -> None:
    """One SendMessage: the event of the file's object version, as S3 sends it. Two of them have the effect of one."""
    _send(stored(file), file.tenant)


def stored(file: File) -> dict[str, Any]:
    """The event of the file's object version, as S3 sends it."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Again",
        "s3": {
            "bucket": {"name": settings().originals_bucket},
            "object": {
                "key": quote_plus(original_key(file.tenant, file.id), safe="/"),
                "size": file.size or 0,
                "versionId": file.version_id or "",
                "sequencer": file.sequencer or "",
            },
        },
    }
    return {"Records": [record]}


def send_hash(file: File) -> None:
    """One SendMessage that asks for the hash of a file that is `ready`. Two of them have the effect of one."""
    _ask(HASH, file)


def send_scan(file: File) -> None:
    """One SendMessage that asks for the scan of a file. Two of them have the effect of one."""
    _ask(SCAN, file)


def send_services(file: File) -> None:
    """One SendMessage that has the services start which wait for a file. Two of them have the effect of one."""
    _ask(SERVICES, file)


def _ask(sort: str, file: File) -> None:
    _send({sort: {"tenant": file.tenant, "id": file.id, "version_id": file.version_id}}, file.tenant)


def asked(body: str) -> Asked | None:
    """The message of ours with this body; None for any other message."""
    try:
        said = json.loads(body)
        sort = next(sort for sort in (HASH, SCAN, SERVICES) if sort in said)
        return Asked(sort, *(str(said[sort][name]) for name in ("tenant", "id", "version_id")))
    except (ValueError, LookupError, TypeError, StopIteration):
        return None


def event_of(body: str) -> dict[str, Any] | None:
    """The event that an EventBridge rule sent; None for any other message.

    https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
    """
    try:
        event = json.loads(body)
    except ValueError:
        return None
    return event if isinstance(event, dict) and {"source", "detail-type", "detail"} <= event.keys() else None


def with_group(body: dict[str, Any], tenant: str) -> bool:
    """One SendMessage: sends an event again with its tenant's group. False, without a call, if it has one already."""
    if body.get(GROUPED):
        return False
    _send(body, tenant)
    return True


def _send(body: dict[str, Any], tenant: str) -> None:
    # A queue with message groups is fair: a tenant with many messages in flight waits for those with few.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    text = json.dumps({**body, GROUPED: True})
    aws.sqs().send_message(QueueUrl=settings().ingest_queue_url, MessageBody=text, MessageGroupId=tenant)
