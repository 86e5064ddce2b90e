"""In the child: a file object that follows another one, for those that look at what is read of it, or change it."""

from __future__ import annotations

from typing import BinaryIO


class Followed:
    """`_at` is where the other one stands. FFmpeg asks for seek, tell and read; the last is a subclass's own."""

    def __init__(self, data: BinaryIO) -> None:
        self._data = data
        self._at = data.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = self._data.seek(offset, whence)
        return self._at

    def tell(self) -> int:
        return self._at
