"""Uploads: a record is created, and its bytes go straight to S3, in one piece or in parts."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import IO, Any

from filemill import _names, _plan, _s3, _sources, _waiting
from filemill._api import Api, Document, backoff, document, segment
from filemill._effects import Answer, Body, Flow, Parallel, Request, Send, Sleep, Work
from filemill._progress import Meter, Progress
from filemill._resource import Resource
from filemill._sources import Source
from filemill._state import UploadState
from filemill.errors import Conflict, FilemillError, NetworkError, NotFound, SourceChanged, UploadError
from filemill.models import File

_SIGNED_AGAIN = 3  # times that a refused address is asked anew
_MOST_PARALLEL = 32


def upload(
    self: Resource,
    source: str | PathLike[str] | bytes | bytearray | memoryview | IO[bytes],
    *,
    filename: str | None = None,
    content_type: str | None = None,
    visibility: str | None = None,
    recipe: str | None = None,
    tags: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    owner: str | None = None,
    expires_after: int | None = None,
    focus: tuple[float, float] | None = None,
    on_duplicate: str | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    multipart: bool | None = None,
    part_size: int | None = None,
    parallel: int = 4,
    state_dir: str | PathLike[str] | None = None,
    resume: bool = True,
    wait: bool = False,
    timeout: float | None = 300.0,
) -> Flow[File]:
    """Uploads a file, and gives its record.

    source: a path, bytes, a binary stream, or an http(s) address that Filemill fetches by itself. A stream that can't
    go back, such as a pipe, is copied to a temporary file first, because its size must be known.

    filename: needed for bytes; else that of the path. content_type: by default told by the name; the bytes decide in
    the end. visibility: `private` or `public`. tags, metadata, recipe, owner, expires_after (seconds), focus (x and y
    as fractions), on_duplicate (`reuse`): as in docs/api.md#create-a-file-and-upload-it. `file.reused` tells if the
    service had the bytes; such a file may be in any state, and `wait` waits for it, too.

    on_progress: is called with `Progress`, at most ten times a second, maybe in another thread. multipart: by default
    a file above 32 MiB goes in parts; True: from 5 MiB on; False: never. part_size: bytes. parallel: parts at once, 1
    to 32. Memory: 256 KiB for each of them.

    An upload in parts of a path is resumed: if this program ends in the middle, the same call goes on with the parts
    that are missing. A small file in state_dir (by default the system's folder for states) remembers it. It is
    forgotten if the file on the disk changes. resume=False begins anew.

    wait: until the file is ready, at most `timeout` seconds.

    Raises UploadError, SourceChanged, NetworkError, ApiError; with `wait` also FileFailed and WaitTimeout.

    >>> file = client.upload("photo.jpg", tags=["beach"], wait=True)
    >>> file.status, file.size
    ('ready', 5)
    >>> client.upload("https://example.com/a.jpg").source_url
    'https://example.com/a.jpg'
    """
    wanted: dict[str, Any] = {
        "filename": filename,
        "content_type": content_type,
        "visibility": visibility,
        "recipe": recipe,
        "tags": [tags] if isinstance(tags, str) else list(tags),
        "metadata": dict(metadata or {}),
        "owner": owner,
        "expires_after": expires_after,
        "focus": {"x": focus[0], "y": focus[1]} if focus else None,
        "on_duplicate": on_duplicate,
    }
    wanted = {name: value for name, value in wanted.items() if value not in (None, [], {})}
    if not 1 <= parallel <= _MOST_PARALLEL:
        raise ValueError(f"parallel must be from 1 to {_MOST_PARALLEL}, and not {parallel}.")
    if isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        file = yield from _by_url(self._api, source, wanted)
    else:
        opened: Source = yield Work(_sources.opener(source))
        try:
            job = _Upload(self._api, opened, wanted, on_progress, multipart, part_size, parallel)
            file = yield from job.run(state_dir, resume)
        finally:
            opened.close()
    if wait:
        file = yield from _waiting.wait(self, file, timeout=timeout)
    return file


def _by_url(api: Api, url: str, wanted: dict[str, Any]) -> Flow[File]:
    answer = yield from _create(api, {**wanted, "source_url": url}, uuid.uuid4().hex)
    return File(document(answer), answer.headers.get("etag"))


def _had(created: Answer, record: Document) -> File:
    """The file of an answer that wants no bytes: a duplicate (200), or this upload's, whose bytes have come (201)."""
    return File(record, created.headers.get("etag"), reused=created.status == 200)


def _create(api: Api, body: dict[str, Any], idempotency_key: str) -> Flow[Answer]:
    """Creates the record, and never a second one for the same key."""
    headers = {"Idempotency-Key": idempotency_key}
    answer = yield from api.call("POST", "/v1/files", body=body, headers=headers, repeatable=True)
    return answer


class _Upload:
    """One upload of bytes that are here."""

    def __init__(
        self,
        api: Api,
        source: Source,
        wanted: dict[str, Any],
        on_progress: Callable[[Progress], object] | None,
        multipart: bool | None,
        part_size: int | None,
        parallel: int,
    ) -> None:
        self._api = api
        self._source = source
        name = wanted.get("filename") or source.name
        if not name:
            raise ValueError("Give a filename: these bytes have none.")
        self._body = {"content_type": _names.content_type(name), **wanted, "filename": name, "size": source.size}
        self._meter = Meter(source.size, on_progress)
        self._parallel = parallel
        self._file_id: str | None = None
        large = source.size > _plan.THRESHOLD if multipart is None else multipart
        self._in_parts = large and source.size >= _plan.MIN_PART
        self._part_size = _plan.part_size(source.size, part_size) if self._in_parts else source.size

    def run(self, state_dir: str | PathLike[str] | None, resume: bool) -> Flow[File]:
        """The whole upload. If the source changed, the file is deleted again."""
        try:
            if self._in_parts:
                file = yield from self._parts(state_dir, resume)
            else:
                file = yield from self._whole()
        except SourceChanged as error:
            error.file_id = self._file_id
            yield from self._cancel()
            raise
        except FilemillError:
            if self._source.identity is None or not self._in_parts:
                yield from self._cancel()  # nobody can go on with it
            raise
        self._meter.end()
        return file

    # --- In one piece

    def _whole(self) -> Flow[File]:
        size = self._source.size
        digest = yield Work(lambda: _sources.sha256(self._source, 0, size))
        body = {**self._body, "sha256": digest, "upload": "post"}
        created = yield from _create(self._api, body, uuid.uuid4().hex)
        record = document(created)
        form = record.object("upload")
        record.pop("upload", None)
        if form is None:
            self._meter.skip(size)
            return _had(created, record)
        self._file_id = record.text("id")
        yield from self._send_form(form)
        return File(record, created.headers.get("etag"))

    def _send_form(self, form: Document) -> Flow[None]:
        size = self._source.size

        def checked() -> Iterator[bytes]:
            """The end of the form is sent only if the file is still the one that was announced."""
            yield from self._source.region(0, size)
            self._source.check()

        url = form.text("url")
        fields: dict[str, str] = form.object("fields") or {}
        more: dict[str, str] = form.object("headers") or {}
        for attempt in range(self._api.retries + 1):
            counted = _Counted(self._meter, Body(size, checked))
            content_type, body = _s3.form(fields, size, counted.body)
            headers = {**more, "Content-Type": content_type}
            last = attempt == self._api.retries
            try:
                answer: Answer = yield Send(Request("POST", url, headers, body=body))
            except NetworkError:
                if last:
                    raise
            else:
                if answer.status < 300:
                    return
                if last or not _s3.may_succeed_later(answer):
                    yield Work(self._source.check)  # other bytes are refused, too
                    raise UploadError(_s3.sentence(answer), self._file_id)
            counted.take_back()
            yield Sleep(backoff(attempt))

    # --- In parts

    def _parts(self, state_dir: str | PathLike[str] | None, resume: bool) -> Flow[File]:
        identity = self._source.identity
        body = {**self._body, "upload": "multipart", "part_checksums": True, "part_size": self._part_size}
        state: UploadState | None = None
        if identity is not None and resume:
            folder = Path(state_dir) if state_dir is not None else None
            state = yield Work(lambda: UploadState.claim(folder, self._api.url, identity, body))
        try:
            file = yield from self._resumable(body, state)
            if state:
                yield Work(state.remove)
            return file
        except SourceChanged:
            if state:
                state.remove()
            raise
        finally:
            if state:
                state.release()

    def _resumable(self, body: dict[str, Any], state: UploadState | None) -> Flow[File]:
        """Goes on with an earlier run's upload if there is one, and else begins."""
        found = (yield Work(state.load)) if state else None
        if found and found.get("file_id"):
            self._file_id = str(found["file_id"])
            try:
                file = yield from self._go_on()
                return file
            except (NotFound, Conflict):  # unknown here, expired, or ended in another way
                self._file_id = None
            found = None
        key = found["idempotency_key"] if found and found.get("idempotency_key") else uuid.uuid4().hex
        if state:
            yield Work(lambda: state.save(idempotency_key=key, file_id=None, url=self._api.url))
        try:
            created = yield from _create(self._api, body, key)
        except (NotFound, Conflict):
            if not found:
                raise
            key = uuid.uuid4().hex  # the file of that key is gone
            created = yield from _create(self._api, body, key)
        record = document(created)
        block = record.object("upload")
        record.pop("upload", None)
        if block is None:
            self._meter.skip(self._source.size)
            return _had(created, record)
        self._file_id = record.text("id")
        if state:
            file_id = self._file_id
            yield Work(lambda: state.save(idempotency_key=key, file_id=file_id, url=self._api.url))
        if found:
            file = yield from self._go_on()
        else:
            file = yield from self._send_parts(self._announced(block), {})
        return file

    def _go_on(self) -> Flow[File]:
        """Sends the parts that S3 lacks. Raises NotFound and Conflict if there is nothing to go on with."""
        try:
            held = yield from self._api.json("GET", f"{self._path}/parts")
        except Conflict:
            record = yield from self._api.json("GET", self._path)
            if record.get("size") == self._source.size and record["status"] in ("processing", "ready"):
                self._meter.skip(self._source.size)  # the answer of `complete` was lost
                return File(record)
            raise
        each = self._announced(held)
        count = _plan.part_count(self._source.size, each)
        etags: dict[int, str] = {}
        for part in held.objects("parts"):
            number = part.get("part_number")
            if type(number) is not int or not 1 <= number <= count or number in etags:
                continue
            _, length = _plan.span(self._source.size, each, number)
            if part.get("size") == length and isinstance(part.get("etag"), str):
                etags[number] = part["etag"]
                self._meter.skip(length)
        file = yield from self._send_parts(each, etags)
        return file

    def _send_parts(self, each: int, etags: dict[int, str]) -> Flow[File]:
        """Sends all parts but those in `etags`, and completes the upload."""
        count = _plan.part_count(self._source.size, each)
        missing = [number for number in range(1, count + 1) if number not in etags]
        flows = (self._send_part(number, each, etags) for number in missing)
        yield Parallel(flows, min(self._parallel, max(1, len(missing))))
        yield Work(self._source.check)
        listed = [{"part_number": number, "etag": etags[number]} for number in sorted(etags)]
        path = f"{self._path}/complete"
        answer = yield from self._api.call("POST", path, body={"parts": listed}, repeatable=True)
        return File(document(answer), answer.headers.get("etag"))

    def _send_part(self, number: int, each: int, etags: dict[int, str]) -> Flow[None]:
        """Hashes a part, has it signed, and sends it. S3 checks the hash."""
        offset, length = _plan.span(self._source.size, each, number)
        digest: str = yield Work(lambda: _sources.sha256(self._source, offset, length))
        headers = {"x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(digest)).decode()}
        url = yield from self._sign(number, digest)
        signed = 1
        attempt = 0
        while True:
            counted = _Counted(self._meter, Body(length, lambda: self._source.region(offset, length)))
            answer: Answer | None = None
            try:
                answer = yield Send(Request("PUT", url, dict(headers), body=counted.body))
            except NetworkError:
                if attempt >= self._api.retries:
                    raise
            if answer is not None and answer.status < 300 and "etag" in answer.headers:
                etags[number] = answer.headers["etag"]
                return
            counted.take_back()
            if answer is not None and answer.status in (403, 404) and signed < _SIGNED_AGAIN:
                signed += 1  # the address may have expired; if the upload has ended, this says so
                url = yield from self._sign(number, digest)
                continue
            if answer is not None and (attempt >= self._api.retries or not _s3.may_succeed_later(answer)):
                yield Work(self._source.check)
                if _s3.is_other_bytes(answer):
                    raise SourceChanged("The file was changed while it was read.", self._file_id)
                raise UploadError(_s3.sentence(answer), self._file_id)
            yield Sleep(backoff(attempt))
            attempt += 1

    def _sign(self, number: int, digest: str) -> Flow[str]:
        body = {"parts": [{"part_number": number, "sha256": digest}]}
        signed = yield from self._api.json("POST", f"{self._path}/parts", body=body, repeatable=True)
        return str(next(iter(signed.objects("parts")), signed)["url"])

    def _announced(self, upload: Mapping[str, Any]) -> int:
        """Bytes of each part, as the service says. Raises UploadError for a number that can't be."""
        try:
            return _plan.announced(self._source.size, upload.get("part_size"))
        except ValueError as error:
            raise UploadError(str(error), self._file_id) from None

    @property
    def _path(self) -> str:
        return f"/v1/files/{segment(self._file_id or '')}"

    def _cancel(self) -> Flow[None]:
        """Deletes the file that was begun; one try, because a stage removes such files by itself."""
        if self._file_id is None:
            return
        with contextlib.suppress(Exception):  # nothing here may hide why the upload failed
            yield Send(Request("DELETE", self._api.url + self._path, self._api.credential(), timeout=10.0))


class _Counted:
    """A body whose bytes are counted as they are read, so that those of a failed try can be taken back."""

    def __init__(self, meter: Meter, body: Body) -> None:
        self._meter = meter
        self._inner = body
        self._count = 0
        self.body = Body(body.length, self._chunks)

    def take_back(self) -> None:
        self._meter.add(-self._count)
        self._count = 0

    def _chunks(self) -> Iterator[bytes]:
        for chunk in self._inner.chunks():
            yield chunk
            self._count += len(chunk)
            self._meter.add(len(chunk))
