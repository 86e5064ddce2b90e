"""Builders that tests of several rooms share: records, uploads, and the messages that deliver them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

from ulid import ULID

from chalicelib.model import File, Kind, Rendition, Status, Visibility, now
from chalicelib.processing import pipeline
from tests.client import Client
from tests.stage import aws_client, lambda_context

BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)


def file(number: int, **values: Any) -> File:
    """The number-th file of `acme`, one a second; ready, an image, of 1000 bytes and the number."""
    created = BEGIN + timedelta(seconds=number)
    milliseconds = int(created.timestamp() * 1000)
    made: dict[str, Any] = {
        "id": f"file_{ULID.from_bytes(milliseconds.to_bytes(6, 'big') + number.to_bytes(10, 'big'))}",
        "tenant": "acme",
        "status": Status.READY,
        "kind": Kind.IMAGE,
        "filename": f"IMG {number:06d}.jpg",
        "content_type": "image/jpeg",
        "size": 1000 + number,
        "sha256": f"{number:064x}",
        "visibility": Visibility.PRIVATE,
        "recipe": "photo",
        "tags": ["holiday", "cats" if number % 2 else "dogs"],
        "revision": 3,
        "created_at": created,
        "updated_at": created + timedelta(seconds=2),
    }
    return File.model_validate(made | values)


RENDITIONS = [
    Rendition(name="w160", format=f, content_type=f"image/{f}", width=160, height=120, size=9) for f in ("webp", "jpeg")
]


def ready_file(visibility: Visibility) -> File:
    moment = now()
    return File(
        id="file_01K8Z0000000000000000000AA",
        tenant="acme",
        status=Status.READY,
        filename="a.jpg",
        content_type="image/jpeg",
        size=1,
        visibility=visibility,
        recipe="photo",
        revision=3,
        created_at=moment,
        updated_at=moment,
        renditions=RENDITIONS,
        source_version="0123456789abcdef",
    )


def upload(
    client: Client,
    body: bytes,
    *,
    name: str = "a.jpg",
    content_type: str = "image/jpeg",
    tenant: str = "acme",
    **more: Any,
) -> str:
    """Creates a file and puts its bytes where the upload form would."""
    answer = client("POST", "/v1/files", {"filename": name, "content_type": content_type, "size": len(body), **more})
    assert answer.status == 201
    file_id: str = answer.json["id"]
    put(file_id, body, tenant)
    return file_id


def put(file_id: str, body: bytes, tenant: str = "acme") -> str:
    reply = aws_client("s3").put_object(Bucket="originals", Key=f"{tenant}/{file_id}", Body=body)
    version_id: str = reply["VersionId"]
    return version_id


def message(
    key: str, version_id: str, size: int, *, sequencer: str = "0A", receives: int = 1, bucket: str = "originals"
) -> dict[str, Any]:
    """What Lambda gets from the queue for one S3 notification."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Post",
        "s3": {
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": size,
                "eTag": "e",
                "versionId": version_id,
                "sequencer": sequencer,
            },
        },
    }
    return sqs_event(json.dumps({"Records": [record]}), receives=receives)


def sqs_event(body: str, *, receives: int = 1) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1700000000000"}
    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:ingest",
        "awsRegion": "eu-west-1",
    }
    return {"Records": [record]}


def deliver(file_id: str, *, tenant: str = "acme", **more: Any) -> None:
    """Delivers the notification for the newest version of a file's original."""
    head = aws_client("s3").head_object(Bucket="originals", Key=f"{tenant}/{file_id}")
    version = more.pop("version_id", head["VersionId"])
    pipeline.handle(message(f"{tenant}/{file_id}", version, head["ContentLength"], **more), lambda_context())


def derived() -> list[str]:
    return [o["Key"] for o in aws_client("s3").list_objects_v2(Bucket="derived").get("Contents", [])]
