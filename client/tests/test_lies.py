"""A service that is wrong, or lies: each answer that makes no sense ends as an error of this package, and soon."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply, uploads
from signing import signed

from filemill import (
    ApiError,
    AsyncFilemill,
    ChecksumMismatch,
    ConfigurationError,
    DownloadError,
    File,
    FileFailed,
    Filemill,
    FilemillError,
    InvalidSignature,
    RateLimited,
    UploadError,
    _api,
    _cursors,
    _folders,
    _follow,
    _plan,
    _settings,
    _state,
    _verify,
)
from filemill._effects import Answer, Closed, NoSocket

MIB = 1024**2
DEEP = b"[" * 200_000 + b"]" * 200_000
LESS_DEEP = b'{"a":' * 500 + b"1" + b"}" * 500  # Python reads it, and fails later


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that never ends; `given` counts its pieces."""

    def __init__(self, piece: bytes, begin: bytes = b"") -> None:
        self._piece, self._begin, self.given = piece, begin, 0

    def __iter__(self) -> Iterator[bytes]:
        yield self._begin
        while True:
            self.given += 1
            yield self._piece

    async def __aiter__(self) -> Any:
        for piece in self:
            yield piece


def answered(*, way: str, headers: dict[str, str], stream: Any, status: int = 200) -> FilemillError:
    """The error of a request that is answered so, by either client."""
    transport = httpx.MockTransport(lambda request: httpx.Response(status, headers=headers, stream=stream))

    async def wait() -> None:
        async with AsyncFilemill(URL, KEY, transport=transport, retries=0) as client:
            await client.me()

    with pytest.raises(FilemillError) as caught:
        if way == "async":
            asyncio.run(wait())
        else:
            with Filemill(URL, KEY, transport=transport, retries=0) as client:
                client.me()
    return caught.value


both = pytest.mark.parametrize("way", ["blocking", "async"])


@both
@pytest.mark.parametrize("status", [200, 404, 500])
def test_an_answer_is_read_up_to_a_bound(way: str, status: int) -> None:
    stream = Pieces(b" " * MIB)
    error = answered(way=way, headers={}, stream=stream, status=status)
    assert isinstance(error, ApiError) and error.code == "answer_too_large"
    assert "files.example.com has more than 16 MiB" in str(error)
    assert stream.given == 17


@both
def test_the_bound_is_that_of_the_decompressed_answer(way: str) -> None:
    bomb = gzip.compress(b" " * 40 * MIB)
    assert len(bomb) < MIB
    error = answered(way=way, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(bomb))
    assert isinstance(error, ApiError) and error.code == "answer_too_large"


@pytest.mark.parametrize(
    ("headers", "content", "code"),
    [
        ({"Content-Encoding": "br"}, b"{}", "unknown_encoding"),
        ({"Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b"{}")), "unknown_encoding"),
        ({"Content-Encoding": "gzip"}, b"{}", "damaged_answer"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"{}")[:-4], "damaged_answer"),
    ],
    ids=["brotli", "twice", "no gzip", "no end"],
)
def test_an_encoding_that_is_wrong_or_was_not_asked_for_is_told(
    headers: dict[str, str], content: bytes, code: str
) -> None:
    error = answered(way="blocking", headers=headers, stream=httpx.ByteStream(content))
    assert isinstance(error, ApiError) and error.code == code


@both
def test_an_answer_below_the_bound_is_decompressed(way: str) -> None:
    content = gzip.compress(json.dumps({"type": "key", "fill": "x" * 15 * MIB}).encode())
    headers = {"Content-Encoding": "gzip"}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "gzip"
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(content))

    async def wait() -> str:
        async with AsyncFilemill(URL, KEY, transport=httpx.MockTransport(answer)) as client:
            return (await client.me()).type

    if way == "async":
        assert asyncio.run(wait()) == "key"
    else:
        with Filemill(URL, KEY, transport=httpx.MockTransport(answer)) as client:
            assert client.me().type == "key"


def test_a_transport_that_has_read_the_answer_is_taken_too() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"type": "key"}))
    with Filemill(URL, KEY, transport=transport) as client:
        assert client.me().type == "key"


# --- Downloads


@pytest.fixture
def file(filemill: Filemill) -> File:
    return filemill.upload(b"hello", filename="photo.jpg")


