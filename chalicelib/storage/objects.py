"""What both buckets share: a page of a listing, and deletes in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from chalicelib import aws

# DeleteObjects takes 1,000 keys at most: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
DELETE_BATCH = 1000

# What S3 answers to If-None-Match when there is an object already, or one just being written.
TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


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


def delete_each(bucket: str, objects: Iterator[dict[str, str]]) -> None:
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
