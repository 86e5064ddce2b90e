"""The media queue: `process` hands video and audio over to the function `media`, one message for each file."""

from __future__ import annotations

import json

from chalicelib import aws
from chalicelib.model import File
from chalicelib.queues import ingest
from chalicelib.settings import settings


def send(file: File) -> None:
    """One SendMessage: the same event as in the ingest queue, in the tenant's message group.

    The group makes the queue fair: a tenant with many files in flight waits for those with few. Two messages have the
    effect of one.
    """
    aws.sqs().send_message(
        QueueUrl=settings().media_queue_url, MessageBody=json.dumps(ingest.stored(file)), MessageGroupId=file.tenant
    )
