"""Multipart uploads to the originals bucket: begin one, sign its parts, list them, complete or abort it."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import settings
from chalicelib.storage.objects import TAKEN, Page, Stored, sendable_type

_PART_ETAG = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Part:
    """A part that S3 holds; `size` in bytes, `etag` without quotes, `sha256` in Base64 if the client sent one."""

    part_number: int
    etag: str
    size: int
    sha256: str | None = None


class UploadMissingError(LookupError):
    """S3 has no such multipart upload: it was completed, aborted, or never begun."""


def of_upload(file: File, upload_id: str) -> dict[str, Any]:
    """The parameters that name a multipart upload in each of S3's calls."""
    return {
        "Bucket": settings().originals_bucket,
        "Key": original_key(file.tenant, file.id),
        "UploadId": upload_id,
    }


@contextmanager
def _missing_upload() -> Iterator[None]:
    """Raises UploadMissingError for S3's NoSuchUpload, which is 404 whether or not the role may list the bucket."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchUpload", "404"}:
            raise UploadMissingError from None
        raise


def begin(file: File) -> str:
    """One CreateMultipartUpload. Gives the upload id."""
    checksums: dict[str, Any] = {"ChecksumAlgorithm": "SHA256"} if file.part_checksums else {}
    reply = aws.s3().create_multipart_upload(
        Bucket=settings().originals_bucket,
        Key=original_key(file.tenant, file.id),
        ContentType=sendable_type(file.content_type),
        **checksums,
    )
    return reply["UploadId"]


def sign_part(
    file: File,
    upload_id: str,
    part_number: int,
    expires_in: int,
    sha256: str | None = None,
    length: int | None = None,
) -> str:
    """An address to PUT one part to. No AWS call.

    With `length` (bytes) S3 takes a part of exactly that length: the header Content-Length, which every HTTP client
    sends by itself, is signed. With `sha256` (hex) the sender must send it too, and S3 checks it.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html (X-Amz-SignedHeaders)
    """
    signed: dict[str, Any] = {} if length is None else {"ContentLength": length}
    if sha256:
        signed["ChecksumSHA256"] = b64encode(bytes.fromhex(sha256)).decode()
    return aws.s3().generate_presigned_url(
        "upload_part",
        Params={**of_upload(file, upload_id), "PartNumber": part_number, **signed},
        ExpiresIn=expires_in,
    )


def sign_request(operation: str, file: File, upload_id: str, expires_in: int) -> str:
    """An address for `list_parts`, `complete_multipart_upload` or `abort_multipart_upload`. No AWS call."""
    return aws.s3().generate_presigned_url(operation, Params=of_upload(file, upload_id), ExpiresIn=expires_in)


def list_parts(file: File, upload_id: str) -> list[Part]:
    """Every part that S3 holds, in order: one ListParts for each thousand. Raises UploadMissingError."""
    with _missing_upload():
        pages = list(aws.s3().get_paginator("list_parts").paginate(**of_upload(file, upload_id)))
    return [
        Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"], part.get("ChecksumSHA256"))
        for page in pages
        for part in page.get("Parts", [])
    ]


def etag_of(parts: Iterable[tuple[int, str]]) -> str | None:
    """The ETag of the object that these parts (number, ETag without quotes) become; None where they can be no parts.

    It is the MD5 of the parts' MD5s, a hyphen, and the number of parts, if S3 encrypts the bucket with its own keys.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    etags = [etag for _, etag in sorted(parts)]
    if not all(_PART_ETAG.fullmatch(etag) for etag in etags):
        return None
    together = hashlib.md5(bytes.fromhex("".join(etags)), usedforsecurity=False).hexdigest()
    return f"{together}-{len(etags)}"


def page(after: str, upload_id: str) -> Page:
    """The open uploads behind `after` and `upload_id`: one ListMultipartUploads, at most 1,000.

    The objects of the page are uploads: `version_id` is the upload id, `modified` the time at which it began.
    """
    markers = {"KeyMarker": after} if after else {}
    if after and upload_id:
        markers["UploadIdMarker"] = upload_id
    reply = aws.s3().list_multipart_uploads(Bucket=settings().originals_bucket, **markers)  # type: ignore[arg-type]
    found = [Stored(each["Key"], each["Initiated"], each["UploadId"]) for each in reply.get("Uploads", [])]
    more = reply.get("IsTruncated")
    return Page(found, (reply["NextKeyMarker"], reply.get("NextUploadIdMarker", "")) if more else None)


def complete(file: File, upload_id: str, parts: list[Part]) -> None:
    """One CompleteMultipartUpload, which S3 refuses if there is an object already: first write wins.

    Raises UploadMissingError if the upload is gone, or if there is an object already.
    """
    wanted = [
        {
            "PartNumber": part.part_number,
            "ETag": part.etag,
            **({"ChecksumSHA256": part.sha256} if part.sha256 and file.part_checksums else {}),
        }
        for part in parts
    ]
    try:
        with _missing_upload():
            aws.s3().complete_multipart_upload(
                **of_upload(file, upload_id), MultipartUpload={"Parts": cast(Any, wanted)}, IfNoneMatch="*"
            )
    except ClientError as error:
        if error.response["Error"]["Code"] in TAKEN:
            raise UploadMissingError from None
        raise


def abort(file: File, upload_id: str) -> None:
    """One AbortMultipartUpload: S3 deletes the parts. Does nothing if the upload is gone already."""
    abort_upload(original_key(file.tenant, file.id), upload_id)


def abort_upload(key: str, upload_id: str) -> None:
    """As `abort`, for the upload of an object's key."""
    with suppress(UploadMissingError), _missing_upload():
        aws.s3().abort_multipart_upload(Bucket=settings().originals_bucket, Key=key, UploadId=upload_id)
