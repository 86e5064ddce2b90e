"""A stored object as a stream of blocks that are fetched in parallel, because one connection to S3 is slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.settings import settings
from chalicelib.storage.objects import PLAIN_HEADERS, is_missing
from chalicelib.storage.originals import OriginalMissingError

# Bytes of one GetObject, and how many run at once. Together they are what a stream holds in memory: 128 MiB.
# S3 advises ranges of 8 to 16 MB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html
BLOCK = 16 * 1024**2
AT_ONCE = 8


def blocks(key: str, version_id: str, size: int) -> Iterator[bytes]:
    """The bytes of one version of an original, in order. Raises OriginalMissingError."""
    request: dict[str, Any] = {"Bucket": settings().originals_bucket, "Key": key, **PLAIN_HEADERS}
    if version_id:
        request["VersionId"] = version_id
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for first in range(0, size, BLOCK):
                waiting.append(pool.submit(_block, request, first, min(first + BLOCK, size) - 1))
                if len(waiting) == AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def _block(request: dict[str, Any], first: int, last: int) -> bytes:
    """Raises OSError for a block that is not as long as it should be: then the hash would be of other bytes."""
    try:
        with aws.s3().get_object(**request, Range=f"bytes={first}-{last}")["Body"] as body:
            data = body.read()
    except ClientError as error:
        if is_missing(error):
            raise OriginalMissingError(request["Key"]) from None
        raise
    if len(data) != last - first + 1:
        raise OSError(f"{len(data)} bytes came instead of {last - first + 1}")
    return data
