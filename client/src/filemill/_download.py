"""Downloads: from the storage or the front door's edge, resumed by Range, checked, and only then put in place."""

from __future__ import annotations

import re
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from filemill import _files, _names, _s3
from filemill._api import backoff, problem
from filemill._effects import Answer, Fetch, Flow, Request, Sleep, Work
from filemill._files import FileRef
from filemill._progress import Meter, Progress
from filemill._resource import Resource
from filemill._targets import MemoryTarget, PathTarget, StreamTarget, Target
from filemill.errors import ChecksumMismatch, DownloadError, NetworkError
from filemill.models import File

ORIGINAL = "original"
_SIGNED_AGAIN = 3
_NUMBER = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes (?P<first>[0-9]{1,18})-(?P<last>[0-9]{1,18})/(?P<total>[0-9]{1,18}|\*)")
_AGAIN = (408, 429, 500, 502, 503, 504)


def download(
    self: Resource,
    file: FileRef,
    to: str | PathLike[str] | IO[bytes] | None = None,
    *,
    rendition: str | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    resume: bool = True,
) -> Flow[bytes | Path | int]:
    """Downloads the original or a rendition.

    to: a path or a folder: gives the Path; a binary stream: gives the number of bytes; None: gives the bytes. A path is
    written beside itself and put in place when all is there and right, so nobody ever sees half a file. If this program
    ends in the middle, the same call goes on where it stopped, unless resume=False. In a folder the file gets its own
    name, changed so that every system takes it.

    rendition: None or `original`, a name such as `w640.webp`, or `w640` for a format that the edge chooses.

    The size, and of originals also the SHA-256, are compared with the record. Raises DownloadError, DiskFull,
    ChecksumMismatch, NetworkError, ApiError (Conflict: there is no original, or it was not scanned yet).

    >>> client.files.download(file.id)
    b'hello'
    >>> client.files.download(file.id, "copy.jpg").name
    'copy.jpg'
    """
    record = yield from _files.get(self, file)
    job = _Download(self, record, None if rendition == ORIGINAL else rendition)
    if to is None:
        memory = MemoryTarget()
        yield from job.run(memory, on_progress)
        return memory.value()
    if not isinstance(to, str | PathLike):
        stream = StreamTarget(to)
        yield from job.run(stream, on_progress)
        return stream.size
    path = Path(to)
    if path.is_dir():
        path /= job.filename
    target = PathTarget(path, job.identity, resume)
    try:
        yield from job.run(target, on_progress)
    except DownloadError:
        target.discard()
        raise
    except BaseException:  # Ctrl-C, too
        if not resume:
            target.discard()
        raise
    finally:
        target.close()
    return path


class _Download:
    """One original or rendition of a file."""

    def __init__(self, resource: Resource, record: File, rendition: str | None) -> None:
        self._resource = resource
        self._record = record
        self._rendition = rendition
        self._address = None if rendition is None else _rendition_address(record, rendition)
        self.size = record.size if rendition is None else _rendition_size(record, rendition)
        self.sha256 = record.sha256 if rendition is None else None

    @property
    def filename(self) -> str:
        """A name for a folder."""
        name = self._record.filename
        if self._rendition is not None:
            name = f"{name.rpartition('.')[0] or name}-{self._rendition}"
        return _names.safe_filename(name)

    @property
    def identity(self) -> str:
        """Tells these bytes from others: a rendition's address never gets other bytes."""
        return f"{self._record.id} {urlsplit(self._address).path if self._address else ORIGINAL}"

    def run(self, target: Target, on_progress: Callable[[Progress], object] | None) -> Flow[None]:
        """Gets the bytes into the target, checks them, and has it finish."""
        meter = Meter(self.size or 0, on_progress)
        held: int = yield Work(lambda: target.begin(self.size))
        resumed = held > 0
        meter.skip(held)
        yield from self._receive(target, meter)
        if not self._is_right(target):
            if not resumed:
                raise self._wrong()
            meter.add(-target.size)
            yield Work(target.restart)  # an earlier run left other bytes
            yield from self._receive(target, meter)
            if not self._is_right(target):
                raise self._wrong()
        yield Work(target.finish)
        meter.end()

    def _is_right(self, target: Target) -> bool:
        if self.size is not None and target.size != self.size:
            return False
        return self.sha256 is None or target.digest() == self.sha256

    def _wrong(self) -> ChecksumMismatch:
        return ChecksumMismatch(
            f"The bytes of {self._record.filename} are not those of the record; they were not kept."
        )

    def _receive(self, target: Target, meter: Meter) -> Flow[None]:
        """Gets what the target lacks. A connection that breaks costs nothing of what has come."""
        url = self._address or (yield from self._sign())
        signed, attempt = 1, 0
        retries = self._resource._api.retries
        while self.size is None or target.size < self.size or target.size == 0:
            before = target.size
            stream = _Stream(target, meter, self.size)
            lost: NetworkError | None = None
            answer: Answer | None = None
            try:
                answer = yield Fetch(Request("GET", url, _headers(before)), stream.begin, stream.take)
            except NetworkError as error:
                lost = error
            if answer is not None:
                if answer.status in (200, 206) and stream.complete:
                    return
                if answer.status == 416 and before:
                    meter.add(-before)
                    yield Work(target.restart)
                    continue
                if answer.status in (401, 403) and self._address is None and signed < _SIGNED_AGAIN:
                    signed += 1
                    url = yield from self._sign()
                    continue
                if answer.status not in (200, 206) and (attempt >= retries or answer.status not in _AGAIN):
                    raise self._refused(answer)
            attempt = 0 if target.size > before else attempt + 1
            if attempt > retries:
                raise lost or NetworkError(urlsplit(url).hostname or url, "the connection ended too early")
            yield Sleep(backoff(attempt))

    def _sign(self) -> Flow[str]:
        found = yield from _files.original(self._resource, self._record)
        return found.url

    def _refused(self, answer: Answer) -> DownloadError:
        if _s3.code_of(answer):
            return DownloadError(_s3.sentence(answer).replace("refused the bytes", "does not give the file"))
        return DownloadError(f"{self._record.filename} can't be had: {problem(answer)}")