def ranged(headers: dict[str, str], content: bytes) -> Callable[[Call], Reply | None]:
    """Answers the second request of a rendition so; the first one breaks off after four bytes."""
    seen = [0]

    def before(call: Call) -> Any:
        if not call.path.startswith("/f/"):
            return None
        seen[0] += 1
        return None if seen[0] == 1 else Reply(206, content, headers)

    return before


@pytest.mark.parametrize(
    ("range_", "content"),
    [
        ("bytes 0-8/9", b"rendition"),  # from the beginning again
        ("bytes 5-8/9", b"tion"),  # one byte is left out
        ("bytes 4-8/99", b"ition"),  # of another file
        ("bytes 4-3/9", b""),
        ("bytes 4-98/9", b"ition"),
        ("bytes four", b"ition"),
        ("", b"ition"),
    ],
)
def test_another_range_than_was_asked_for_is_refused(
    fake: FakeFilemill, file: File, tmp_path: Path, range_: str, content: bytes
) -> None:
    fake.before = ranged({"Content-Range": range_} if range_ else {}, content)
    inner = fake.transport()
    first = [True]

    def handle(request: httpx.Request) -> httpx.Response:
        answer = inner.handle_request(request)
        if request.url.path.startswith("/f/") and first.pop() if first else False:
            return httpx.Response(200, headers={"Content-Length": "9"}, stream=Cut(b"rend"))
        return answer

    with Filemill(URL, KEY, transport=httpx.MockTransport(handle)) as client:
        with pytest.raises(DownloadError, match="gave the range"):
            client.files.download(file, tmp_path / "copy.webp", rendition="w640")
    assert not list(tmp_path.glob("*"))


