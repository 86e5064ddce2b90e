"""A stored object as a seekable file that is read by ranges, so that a large one need not be fetched whole."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import Any

from chalicelib import aws
from chalicelib.settings import settings
from chalicelib.storage.objects import PLAIN_HEADERS

BLOCK = 256 * 1024  # bytes of one request
KEEP = 32  # blocks in memory


class TooMuchReadError(OSError):
    """More was read than such a file is worth. A hostile file makes its reader jump about."""


class Ranged(io.RawIOBase):
    """One version of an original: one GetObject for each block of BLOCK bytes that is read and not in memory.

    `read_bytes` counts what was fetched; above `budget` bytes reading raises TooMuchReadError.
    """

    def __init__(self, key: str, version_id: str, size: int, budget: int) -> None:
        self.size = size
        self.read_bytes = 0
        self._budget = budget
        self._request: Any = {"Bucket": settings().originals_bucket, "Key": key, **PLAIN_HEADERS}
        if version_id:
            self._request["VersionId"] = version_id
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self.size)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self.size:
            return 0
        number, offset = divmod(self._at, BLOCK)
        piece = memoryview(self._block(number))[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def read(self, size: int | None = -1) -> bytes:
        """All of `size` bytes, unless the object ends before: some readers do not ask again."""
        left = max(0, self.size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        found = bytearray()
        while len(found) < wanted:
            number, offset = divmod(self._at, BLOCK)
            piece = self._block(number)[offset : offset + wanted - len(found)]
            if not piece:
                break
            found += piece
            self._at += len(piece)
        return bytes(found)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        first = number * BLOCK
        last = min(first + BLOCK, self.size) - 1
        if self.read_bytes + last - first + 1 > self._budget:
            raise TooMuchReadError(f"more than {self._budget} bytes of this file were to be read")
        with aws.s3().get_object(**self._request, Range=f"bytes={first}-{last}")["Body"] as body:
            data = body.read()
        self.read_bytes += len(data)
        self._blocks[number] = data
        while len(self._blocks) > KEEP:
            self._blocks.popitem(last=False)
        return data
