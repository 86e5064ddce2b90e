"""Places from which bytes are read: a path, bytes, a stream. All are read in pieces, and watched for changes."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from filemill import _names
from filemill.errors import SourceChanged, UploadError

CHUNK = 256 * 1024  # bytes
_IN_MEMORY = 8 * 1024**2  # bytes of a stream that can't go back; more of it goes to the disk


class Source(Protocol):
    """Bytes to upload. `size` in bytes. `name` is the file's own, or None. `identity` tells it from others, or None."""

    size: int
    name: str | None

    @property
    def identity(self) -> dict[str, Any] | None: ...

    def region(self, offset: int, length: int) -> Iterator[bytes]:
        """The bytes of a region in chunks. Raises SourceChanged."""

    def check(self) -> None:
        """Raises SourceChanged if the source is not as it was at the beginning."""

    def close(self) -> None: ...


class PathSource:
    """A file on the disk. Each region opens it anew, so that several can be read at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._label = str(path).encode("utf-8", "replace").decode()
        try:
            found = path.stat()
        except FileNotFoundError:
            raise UploadError(f"{self._label} does not exist.") from None
        except (OSError, ValueError) as error:
            raise UploadError(f"{self._label} can't be read: {_why(error)}.") from error
        if stat.S_ISDIR(found.st_mode):
            raise UploadError(f"{self._label} is a folder.")
        self.size = found.st_size
        self._mtime = found.st_mtime_ns
        self.name: str | None = _names.sendable(path.name)

    @property
    def identity(self) -> dict[str, Any] | None:
        return {"path": str(self._path.absolute()), "size": self.size, "mtime_ns": self._mtime}

    def region(self, offset: int, length: int) -> Iterator[bytes]:
        with self._told(), self._path.open("rb", buffering=0) as file:
            self._compare(os.fstat(file.fileno()))
            file.seek(offset)
            while length:
                data = file.read(min(CHUNK, length))
                if not data:
                    raise SourceChanged(f"{self._label} shrank while it was read.")
                length -= len(data)
                yield data

    def check(self) -> None:
        with self._told():
            self._compare(self._path.stat())

    def close(self) -> None:
        pass

    def _compare(self, found: os.stat_result) -> None:
        if found.st_size != self.size:
            raise SourceChanged(f"{self._label} {'grew' if found.st_size > self.size else 'shrank'} while it was read.")
        if found.st_mtime_ns != self._mtime:
            raise SourceChanged(f"{self._label} was changed while it was read.")

    def _told(self) -> _Told:
        return _Told(self._label)


class _Told:
    """Turns the system's errors of a file into sentences."""

    def __init__(self, label: str) -> None:
        self._label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise SourceChanged(f"{self._label} vanished while it was read.") from error
        if isinstance(error, OSError):
            raise UploadError(f"{self._label} can't be read: {_why(error)}.") from error


class BytesSource:
    """Bytes in memory."""

    name: str | None = None
    identity = None

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._view = memoryview(data).cast("B")
        self.size = len(self._view)

    def region(self, offset: int, length: int) -> Iterator[bytes]:
        for start in range(offset, offset + length, CHUNK):
            yield bytes(self._view[start : min(start + CHUNK, offset + length)])

    def check(self) -> None:
        pass

    def close(self) -> None:
        self._view.release()


class StreamSource:
    """A binary stream that can go back. It is read from where it stands; regions are read one at a time."""

    identity = None

    def __init__(self, stream: IO[bytes], owned: bool = False) -> None:
        self._stream = stream
        self._owned = owned
        self._lock = threading.Lock()
        name = getattr(stream, "name", None)
        self.name: str | None = _names.sendable(Path(name).name) if isinstance(name, str) and not owned else None
        self._begin = stream.tell()
        self.size = max(0, self._end() - self._begin)

    def region(self, offset: int, length: int) -> Iterator[bytes]:
        at = self._begin + offset
        while length:
            with self._lock:
                self._stream.seek(at)
                data = self._stream.read(min(CHUNK, length))
            if not data:
                raise SourceChanged("The stream shrank while it was read.")
            at += len(data)
            length -= len(data)
            yield data

    def check(self) -> None:
        now = self._end() - self._begin
        if now != self.size:
            raise SourceChanged(f"The stream {'grew' if now > self.size else 'shrank'} while it was read.")

    def close(self) -> None:
        if self._owned:
            self._stream.close()

    def _end(self) -> int:
        with self._lock:
            return self._stream.seek(0, io.SEEK_END)


def opener(source: Any) -> Callable[[], Source]:
    """A function that opens the source; it may read. Raises TypeError at once for what can't be uploaded."""
    if isinstance(source, bytes | bytearray | memoryview):
        return lambda: BytesSource(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return lambda: _spooled(path.open("rb"), path.name) if _is_special(path) else PathSource(path)
    if isinstance(source, io.TextIOBase):
        raise TypeError("Text can't be uploaded: open the file in binary mode, as in open(path, 'rb').")
    if not callable(getattr(source, "read", None)):
        raise TypeError(f"A path, bytes, a binary stream or a URL can be uploaded, and not {type(source).__name__}.")
    return lambda: StreamSource(source) if _goes_back(source) else _spooled(source, None)


def _is_special(path: Path) -> bool:
    """True for a pipe or a device: its bytes come once, and nobody knows how many."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _goes_back(stream: Any) -> bool:
    seekable = getattr(stream, "seekable", None)
    return bool(seekable()) if callable(seekable) else hasattr(stream, "seek")


def _spooled(stream: Any, name: str | None) -> Source:
    """Copies a stream that can't go back to memory or, if it is long, to a temporary file: its size must be known."""
    copy = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with the source
    try:
        while data := stream.read(CHUNK):
            if not isinstance(data, bytes | bytearray):
                raise TypeError(f"The stream gives {type(data).__name__} and not bytes; only binary streams do.")
            copy.write(data)
        copy.seek(0)
        source = StreamSource(copy, owned=True)
    except BaseException:
        copy.close()
        raise
    source.name = _names.sendable(name) if name else None
    return source


def sha256(source: Source, offset: int, length: int) -> str:
    """The hexadecimal SHA-256 of a region. Raises SourceChanged."""
    digest = hashlib.sha256()
    for chunk in source.region(offset, length):
        digest.update(chunk)
    return digest.hexdigest()


def _why(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")
