"""The ingest queue, where S3 says what was stored; and where we say the same again to have a file processed again."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import settings


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
    aws.sqs().send_message(QueueUrl=settings().ingest_queue_url, MessageBody=json.dumps({"Records": [record]}))
