"""A stored object as a stream of blocks that are fetched in parallel, because one connection to S3 is slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from botocore.exceptions import ClientError

from chalicelib.storage.objects import is_missing
from chalicelib.storage.originals import OriginalMissingError, read_range

# Bytes of one GetObject, and how many run at once. Together they are what a stream holds in memory: 128 MiB.
# S3 advises ranges of 8 to 16 MB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html
BLOCK = 16 * 1024**2
AT_ONCE = 8


def blocks(key: str, version_id: str, size: int) -> Iterator[bytes]:
    """The bytes of one version of an original, in order. Raises OriginalMissingError."""
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for first in range(0, size, BLOCK):
                waiting.append(pool.submit(_block, key, version_id, first, min(BLOCK, size - first)))
                if len(waiting) == AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def _block(key: str, version_id: str, first: int, length: int) -> bytes:
    try:
        return read_range(key, version_id, first, length)
    except ClientError as error:
        if is_missing(error):
            raise OriginalMissingError(key) from None
        raise
