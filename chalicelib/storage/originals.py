"""The originals bucket: the files as they were uploaded, one versioned object for each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any, cast

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import settings
from chalicelib.storage.multipart import Part, UploadMissingError, abort, begin, complete, of_upload
from chalicelib.storage.objects import (
    PLAIN_HEADERS,
    TAKEN,
    Page,
    Stored,
    delete_each,
    is_missing,
    sendable_type,
)

# The parts of an import: their size in bytes, and how many are sent at once.
IMPORT_PART = 16 * 1024**2
IMPORT_SENDERS = 2


def put(file: File, chunks: Iterable[bytes]) -> bool:
    """Writes an original of unknown size while its bytes arrive. False if there is one already: first write wins.

    One PutObject; from 16 MiB on a multipart upload, which is aborted if the chunks raise. Needs 64 MiB at most.
    """
    blocks = _blocks(chunks, IMPORT_PART)
    first = next(blocks, b"")
    if len(first) < IMPORT_PART:
        try:
            aws.s3().put_object(
                Bucket=settings().originals_bucket,
                Key=original_key(file.tenant, file.id),
                Body=first,
                ContentType=sendable_type(file.content_type),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in TAKEN:
                return False
            raise
        return True
    upload_id = begin(file)
    try:
        complete(file, upload_id, _put_parts(file, upload_id, chain([first], blocks)))
    except UploadMissingError:
        abort(file, upload_id)
        return False
    except BaseException:
        abort(file, upload_id)
        raise
    return True


def _put_parts(file: File, upload_id: str, blocks: Iterable[bytes]) -> list[Part]:
    """Sends several parts at once, while the next one still arrives."""
    parts: list[Part] = []
    sending: deque[Future[Part]] = deque()
    with ThreadPoolExecutor(IMPORT_SENDERS) as senders:
        for number, block in enumerate(blocks, 1):
            if len(sending) == IMPORT_SENDERS:
                parts.append(sending.popleft().result())
            sending.append(senders.submit(_put_part, file, upload_id, number, block))
        parts += [part.result() for part in sending]
    return parts


def _put_part(file: File, upload_id: str, number: int, body: bytes) -> Part:
    reply = aws.s3().upload_part(**of_upload(file, upload_id), PartNumber=number, Body=body)
    return Part(number, reply["ETag"].strip('"'), len(body))


def _blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of `size` bytes. The last block may be shorter, but is never empty."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        while len(block) >= size:
            yield bytes(block[:size])
            del block[:size]
    if block:
        yield bytes(block)


def exists(file: File) -> bool:
    """True if the original is there: one request, about the file's own version as soon as that is known."""
    return newest(file) is not None


@dataclass(frozen=True)
class Newest:
    """A version of an original; `size` in bytes. `etag` has no quotes, empty if it does not follow from MD5s."""

    version_id: str
    size: int
    etag: str = field(default="", compare=False)


def newest(file: File) -> Newest | None:
    """The file's own version; the current one if the record knows of none yet: one HeadObject. None if it is gone.

    Where files are scanned, the bucket's policy refuses a HeadObject as it refuses a GetObject, so the versions are
    listed: one ListObjectVersions. It does not tell how the ETag came about.
    """
    if settings().scan != "off":
        return _listed(file)
    version: dict[str, Any] = {"VersionId": file.version_id} if file.version_id else {}
    key = original_key(file.tenant, file.id)
    try:
        reply = aws.s3().head_object(Bucket=settings().originals_bucket, Key=key, **version, **PLAIN_HEADERS)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    # Under a KMS key the parts' ETags are no MD5s: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    by_md5 = reply.get("ServerSideEncryption", "AES256") == "AES256"
    return Newest(reply.get("VersionId", ""), reply["ContentLength"], reply["ETag"].strip('"') if by_md5 else "")


def _listed(file: File) -> Newest | None:
    key = original_key(file.tenant, file.id)
    pages = aws.s3().get_paginator("list_object_versions").paginate(Bucket=settings().originals_bucket, Prefix=key)
    for entry in (entry for page in pages for entry in page.get("Versions", []) if entry["Key"] == key):
        if entry["VersionId"] == file.version_id or (not file.version_id and entry["IsLatest"]):
            return Newest(entry["VersionId"], entry["Size"])
    return None


