"""The tags of an original by which S3 itself knows who may read it: the bucket's policy asks for them.

GuardDuty writes its own tag. Ours says the same of files that `process` let scan, and of files that were accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.settings import settings
from chalicelib.storage.objects import is_missing

# https://docs.aws.amazon.com/guardduty/latest/ug/monitor-enable-s3-object-tagging-malware-protection.html
GUARDDUTY = "GuardDutyMalwareScanStatus"
OURS = "filemill-scan"


class Mark(StrEnum):
    """The values of our tag. The bucket's policy knows them."""

    CLEAN = "clean"
    ACCEPTED = "accepted"
    INFECTED = "infected"


def read(key: str, version_id: str) -> dict[str, str]:
    """The tags of one version: one GetObjectTagging. None at all of a version that is gone."""
    try:
        reply = aws.s3().get_object_tagging(Bucket=settings().originals_bucket, Key=key, VersionId=version_id)
    except ClientError as error:
        if is_missing(error, may_list=True):
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in reply["TagSet"]}


def mark(key: str, version_id: str, value: Mark, tags: Mapping[str, str] | None = None) -> None:
    """Writes our tag, if it is another one: one PutObjectTagging, and a GetObjectTagging unless `tags` are given.

    S3 replaces all tags at once, so the others are written again.
    """
    tags = read(key, version_id) if tags is None else tags
    if tags.get(OURS) == value:
        return
    aws.s3().put_object_tagging(
        Bucket=settings().originals_bucket,
        Key=key,
        VersionId=version_id,
        Tagging={"TagSet": [{"Key": name, "Value": text} for name, text in {**tags, OURS: str(value)}.items()]},
    )
