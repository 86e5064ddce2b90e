"""Files in the states that the sweep and the reconciliation meet, and looks at what became of them."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.catalog import deletion
from chalicelib.catalog.files import records
from chalicelib.model import File
from tests import images
from tests.client import Client
from tests.making import deliver, put
from tests.stage import STAGE, aws_client

PHOTO = images.jpeg(64, 48)


def created(client: Client, **more: Any) -> str:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO), **more}
    answer = client("POST", "/v1/files", {k: v for k, v in body.items() if v is not None})
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def deleted(client: Client, count: int) -> list[str]:
    """Public files whose deletes stopped before anything was removed."""
    ids = [created(client, visibility="public") for _ in range(count)]
    for file_id in ids:
        put(file_id, PHOTO)
        deliver(file_id)
        deletion.mark_deleted("acme", file_id)
    return ids


def record(file_id: str) -> File:
    return records([file_id], consistent=True)[file_id]


def stored_status(file_id: str) -> str:
    key = {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    item: dict[str, Any] = aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]
    return str(item["status"]["S"])


def is_due(file_id: str) -> bool:
    key = {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    return "due_pk" in aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]


def messages(queue: str = "INGEST") -> list[dict[str, Any]]:
    """What waits in a queue, taken out of it."""
    url = STAGE[f"FILEMILL_{queue}_QUEUE_URL"]
    found = []
    while batch := aws_client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            found.append(json.loads(message["Body"]))
            aws_client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def nothing(done: Any) -> bool:
    return not {name for name, count in done.items() if count} - {"Walked"}
