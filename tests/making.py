"""Builders that tests of several rooms share: records, uploads, the messages that deliver them, and looks at AWS."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from ulid import ULID

from chalicelib.catalog import files
from chalicelib.catalog.dynamodb import attributes
from chalicelib.model import File, Kind, Rendition, Status, Visibility, now
from chalicelib.processing import pipeline
from chalicelib.processing.image import exif, metadata
from chalicelib.renditions.recipes import RECIPES
from tests import images
from tests.client import Client
from tests.stage import MEDIA_STAGE, aws_client, lambda_context

MIB = 1024**2
BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)


def file(number: int, **values: Any) -> File:
    """The number-th file of `acme`, one each second: a ready image of 1000 + `number` bytes."""
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
    """Creates a file, and puts its bytes where the upload form would put them."""
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
    """The event that Lambda gets from the queue for one S3 notification."""
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


def put_objects(file_id: str) -> None:
    """Two versions of a file's original with a neighbour, and one rendition."""
    s3 = aws_client("s3")
    for body in (b"1", b"2"):
        s3.put_object(Bucket="originals", Key=f"acme/{file_id}", Body=body)
    s3.put_object(Bucket="originals", Key="acme/neighbour", Body=b"n")
    s3.put_object(Bucket="derived", Key=f"f/private/{file_id}/v/w160.webp", Body=b"r")


