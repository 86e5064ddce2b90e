"""Signed browser forms: one POST request uploads a whole file to the originals bucket."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from chalicelib import aws
from chalicelib.model import File, original_key
from chalicelib.settings import MAX_POST_BYTES, settings
from chalicelib.storage.objects import sendable_type


@dataclass(frozen=True)
class PostPolicy:
    """A signed browser form: a POST to `url` with `fields` first and the field `file` last."""

    url: str
    fields: dict[str, str]


def sign(file: File, expires_in: int) -> PostPolicy:
    """A form for exactly this upload, for `expires_in` seconds. No AWS call.

    The policy fixes the key, the size and the content type; for a file of unknown size it has a largest size. S3 checks
    the SHA-256 if one was declared.
    """
    fixed = {"Content-Type": sendable_type(file.content_type), "success_action_status": "201"}
    if file.declared_sha256:
        fixed |= {
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": b64encode(bytes.fromhex(file.declared_sha256)).decode(),
        }
    smallest, largest = (file.size, file.size) if file.size is not None else (1, largest_upload(file))
    signed = aws.s3().generate_presigned_post(
        Bucket=settings().originals_bucket,
        Key=original_key(file.tenant, file.id),
        Fields=dict(fixed),
        Conditions=[*({name: value} for name, value in fixed.items()), ["content-length-range", smallest, largest]],
        ExpiresIn=expires_in,
    )
    return PostPolicy(signed["url"], signed["fields"])


def largest_upload(file: File) -> int:
    """The most bytes that a form may upload for a file of unknown size."""
    return min(file.max_bytes or settings().max_upload_bytes, MAX_POST_BYTES)
