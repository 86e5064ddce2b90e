"""Code for both buckets: one page of a listing, and deletes in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.text import fits_header

# DeleteObjects takes 1,000 keys at most: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH = 1000

# S3's answers to If-None-Match when an object is there already, or is being written just now.
TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


# Put into a request for an original, these replace the headers that its sender chose for it. So no answer repeats a
# stranger's header, which may be one that HTTP can't carry. Signed requests may ask for this:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestParameters
PLAIN_HEADERS: dict[str, Any] = {
    "ResponseContentType": "application/octet-stream",
    "ResponseContentDisposition": "attachment",
    "ResponseContentEncoding": "identity",
    "ResponseContentLanguage": "en",
    "ResponseCacheControl": "no-store",
    "ResponseExpires": datetime.fromtimestamp(0, UTC),
}


def sendable_type(content_type: str) -> str:
    """The Content-Type for an object: the record's. Records from before the check of types may have one that no header
    can carry; such an object has no type."""
    return content_type if fits_header(content_type) else "application/octet-stream"


def is_missing(error: ClientError, *, may_list: bool = False) -> bool:
    """True if this is S3's answer for an object, or a version, that is not there.

    S3 answers 403 for a missing object to a role without ListBucket, and 404 to one with it. So a role that may not
    read the bucket at all takes every object for missing. With `may_list`, which is for roles that have ListBucket on
    the bucket, a 403 is what it says.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    answers = {404} if may_list else {403, 404}
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in answers


@dataclass(frozen=True)
class Stored:
    """One object of a listing; in a versioned bucket one version, or one delete marker. `size` in bytes."""

    key: str
    modified: datetime
    version_id: str = ""
    size: int = 0
    is_marker: bool = False


@dataclass(frozen=True)
class Page:
    """One page of a listing. `after` is the (key, version id) behind which the next page begins,
    or None on the last page."""

    objects: list[Stored]
    after: tuple[str, str] | None


def delete_each(bucket: str, objects: Iterator[dict[str, str]]) -> None:
    """One DeleteObjects for each thousand. Raises RuntimeError when S3 keeps one of the objects.

    Each object is `{"Key": …}` or, for one version, `{"Key": …, "VersionId": …}`.
    """
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
        raise RuntimeError(
            f"S3 did not delete {len(errors)} of {len(batch)} objects: {first.get('Key')}: {first.get('Message')}"
        )
