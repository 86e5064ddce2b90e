"""The child's side of `child.run` and `child.run_on`: bounds first, then the imports."""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import sys
from importlib import import_module
from typing import IO, Any

# What the two sides say to each other when the child reads by ranges. The child asks with (offset, length), and gets
# (0, length) and so many bytes. Its result is (-length of the header, length of the body), header and body.
FRAME = struct.Struct(">qQ")


class Asked(io.RawIOBase):
    """The source, which the parent reads. One question is for at most MOST bytes.

    FFmpeg reads 32 KiB at a time. The parent fetches whole blocks (`storage.ranged`), so it is asked for the rest of a
    block, and what comes of it is kept until another block is read.
    """

    MOST = 1024**2
    BLOCK = 256 * 1024

    def __init__(self, size: int, questions: IO[bytes], answers: IO[bytes]) -> None:
        self._size, self._questions, self._answers = size, questions, answers
        self._at = 0
        self._start, self._kept = 0, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        wanted = min(left, self.MOST, left if size < 0 else size)
        offset = self._at - self._start
        data = self._kept[offset : offset + wanted] if offset >= 0 else b""
        self._at += len(data)
        if more := wanted - len(data):
            self._start, self._kept = self._at, self._asked(max(more, self.BLOCK - self._at % self.BLOCK))
            data += self._kept[:more]
            self._at += len(self._kept[:more])
        return data

    def _asked(self, length: int) -> bytes:
        self._questions.write(FRAME.pack(self._at, min(length, self._size - self._at)))
        self._questions.flush()
        _, length = FRAME.unpack(self._answers.read(FRAME.size))
        return self._answers.read(length)


def main(module: str, arguments: str, memory: int, seconds: int, size: int | None = None) -> None:
    """Without `size` all of the source is on standard input; with it the parent answers questions there."""
    bound(memory, seconds)
    if size is None:
        header, body = _call(module, arguments, sys.stdin.buffer.read())
        sys.stdout.buffer.write(header + b"\n")
        sys.stdout.buffer.write(body)  # by itself: a picture has many megabytes, which would be copied once more
        return
    # A library may print, and the parent would take that for a question.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        by_ranges(module, arguments, size, out, sys.stdin.buffer)


def bound(memory: int, seconds: int) -> None:
    """Bounds this process for good: bytes of address space, seconds of CPU, and no byte in any file."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def by_ranges(module: str, arguments: str, size: int, out: IO[bytes], answers: IO[bytes]) -> None:
    """Calls the module with a source of `size` bytes, which the parent reads, and says the result."""
    header, body = _call(module, arguments, Asked(size, out, answers))
    out.write(FRAME.pack(-len(header), len(body)) + header)
    out.write(body)
    out.flush()


def _call(module: str, arguments: str, source: Any) -> tuple[bytes, bytes]:
    try:
        header, body = import_module(module).main(source, json.loads(arguments))
    except Exception as error:
        header, body = {"raised": type(error).__name__}, b""
    return json.dumps(header).encode(), body


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