def sqs_event(body: str, *, receives: int = 1, queue: str = "ingest") -> dict[str, Any]:
    """One message of a queue, as Lambda gives it to the queue's function."""
    attributes = {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1700000000000"}
    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{queue}",
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


# --- Files that went all the way

PHOTO = images.jpeg(700, 500)


def ready_photo(client: Client, **more: Any) -> str:
    """The id of a photo with WebPs of three widths and one JPEG."""
    file_id = upload(client, PHOTO, **more)
    deliver(file_id)
    return file_id


CAT = "\U0001f408"  # the most that one character needs: 4 bytes of UTF-8, or 12 as an escape


def largest_request(client: Client) -> str:
    """The id of a private photo whose client said as much of it as the bounds of the API allow."""
    body: dict[str, Any] = {
        "tags": [CAT * 60 + f"{n:04}" for n in range(20)],
        "metadata": {"k": CAT * (2 * 1024 - 3)},
        "recipe": "document",
        "focus": {"x": 0.1234, "y": 0.9876},
    }
    file_id = upload(client, PHOTO, name=CAT * 255, **body)
    deliver(file_id)
    return file_id


def enlarge(file_id: str, renditions: int) -> None:
    """Fills up the record of such a file: with as much as processing may find.

    It has `renditions` times as many renditions as the largest recipe makes.
    """
    made = files.get("acme", file_id)
    assert made
    assert made.image
    image = made.image.model_copy(
        update={
            "exif": dict.fromkeys(exif._FIELDS, CAT * exif.MAX_TEXT),
            **dict.fromkeys(("title", "artist", "copyright", "caption"), CAT * metadata.MAX_TEXT),
            "keywords": [CAT * (metadata.MAX_ALL_KEYWORDS // metadata.MAX_KEYWORDS)] * metadata.MAX_KEYWORDS,
        }
    )
    most = renditions * max((len(recipe.widths) + 1) * len(recipe.encodings) for recipe in RECIPES.values())
    rendition = made.renditions[-1].model_dump(mode="json")
    values = {
        "image": image.model_dump(mode="json"),
        "renditions": [rendition | {"name": f"w{n:05}"} for n in range(most)],
        "error": {"code": "internal", "message": "x" * 1000},
        "leftovers": [f"f/private/{file_id}/0123456789abcdef/"] * 20,
        "source_url": "x" * 2048,
        "upload_id": "x" * 1024,
    }
    for name, value in attributes(values).items():
        set_item(file_id, name, value)


def ready_other(client: Client) -> str:
    """The id of a file of the kind `other`: ready, without renditions."""
    file_id = upload(client, b"\0\1", name="a.bin", content_type="application/octet-stream")
    deliver(file_id)
    return file_id


def rendition_keys(record: dict[str, Any]) -> set[str]:
    """The keys of the objects that a record's addresses lead to."""
    return {r["url"].removeprefix("https://d111.cloudfront.net/").partition("?")[0] for r in record["renditions"]}


# --- Uploads in parts

VIDEO = {"filename": "v.mov", "content_type": "application/x-video", "size": 11 * MIB, "upload": "multipart"}
VIDEO_OF_THREE_PARTS = VIDEO | {"part_size": 5 * MIB}


def begin_multipart(client: Client, **more: Any) -> Any:
    """The record of an upload in three parts."""
    answer = client("POST", "/v1/files", VIDEO_OF_THREE_PARTS | more)
    assert answer.status == 201, answer.text
    return answer.json


def send_part(record: Any, number: int, size: int, tenant: str = "acme") -> str:
    """Sends a part, as the signed address would, and gives its ETag."""
    file = files.get(tenant, record["id"])
    assert file
    assert file.upload_id
    reply = aws_client("s3").upload_part(
        Bucket="originals",
        Key=f"{tenant}/{record['id']}",
        UploadId=file.upload_id,
        PartNumber=number,
        Body=bytes([number]) * size,
    )
    etag: str = reply["ETag"].strip('"')
    return etag


def send_all_parts(record: Any) -> list[dict[str, Any]]:
    sizes = {1: 5 * MIB, 2: 5 * MIB, 3: MIB}
    return [{"part_number": n, "etag": send_part(record, n, size)} for n, size in sizes.items()]


def takes(url: str, length: int | None) -> bool:
    """True if S3 would take a PUT with a body of this length at a signed address; None is a body of any length.

    The signature is made again: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    address = urlsplit(url)
    query = dict(parse_qsl(address.query))
    signature, names = query.pop("X-Amz-Signature"), query["X-Amz-SignedHeaders"].split(";")
    if length is None:
        return "content-length" not in names
    headers = {"host": address.netloc, "content-length": str(length)}
    asked = "&".join(f"{quote(name, safe='')}={quote(query[name], safe='')}" for name in sorted(query))
    lines = [f"{name}:{headers[name]}" for name in names]
    request = "\n".join(["PUT", address.path, asked, *lines, "", ";".join(names), "UNSIGNED-PAYLOAD"])
    scope = query["X-Amz-Credential"].partition("/")[2]
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for text in (*scope.split("/"), "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, digest])):
        key = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return key.hex() == signature


def open_uploads() -> list[str]:
    """The ids of S3's open multipart uploads."""
    found = aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads", [])
    return [upload["UploadId"] for upload in found]


# --- The ingest queue


def take_messages() -> list[str]:
    """The bodies of the messages in the ingest queue, which is empty afterwards."""
    sqs = aws_client("sqs")
    url = sqs.get_queue_url(QueueName="ingest")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for received in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    return [received["Body"] for received in found]


def work_off(**more: Any) -> int:
    """Has the process function work off the ingest queue; how many messages there were."""
    bodies = take_messages()
    for body in bodies:
        pipeline.handle(sqs_event(body, **more), lambda_context())
    return len(bodies)


def deliver_film() -> None:
    """Has the function `media` work off its queue."""
    sqs, url = aws_client("sqs"), MEDIA_STAGE["FILEMILL_MEDIA_QUEUE_URL"]
    for received in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
        pipeline.handle_media(sqs_event(received["Body"], queue="media"), lambda_context())


# --- Looks at the table and the edges


def item(file_id: str) -> dict[str, Any]:
    """A file's item, as DynamoDB gives it."""
    found: dict[str, Any] = aws_client("dynamodb").get_item(TableName="filemill-test", Key=_item_key(file_id))["Item"]
    return found


def set_item(file_id: str, name: str, value: dict[str, Any]) -> None:
    aws_client("dynamodb").update_item(
        TableName="filemill-test",
        Key=_item_key(file_id),
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": name},
        ExpressionAttributeValues={":v": value},
    )


def _item_key(file_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}


def invalidations() -> list[str]:
    """The paths that the distribution was asked to forget."""
    listed = aws_client("cloudfront").list_invalidations(DistributionId="EDIST")["InvalidationList"]
    found = []
    for entry in listed.get("Items", []):
        batch = aws_client("cloudfront").get_invalidation(DistributionId="EDIST", Id=entry["Id"])["Invalidation"]
        found += batch["InvalidationBatch"]["Paths"]["Items"]
    return found
