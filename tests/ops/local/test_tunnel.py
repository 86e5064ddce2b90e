"""A WebSocket through the local edge: the handshake goes the way of every request, then bytes go both ways."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import resource
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import requests
from aiohttp import web

from ops.local.edge import Edge, tunnel
from ops.local.edge.distribution import Behavior, Distribution, Origin, path_pattern
from tests.edge import standin
from tests.edge.standin import Emulator
from tests.stage import ROOT

CODE = (ROOT / "edge" / "socket.js").read_text() + "const STAGE = 'api';\n"
DISABLED = {"MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0}
ALL = {
    "HeadersConfig": {"HeaderBehavior": "allExcept", "Headers": {"Items": ["host"]}},
    "CookiesConfig": {"CookieBehavior": "all"},
    "QueryStringsConfig": {"QueryStringBehavior": "all"},
}
READ = frozenset(("GET", "HEAD", "OPTIONS"))
SNIFF = {"SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}}}
API, SOCKET = (f"{name}.execute-api.us-east-1.amazonaws.com" for name in ("abc", "ws1"))


def behavior(pattern: str, origin: str, functions: dict[str, str]) -> Behavior:
    return Behavior(path_pattern(pattern), origin, READ, READ, DISABLED, ALL, SNIFF, None, functions)


DISTRIBUTION = Distribution(
    id="E1",
    arn="arn:aws:cloudfront::000000000000:distribution/E1",
    domain="d.cloudfront.net",
    root_object="",
    origins={
        "api": Origin("api", API, "/api", False, (), 2),
        "socket": Origin("socket", SOCKET, "", False, (("X-Secret", "s"),), 2),
    },
    behaviors=(behavior("/ws", "socket", {"viewer-request": CODE}), behavior("*", "api", {})),
)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with standin.emulator() as fake:
        yield fake


@pytest.fixture
def edge(emulator: Emulator) -> Iterator[Edge]:
    with standin.edge_of(DISTRIBUTION, emulator) as served:
        yield served


def serve(emulator: Emulator, work: Callable[[web.WebSocketResponse], Awaitable[None]], **options: Any) -> None:
    """Makes the stand-in accept WebSockets, and work with each."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        accepted = web.WebSocketResponse(compress=False, **options)
        await accepted.prepare(request)
        await work(accepted)
        return accepted

    emulator.handler = handle


async def echo(accepted: web.WebSocketResponse) -> None:
    async for message in accepted:
        await accepted.send_str(f"{len(message.data)}:{message.data[:20]}")


def connected(edge: Edge, work: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[Any]], **options: Any) -> Any:
    """The result of `work` on a WebSocket to /ws."""

    async def run() -> Any:
        url = edge.url.replace("http", "ws") + options.pop("path", "/ws")
        async with aiohttp.ClientSession() as session, session.ws_connect(url, **options) as opened:
            return await work(opened)

    return asyncio.run(asyncio.wait_for(run(), 20))


