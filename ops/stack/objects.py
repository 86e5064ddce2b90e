"""Deletes objects of a bucket for an operator, and says if S3 keeps one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.errors import OpsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST = 1000
"""Objects of one DeleteObjects: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""


def delete(s3: S3Client, bucket: str, batch: Any) -> None:
    """One DeleteObjects of at most `MOST` objects. Raises OpsError if S3 kept one: it answers 200 then, too."""
    reply = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
    if errors := reply.get("Errors"):
        raise OpsError(f"{bucket}: {errors[0]['Key']} could not be deleted: {errors[0]['Message']}")