class _Stream:
    """One answer's body on its way to the target."""

    def __init__(self, target: Target, meter: Meter, size: int | None) -> None:
        self._target = target
        self._meter = meter
        self._size = size
        self._end: int | None = None
        self._total: int | None = None

    @property
    def complete(self) -> bool:
        """True if as many bytes came as were announced, and they are the last ones."""
        return self._target.size >= (self._end or 0) and self._target.size >= (self._total or 0)

    def begin(self, answer: Answer) -> None:
        """Reads how many bytes will come, and from where. Raises DownloadError for others than were asked for."""
        if answer.status == 206:
            self._end, self._total = _range(answer.headers.get("content-range", ""), self._target.size, self._size)
            return
        if self._target.size:
            self._meter.add(-self._target.size)
            self._target.restart()  # this server gives all or nothing
        length = answer.headers.get("content-length", "")
        self._end = int(length) if _NUMBER.fullmatch(length) else None

    def take(self, chunk: bytes) -> None:
        """Writes bytes. Raises ChecksumMismatch if more come than the record or the answer's head says."""
        size = self._target.size + len(chunk)
        if self._size is not None and size > self._size:
            raise ChecksumMismatch(f"More bytes came than the record's {self._size}; they were not kept.")
        if self._end is not None and size > self._end:
            raise ChecksumMismatch("More bytes came than were announced; they were not kept.")
        self._target.write(chunk)
        self._meter.add(len(chunk))


def _range(text: str, begin: int, size: int | None) -> tuple[int, int | None]:
    """The end of an answer's range and the size of the whole, which may be unknown. Raises DownloadError.

    A range that begins elsewhere would be put at the wrong place, and the size of a rendition may not tell.
    """
    found = _RANGE.fullmatch(text.strip())
    if found:
        end = int(found["last"]) + 1
        total = None if found["total"] == "*" else int(found["total"])
        if int(found["first"]) == begin < end <= (end if total is None else total) and (
            not size or total in (None, size)
        ):
            return end, total
    raise DownloadError(f"The server gave the range `{text[:80]}`, and was asked for that from byte {begin} on.")


def _headers(offset: int) -> dict[str, str]:
    identity = {"Accept-Encoding": "identity"}
    return {**identity, "Range": f"bytes={offset}-"} if offset else identity


def _rendition_address(record: File, name: str) -> str:
    """The address of a rendition. Raises DownloadError if the file has none of this name."""
    for each in record.renditions:
        if each.name == name:
            return each.url
    stem = name.partition(".")[0]
    if record.delivery and any(each.name.partition(".")[0] == stem for each in record.renditions):
        query = f"?{record.delivery.query}" if record.delivery.query else ""
        return f"{record.delivery.base_url}{name}{query}"
    names = ", ".join(each.name for each in record.renditions)
    has = f"It has: {names}." if names else f"It has none; it is {record.status}."
    raise DownloadError(f"{record.filename} has no rendition `{name}`. {has}")


def _rendition_size(record: File, name: str) -> int | None:
    return next((each.size for each in record.renditions if each.name == name), None)
