"""The ingest queue, where S3 says what was stored; and where we say the same again to have a file processed again."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import settings

# In a message's body: it was sent with its tenant's message group, which S3 cannot name.
GROUPED = "grouped"


def send(file: File) -> None:
    """One SendMessage: the event of the file's object version, as S3 sends it. Sent twice, it is worked off once."""
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
    _send({"Records": [record]}, file.tenant)


def with_group(body: dict[str, Any], tenant: str) -> bool:
    """One SendMessage: the same event, with its tenant named; False when it is named already."""
    if body.get(GROUPED):
        return False
    _send(body, tenant)
    return True


def _send(body: dict[str, Any], tenant: str) -> None:
    # A queue with message groups is a fair one: who has many messages in flight waits for who has few.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    text = json.dumps({**body, GROUPED: True})
    aws.sqs().send_message(QueueUrl=settings().ingest_queue_url, MessageBody=text, MessageGroupId=tenant)
