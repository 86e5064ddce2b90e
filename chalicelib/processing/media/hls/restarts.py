"""In the child: reading a file without an index from somewhere in its middle on.

FFmpeg opens such a file at its beginning, and knows of no other place. So it is given a file of the same length. The
beginning is the true one, which tells of the tracks, and all until that place is one element that FFmpeg skips.
Positions stay the same. MP3, AAC and MPEG's program stream have no beginning that is needed: it is cut off. So is
that of a transport stream and of AMR, and packets of its tables, or AMR's first line, come first. In Flash and Windows
Media the beginning is followed by that place at once.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from chalicelib.processing.media.hls.plan import COUNTED


class Restarted:
    """The `head` bytes at the beginning are those of the file, and so is all from `at` on. Between is an element of the
    format `demuxer` that is skipped, or nothing. Or only `tables` are before it.
    """

    def __init__(self, data: BinaryIO, size: int, demuxer: str, head: int, at: int, tables: bytes = b"") -> None:
        self._data, self._at, self._place = data, 0, 0
        gap = at - head
        self._head, self._cut = head, 0
        self._skipped = b""
        if demuxer in ("flv", "asf") and gap > 0:
            self._cut, self._at = gap, head
        elif demuxer in (*COUNTED, "mpegts", "mpeg"):
            self._cut, self._at, self._head, self._skipped = at - len(tables), len(tables), 0, tables
        elif demuxer == "mov" and gap >= 16:
            self._at, self._skipped = at, struct.pack(">I4sQ", 1, b"free", gap)
        elif demuxer == "matroska" and gap >= 9:
            self._at = at
            self._skipped = b"\xec" + struct.pack(">Q", 1 << 56 | gap - 9)  # Void (RFC 9559, 5.1; RFC 8794, 11.3.2)
        self._size = size - self._cut

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = max(0, offset + (0, self._place, self._size)[whence])
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._place)
        size = left if size < 0 else min(size, left)
        if self._place < self._at:
            found = self._early(size)
        else:
            self._data.seek(self._place + self._cut)
            found = self._data.read(size)
        self._place += len(found)
        return found

    def _early(self, size: int) -> bytes:
        if self._place < self._head:
            self._data.seek(self._place)
            return self._data.read(min(size, self._head - self._place))
        inside = self._place - self._head
        return self._skipped[inside : inside + size] or bytes(min(size, self._at - self._place))


def restarted(data: BinaryIO, arguments: Mapping[str, Any], at: int) -> BinaryIO:
    """`arguments` are `child.main`'s."""
    demuxer, head, tables = arguments["demuxer"][0], arguments["head"], bytes.fromhex(arguments["tables"])
    return cast(BinaryIO, Restarted(data, arguments["size"], demuxer, head, at, tables))
