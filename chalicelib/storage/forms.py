"""Signed browser forms: one POST that carries a whole file to the originals bucket."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import MAX_POST_BYTES, settings


@dataclass(frozen=True)
class PostPolicy:
    """A signed browser form: POST `fields` and then `file` to `url`."""

    url: str
    fields: dict[str, str]


def sign(file: File, expires_in: int) -> PostPolicy:
    """An address for exactly this upload: key, size in bytes and content type are fixed by the policy. No AWS call.

    A file of unknown size gets a bound; a declared SHA-256 is for S3 to check. `expires_in` in seconds.
    """
    fixed = {"Content-Type": file.content_type, "success_action_status": "201"}
    if file.declared_sha256:
        fixed |= {
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": b64encode(bytes.fromhex(file.declared_sha256)).decode(),
        }
    smallest, largest = (file.size, file.size) if file.size is not None else (1, bound(file))
    signed = aws.s3().generate_presigned_post(
        Bucket=settings().originals_bucket,
        Key=original_key(file.tenant, file.id),
        Fields=dict(fixed),
        Conditions=[*({name: value} for name, value in fixed.items()), ["content-length-range", smallest, largest]],
        ExpiresIn=expires_in,
    )
    return PostPolicy(signed["url"], signed["fields"])


def bound(file: File) -> int:
    """Bytes that a form may carry for a file of unknown size."""
    return min(file.max_bytes or settings().max_upload_bytes, MAX_POST_BYTES)
