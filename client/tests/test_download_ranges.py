"""A download takes only the bytes that were asked for and announced, however wrong the ranges of the answers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply

from filemill import ChecksumMismatch, DownloadError, File, Filemill


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
