"""Signed browser forms: one POST request uploads a whole file to the originals bucket."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib import aws, sigv4
from chalicelib.model import File, original_key
from chalicelib.settings import MAX_POST_BYTES, settings
from chalicelib.storage.objects import sendable_type

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
    bucket = settings().originals_bucket
    conditions: list[Any] = [{name: value} for name, value in fixed.items()]
    conditions += [["content-length-range", smallest, largest], {"bucket": bucket}]
    url = _address_of(aws.s3(), bucket)
    return PostPolicy(url, _signed({**fixed, "key": original_key(file.tenant, file.id)}, conditions, expires_in))


def _signed(fields: dict[str, str], conditions: list[Any], expires_in: int) -> dict[str, str]:
    """The fields with a policy, which has the key and these conditions, and its signature.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    """
    credentials, moment = aws.credentials(), sigv4.now()
    scope = sigv4.scope_of(moment, aws.s3().meta.region_name, "s3")
    signing = {
        "x-amz-algorithm": sigv4.ALGORITHM,
        "x-amz-credential": f"{credentials.access_key}/{scope}",
        "x-amz-date": moment,
    }
    if credentials.token:
        signing["x-amz-security-token"] = credentials.token
    conditions += [{"key": fields["key"]}, *({name: value} for name, value in signing.items())]
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + expires_in))
    policy = b64encode(json.dumps({"expiration": end, "conditions": conditions}).encode()).decode()
    return {
        **fields,
        **signing,
        "policy": policy,
        "x-amz-signature": sigv4.signature(str(credentials.secret_key), scope, policy),
    }


@lru_cache(maxsize=8)
def _address_of(client: S3Client, bucket: str) -> str:
    """The bucket's own address, by botocore's rules, which take longer than the signature."""
    return str(client.generate_presigned_post(bucket, "any")["url"])


def largest_upload(file: File) -> int:
    """The most bytes that a form may upload for a file of unknown size."""
    return min(file.max_bytes or settings().max_upload_bytes, MAX_POST_BYTES)
