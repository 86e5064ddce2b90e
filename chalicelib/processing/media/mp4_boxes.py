"""The boxes of MP4 and QuickTime (ISO/IEC 14496-12), in a file of which only their headers are read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO


def boxes(data: BinaryIO, start: int, end: int, *, most: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(type, where the box begins, where its content begins, where it ends) of at most `most` boxes between two places.

    Raises struct.error for a file that ends too early.
    """
    for _ in range(most):
        if start + 8 > end:
            return
        data.seek(start)
        size, kind = struct.unpack(">I4s", data.read(8))
        content = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", data.read(8))
            content += 8
        elif size == 0:
            size = end - start
        if size < content - start:
            return
        yield kind, start, content, min(start + size, end)
        start += size


def down(data: BinaryIO, start: int, end: int, *path: bytes, most: int) -> tuple[int, int] | None:
    """Where the content of the box begins and ends that `path` leads to, one type below the other; None without it."""
    for wanted in path:
        inside = boxes(data, start, end, most=most)
        found = next(((content, last) for kind, _, content, last in inside if kind == wanted), None)
        if found is None:
            return None
        start, end = found
    return start, end


def tracks(data: BinaryIO, start: int, end: int, *, most: int) -> Iterator[tuple[int, int, int]]:
    """(where the box begins, where its content begins, where it ends) of each track in `moov` between two places.

    Raises struct.error.
    """
    for kind, _, content, last in boxes(data, start, end, most=most):
        for each, first, inside, ends in boxes(data, content, last, most=most) if kind == b"moov" else ():
            if each == b"trak":
                yield first, inside, ends


def track_number(data: BinaryIO, start: int, end: int, *, most: int) -> int | None:
    """The number of the track whose box has its content there; None if it has none. Raises struct.error."""
    found = down(data, start, end, b"tkhd", most=most)
    if found is None:
        return None
    data.seek(found[0])
    header = data.read(24)
    (number,) = struct.unpack_from(">I", header, 20 if header[:1] == b"\1" else 12)
    return int(number)
