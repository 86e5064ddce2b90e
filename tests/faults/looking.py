"""What moto has: objects, items, messages and the stream, seen without the code under test and without its calls."""

from __future__ import annotations

import zlib
from base64 import b64decode
from importlib import import_module
from typing import Any

from chalicelib.catalog.dynamodb import read
from chalicelib.model import File
from tests.stage import STAGE, aws_client, plain

ACCOUNT, REGION = "123456789012", "eu-west-1"


def backend(service: str, region: str = REGION) -> Any:
    backends = import_module(f"moto.{service}.models")
    return getattr(backends, f"{service}_backends")[ACCOUNT][region]


def emptied() -> None:
    """Empties a provisioned stage, which is quicker than making it anew."""
    table = backend("dynamodb").tables["filemill-test"]
    table.items.clear()
    table.stream_shard.items.clear()
    s3 = backend("s3", "aws")
    for bucket in ("originals", "derived"):
        s3.buckets[bucket].keys.clear()
        s3.buckets[bucket].multiparts.clear()
    for queue in backend("sqs").queues.values():
        queue._messages.clear()
        queue.pending_messages.clear()
    backend("cloudfront", "aws").invalidations.clear()
    for archive in backend("events").archives.values():
        archive.events.clear()


def shown_again(queue: str) -> None:
    """A queue's messages are visible again to everybody: their visibility timeout is over."""
    found = backend("sqs").queues[queue]
    found.pending_messages.clear()
    for message in found._messages:
        message.visible_at = 0


def originals() -> list[tuple[str, str, int]]:
    """(key, version, bytes) of every version of every original."""
    keys = backend("s3", "aws").buckets["originals"].keys
    return [(v.name, v.version_id, v.size) for key in keys for v in keys.getlist(key) if hasattr(v, "size")]


def derived_keys() -> set[str]:
    return set(backend("s3", "aws").buckets["derived"].keys)


def multipart_uploads() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads", [])
    return found


def table() -> dict[tuple[str, str], dict[str, Any]]:
    """Every item, as values."""
    found = {}
    for items in backend("dynamodb").tables["filemill-test"].items.values():
        for item in items.values():
            values = read({name: _unpacked(value) for name, value in plain(item.attrs).items()})
            found[values["pk"], values["sk"]] = values
    return found


def _unpacked(value: dict[str, Any]) -> dict[str, Any]:
    """The text of what the audit compresses, so that a look sees what is in it. moto keeps it in base64."""
    if "B" not in value:
        return value
    packed = value["B"] if isinstance(value["B"], bytes) else b64decode(value["B"])
    return {"S": zlib.decompress(packed).decode()}


def records() -> list[File]:
    """Every file's record, tombstones included."""
    return [File.model_validate(values) for (_, sk), values in table().items() if sk == "FILE"]


def record_of(file_id: str) -> File:
    return next(file for file in records() if file.id == file_id)


def is_file(record: dict[str, Any]) -> bool:
    return bool(record["dynamodb"]["Keys"]["sk"] == {"S": "FILE"})


def stream() -> list[dict[str, Any]]:
    table = backend("dynamodb").tables["filemill-test"]
    return [plain(record.record) for record in table.stream_shard.items]


def archive_the_bus() -> None:
    """From now on `bus` gives what the stage's bus takes."""
    arn = aws_client("events").describe_event_bus(Name=STAGE["FILEMILL_EVENT_BUS"])["Arn"]
    aws_client("events").create_archive(ArchiveName="all", EventSourceArn=arn)


def bus() -> list[dict[str, Any]]:
    """The events that the bus took, in their order: those in its archive."""
    return [event["detail"] for archive in backend("events").archives.values() for event in archive.events]
