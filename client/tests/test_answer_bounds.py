"""An answer is read up to a bound, and decompressed only if its encoding was asked for."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL
from ways import both

from filemill import ApiError, AsyncFilemill, Filemill, FilemillError
from filemill._plan import MIB


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
