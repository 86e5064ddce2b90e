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
    """The source, which the parent reads. Every read is one question, of at most MOST bytes.

    The parent has the bytes from `kept[0]` until before `kept[1]` in memory, so there are pieces of MOST bytes asked
    for, and the last one is remembered: FFmpeg reads an index of megabytes in small steps.
    """

    MOST = 1024**2

    def __init__(self, size: int, questions: IO[bytes], answers: IO[bytes], kept: tuple[int, int] = (0, 0)) -> None:
        self._size, self._questions, self._answers, self._kept = size, questions, answers, kept
        self._at = 0
        self._piece: tuple[int, bytes] = (0, b"")

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
        if not wanted:
            return b""
        data = self._from_kept(wanted) or self._answer(self._at, wanted)
        self._at += len(data)
        return data

    def _from_kept(self, wanted: int) -> bytes:
        """So many bytes from here on; nothing unless all are kept."""
        first, end = self._kept
        if not first <= self._at <= self._at + wanted <= end:
            return b""
        start, piece = self._piece
        if not start <= self._at < start + len(piece):
            start, piece = self._piece = self._at, self._answer(self._at, min(self.MOST, end - self._at))
        found = piece[self._at - start :][:wanted]
        if len(found) < wanted:
            found += self._answer(self._at + len(found), wanted - len(found))
        return found

    def _answer(self, at: int, wanted: int) -> bytes:
        self._questions.write(FRAME.pack(at, wanted))
        self._questions.flush()
        _, length = FRAME.unpack(self._answers.read(FRAME.size))
        return self._answers.read(length)


def main(
    module: str, arguments: str, memory: int, seconds: int, size: int | None = None, first: int = 0, end: int = 0
) -> None:
    """Without `size` all of the source is on standard input; with it the parent answers questions there.

    `first` and `end` are the part that it keeps.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if size is None:
        header, body = _call(module, arguments, sys.stdin.buffer.read())
        sys.stdout.buffer.write(header + b"\n")
        sys.stdout.buffer.write(body)  # by itself: a picture has many megabytes, which would be copied once more
        return
    # A library may print, and the parent would take that for a question.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        header, body = _call(module, arguments, Asked(size, out, sys.stdin.buffer, (first, end)))
        out.write(FRAME.pack(-len(header), len(body)) + header)
        out.write(body)


def _call(module: str, arguments: str, source: Any) -> tuple[bytes, bytes]:
    try:
        header, body = import_module(module).main(source, json.loads(arguments))
    except Exception as error:
        header, body = {"raised": type(error).__name__}, b""
    return json.dumps(header).encode(), body


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
