"""The derived bucket: renditions, written once under an address that never changes its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.settings import settings
from chalicelib.storage.objects import Listed, Stored, delete_each

IMMUTABLE = "public, max-age=31536000, immutable"


# Renditions copied at once, all of them inside S3.
COPIERS = 8


def page(after: str, prefix: str = "") -> Listed:
    """One ListObjectsV2: at most 1,000 objects."""
    reply = aws.s3().list_objects_v2(Bucket=settings().derived_bucket, Prefix=prefix, StartAfter=after)
    found = [Stored(entry["Key"], entry["LastModified"], size=entry["Size"]) for entry in reply.get("Contents", [])]
    return Listed(found, (found[-1].key, "") if reply.get("IsTruncated") and found else None)


def delete_objects(keys: Iterable[str]) -> None:
    """One DeleteObjects for each thousand."""
    delete_each(settings().derived_bucket, ({"Key": key} for key in keys))


def put(key: str, body: bytes, content_type: str) -> None:
    """One PutObject of a derived file: its address never changes its bytes, so it may be cached for ever."""
    aws.s3().put_object(
        Bucket=settings().derived_bucket, Key=key, Body=body, ContentType=content_type, CacheControl=IMMUTABLE
    )


def copy(copies: Mapping[str, str]) -> bool:
    """One CopyObject for each key and the key that it goes to, side by side; False when one of them is missing."""

    def copy(pair: tuple[str, str]) -> None:
        bucket = settings().derived_bucket
        aws.s3().copy_object(Bucket=bucket, Key=pair[1], CopySource={"Bucket": bucket, "Key": pair[0]})

    try:
        with ThreadPoolExecutor(COPIERS) as copiers:
            list(copiers.map(copy, copies.items()))
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return False
        raise
    return True


@dataclass(frozen=True)
class Derived:
    """A derived file; `body` None when it has more bytes than were to be read."""

    content_type: str
    body: bytes | None


def read(key: str, most: int) -> Derived | None:
    """One GetObject of at most so many bytes; None when there is no such object."""
    try:
        reply = aws.s3().get_object(Bucket=settings().derived_bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in {403, 404}:
            return None
        raise
    with reply["Body"] as body:
        return Derived(reply["ContentType"], body.read() if reply["ContentLength"] <= most else None)


def sign(key: str, expires_in: int) -> str:
    """An address to GET a derived file from S3 itself. No AWS call."""
    parameters = {"Bucket": settings().derived_bucket, "Key": key}
    return aws.s3().generate_presigned_url("get_object", Params=parameters, ExpiresIn=expires_in)


def delete(key: str) -> None:
    """One DeleteObject."""
    aws.s3().delete_object(Bucket=settings().derived_bucket, Key=key)


def delete_below(prefix: str) -> None:
    """Everything below a prefix of the derived bucket."""
    pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=settings().derived_bucket, Prefix=prefix)
    delete_each(
        settings().derived_bucket, ({"Key": entry["Key"]} for page in pages for entry in page.get("Contents", []))
    )
