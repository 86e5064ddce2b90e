"""What is to be fetched, between the API, which says so, and the fetch function, which does it."""

from __future__ import annotations

import json

from pydantic import BaseModel, ValidationError

from chalicelib import aws
from chalicelib.model import File
from chalicelib.settings import settings


class Import(BaseModel):
    """A message. The record has the rest; the URL above all, which may hold a secret and stays out of the queue."""

    tenant: str
    file_id: str
    correlation_id: str | None = None


def send(file: File) -> None:
    """One SendMessage: has a file's `source_url` fetched. Sent twice, it is fetched once in effect."""
    wanted = Import(tenant=file.tenant, file_id=file.id, correlation_id=file.correlation_id)
    # The group makes the queue fair: who has many imports in flight waits for who has few.
    aws.sqs().send_message(
        QueueUrl=settings().import_queue_url, MessageBody=wanted.model_dump_json(), MessageGroupId=file.tenant
    )


def parse(body: str) -> Import | None:
    """None for what is no message of ours."""
    try:
        return Import.model_validate(json.loads(body))
    except (ValueError, ValidationError):
        return None
