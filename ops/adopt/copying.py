"""Has S3 copy an object into the originals bucket. No byte of it comes to this computer.

The copy gets the file's content type and nothing else of the object's: no tags (one could say that the bytes were
scanned), no cache headers, and the encryption of the originals bucket.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.model import File
from chalicelib.settings import MAX_PARTS
from chalicelib.storage import multipart, originals
from chalicelib.storage.multipart import Part, UploadMissingError
from chalicelib.storage.objects import TAKEN, sendable_type
from ops.adopt.source import COPY_TIMEOUT, Object, RefusedError, Source, refusal

MIB = 1024**2

# One CopyObject copies 5 GiB at most: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
# It is one request that has to end, so large objects are copied in parts long before.
IN_PARTS_ABOVE = 1024 * MIB
PART = 256 * MIB
# Parts of one object that are copied at the same time.
PARTS_AT_ONCE = 8


def part_bytes(size: int) -> int:
    """The size of the parts of an object: whole MiB, and at most 10,000 parts."""
    return max(PART, -(-size // MAX_PARTS // MIB) * MIB)


def client_for(jobs: int) -> Any:
    """A client for so many copies at the same time."""
    config = Config(
        read_timeout=COPY_TIMEOUT,
        retries={"mode": "standard", "max_attempts": 5},
        max_pool_connections=jobs * PARTS_AT_ONCE,
    )
    return boto3.client("s3", config=config)


@dataclass(frozen=True)
class Copier:
    """Copies objects of a source. `client` is boto3's for S3, in the stage's region."""

    source: Source
    client: Any

    def copy(self, found: Object, version_id: str, file: File) -> None:
        """Makes the object the file's original, unless it has one. Can be repeated; parts are not copied twice.

        One CopyObject, or the calls of a multipart upload. Raises RefusedError.
        """
        copied = {"Bucket": self.source.bucket, "Key": found.key, **({"VersionId": version_id} if version_id else {})}
        condition = {"CopySource": copied, "CopySourceIfMatch": found.etag, **self.source.payer}
        try:
            if found.size > IN_PARTS_ABOVE:
                self._in_parts(found, condition, file)
            else:
                self._whole(condition, file)
        except ClientError as error:
            if error.response["Error"]["Code"] in TAKEN and originals.exists(file):
                return  # another run was faster
            raise refusal(error) from error

    def _whole(self, condition: dict[str, Any], file: File) -> None:
        to = multipart.of_upload(file, "")
        self.client.copy_object(
            Bucket=to["Bucket"],
            Key=to["Key"],
            ContentType=sendable_type(file.content_type),
            MetadataDirective="REPLACE",
            TaggingDirective="REPLACE",
            IfNoneMatch="*",
            **condition,
        )

    def _in_parts(self, found: Object, condition: dict[str, Any], file: File) -> None:
        """Goes on with the upload that the record names. If that has ended without an original, it begins another."""
        size = file.part_size or part_bytes(found.size)
        upload_id, held = self._held(file)
        numbers = range(1, -(-found.size // size) + 1)

        def copy(number: int) -> Part:
            if number in held:
                return held[number]
            first = (number - 1) * size
            last = min(first + size, found.size) - 1
            reply = self.client.upload_part_copy(
                **multipart.of_upload(file, upload_id),
                PartNumber=number,
                CopySourceRange=f"bytes={first}-{last}",
                **condition,
            )
            return Part(number, reply["CopyPartResult"]["ETag"].strip('"'), last - first + 1)

        pool = ThreadPoolExecutor(PARTS_AT_ONCE)
        try:
            parts = list(pool.map(copy, numbers))
        finally:
            pool.shutdown(cancel_futures=True)
        try:
            multipart.complete(file, upload_id, parts)
        except UploadMissingError:
            if not originals.exists(file):  # else another run has completed it
                raise RefusedError("aws", "its upload in parts was ended; run this again") from None

    @staticmethod
    def _held(file: File) -> tuple[str, dict[int, Part]]:
        """The id of the open upload, and the parts that S3 has of it, by number."""
        if file.upload_id:
            with suppress(UploadMissingError):
                return file.upload_id, {part.part_number: part for part in multipart.list_parts(file, file.upload_id)}
        return multipart.begin(file), {}