class Cut(httpx.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise httpx.ReadError("broke")


@pytest.mark.parametrize(
    ("status", "headers"), [(200, {"Content-Length": "4"}), (206, {"Content-Range": "bytes 0-3/4"})]
)
def test_more_bytes_than_were_announced_are_not_kept(
    fake: FakeFilemill, file: File, tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    """The record does not say the size of a rendition whose format the edge chooses."""
    inner = fake.transport()

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/f/"):
            return httpx.Response(status, headers=headers, stream=httpx.ByteStream(b"rendition"))
        return inner.handle_request(request)

    with Filemill(URL, KEY, transport=httpx.MockTransport(handle)) as client:
        with pytest.raises(ChecksumMismatch, match="than were announced"):
            client.files.download(file, tmp_path / "copy.webp", rendition="w640")
    assert not list(tmp_path.glob("*"))


def test_a_range_that_ends_early_is_gone_on_with(fake: FakeFilemill, file: File) -> None:
    inner = fake.transport()

    def handle(request: httpx.Request) -> httpx.Response:
        if not request.url.path.startswith("/f/"):
            return inner.handle_request(request)
        begin = int(request.headers.get("range", "bytes=0-")[6:-1])
        piece = b"rendition"[begin : begin + 4]
        headers = {"Content-Range": f"bytes {begin}-{begin + len(piece) - 1}/9"}
        return httpx.Response(206, headers=headers, stream=httpx.ByteStream(piece))

    with Filemill(URL, KEY, transport=httpx.MockTransport(handle)) as client:
        assert client.files.download(file, rendition="w640") == b"rendition"


# --- JSON


@pytest.mark.parametrize(
    "content", [DEEP, LESS_DEEP, b"[1, 2]", b"null", b'"text"', b'{"items": 7}', b'{"items": [7]}'], ids=range(7)
)
def test_json_of_another_form_is_an_error_of_this_package(
    filemill: Filemill, fake: FakeFilemill, content: bytes
) -> None:
    fake.before = lambda call: Reply(200, content)
    with pytest.raises(ApiError, match="front door"):
        filemill.files.list()


@pytest.mark.parametrize("content", [DEEP, LESS_DEEP, b"[]"], ids=["deep", "less deep", "list"])
def test_a_refusal_of_another_form_keeps_its_status(filemill: Filemill, fake: FakeFilemill, content: bytes) -> None:
    fake.before = lambda call: Reply(404, content)
    with pytest.raises(ApiError) as caught:
        filemill.me()
    assert (caught.value.status, caught.value.code) == (404, "http_404")


@pytest.mark.parametrize("content", [b"{}", b'{"id": 7, "upload": {}}', b'{"id": "file_1", "upload": 7}'])
def test_a_record_without_what_an_upload_needs_is_an_error(
    filemill: Filemill, fake: FakeFilemill, content: bytes
) -> None:
    fake.before = lambda call: Reply(201, content) if call.method == "POST" else None
    if content == b"{}":
        assert filemill.upload(b"a", filename="a.txt").raw == {}
        return
    with pytest.raises(ApiError, match="has a wrong"):
        filemill.upload(b"a", filename="a.txt")


def test_a_login_that_is_nested_deeply_is_a_damaged_one() -> None:
    path = _settings.login_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(DEEP[:30_000] + DEEP[-30_000:])
    with pytest.raises(ConfigurationError, match="damaged"):
        Filemill()


def test_a_state_that_is_nested_deeply_counts_as_none(tmp_path: Path) -> None:
    state = _state.UploadState(tmp_path / "state.json")
    (tmp_path / "state.json").write_bytes(DEEP[:30_000] + DEEP[-30_000:])
    assert state.load() is None


def test_a_webhook_and_a_message_that_are_nested_deeply_are_refused() -> None:
    headers, body = signed(DEEP, "whsec_c2VjcmV0", time.time())
    with pytest.raises(InvalidSignature, match="no JSON object"):
        _verify.verify(headers, body, "whsec_c2VjcmV0")
    with pytest.raises(Closed):
        _follow._message(DEEP)


# --- Uploads in parts


@pytest.mark.parametrize(
    "part_size", [0, -1, 1, 999, 10**30, 5 * 1024 * MIB + 1, 1000.5, "1000", None, True, [1000], float("nan")]
)
@pytest.mark.parametrize("resumed", [False, True])
def test_a_part_size_that_cannot_be_ends_the_upload(
    fake: FakeFilemill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_size: Any, resumed: bool
) -> None:
    monkeypatch.setattr(_plan, "MIN_PART", 1000)
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film" * 1000)

    def lying(call: Call) -> Reply | None:
        if call.method == "POST" and call.path == "/v1/files" and not resumed:
            reply = fake.handle(call)
            reply.content["upload"]["part_size"] = part_size
            return reply
        if call.method == "GET" and call.path.endswith("/parts"):
            return Reply(200, {"part_size": part_size, "part_count": 4, "parts": []})
        return None

    with Filemill(URL, KEY, transport=fake.transport(), retries=0) as client:
        arguments: dict[str, Any] = {"multipart": True, "part_size": 1000, "state_dir": tmp_path / "states"}
        if resumed:
            fake.before = lambda call: httpx.ConnectError("no") if call.method == "PUT" else None
            with pytest.raises(FilemillError):
                client.upload(path, **arguments)
        fake.before = lying
        with pytest.raises(UploadError, match="announced parts of"):
            client.upload(path, **arguments)


def test_more_parts_than_s3_takes_end_the_upload() -> None:
    with pytest.raises(ValueError, match="can't be sent"):
        _plan.announced(_plan.MIN_PART * _plan.MAX_PARTS + 1, _plan.MIN_PART)
    assert _plan.announced(_plan.MIN_PART * _plan.MAX_PARTS, _plan.MIN_PART) == _plan.MIN_PART


def test_parts_that_the_file_does_not_have_are_not_taken_for_sent(
    fake: FakeFilemill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_plan, "MIN_PART", 1000)
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film" * 1000)
    wrong: list[Any] = [{"part_number": n, "size": 0, "etag": "e"} for n in (-1, 0, 5, 10**9, "1", None, True)]
    wrong += [{}, {"part_number": 1, "size": 1000}, {"part_number": 1, "size": 1000, "etag": 7}]

    def lying(call: Call) -> Any:
        if call.method == "GET" and call.path.endswith("/parts"):
            return Reply(200, {"part_size": 1000, "part_count": 4, "parts": wrong})
        return None

    arguments: dict[str, Any] = {"multipart": True, "part_size": 1000, "state_dir": tmp_path / "states"}
    with Filemill(URL, KEY, transport=fake.transport(), retries=0) as client:
        fake.before = lambda call: httpx.ConnectError("no") if call.method == "PUT" else None
        with pytest.raises(FilemillError):
            client.upload(path, **arguments)
        fake.before = lying
        assert client.upload(path, **arguments).status == "ready"
    assert list(fake.bytes.values()) == [b"film" * 1000]


# --- Lists


def pages(cursors: Iterator[str], items: list[Any] | None = None) -> Callable[[Call], Reply]:
    return lambda call: Reply(
        200, {"items": items or [], "next_cursor": (now := next(cursors)), "next_after": now, "more": True}
    )


CIRCLES = [["a"], ["a", "b"], ["a", "b", "c"], [str(number) for number in range(50)]]


@both
@pytest.mark.parametrize("circle", CIRCLES)
def test_a_list_that_goes_round_in_a_circle_ends_with_an_error(
    filemill: Filemill, fake: FakeFilemill, way: str, circle: list[str]
) -> None:
    fake.before = pages(itertools.cycle(["begin", *circle] if len(circle) > 1 else circle), [{"id": "file_1"}])

    async def wait() -> None:
        async with AsyncFilemill(URL, KEY, transport=fake.async_transport()) as client:
            async for _ in client.files.iter():
                pass

    with pytest.raises(ApiError, match="never end"):
        if way == "async":
            asyncio.run(wait())
        else:
            list(filemill.files.iter())
    assert len(fake.calls) <= 4 * len(circle) + 4


def test_pages_without_end_and_without_items_end_with_an_error(
    filemill: Filemill, fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cursors, "MOST_EMPTY", 50)
    fake.before = pages(map(str, itertools.count()))
    with pytest.raises(ApiError, match="50 empty pages"):
        list(filemill.keys.iter())


def test_empty_pages_between_others_are_no_error(
    filemill: Filemill, fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cursors, "MOST_EMPTY", 3)
    replies = [
        Reply(200, {"items": [] if number % 3 else [{"id": str(number)}], "next_cursor": str(number)})
        for number in range(20)
    ]
    replies.append(Reply(200, {"items": [], "next_cursor": None}))
    left = iter(replies)
    fake.before = lambda call: next(left)
    assert len(list(filemill.files.iter())) == 7


def test_a_feed_that_says_more_and_goes_no_further_is_an_error(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = pages(itertools.repeat("7"))
    with pytest.raises(ApiError, match="goes no further"):
        filemill.files.changes(cursor="7")


def test_following_a_feed_that_goes_round_in_a_circle_ends_with_an_error(
    filemill: Filemill, fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_follow, "Connect", lambda *_: _no_socket())
    fake.before = pages(itertools.cycle(["1", "2", "3"]))
    for cursor in (None, "0"):
        with pytest.raises(ApiError, match="never end"):
            next(iter(filemill.events.follow(cursor=cursor, on_state=lambda sentence: None)))


def _no_socket() -> None:
    raise NoSocket("No.")


def test_a_batch_that_is_never_answered_is_an_error(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = lambda call: Reply(200, {"items": [], "omitted": call.json["ids"]})
    with pytest.raises(ApiError, match="leaves out every file"):
        filemill.files.batch(["file_1", "file_2"])


# --- Times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1e308", 366 * 86_400.0),
        ("inf", 366 * 86_400.0),
        ("9" * 400, 366 * 86_400.0),
        ("-1", None),
        ("-inf", None),
        ("nan", None),
        ("NaN", None),
        ("", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 366 * 86_400.0),
        ("Fri, 27 Nov 2026 04:09:22 +99999999999999999999", None),
        ("Fri, 27 Nov 2026 04:09:22 -0000", None),
        ("Fri, 27 Nov 1926 04:09:22 GMT", 0.0),
        ("7", 7.0),
    ],
)
def test_a_pause_that_makes_no_sense_is_not_waited_for(text: str, seconds: float | None) -> None:
    assert _api.retry_after({"retry-after": text}) == seconds
    assert _api.clock_note(Answer(401, {"date": text}, b"")) is not None


@pytest.mark.parametrize("text", ["nan", "-1"])
def test_after_a_pause_that_makes_no_sense_the_usual_one_is_made(
    filemill: Filemill, fake: FakeFilemill, text: str
) -> None:
    replies = iter([Reply(429, {"code": "too_many_requests"}, {"Retry-After": text})])
    fake.before = lambda call: next(replies, None)
    assert filemill.me().type == "key"
    assert len(fake.calls) == 2


def test_a_pause_without_end_is_an_error_at_once(filemill: Filemill, fake: FakeFilemill) -> None:
    fake.before = lambda call: Reply(429, {"code": "too_many_requests"}, {"Retry-After": "1e308"})
    with pytest.raises(RateLimited) as caught:
        filemill.me()
    assert caught.value.retry_after == 366 * 86_400.0
    assert len(fake.calls) == 1


# --- Duplicates


def reused(status: str) -> Callable[[Call], Reply | None]:
    """A duplicate in this state; the second request for it finds it finished."""
    record = {"id": "file_1", "status": status, "size": 5, "filename": "a.txt"}

    def before(call: Call) -> Reply | None:
        if call.method == "POST" and call.path == "/v1/files":
            return Reply(200, record)
        if call.method == "GET":
            return Reply(200, {**record, "status": "failed" if status == "failed" else "ready"})
        return None

    return before


@pytest.mark.parametrize("status", ["processing", "awaiting_upload", "ready", "failed"])
@pytest.mark.parametrize("large", [False, True])
def test_a_duplicate_that_is_not_ready_has_its_own_state_and_is_waited_for(
    fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch, status: str, large: bool
) -> None:
    monkeypatch.setattr(_plan, "MIN_PART", 1000)
    data, more = (b"x" * 2000, {"multipart": True, "part_size": 1000}) if large else (b"hello", {})
    arguments: dict[str, Any] = {"filename": "a.txt", "on_duplicate": "reuse", **more}
    fake.before = reused(status)
    with Filemill(URL, KEY, transport=fake.transport()) as client:
        file = client.upload(data, **arguments)
        assert (file.status, file.reused) == (status, True)
        if status == "failed":
            with pytest.raises(FileFailed):
                client.upload(data, **arguments, wait=True)
        else:
            assert client.upload(data, **arguments, wait=True).status == "ready"
        fake.before = None
        assert not client.upload(b"other", filename="b.txt", on_duplicate="reuse").reused


# --- Credentials


@pytest.mark.parametrize(
    ("key", "header"), [(None, None), ("", None), (lambda: "", None), ("fmu_token", "Bearer fmu_token")]
)
def test_an_upload_is_cancelled_with_its_credential_and_with_none_if_there_is_none(
    fake: FakeFilemill, key: Any, header: str | None
) -> None:
    def refusing(call: Call) -> Any:
        if call.path.startswith("/form"):
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        if call.path == "/v1/files":
            return uploads.create(fake, call)  # for any credential
        return Reply(204)

    fake.before = refusing
    with Filemill(URL, key, transport=fake.transport()) as client:
        with pytest.raises(UploadError):
            client.upload(b"hello", filename="a.txt")
    assert fake.calls[-1].method == "DELETE"
    assert fake.calls[-1].headers.get("authorization") == header


def test_a_key_that_can_not_be_had_any_more_does_not_hide_why_an_upload_failed(fake: FakeFilemill) -> None:
    keys = iter([KEY])
    fake.before = lambda call: (
        Reply(403, b"<Error><Code>AccessDenied</Code></Error>") if call.path.startswith("/form") else None
    )

    def key() -> str:
        for each in keys:
            return each
        raise RuntimeError("the vault is locked")

    with Filemill(URL, key, transport=fake.transport()) as client, pytest.raises(UploadError):
        client.upload(b"hello", filename="a.txt")


def test_without_a_credential_the_socket_is_asked_for_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []

    def connect(url: str, headers: dict[str, str], timeout: float) -> None:
        asked.append(headers)
        raise KeyboardInterrupt

    monkeypatch.setattr(_follow, "Connect", connect)
    with Filemill(URL, transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
        with contextlib.suppress(KeyboardInterrupt):
            next(iter(client.events.follow()))
    assert asked == [{}]


# --- States


def test_states_of_uploads_are_for_their_owner_only(
    fake: FakeFilemill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_plan, "MIN_PART", 1000)
    uploads = _folders.state_folder() / "uploads"
    uploads.mkdir(parents=True)
    for folder in (uploads.parent, uploads):
        folder.chmod(0o755)
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film" * 1000)
    fake.before = lambda call: httpx.ConnectError("no") if call.method == "PUT" else None
    with Filemill(URL, KEY, transport=fake.transport(), retries=0) as client, pytest.raises(FilemillError):
        client.upload(path, multipart=True, part_size=1000)
    (state,) = uploads.iterdir()
    modes = [each.stat().st_mode & 0o777 for each in (uploads.parent, uploads, state)]
    assert modes == [0o700, 0o700, 0o600]


def test_a_folder_of_yours_keeps_its_rights(
    fake: FakeFilemill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_plan, "MIN_PART", 1000)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = tmp_path / "film.mp4"
        path.write_bytes(b"film" * 1000)
        with Filemill(URL, KEY, transport=fake.transport()) as client:
            client.upload(path, multipart=True, part_size=1000, state_dir=name)
        assert Path(name).stat().st_mode & 0o777 == 0o755
