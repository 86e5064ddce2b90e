"""S3: the only module that signs, reads and writes objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import settings

IMMUTABLE = "public, max-age=31536000, immutable"

# DeleteObjects takes 1,000 keys at most: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH = 1000


@dataclass(frozen=True)
class PostPolicy:
    """A signed browser form: POST `fields` and then `file` to `url`."""

    url: str
    fields: dict[str, str]


def sign_upload(file: File, expires_in: int) -> PostPolicy:
    """An address for exactly this upload: key, size in bytes and content type are fixed by the policy. No AWS call.

    `expires_in` in seconds.
    """
    fixed = {"Content-Type": file.content_type, "success_action_status": "201"}
    signed = aws.s3().generate_presigned_post(
        Bucket=settings().originals_bucket,
        Key=original_key(file.tenant, file.id),
        Fields=dict(fixed),
        Conditions=[*({name: value} for name, value in fixed.items()), ["content-length-range", file.size, file.size]],
        ExpiresIn=expires_in,
    )
    return PostPolicy(signed["url"], signed["fields"])


@dataclass(frozen=True)
class Original:
    """An opened original: `size` in bytes, and its bytes as a stream that must be closed."""

    size: int
    body: IO[bytes]


class OriginalMissingError(LookupError):
    """The object version is not there (any more)."""


def open_original(key: str, version_id: str) -> Original:
    """One GetObject of one version; the bytes come as they are read.

    Raises OriginalMissingError when that version is gone.
    """
    client = aws.s3()
    version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
    try:
        reply = client.get_object(Bucket=settings().originals_bucket, Key=key, **version)
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchVersion", "404"}:
            raise OriginalMissingError(key) from None
        raise
    return Original(reply["ContentLength"], cast(IO[bytes], reply["Body"]))


def put_derived(key: str, body: bytes, content_type: str) -> None:
    """One PutObject of a derived file: its address never changes its bytes, so it may be cached for ever."""
    aws.s3().put_object(
        Bucket=settings().derived_bucket, Key=key, Body=body, ContentType=content_type, CacheControl=IMMUTABLE
    )


def delete_original_version(key: str, version_id: str) -> None:
    version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
    aws.s3().delete_object(Bucket=settings().originals_bucket, Key=key, **version)


def delete_original(key: str) -> None:
    """Every version of one original, and its delete markers."""
    pages = aws.s3().get_paginator("list_object_versions").paginate(Bucket=settings().originals_bucket, Prefix=key)
    versions = (
        {"Key": entry["Key"], "VersionId": entry["VersionId"]}
        for page in pages
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if entry["Key"] == key
    )
    _delete(settings().originals_bucket, versions)


def delete_derived(prefix: str) -> None:
    """Everything below a prefix of the derived bucket."""
    pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=settings().derived_bucket, Prefix=prefix)
    _delete(settings().derived_bucket, ({"Key": entry["Key"]} for page in pages for entry in page.get("Contents", [])))


def _delete(bucket: str, objects: Iterator[dict[str, str]]) -> None:
    batch: list[dict[str, str]] = []
    for entry in objects:
        batch.append(entry)
        if len(batch) == DELETE_BATCH:
            _delete_batch(bucket, batch)
            batch = []
    if batch:
        _delete_batch(bucket, batch)


def _delete_batch(bucket: str, batch: list[dict[str, str]]) -> None:
    reply = aws.s3().delete_objects(Bucket=bucket, Delete={"Objects": cast(Any, batch), "Quiet": True})
    if errors := reply.get("Errors"):
        first = errors[0]
        raise RuntimeError(f"S3 kept {len(errors)} of {len(batch)} objects: {first.get('Key')}: {first.get('Message')}")
