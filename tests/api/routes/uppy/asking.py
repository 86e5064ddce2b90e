"""Uppy's requests, and what is shared by the tests of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from chalicelib.settings import settings
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
    """(key, upload id) of a multipart upload begun as `signRequest` does."""
    begun = presign(client, method="POST", key=f"{RANDOM}-a.jpg")
    assert begun.status == 200, begun.text
    return begun.json["key"], upload_id_of(begun.json["url"])


def ask_begun(url: str) -> Answer:
    """Uppy's request to the address that begins an upload: without a credential, and with the file's type."""
    address = urlsplit(url)
    assert f"{address.scheme}://{address.netloc}" == settings().front_door
    return Client(None)("POST", f"{address.path}?{address.query}", "", headers={"Content-Type": "image/jpeg"})


def upload_id_of(url: str) -> str:
    """The upload id that Uppy reads in the answer."""
    told = ask_begun(url)
    assert (told.status, told.headers["Content-Type"]) == (200, "application/xml"), told.text
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    return str(ElementTree.fromstring(told.text).findtext("{http://s3.amazonaws.com/doc/2006-03-01/}UploadId"))
