"""Decompressors, and the bytes that a compressed file unpacks to, as a file that is read forwards, and only so far."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from typing import Any, BinaryIO

from chalicelib.processing.archive.listing import DamagedError, TooMuchError

# Bytes that are unpacked of one file. Bzip2 is slow: it takes about half a minute for this much.
MAX_UNPACKED = 1024**3
MAX_OF_BZIP2 = 256 * 1024**2

# Bytes of memory that an xz file may ask for. `xz -9` asks for 65 MB.
MAX_MEMORY = 256 * 1024**2
# The same for Zstandard, as the logarithm of its window: 128 MiB, as much as the command `zstd` takes by default.
WINDOW_LOG = 27
_TOO_MUCH_MEMORY = "Unpacking this file takes more memory than it may have here."

_PIECE = 256 * 1024

MAGIC = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zst"}


def format_of(head: bytes) -> str | None:
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


GZIP, RAW = 31, -15  # zlib's numbers for gzip, and for deflate without a header


class Zlib:
    """zlib with the interface of the other two decompressors. With GZIP it checks the checksum at the end."""

    def __init__(self, format: int) -> None:
        self._zlib = zlib.decompressobj(format)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, most: int) -> bytes:
        out = self._zlib.decompress(self._zlib.unconsumed_tail + data, most)
        self.needs_input = len(out) < most and not self._zlib.unconsumed_tail
        return out


class _Zstd:
    """Zstandard's decompressor with the errors of the others. Its library is imported for such a file only."""

    def __init__(self) -> None:
        from backports import zstd

        self._error = zstd.ZstdError
        self._zstd = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})

    @property
    def eof(self) -> bool:
        return self._zstd.eof

    @property
    def needs_input(self) -> bool:
        return self._zstd.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._zstd.unused_data

    def decompress(self, data: bytes, most: int) -> bytes:
        try:
            return self._zstd.decompress(data, most)
        except self._error as error:
            if "memory" in str(error):
                raise TooMuchError(_TOO_MUCH_MEMORY) from None
            raise ValueError(str(error)) from None


def _decompressor(format: str) -> Any:
    if format == "gz":
        return Zlib(GZIP)
    if format == "zst":
        return _Zstd()
    return bz2.BZ2Decompressor() if format == "bz2" else lzma.LZMADecompressor(memlimit=MAX_MEMORY)


class Unpacked:
    """The bytes that `data` unpacks to. Reading raises DamagedError, and TooMuchError above the bounds.

    It can seek, but only forwards.
    """

    def __init__(self, data: BinaryIO, format: str) -> None:
        self._data, self._format = data, format
        self._decompressor = _decompressor(format)
        self._most = MAX_OF_BZIP2 if format == "bz2" else MAX_UNPACKED
        self._magic = next(magic for magic, name in MAGIC.items() if name == format)
        self._given = 0
        self._buffer = b""
        self._ended = False
        data.seek(0)

    def tell(self) -> int:
        return self._given - len(self._buffer)

    def read(self, size: int) -> bytes:
        """All of `size` bytes, unless the file ends before."""
        pieces = []
        while size and (self._buffer or self._fill()):
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or position < self.tell():
            raise DamagedError("The archive's entries are not one behind the other: it is damaged.")
        while self.tell() < position:
            if not self.read(min(_PIECE, position - self.tell())):
                break
        return self.tell()

    def _fill(self) -> bool:
        """Unpacks one more piece; False at the end."""
        while not self._buffer and not self._ended:
            if self._decompressor.eof:
                self._next_member()
                continue
            taken = self._data.read(_PIECE) if self._decompressor.needs_input else b""
            if self._decompressor.needs_input and not taken:
                raise DamagedError("The compressed file was cut off.")
            self._unpack(taken)
        return bool(self._buffer)

    def _unpack(self, taken: bytes) -> None:
        try:
            self._buffer = self._decompressor.decompress(taken, _PIECE)
        except lzma.LZMAError as error:
            if "limit" in str(error):
                raise TooMuchError(_TOO_MUCH_MEMORY) from None
            raise DamagedError("The compressed file is damaged.") from None
        except (zlib.error, OSError, EOFError, ValueError):
            raise DamagedError("The compressed file is damaged.") from None
        self._given += len(self._buffer)
        if self._given > self._most:
            raise TooMuchError(f"Only the first {self._most // 1024**2} MiB of what this file unpacks to were read.")

    def _next_member(self) -> None:
        """Such files may be several ones, one behind the other. Anything else behind the end is left alone."""
        rest = self._decompressor.unused_data
        if len(rest) < len(self._magic):
            rest += self._data.read(_PIECE)
        if not rest.startswith(self._magic):
            self._ended = True
            return
        self._decompressor = _decompressor(self._format)
        self._unpack(rest)
