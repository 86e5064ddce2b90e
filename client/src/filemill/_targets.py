"""Places to which bytes are written: memory, a stream, a path. A path is put in place when all is there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import shutil
import stat
from pathlib import Path
from typing import IO, Protocol

from filemill._sources import CHUNK
from filemill.errors import DiskFull, DownloadError

_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


class Target(Protocol):
    """Bytes that come. `size`: how many are there."""

    size: int

    def begin(self, total: int | None) -> int:
        """Opens the target, and gives how many bytes an earlier run left."""

    def write(self, chunk: bytes) -> None:
        """Adds bytes. Raises DownloadError."""

    def restart(self) -> None:
        """Forgets all bytes."""

    def digest(self) -> str:
        """The hexadecimal SHA-256 of all bytes."""

    def finish(self) -> None:
        """All bytes are there and right."""


class StreamTarget:
    """A binary stream of the caller's. It is written from where it stands."""

    def __init__(self, stream: IO[bytes]) -> None:
        if isinstance(stream, io.TextIOBase) or not callable(getattr(stream, "write", None)):
            raise TypeError("Bytes are written to a path or a binary stream, as of open(path, 'wb').")
        self._stream = stream
        self.size = 0
        self._hash = hashlib.sha256()

    def begin(self, total: int | None) -> int:
        return 0

    def write(self, chunk: bytes) -> None:
        try:
            self._stream.write(chunk)
        except OSError as error:
            raise _failed("the stream", error) from error
        self._hash.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        if self.size == 0:
            return
        try:
            self._stream.seek(-self.size, io.SEEK_CUR)
            self._stream.truncate()
        except (OSError, AttributeError) as error:
            raise DownloadError("The connection broke, and this stream can't go back to begin anew.") from error
        self.size = 0
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        return self._hash.hexdigest()

    def finish(self) -> None:
        pass


class MemoryTarget(StreamTarget):
    """Bytes in memory."""

    def __init__(self) -> None:
        self._memory = io.BytesIO()
        super().__init__(self._memory)

    def value(self) -> bytes:
        return self._memory.getvalue()


class PathTarget:
    """A file. Its bytes are collected in a hidden one beside it, whose name tells them from others.

    Two programs that download the same to the same path write the same bytes to the same places.
    """

    def __init__(self, path: Path, identity: str, resume: bool) -> None:
        self._path = path
        self._resume = resume
        mark = hashlib.sha256(identity.encode()).hexdigest()[:12]
        name = path.name
        while len(name.encode("utf-8", "surrogateescape")) > 200:
            name = name[:-1]
        self._part = path.with_name(f".{name}.{mark}.filemill-part")
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    def begin(self, total: int | None) -> int:
        if self._path.is_dir():
            raise DownloadError(f"{self._path} is a folder.")
        try:
            self._file = _opened(self._part, self._resume)
            self._check_room(total)
            while data := self._file.read(CHUNK):
                self._hash.update(data)
                self.size += len(data)
        except OSError as error:
            raise self._told(error) from error
        if total is not None and self.size > total:
            self.restart()
        return self.size

    def write(self, chunk: bytes) -> None:
        assert self._file is not None
        try:
            _written(self._file, chunk)
        except OSError as error:
            raise self._told(error) from error
        self._hash.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        assert self._file is not None
        try:
            self._file.seek(0)
            self._file.truncate()
        except OSError as error:
            raise self._told(error) from error
        self.size = 0
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        return self._hash.hexdigest()

    def finish(self) -> None:
        try:
            self.close()
            self._part.replace(self._path)
        except FileNotFoundError:
            if not self._path.exists():  # else another program has put the same bytes in place
                raise DownloadError(f"The folder of {self._path} is gone.") from None
        except OSError as error:
            raise self._told(error) from error

    def close(self) -> None:
        """Closes the file. Raises OSError if the last bytes can't be written."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def discard(self) -> None:
        """Removes what has come: it is wrong, or there is no room for it."""
        with contextlib.suppress(OSError):
            self.close()
        with contextlib.suppress(OSError):
            self._part.unlink()

    def _check_room(self, total: int | None) -> None:
        held = self._part.stat().st_size
        if total is not None and shutil.disk_usage(self._path.parent).free < total - held:
            raise OSError(errno.ENOSPC, "no room")

    def _told(self, error: OSError) -> DownloadError:
        return _failed(str(self._path), error)


def _opened(path: Path, resume: bool) -> IO[bytes]:
    """The collected bytes, or an empty file. In a folder that others may write to, something may wait at this name.

    A link, a pipe, a second name of another file, or somebody else's file is taken away, and never written to.
    """
    if not resume or not _is_ours(path):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+b")


def _is_ours(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and mine


def _written(file: IO[bytes], chunk: bytes) -> None:
    file.write(chunk)


def _failed(where: str, error: OSError) -> DownloadError:
    if error.errno in _NO_ROOM:
        return DiskFull(f"There is no room on the disk for {where}.")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return DownloadError(f"{where} can't be written: its folder does not exist.")
    return DownloadError(f"{where} can't be written: {error.strerror or error}.")
