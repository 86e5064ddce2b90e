"""S3: the only module that signs, reads and writes objects."""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import IO, Any, cast

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import MAX_POST_BYTES, settings

IMMUTABLE = "public, max-age=31536000, immutable"

# DeleteObjects takes 1,000 keys at most: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH = 1000

# What S3 answers to If-None-Match when there is an object already, or one just being written.
TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})

# An import's parts: bytes, and how many are on their way at once.
IMPORT_PART = 16 * 1024**2
IMPORT_SENDERS = 2

# Renditions copied at once, all of them inside S3.
COPIERS = 8


@dataclass(frozen=True)
class PostPolicy:
    """A signed browser form: POST `fields` and then `file` to `url`."""

    url: str
    fields: dict[str, str]


def sign_upload(file: File, expires_in: int) -> PostPolicy:
    """An address for exactly this upload: key, size in bytes and content type are fixed by the policy. No AWS call.

    A file of unknown size gets a bound; a declared SHA-256 is for S3 to check. `expires_in` in seconds.
    """
    fixed = {"Content-Type": file.content_type, "success_action_status": "201"}
    if file.declared_sha256:
        fixed |= {
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": b64encode(bytes.fromhex(file.declared_sha256)).decode(),
        }
    smallest, largest = (file.size, file.size) if file.size is not None else (1, post_bound(file))
    signed = aws.s3().generate_presigned_post(
        Bucket=settings().originals_bucket,
        Key=original_key(file.tenant, file.id),
        Fields=dict(fixed),
        Conditions=[*({name: value} for name, value in fixed.items()), ["content-length-range", smallest, largest]],
        ExpiresIn=expires_in,
    )
    return PostPolicy(signed["url"], signed["fields"])


def post_bound(file: File) -> int:
    """Bytes that a form may carry for a file of unknown size."""
    return min(file.max_bytes or settings().max_upload_bytes, MAX_POST_BYTES)


@dataclass(frozen=True)
class Part:
    """A part that S3 holds; `size` in bytes, `etag` without quotes, `sha256` in base64 where the client sent one."""

    part_number: int
    etag: str
    size: int
    sha256: str | None = None


class UploadMissingError(LookupError):
    """S3 has no such multipart upload (any more): it was completed, aborted, or never begun."""


def _of_upload(file: File, upload_id: str) -> dict[str, Any]:
    return {
        "Bucket": settings().originals_bucket,
        "Key": original_key(file.tenant, file.id),
        "UploadId": upload_id,
    }


@contextmanager
def _missing_upload() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchUpload", "404"}:
            raise UploadMissingError from None
        raise


def begin_multipart(file: File) -> str:
    """One CreateMultipartUpload; the upload id."""
    checksums: dict[str, Any] = {"ChecksumAlgorithm": "SHA256"} if file.part_checksums else {}
    reply = aws.s3().create_multipart_upload(
        Bucket=settings().originals_bucket,
        Key=original_key(file.tenant, file.id),
        ContentType=file.content_type,
        **checksums,
    )
    return reply["UploadId"]


def sign_begin_multipart(file: File, expires_in: int) -> str:
    """An address that begins a multipart upload of this file. No AWS call; the sender chooses the Content-Type."""
    parameters = {"Bucket": settings().originals_bucket, "Key": original_key(file.tenant, file.id)}
    return aws.s3().generate_presigned_url("create_multipart_upload", Params=parameters, ExpiresIn=expires_in)


def sign_part(file: File, upload_id: str, part_number: int, expires_in: int, sha256: str | None = None) -> str:
    """An address to PUT one part to. No AWS call. With `sha256` (hex) the sender must send it, and S3 checks it."""
    checksum = {"ChecksumSHA256": b64encode(bytes.fromhex(sha256)).decode()} if sha256 else {}
    return aws.s3().generate_presigned_url(
        "upload_part",
        Params={**_of_upload(file, upload_id), "PartNumber": part_number, **checksum},
        ExpiresIn=expires_in,
    )


def sign_request(operation: str, file: File, upload_id: str, expires_in: int) -> str:
    """An address for `list_parts`, `complete_multipart_upload` or `abort_multipart_upload`. No AWS call."""
    return aws.s3().generate_presigned_url(operation, Params=_of_upload(file, upload_id), ExpiresIn=expires_in)


def list_parts(file: File, upload_id: str) -> list[Part]:
    """Every part that S3 holds, in order: one call for each thousand. Raises UploadMissingError."""
    with _missing_upload():
        pages = list(aws.s3().get_paginator("list_parts").paginate(**_of_upload(file, upload_id)))
    return [
        Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"], part.get("ChecksumSHA256"))
        for page in pages
        for part in page.get("Parts", [])
    ]


