"""The import queue: the API sends a message for each file to fetch, and the function `fetch` receives it."""

from __future__ import annotations

import json

from pydantic import BaseModel, ValidationError

from chalicelib import aws
from chalicelib.model import File
from chalicelib.settings import settings


class Import(BaseModel):
    """A message. The rest is in the record, above all the URL: it may hold a secret, so it stays out of the queue."""

    tenant: str
    file_id: str
    correlation_id: str | None = None


def send(file: File) -> None:
    """One SendMessage: asks for a file's `source_url` to be fetched. A message that is sent twice has one effect."""
    wanted = Import(tenant=file.tenant, file_id=file.id, correlation_id=file.correlation_id)
    # The group makes the queue fair: a tenant with many imports in flight waits for those with few.
    aws.sqs().send_message(
        QueueUrl=settings().import_queue_url, MessageBody=wanted.model_dump_json(), MessageGroupId=file.tenant
    )


def parse(body: str) -> Import | None:
    """Reads a message. None if it is not one of ours."""
    try:
        return Import.model_validate(json.loads(body))
    except (ValueError, ValidationError):
        return None
