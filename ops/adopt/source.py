"""The bucket whose objects become files: which they are, and what S3 says of each. Nothing in it is ever changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ops.errors import NOT_SIGNED_IN, OpsError, sentence

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)

# Storage classes from which nothing can be read before it is restored:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/archived-objects.html
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})

# A copy is answered when S3 has made it, which takes a while for a large object. Seconds.
COPY_TIMEOUT = 300


class RefusedError(Exception):
    """An object can't become a file. `code` is one of REASONS; the message is for the person at the terminal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


REASONS = {
    "archived": "it is in an archive; restore it, and run this again",
    "changed": "it was changed, or deleted, since it was listed; run this again",
    "empty": "it has no bytes",
    "encrypted": "it is encrypted with a key that only its owner has (SSE-C)",
    "forbidden": "reading it is not allowed",
    "quota": "a quota of the tenant allows no more",
    "too_large": "it is larger than the stage allows",
    "unnamed": "its key ends in a slash, so it has no name",
    "aws": "AWS failed",
}
"""Why an object does not become a file. Part of the report, so none is ever renamed."""


@dataclass(frozen=True)
class Object:
    """One object of the listing; `size` in bytes, `etag` without quotes."""

    key: str
    size: int
    etag: str
    modified: datetime
    storage_class: str = "STANDARD"


@dataclass(frozen=True)
class Details:
    """What S3 says of one object beyond the listing; `version_id` is empty in a bucket without versions."""

    content_type: str | None
    content_encoding: str | None
    metadata: dict[str, str]
    version_id: str


@dataclass(frozen=True)
class Globs:
    """Which keys are wanted, by their part behind the prefix. `*` stands for any text, slashes too."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def take(self, name: str) -> bool:
        if self.include and not any(fnmatchcase(name, each) for each in self.include):
            return False
        return not any(fnmatchcase(name, each) for each in self.exclude)


@dataclass
class Source:
    """A bucket and a prefix. `region` is the bucket's; `client` sends its requests there."""

    bucket: str
    prefix: str
    region: str
    client: Any
    requester_pays: bool = False
    globs: Globs = field(default_factory=Globs)

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def payer(self) -> dict[str, str]:
        """The parameter of each request to a bucket whose requesters pay."""
        return {"RequestPayer": "requester"} if self.requester_pays else {}

    def takes(self, key: str) -> bool:
        return self.globs.take(key[len(self.prefix) :].removeprefix("/"))

    def pages(self) -> Iterator[list[Object]]:
        """The present objects, no earlier versions: one ListObjectsV2 for each thousand. Raises OpsError."""
        paginator = self.client.get_paginator("list_objects_v2")
        try:
            for page in paginator.paginate(Bucket=self.bucket, Prefix=self.prefix, **self.payer):
                yield [_object(each) for each in page.get("Contents", [])]
        except ClientError as error:
            raise OpsError(_of_bucket(error, self.bucket)) from error

    def look(self, found: Object) -> Details:
        """One HeadObject. Raises RefusedError for an object that can't be copied, or is another one by now."""
        wanted = {"Bucket": self.bucket, "Key": found.key, "IfMatch": f'"{found.etag}"', **self.payer}
        try:
            reply = self.client.head_object(**wanted)
        except ClientError as error:
            raise refusal(self._explained(error, wanted)) from error
        archived = found.storage_class in ARCHIVED and 'ongoing-request="false"' not in reply.get("Restore", "")
        if archived or reply.get("ArchiveStatus"):
            raise RefusedError("archived", REASONS["archived"])
        return Details(
            reply.get("ContentType"),
            reply.get("ContentEncoding"),
            reply.get("Metadata", {}),
            # A bucket whose versions were turned off has objects with the version `null`.
            "" if (version := reply.get("VersionId", "")) == "null" else version,
        )

    def _explained(self, error: ClientError, wanted: dict[str, str]) -> ClientError:
        """The error with S3's reason. The answer to a HeadObject has none: a GetObject of one byte has."""
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (400, 403):
            try:
                self.client.get_object(**wanted, Range="bytes=0-0")["Body"].close()
            except ClientError as explained:
                return explained
        return error


def open_source(url: str, *, requester_pays: bool = False, globs: Globs | None = None) -> Source:
    """Finds the bucket and its region: one HeadBucket. Raises OpsError with what to do.

    A bucket whose requesters pay may refuse that, and yet be listed.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise OpsError(f"{url!r} names no bucket: write s3://BUCKET or s3://BUCKET/PREFIX.")
    bucket, prefix = match[1], match[2] or ""
    client = boto3.client("s3")
    try:
        reply: Any = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        told = error.response.get("ResponseMetadata", {})
        if not requester_pays or told.get("HTTPStatusCode") != 403:
            raise OpsError(_of_bucket(error, bucket)) from error
        # S3 refuses requests without the payer's consent, and HeadBucket has no parameter for it. The listing has.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html
        reply = {"BucketRegion": told.get("HTTPHeaders", {}).get("x-amz-bucket-region")}
    region = reply.get("BucketRegion") or client.meta.region_name
    client = boto3.client("s3", region_name=region, config=Config(retries={"mode": "standard", "max_attempts": 5}))
    return Source(bucket, prefix, region, client, requester_pays, globs or Globs())


def _object(entry: dict[str, Any]) -> Object:
    return Object(
        entry["Key"],
        entry["Size"],
        entry["ETag"].strip('"'),
        entry["LastModified"],
        entry.get("StorageClass") or "STANDARD",
    )


def _of_bucket(error: ClientError, bucket: str) -> str:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status == 404:
        return f"There is no bucket {bucket}. Check its name, and the account that you are signed in to."
    if status == 403:
        return (
            f"You are not allowed to list the bucket {bucket}. Add `ops policy --adopt {bucket}` to your permissions; "
            "a bucket of another account must allow you, too. If its requesters pay, add --requester-pays."
        )
    return f"S3 does not list the bucket {bucket}: {error}"


_CODES = {
    "InvalidObjectState": "archived",
    # CopyObject's word for it: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    "ObjectNotInActiveTierError": "archived",
    "AccessDenied": "forbidden",
    "NoSuchKey": "changed",
    "NoSuchVersion": "changed",
    "PreconditionFailed": "changed",
}
# S3's answer to a request without the key that an object was encrypted with is no more than that it is no valid one:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
_CODES_OF_READS = _CODES | {"InvalidRequest": "encrypted"}
_STATUSES = {400: "encrypted", 403: "forbidden", 404: "changed", 412: "changed"}


def refusal(error: ClientError) -> RefusedError:
    """The meaning of S3's answer about one object of the source.

    Raises OpsError for one about the caller, whom AWS does not know any more: no other object would go better.
    """
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in NOT_SIGNED_IN:
        raise OpsError(sentence(error)) from error
    reason = (_CODES_OF_READS if error.operation_name == "GetObject" else _CODES).get(code)
    if reason is None and error.operation_name == "HeadObject":
        reason = _STATUSES.get(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if reason is None:
        return RefusedError("aws", f"{REASONS['aws']}: {error}")
    message = error.response.get("Error", {}).get("Message", "")
    more = f" ({message})" if reason == "forbidden" and message not in ("", "Forbidden", "Access Denied") else ""
    return RefusedError(reason, REASONS[reason] + more)