def complete_multipart(file: File, upload_id: str, parts: list[Part]) -> None:
    """One CompleteMultipartUpload, which fails when there is an object already: first write wins.

    Raises UploadMissingError when the upload, or the place for it, is gone.
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
                **_of_upload(file, upload_id), MultipartUpload={"Parts": cast(Any, wanted)}, IfNoneMatch="*"
            )
    except ClientError as error:
        if error.response["Error"]["Code"] in TAKEN:
            raise UploadMissingError from None
        raise


def abort_multipart(file: File, upload_id: str) -> None:
    """One AbortMultipartUpload; S3 frees the parts. Nothing happens when it is gone already."""
    with suppress(UploadMissingError), _missing_upload():
        aws.s3().abort_multipart_upload(**_of_upload(file, upload_id))


def put_original(file: File, chunks: Iterable[bytes]) -> bool:
    """Writes an original of unknown size as its bytes come; False when there is one already: first write wins.

    One PutObject, or from 16 MiB on a multipart upload, which is aborted when the chunks raise. Holds 64 MiB at most.
    """
    blocks = _blocks(chunks, IMPORT_PART)
    first = next(blocks, b"")
    if len(first) < IMPORT_PART:
        try:
            aws.s3().put_object(
                Bucket=settings().originals_bucket,
                Key=original_key(file.tenant, file.id),
                Body=first,
                ContentType=file.content_type,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in TAKEN:
                return False
            raise
        return True
    upload_id = begin_multipart(file)
    try:
        complete_multipart(file, upload_id, _put_parts(file, upload_id, chain([first], blocks)))
    except UploadMissingError:
        abort_multipart(file, upload_id)
        return False
    except BaseException:
        abort_multipart(file, upload_id)
        raise
    return True


def _put_parts(file: File, upload_id: str, blocks: Iterable[bytes]) -> list[Part]:
    """Sends parts side by side, while the next is still coming in."""
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
    reply = aws.s3().upload_part(**_of_upload(file, upload_id), PartNumber=number, Body=body)
    return Part(number, reply["ETag"].strip('"'), len(body))


def _blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of `size`, but for the last, which is never empty."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        while len(block) >= size:
            yield bytes(block[:size])
            del block[:size]
    if block:
        yield bytes(block)


def has_original(file: File) -> bool:
    """One HeadObject, of the version that is the file's once it is known.

    Without ListBucket S3 answers 403 for what is missing, with it 404.
    """
    version: dict[str, Any] = {"VersionId": file.version_id} if file.version_id else {}
    try:
        aws.s3().head_object(Bucket=settings().originals_bucket, Key=original_key(file.tenant, file.id), **version)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in {403, 404}:
            return False
        raise
    return True


@dataclass(frozen=True)
class Newest:
    """The current version of an original; `size` in bytes."""

    version_id: str
    size: int


def newest_original(file: File) -> Newest | None:
    """One HeadObject: what was stored for a file whose record knows of nothing yet."""
    try:
        reply = aws.s3().head_object(Bucket=settings().originals_bucket, Key=original_key(file.tenant, file.id))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in {403, 404}:
            return None
        raise
    return Newest(reply.get("VersionId", ""), reply["ContentLength"])


@dataclass(frozen=True)
class Stored:
    """One object of a listing; of a versioned bucket one version, or a delete marker."""

    key: str
    modified: datetime
    version_id: str = ""
    size: int = 0
    is_marker: bool = False


@dataclass(frozen=True)
class Listed:
    """One page of a listing, by key; the next page begins behind `after` (and `version_id`). None: there is no more."""

    objects: list[Stored]
    after: tuple[str, str] | None


def list_originals(after: str, version_id: str) -> Listed:
    """One ListObjectVersions: at most 1,000 versions and delete markers, in the order of their keys."""
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
    return Listed(found, (reply["NextKeyMarker"], reply.get("NextVersionIdMarker", "")) if more else None)


def list_derived(after: str, prefix: str = "") -> Listed:
    """One ListObjectsV2: at most 1,000 objects."""
    reply = aws.s3().list_objects_v2(Bucket=settings().derived_bucket, Prefix=prefix, StartAfter=after)
    found = [Stored(entry["Key"], entry["LastModified"], size=entry["Size"]) for entry in reply.get("Contents", [])]
    return Listed(found, (found[-1].key, "") if reply.get("IsTruncated") and found else None)


def delete_original_versions(objects: Iterable[Stored]) -> None:
    """These versions and delete markers: one DeleteObjects for each thousand."""
    _delete(settings().originals_bucket, ({"Key": each.key, "VersionId": each.version_id} for each in objects))


def hide_originals(keys: Iterable[str]) -> None:
    """Puts a delete marker over each: the bucket's lifecycle removes them, and until then they can be brought back."""
    _delete(settings().originals_bucket, ({"Key": key} for key in keys))


def delete_derived_objects(keys: Iterable[str]) -> None:
    """One DeleteObjects for each thousand."""
    _delete(settings().derived_bucket, ({"Key": key} for key in keys))


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


def copy_derived(copies: Mapping[str, str]) -> bool:
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


def read_derived(key: str, most: int) -> Derived | None:
    """One GetObject of at most so many bytes; None when there is no such object."""
    try:
        reply = aws.s3().get_object(Bucket=settings().derived_bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in {403, 404}:
            return None
        raise
    with reply["Body"] as body:
        return Derived(reply["ContentType"], body.read() if reply["ContentLength"] <= most else None)


def sign_derived(key: str, expires_in: int) -> str:
    """An address to GET a derived file from S3 itself. No AWS call."""
    parameters = {"Bucket": settings().derived_bucket, "Key": key}
    return aws.s3().generate_presigned_url("get_object", Params=parameters, ExpiresIn=expires_in)


def sign_original(file: File, content_disposition: str, expires_in: int) -> str:
    """An address to GET the original, as what its record says it is. No AWS call."""
    parameters: dict[str, Any] = {
        "Bucket": settings().originals_bucket,
        "Key": original_key(file.tenant, file.id),
        "ResponseContentType": file.content_type,
        "ResponseContentDisposition": content_disposition,
        "ResponseCacheControl": "private, no-store",
    }
    if file.version_id:
        parameters["VersionId"] = file.version_id
    return aws.s3().generate_presigned_url("get_object", Params=parameters, ExpiresIn=expires_in)


def delete_rendition(key: str) -> None:
    """One DeleteObject."""
    aws.s3().delete_object(Bucket=settings().derived_bucket, Key=key)


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