def page(after: str, version_id: str) -> Page:
    """The versions and delete markers behind `after` and `version_id`: one ListObjectVersions, at most 1,000.

    Versions come first, then delete markers; each of the two in the order of keys.
    """
    markers = {"KeyMarker": after} if after else {}
    if after and version_id:
        markers["VersionIdMarker"] = version_id
    reply = aws.s3().list_object_versions(Bucket=settings().originals_bucket, **markers)  # type: ignore[arg-type]
    found = [
        Stored(entry["Key"], entry["LastModified"], entry["VersionId"], entry.get("Size", 0), is_marker)
        for entries, is_marker in ((reply.get("Versions", []), False), (reply.get("DeleteMarkers", []), True))
        for entry in cast(list[Any], entries)
    ]
    more = reply.get("IsTruncated")
    return Page(found, (reply["NextKeyMarker"], reply.get("NextVersionIdMarker", "")) if more else None)


@dataclass(frozen=True)
class Original:
    """An opened original: `size` in bytes, and `body`, a stream of its bytes that must be closed."""

    size: int
    body: IO[bytes]


class OriginalMissingError(LookupError):
    """There is no such object version, or no longer."""


def open_version(key: str, version_id: str) -> Original:
    """Opens one version: one GetObject, whose bytes arrive while they are read. Raises OriginalMissingError."""
    version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
    try:
        reply = aws.s3().get_object(Bucket=settings().originals_bucket, Key=key, **version, **PLAIN_HEADERS)
    except ClientError as error:
        if is_missing(error):
            raise OriginalMissingError(key) from None
        raise
    return Original(reply["ContentLength"], cast(IO[bytes], reply["Body"]))


def read_range(key: str, version_id: str, first: int, length: int) -> bytes:
    """Some bytes of one version: one GetObject. Raises ClientError as S3 answers.

    Raises OSError if other than `length` bytes come: what is read or hashed would then be another file.
    """
    version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
    wanted = f"bytes={first}-{first + length - 1}"
    reply = aws.s3().get_object(Bucket=settings().originals_bucket, Key=key, Range=wanted, **version, **PLAIN_HEADERS)
    with reply["Body"] as body:
        data = body.read()
    if len(data) != length:
        raise OSError(f"{len(data)} bytes came instead of {length}")
    return data


def sign(file: File, content_type: str, content_disposition: str, expires_in: int) -> str:
    """An address that gets the original under this type and disposition, for `expires_in` seconds. No AWS call.

    S3 can override some headers of its answer, but it cannot add `X-Content-Type-Options`:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Overriding response header values)
    """
    parameters: dict[str, Any] = {
        "Bucket": settings().originals_bucket,
        "Key": original_key(file.tenant, file.id),
        "ResponseContentType": content_type,
        "ResponseContentDisposition": content_disposition,
        "ResponseCacheControl": "private, no-store",
    }
    if file.version_id:
        parameters["VersionId"] = file.version_id
    return aws.s3().generate_presigned_url("get_object", Params=parameters, ExpiresIn=expires_in)


def delete_version(key: str, version_id: str) -> None:
    """Deletes one version for ever: one DeleteObject."""
    version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
    aws.s3().delete_object(Bucket=settings().originals_bucket, Key=key, **version)


def delete_versions(versions: Iterable[Stored]) -> None:
    """Deletes versions and delete markers for ever: one DeleteObjects for each thousand."""
    delete_each(settings().originals_bucket, ({"Key": each.key, "VersionId": each.version_id} for each in versions))


def delete_all_versions(key: str) -> None:
    """Deletes every version of one original, and its delete markers, for ever."""
    pages = aws.s3().get_paginator("list_object_versions").paginate(Bucket=settings().originals_bucket, Prefix=key)
    versions = (
        {"Key": entry["Key"], "VersionId": entry["VersionId"]}
        for page in pages
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if entry["Key"] == key
    )
    delete_each(settings().originals_bucket, versions)


def hide(keys: Iterable[str]) -> None:
    """Puts a delete marker over each original: one DeleteObjects for each thousand.

    A hidden original can be brought back until the bucket's lifecycle removes it.
    """
    delete_each(settings().originals_bucket, ({"Key": key} for key in keys))
