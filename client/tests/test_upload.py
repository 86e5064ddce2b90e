"""Uploads: retries, resuming, sources that change, and what is never done."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply

from filemill import (
    AsyncFilemill,
    Filemill,
    NetworkError,
    Progress,
    RateLimited,
    ServerError,
    SourceChanged,
    UploadError,
    _plan,
    _sources,
)

DATA = bytes(range(256)) * 20  # 5,120 bytes: six parts of 1,000
PARTS = {"multipart": True, "part_size": 1000}


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_plan, "MIN_PART", 1000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(DATA)
    return path


def states(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "states").glob("*"))


def only(fake: FakeFilemill) -> bytes:
    """The bytes of the only file."""
    assert len(fake.files) == 1
    return next(iter(fake.bytes.values()))


def nth(number: int, method: str, pattern: str, what: Callable[[], Reply | Exception]) -> Callable[[Call], Any]:
    """Does `what` in place of the request with this number among those that match."""
    seen = 0

    def before(call: Call) -> Any:
        nonlocal seen
        if call.method == method and pattern in call.path:
            seen += 1
            if seen == number:
                return what()
        return None

    return before


@pytest.mark.parametrize("multipart", [False, True])
def test_a_path_bytes_a_stream_and_a_pipe_are_uploaded(
    filemill: Filemill, fake: FakeFilemill, path: Path, multipart: bool
) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.left = io.BytesIO(DATA)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self.left.readinto(buffer)

    stream = io.BytesIO(b"before" + DATA)
    stream.seek(6)
    more: dict[str, Any] = {"multipart": multipart, "part_size": 1000 if multipart else None}
    for source in (path, str(path), DATA, bytearray(DATA), memoryview(DATA), stream, Pipe()):
        file = filemill.upload(source, filename="film.mp4", **more)  # type: ignore[arg-type]
        assert fake.bytes[file.id] == DATA
        assert file.content_type == "video/mp4"


def test_an_empty_file_is_uploaded(filemill: Filemill, fake: FakeFilemill) -> None:
    filemill.upload(b"", filename="empty.txt", multipart=True)
    assert only(fake) == b""


def test_progress_ends_with_all_bytes(filemill: Filemill, path: Path) -> None:
    seen: list[Progress] = []
    filemill.upload(path, on_progress=seen.append, multipart=True, part_size=1000)
    assert seen[-1].sent == seen[-1].total == len(DATA) and seen[-1].remaining == 0


def test_parts_are_sent_at_the_same_time(path: Path) -> None:
    fake = FakeFilemill()
    together = threading.Barrier(3, timeout=20)
    inner = fake.transport()

    class Meeting(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            number = request.url.path.split("/")[3:4] if request.method == "PUT" else []
            if number and int(number[0]) <= 3:
                together.wait()  # fails unless three parts are on their way
            return inner.handle_request(request)

    with Filemill(URL, KEY, transport=Meeting()) as client:
        client.upload(path, multipart=True, part_size=1000, parallel=3)
    assert only(fake) == DATA


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_for_now_is_tried_again_after_retry_after(
    filemill: Filemill, fake: FakeFilemill, status: int
) -> None:
    refusal = Reply(status, {"status": status, "code": "unavailable", "detail": "Later."}, {"Retry-After": "0"})
    fake.before = nth(1, "POST", "/v1/files", lambda: refusal)
    filemill.upload(b"hello", filename="a.txt")
    assert only(fake) == b"hello" and fake.count("POST", "/v1/files") == 2


def test_a_long_retry_after_is_not_waited_for(filemill: Filemill, fake: FakeFilemill) -> None:
    body = {"code": "quota_exceeded", "detail": "Enough for today.", "quota": "uploaded_bytes_per_day"}
    fake.before = lambda call: Reply(429, body, {"Retry-After": "40000"})
    with pytest.raises(RateLimited, match="Enough for today") as caught:
        filemill.upload(b"hello", filename="a.txt")
    assert caught.value.retry_after == 40000 and len(fake.calls) == 1


def test_a_create_whose_answer_is_lost_makes_one_file(fake: FakeFilemill) -> None:
    inner = fake.transport()
    lost: list[bool] = []

    def handle(request: httpx.Request) -> httpx.Response:
        answer = inner.handle_request(request)
        if request.url.path == "/v1/files" and not lost:
            lost.append(True)
            raise httpx.ReadError("lost")
        return answer

    with Filemill(URL, KEY, transport=httpx.MockTransport(handle)) as client:
        client.upload(b"hello", filename="a.txt")
    assert lost and only(fake) == b"hello"


def test_retries_end(fake: FakeFilemill) -> None:
    fake.before = lambda call: Reply(500, {"code": "internal", "detail": "Oh."})
    with Filemill(URL, KEY, transport=fake.transport(), retries=3) as client:
        with pytest.raises(ServerError):
            client.health()
    assert len(fake.calls) == 4


def test_what_may_have_been_done_is_not_sent_twice(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = lambda call: httpx.ReadError("lost")
    with pytest.raises(NetworkError, match=r"files\.example\.com"):
        filemill.keys.create("shop", ["files:read"])
    assert len(fake.calls) == 1


def test_no_network_is_told_with_the_host(fake: FakeFilemill) -> None:
    fake.before = lambda call: httpx.ConnectError("[Errno -2] Name or service not known")
    with Filemill(URL, KEY, transport=fake.transport(), retries=1) as client:
        with pytest.raises(NetworkError, match=r"files\.example\.com could not be reached") as caught:
            client.upload(b"hello", filename="a.txt")
    assert not caught.value.sent


@pytest.mark.parametrize("code", ["SlowDown", "RequestTimeout"])
def test_a_part_that_s3_refuses_for_now_is_sent_again(
    filemill: Filemill, fake: FakeFilemill, path: Path, code: str
) -> None:
    status = 503 if code == "SlowDown" else 400
    fake.before = nth(2, "PUT", "/part/", lambda: Reply(status, f"<Code>{code}</Code>".encode()))
    seen: list[Progress] = []
    filemill.upload(path, multipart=True, part_size=1000, on_progress=seen.append)
    assert only(fake) == DATA and seen[-1].sent == len(DATA)


def test_an_expired_address_of_a_part_is_asked_anew(filemill: Filemill, fake: FakeFilemill, path: Path) -> None:
    expired = b"<Code>AccessDenied</Code><Message>Request has expired</Message>"
    fake.before = nth(1, "PUT", "/part/", lambda: Reply(403, expired))
    filemill.upload(path, multipart=True, part_size=1000)
    assert only(fake) == DATA and fake.count("POST", ".*/parts") == 7


def test_a_clock_that_is_wrong_is_named(filemill: Filemill, fake: FakeFilemill) -> None:
    expired = b"<Code>AccessDenied</Code><Message>Request has expired</Message>"
    headers = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    fake.before = lambda call: Reply(403, expired, headers) if "/form/" in call.path else None
    with pytest.raises(UploadError, match=r"expired \(403 AccessDenied\)\. This computer's clock is \d+ minutes ahead"):
        filemill.upload(b"hello", filename="a.txt")


# --- Resuming


def interrupted(fake: FakeFilemill, path: Path, states: Path, at: int, error: BaseException) -> None:
    """An upload that ends when part `at` is to be sent."""

    def stop() -> Reply:
        raise error

    fake.before = nth(at, "PUT", "/part/", stop)
    with Filemill(URL, KEY, transport=fake.transport(), retries=0) as client:
        with pytest.raises(type(error)):
            client.upload(path, multipart=True, part_size=1000, parallel=1, state_dir=states)
    fake.before = None
    fake.calls.clear()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_an_upload_goes_on_where_it_stopped(
    filemill: Filemill, fake: FakeFilemill, path: Path, tmp_path: Path, error: BaseException
) -> None:
    interrupted(fake, path, tmp_path / "states", 4, error)
    assert len(states(tmp_path)) == 1
    seen: list[Progress] = []
    more: dict[str, Any] = {"state_dir": tmp_path / "states", "on_progress": seen.append, "multipart": True}
    filemill.upload(path, part_size=1000, **more)
    assert only(fake) == DATA
    assert fake.count("PUT", ".*") == 3 and fake.count("POST", "/v1/files") == 0
    assert seen[-1].sent == len(DATA)
    assert states(tmp_path) == []


def test_a_state_without_a_file_repeats_the_same_create(
    filemill: Filemill, fake: FakeFilemill, path: Path, tmp_path: Path
) -> None:
    inner = fake.transport()

    def handle(request: httpx.Request) -> httpx.Response:
        answer = inner.handle_request(request)
        if request.url.path == "/v1/files":
            raise KeyboardInterrupt
        return answer

    with Filemill(URL, KEY, transport=httpx.MockTransport(handle)) as client, pytest.raises(KeyboardInterrupt):
        client.upload(path, multipart=True, part_size=1000, state_dir=tmp_path / "states")
    filemill.upload(path, multipart=True, part_size=1000, state_dir=tmp_path / "states")
    assert only(fake) == DATA and states(tmp_path) == []


@pytest.mark.parametrize("how", ["unknown", "expired", "damaged", "changed"])
def test_a_state_that_leads_nowhere_begins_anew(
    filemill: Filemill, fake: FakeFilemill, path: Path, tmp_path: Path, how: str
) -> None:
    interrupted(fake, path, tmp_path / "states", 3, KeyboardInterrupt())
    if how == "unknown":
        fake.files.clear()
    elif how == "expired":
        fake.parts.clear()
    elif how == "damaged":
        states(tmp_path)[0].write_text("{")
    else:
        os.utime(path, ns=(1, 1))
    file = filemill.upload(path, multipart=True, part_size=1000, state_dir=tmp_path / "states")
    assert fake.bytes[file.id] == DATA and fake.count("PUT", ".*") == 6


def test_a_state_belongs_to_its_stage_and_to_its_options(
    filemill: Filemill, fake: FakeFilemill, path: Path, tmp_path: Path
) -> None:
    interrupted(fake, path, tmp_path / "states", 3, KeyboardInterrupt())
    filemill.upload(path, multipart=True, part_size=1000, state_dir=tmp_path / "states", tags=["other"])
    assert fake.count("PUT", ".*") == 6
    other = FakeFilemill("https://other.example.com")
    with Filemill(other.url, KEY, transport=other.transport()) as client:
        client.upload(path, multipart=True, part_size=1000, state_dir=tmp_path / "states")
    assert only(other) == DATA


def test_a_lost_answer_of_complete_is_no_second_upload(
    filemill: Filemill, fake: FakeFilemill, path: Path, tmp_path: Path
) -> None:
    inner = fake.transport()

    def handle(request: httpx.Request) -> httpx.Response:
        answer = inner.handle_request(request)
        if request.url.path.endswith("/complete"):
            raise KeyboardInterrupt
        return answer

    with Filemill(URL, KEY, transport=httpx.MockTransport(handle)) as client, pytest.raises(KeyboardInterrupt):
        client.upload(path, multipart=True, part_size=1000, state_dir=tmp_path / "states")
    file = filemill.upload(path, multipart=True, part_size=1000, state_dir=tmp_path / "states")
    assert file.status == "ready" and only(fake) == DATA and states(tmp_path) == []


def test_a_state_holds_no_credential(fake: FakeFilemill, path: Path, tmp_path: Path) -> None:
    interrupted(fake, path, tmp_path / "states", 3, KeyboardInterrupt())
    text = states(tmp_path)[0].read_text()
    assert KEY not in text and json.loads(text)["file_id"] in fake.files


def test_a_folder_that_cannot_be_written_stops_no_upload(filemill: Filemill, fake: FakeFilemill, path: Path) -> None:
    filemill.upload(path, multipart=True, part_size=1000, state_dir=path / "below-a-file")
    assert only(fake) == DATA


def test_a_cancelled_task_leaves_a_state(fake: FakeFilemill, path: Path, tmp_path: Path) -> None:
    async def main() -> None:
        inner = fake.async_transport()
        arrived = asyncio.Event()

        async def handle(request: httpx.Request) -> httpx.Response:
            if request.method == "PUT" and "/3/" in request.url.path:
                arrived.set()
                await asyncio.sleep(60)
            return await inner.handle_async_request(request)

        more: dict[str, Any] = {"multipart": True, "part_size": 1000, "parallel": 1, "state_dir": tmp_path / "states"}
        async with AsyncFilemill(URL, KEY, transport=httpx.MockTransport(handle)) as client:
            task = asyncio.create_task(client.upload(path, **more))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        fake.calls.clear()
        async with AsyncFilemill(URL, KEY, transport=fake.async_transport()) as client:
            await client.upload(path, **more)

    asyncio.run(main())
    assert only(fake) == DATA and fake.count("PUT", ".*") == 4


# --- Sources that change


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize("change", ["grew", "shrank", "was changed", "vanished"])
def test_a_file_that_changes_while_it_is_read_is_refused_and_its_upload_cancelled(
    fake: FakeFilemill, path: Path, tmp_path: Path, change: str, multipart: bool
) -> None:
    def happens() -> None:
        if change == "grew":
            path.write_bytes(DATA + b"more")
        elif change == "shrank":
            path.write_bytes(DATA[:2500])
        elif change == "was changed":
            path.write_bytes(DATA[::-1])
            os.utime(path, ns=(1, 1))
        else:
            path.unlink()

    done: list[bool] = []

    def before(call: Call) -> None:
        moment = call.path.endswith("/3") or "/part/" in call.path if multipart else call.path == "/v1/files"
        if moment and not done:
            done.append(True)
            happens()

    fake.before = before
    more: dict[str, Any] = {"multipart": multipart, "part_size": 1000 if multipart else None, "parallel": 1}
    with Filemill(URL, KEY, transport=fake.transport(), retries=1) as client:
        with pytest.raises(SourceChanged, match=change) as caught:
            client.upload(path, state_dir=tmp_path / "states", **more)
    assert caught.value.file_id is not None
    assert fake.files == {} and fake.bytes == {}, "the upload was not cancelled"
    assert states(tmp_path) == []


def test_a_stream_that_shrinks_is_refused(filemill: Filemill, fake: FakeFilemill) -> None:
    stream = io.BytesIO(DATA)

    def before(call: Call) -> None:
        if call.path == "/v1/files":
            stream.truncate(100)

    fake.before = before
    with pytest.raises(SourceChanged, match="shrank"):
        filemill.upload(stream, filename="a.bin")
    assert fake.files == {}


# --- What can't be uploaded


@pytest.mark.parametrize(
    ("source", "error", "sentence"),
    [
        ("no-such-file", UploadError, "does not exist"),
        (".", UploadError, "is a folder"),
        ("nul\0byte", UploadError, "can't be read"),
        (io.StringIO("text"), TypeError, "binary mode"),
        (7, TypeError, "and not int"),
        (b"bytes", ValueError, "Give a filename"),
    ],
)
def test_what_cannot_be_uploaded_is_told(
    filemill: Filemill, fake: FakeFilemill, source: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        filemill.upload(source)
    assert fake.calls == []


def test_names_of_every_sort_are_sent_so_that_they_are_taken(
    filemill: Filemill, fake: FakeFilemill, tmp_path: Path
) -> None:
    names = ["\U0001f600 \u05d0\u05d1.txt", "CON.txt", "e\u0301.txt", "x" * 250 + ".txt"]
    if os.name == "posix":
        names += ["a\nb.txt", "back\\slash.txt", os.fsdecode(b"\xff.txt")]
    sent = []
    for name in names:
        (tmp_path / name).write_bytes(b"hello")
        sent.append(filemill.upload(tmp_path / name).filename)
    assert sent[:4] == names[:4]
    assert sent[4:] in ([], ["a_b.txt", "back_slash.txt", "\ufffd.txt"])


def test_a_large_file_takes_little_memory(
    filemill: Filemill, fake: FakeFilemill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than a chunk is read at a time, whatever the size of the file."""
    monkeypatch.setattr(_sources, "CHUNK", 100)
    largest: list[int] = []
    real = _sources.PathSource.region

    def region(self: _sources.PathSource, offset: int, length: int) -> Iterator[bytes]:
        for chunk in real(self, offset, length):
            largest.append(len(chunk))
            yield chunk

    monkeypatch.setattr(_sources.PathSource, "region", region)
    path = tmp_path / "a.bin"
    path.write_bytes(DATA)
    filemill.upload(path, multipart=True, part_size=1000)
    assert max(largest) == 100


def test_a_stream_that_cannot_go_back_is_spooled_to_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sources, "_IN_MEMORY", 100)
    made: list[Any] = []
    real = tempfile.SpooledTemporaryFile

    def spooled(size: int) -> Any:
        made.append(real(size))
        return made[0]

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", spooled)

    class Pipe:
        data = io.BytesIO(DATA)
        read = data.read

    source = _sources.opener(Pipe())()
    assert b"".join(source.region(0, source.size)) == DATA
    assert made[0]._rolled
    source.close()
    assert made[0].closed
