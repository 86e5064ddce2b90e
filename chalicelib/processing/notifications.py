"""S3's notifications in the ingest queue: the object versions that a message names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

from chalicelib.observability import logger
from chalicelib.queues.worker import Message


@dataclass(frozen=True)
class Stored:
    """One version of an object in the originals bucket. `size` in bytes."""

    bucket: str
    key: str
    version_id: str
    sequencer: str
    size: int


def stored_objects(message: Message) -> Iterator[Stored]:
    """The objects in a message. S3's test message, and a message that is no S3 event, have none."""
    try:
        body = json.loads(message.body)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("Records"), list):
        test = isinstance(body, dict) and body.get("Event") == "s3:TestEvent"
        logger.info("S3 tests the queue" if test else "not a storage event; dropped")
        return
    for record in body["Records"]:
        if record["eventName"].startswith("ObjectCreated:"):
            stored = record["s3"]["object"]
            yield Stored(
                bucket=record["s3"]["bucket"]["name"],
                key=unquote_plus(stored["key"]),  # URL-encoded, with + for a space
                version_id=stored.get("versionId") or "",
                sequencer=stored.get("sequencer") or "",
                size=int(stored.get("size") or 0),
            )
