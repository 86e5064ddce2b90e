"""Uppy's requests, and what is shared by the tests of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.client import Answer, Client
from tests.making import MIB
from tests.stage import aws_client

NEW = {"filename": "Menü 1.jpg", "type": "image/jpeg", "metadata": {"album": "Été"}}


RANDOM = "3f0f6d53-8f0b-4d0c-9e83-2f8d1f3c7a11"


def token_client(client: Client, **limits: Any) -> Client:
    """A browser with an upload token of the client's tenant."""
    made = client("POST", "/v1/upload-tokens", {"max_bytes": 50 * MIB, "max_files": 5, **limits})
    assert made.status == 201, made.text
    return Client(made.json["token"])


def begin(client: Client, **fields: Any) -> tuple[str, str]:
    """(key, upload id) of a multipart upload begun as `companionEndpoint` does."""
    made = client("POST", "/s3/multipart", NEW | fields)
    assert made.status == 200, made.text
    return made.json["key"], made.json["uploadId"]


def send_part(key: str, upload_id: str, number: int = 1, size: int = 3) -> str:
    """S3 holds this part from here on; its ETag, in S3's quotes."""
    reply = aws_client("s3").upload_part(
        Bucket="originals", Key=key, UploadId=upload_id, PartNumber=number, Body=b"x" * size
    )
    return str(reply["ETag"])


def record(client: Client, key: str) -> dict[str, Any]:
    got = client("GET", f"/v1/files/{key.partition('/')[2]}")
    assert got.status == 200, got.text
    body: dict[str, Any] = got.json
    return body


def params(client: Client, **query: str) -> Answer:
    return client("GET", "/s3/params", query={"filename": "a.jpg", "type": "image/jpeg", **query})


def presign(client: Client, **request: Any) -> Answer:
    return client("POST", "/s3/presign", request)


def begin_signed(client: Client) -> tuple[str, str]:
    """(key, upload id) of a multipart upload that the browser began by itself, by a signed address."""
    begun = presign(client, method="POST", key=f"{RANDOM}-a.jpg")
    assert begun.status == 200, begun.text
    # Uppy sends a Content-Type that it does not tell, so none may be signed.
    assert parse_qs(urlsplit(begun.json["url"]).query)["X-Amz-SignedHeaders"] == ["host"]
    key = begun.json["key"]
    return key, aws_client("s3").create_multipart_upload(Bucket="originals", Key=key)["UploadId"]
