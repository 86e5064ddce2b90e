"""The derived bucket: renditions. Each is written once, under a key whose bytes never change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.settings import settings
from chalicelib.storage.objects import Page, Stored, delete_each, is_missing

IMMUTABLE = "public, max-age=31536000, immutable"

# For objects that are made of another file's insides and soon deleted. The tag is that of a lifecycle rule in
# .chalice/resources.yaml. A rule can't find them by prefix, because the names at the end of their keys tell them apart:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
PASSING = "public, max-age=3600"
FOR_A_DAY = "filemill-keep=day"
UNKNOWN_BYTES = "application/octet-stream"

# Renditions that are copied at once; S3 copies them itself.
COPIERS = 8


def page(after: str) -> Page:
    """The objects behind the key `after`: one ListObjectsV2 as a rule, at most 1,000 objects.

    S3 may answer with fewer objects than there are, even with none. Only IsTruncated says if there are more.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """
    bucket = settings().derived_bucket
    for reply in aws.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, StartAfter=after):
        found = [Stored(entry["Key"], entry["LastModified"], size=entry["Size"]) for entry in reply.get("Contents", [])]
        more = reply.get("IsTruncated", False)
        if found or not more:
            return Page(found, (found[-1].key, "") if more else None)
    return Page([], None)


def keys_below(prefix: str) -> Iterator[str]:
    """The keys of all objects below a prefix: one ListObjectsV2 for each thousand."""
    pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=settings().derived_bucket, Prefix=prefix)
    return (entry["Key"] for page in pages for entry in page.get("Contents", []))


def names_in(folder: str, without: str) -> list[str]:
    """The names of the objects in a folder (its prefix ends in `/`), except those that have `without` in their name.

    S3 takes those with it together and names them once (`Delimiter`), so that a folder with thousands of them still
    costs one ListObjectsV2.
    """
    pages = (
        aws.s3()
        .get_paginator("list_objects_v2")
        .paginate(Bucket=settings().derived_bucket, Prefix=folder, Delimiter=without)
    )
    return [entry["Key"].removeprefix(folder) for page in pages for entry in page.get("Contents", [])]


@dataclass(frozen=True)
class Derived:
    """A derived object, as it was read or stored; `body` is None if it has more bytes than the caller wanted to read.

    `headers` are those that S3 answers with, by which a viewer's answer must not differ.
    """

    headers: Mapping[str, str]
    body: bytes | None


def read(key: str, most: int) -> Derived | None:
    """One GetObject, which reads at most `most` bytes. None if there is no such object."""
    try:
        reply = aws.s3().get_object(Bucket=settings().derived_bucket, Key=key)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    headers = {"Content-Type": reply["ContentType"], "Cache-Control": reply.get("CacheControl", IMMUTABLE)}
    if disposition := reply.get("ContentDisposition"):
        headers["Content-Disposition"] = disposition
    with reply["Body"] as body:
        return Derived(headers, body.read() if reply["ContentLength"] <= most else None)


def exists(key: str) -> bool:
    """One HeadObject. False too where the bucket may not be read."""
    try:
        aws.s3().head_object(Bucket=settings().derived_bucket, Key=key)
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True


def sign(key: str, expires_in: int, method: str = "GET") -> str:
    """An address for one derived object in S3 itself, for `expires_in` seconds. No AWS call.

    It is good for one method, GET or HEAD, because the method is part of what S3's signature covers.
    """
    parameters = {"Bucket": settings().derived_bucket, "Key": key}
    operation = "head_object" if method == "HEAD" else "get_object"
    return aws.s3().generate_presigned_url(operation, Params=parameters, ExpiresIn=expires_in)


def put(key: str, body: bytes, content_type: str) -> Derived:
    """One PutObject. Caches may keep the object for ever, because the bytes of a key never change."""
    aws.s3().put_object(
        Bucket=settings().derived_bucket, Key=key, Body=body, ContentType=content_type, CacheControl=IMMUTABLE
    )
    return Derived({"Content-Type": content_type, "Cache-Control": IMMUTABLE}, body)


def put_for_a_day(key: str, body: bytes, disposition: str) -> Derived:
    """One PutObject of bytes that a viewer may only save. S3 deletes them after a day, and caches forget them sooner.

    S3 counts whole days and rounds up to midnight UTC, so they are there for one to two days:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """
    aws.s3().put_object(
        Bucket=settings().derived_bucket,
        Key=key,
        Body=body,
        ContentType=UNKNOWN_BYTES,
        ContentDisposition=disposition,
        CacheControl=PASSING,
        Tagging=FOR_A_DAY,
    )
    headers = {"Content-Type": UNKNOWN_BYTES, "Cache-Control": PASSING, "Content-Disposition": disposition}
    return Derived(headers, body)


def copy(copies: Mapping[str, str]) -> bool:
    """Copies each key to the key that it is mapped to: one CopyObject each, several at once.

    False if one of the sources is missing; others may have been copied then. For a role with ListBucket on the bucket:
    otherwise a source that is missing can't be told from a target that may not be written.
    """

    def copy_one(pair: tuple[str, str]) -> None:
        source, target = pair
        bucket = settings().derived_bucket
        aws.s3().copy_object(Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": source})

    try:
        with ThreadPoolExecutor(COPIERS) as copiers:
            list(copiers.map(copy_one, copies.items()))
    except ClientError as error:
        if is_missing(error, may_list=True):
            return False
        raise
    return True


def delete(key: str) -> None:
    """One DeleteObject."""
    aws.s3().delete_object(Bucket=settings().derived_bucket, Key=key)


def delete_many(keys: Iterable[str]) -> None:
    """One DeleteObjects for each thousand keys."""
    delete_each(settings().derived_bucket, ({"Key": key} for key in keys))


def delete_below(prefix: str) -> None:
    """Deletes every object below a prefix: one ListObjectsV2 and one DeleteObjects for each thousand."""
    delete_many(keys_below(prefix))