def raw(edge: Edge, headers: str = "") -> socket.socket:
    """A socket after the handshake's request, so that a test can send frames of its own."""
    opened = socket.create_connection(("127.0.0.1", edge.port), timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    opened.sendall(
        f"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{headers}\r\n".encode()
    )
    return opened


def frame(opcode: int, data: bytes, *, final: bool = True) -> bytes:
    """A client's frame. Its mask is zero, which changes nothing."""
    size = struct.pack("!BH", 0x80 | 126, len(data)) if len(data) > 125 else struct.pack("!B", 0x80 | len(data))
    return bytes([(0x80 if final else 0) | opcode]) + size + bytes(4) + data


def head_of(opened: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += opened.recv(1)
    return head


def test_messages_go_both_ways(edge: Edge, emulator: Emulator) -> None:
    serve(emulator, echo, max_msg_size=0)

    async def talk(opened: aiohttp.ClientWebSocketResponse) -> list[str]:
        answers = []
        for text in ("hello", "ü" * 60_000, "x" * 300_000):
            await opened.send_str(text)
            answers.append(await opened.receive_str())
        return answers

    assert connected(edge, talk) == ["5:hello", f"60000:{'ü' * 20}", f"300000:{'x' * 20}"]


def test_the_handshake_is_a_request_like_any_other(edge: Edge, emulator: Emulator) -> None:
    serve(emulator, echo, protocols=("filemill.v1",))

    async def talk(opened: aiohttp.ClientWebSocketResponse) -> str | None:
        return opened.protocol

    protocols = ("filemill.v1", "bearer.fm_x")
    headers = {"Authorization": "Bearer fm_y", "X-Secret": "guessed", "Origin": "https://app.example.com"}
    assert connected(edge, talk, protocols=protocols, headers=headers, path="/ws?a=%C3%BC") == "filemill.v1"
    request = emulator.seen[0]
    assert request.raw_path == "/_aws/execute-api/ws1/api?a=%C3%BC", "the function led it to the API's stage"
    assert request.headers["Sec-WebSocket-Protocol"] == "filemill.v1,bearer.fm_x"
    assert request.headers["Authorization"] == "Bearer fm_y"
    assert request.headers["Origin"] == "https://app.example.com"
    assert request.headers.getall("X-Secret") == ["s"]
    assert request.headers["X-Forwarded-For"] in ("127.0.0.1", "::1")
    assert "Sec-WebSocket-Extensions" not in request.headers


@pytest.mark.parametrize("status", [401, 403, 429, 502])
def test_a_refusal_keeps_its_status_and_body(edge: Edge, emulator: Emulator, status: int) -> None:
    emulator.handler = lambda request: web.json_response({"message": "no"}, status=status)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        connected(edge, echo)  # type: ignore[arg-type]
    assert refused.value.status == status
    with closing(raw(edge)) as opened:
        answer = b"".join(iter(lambda: opened.recv(4096), b"")) if status == 0 else opened.recv(4096)
    assert b'{"message": "no"}' in answer
    assert b"X-Content-Type-Options: nosniff" in answer
    assert b"X-Cache: Error from cloudfront" in answer


@pytest.mark.parametrize("path", ["/ws", "/ws?ticket=1"])
def test_without_a_websocket_the_answer_says_what_to_do(edge: Edge, emulator: Emulator, path: str) -> None:
    answer = requests.get(edge.url + path, timeout=10)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "WebSocket client" in answer.json()["detail"]
    assert requests.post(edge.url + "/ws", timeout=10).status_code == 403
    assert not emulator.seen


def test_a_function_does_not_see_the_headers_that_cloudfront_hides(emulator: Emulator) -> None:
    names = "function handler(e) { return {statusCode: 200, body: Object.keys(e.request.headers).join()}; }"
    shown = replace(DISTRIBUTION, behaviors=(behavior("*", "socket", {"viewer-request": names}),))
    with standin.edge_of(shown, emulator) as served, closing(raw(served)) as opened:
        answer = opened.recv(4096).rpartition(b"\r\n\r\n")[2].decode().split(",")
    assert "sec-websocket-key" in answer
    assert not {"upgrade", "connection"} & set(answer)


def test_an_upgrade_elsewhere_is_an_ordinary_request(edge: Edge, emulator: Emulator) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        connected(edge, echo, path="/v1/files")  # type: ignore[arg-type]
    assert refused.value.status == 200
    assert emulator.seen[0].path == "/restapis/abc/api/_user_request_/v1/files"


@pytest.mark.parametrize("code", [1000, 1001, 1008, 4001])
def test_the_origins_close_code_and_reason_arrive(edge: Edge, emulator: Emulator, code: int) -> None:
    async def close(accepted: web.WebSocketResponse) -> None:
        await accepted.close(code=code, message=b"why")

    serve(emulator, close)

    async def talk(opened: aiohttp.ClientWebSocketResponse) -> Any:
        message = await opened.receive()
        return message.type, message.data, message.extra

    assert connected(edge, talk) == (aiohttp.WSMsgType.CLOSE, code, "why")


def test_the_viewers_close_code_arrives(edge: Edge, emulator: Emulator) -> None:
    codes: list[int | None] = []

    async def note(accepted: web.WebSocketResponse) -> None:
        await accepted.receive()
        codes.append(accepted.close_code)

    serve(emulator, note)

    async def talk(opened: aiohttp.ClientWebSocketResponse) -> None:
        await opened.close(code=4002, message=b"bye")

    connected(edge, talk)
    assert eventually(lambda: codes == [4002])
    assert eventually(lambda: not edge.tunnels)


def test_frames_arrive_as_they_were_sent(edge: Edge, emulator: Emulator) -> None:
    """Whoever counts the bytes of a frame counts the viewer's, and the first bytes may come with the handshake."""
    serve(emulator, echo)
    with closing(raw(edge)) as opened:
        opened.sendall(frame(1, b"a" * 20_000, final=False) + frame(9, b"ping") + frame(0, b"b" * 20_000))
        assert b"101" in head_of(opened).splitlines()[0]
        stream = opened.makefile("rb")
        assert stream.read(6) == b"\x8a\x04ping", "a ping between the parts of a message is answered at once"
        assert stream.read(2 + 26) == b"\x81\x1a40000:" + b"a" * 20


def test_a_viewer_that_is_gone_ends_the_origins_side(edge: Edge, emulator: Emulator) -> None:
    serve(emulator, echo)
    opened = raw(edge)
    head_of(opened)
    # No close frame: the connection breaks.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    opened.close()
    assert emulator.gone.wait(5)
    assert eventually(lambda: not edge.tunnels)


def test_an_origin_that_breaks_off_ends_the_viewers_side(edge: Edge, emulator: Emulator) -> None:
    async def break_off(accepted: web.WebSocketResponse) -> None:
        assert accepted._req
        assert accepted._req.transport
        accepted._req.transport.abort()

    serve(emulator, break_off)
    with closing(raw(edge)) as opened:
        head_of(opened)
        assert opened.recv(10) == b""


def test_a_viewer_that_never_reads_costs_little(edge: Edge, emulator: Emulator) -> None:
    sent = [0]

    async def flood(accepted: web.WebSocketResponse) -> None:
        while sent[0] < 400_000_000:
            await accepted.send_str("x" * 32_000)
            sent[0] += 32_000

    serve(emulator, flood)
    with closing(raw(edge)) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head_of(opened)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        eventually(lambda: stands_still(sent))
        assert sent[0] < 30_000_000, "the origin is held back"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
        # Others are served meanwhile.
        assert requests.get(edge.url + "/ws", timeout=2).status_code == 400
    assert eventually(lambda: not edge.tunnels)


def test_an_origin_that_never_reads_holds_the_viewer_back(edge: Edge, emulator: Emulator) -> None:
    async def sleep(accepted: web.WebSocketResponse) -> None:
        assert accepted._req
        assert accepted._req.transport
        accepted._req.transport.pause_reading()
        await asyncio.sleep(2.5)
        accepted._req.transport.abort()

    serve(emulator, sleep)
    with closing(raw(edge)) as opened:
        head_of(opened)
        opened.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 400_000_000:
                sent += opened.send(frame(1, b"x" * 60_000))
        assert sent < 30_000_000


def test_a_tunnel_in_which_nothing_moves_ends(edge: Edge, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "IDLE", 0.3)
    serve(emulator, echo)
    with closing(raw(edge)) as opened:
        head_of(opened)
        for _ in range(4):
            time.sleep(0.15)
            opened.sendall(frame(1, b"still here"))
            assert opened.recv(100)
        began = time.monotonic()
        assert opened.recv(10) == b""
        assert 0.2 < time.monotonic() - began < 3


def test_an_origin_that_does_not_answer_in_time(
    edge: Edge, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "HANDSHAKE", 0.3)

    async def sleep(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(5)
        raise AssertionError

    emulator.handler = sleep
    with closing(raw(edge)) as opened:
        assert b" 504 " in head_of(opened).splitlines()[0]


def test_the_edge_stops_while_sockets_are_open(emulator: Emulator) -> None:
    serve(emulator, echo)
    with standin.edge_of(DISTRIBUTION, emulator) as served:
        opened = raw(served)
        head_of(opened)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    with closing(opened):
        assert opened.recv(10) == b""


def test_an_origin_that_is_gone(emulator: Emulator) -> None:
    gone = replace(DISTRIBUTION, origins={"socket": Origin("socket", "example.com", "", False, (), 2)})
    with standin.edge_of(gone, emulator) as served, closing(raw(served)) as opened:
        assert b" 502 " in head_of(opened).splitlines()[0]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"b" * 40_000 + b"\r\n\r\n", 494),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"\x16\x03\x01 TLS\r\n\r\n", 400),
    ],
)
def test_a_request_that_cannot_be_read_is_answered_quietly(
    edge: Edge, request_: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), closing(socket.create_connection(("127.0.0.1", edge.port), 10)) as opened:
        opened.sendall(request_)
        answer = opened.makefile("rb").read()
    assert f" {status} ".encode() in answer.splitlines()[0]
    assert b"X-Cache: Error from cloudfront" in answer
    assert not [record for record in caplog.records if record.exc_info]


def eventually(true: Callable[[], bool], seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def stands_still(sent: list[int]) -> bool:
    before = sent[0]
    time.sleep(0.5)
    return sent[0] == before
