"""A WebSocket through the edge: the handshake goes to the origin like any request, then bytes go both ways.

CloudFront does the same: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-working-with.websockets.html
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.streams import StreamReader

from ops.local.edge import answers, policies
from ops.local.edge.origins import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ops.local.edge.distribution import Behavior, Distribution
    from ops.local.edge.origins import Origins
    from ops.local.edge.viewer import Viewer

CHUNK = 64 * 1024  # bytes; about as much waits in each direction while the other side does not read
BODY_LIMIT = 1024 * 1024  # bytes of a refusal
HANDSHAKE = 40.0  # seconds; API Gateway gives the function 29
# Seconds without a byte in either direction. API Gateway ends an idle connection then, too:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
IDLE = 600.0
CLOSING = 5.0  # seconds that either side gets to read the last bytes


def wanted(request: web.BaseRequest) -> bool:
    """True if a viewer asks for a WebSocket."""
    tokens = {token.strip().lower() for token in request.headers.get("Connection", "").split(",")}
    return request.method == "GET" and "upgrade" in tokens and request.headers.get("Upgrade", "").lower() == "websocket"


class Tunnel:
    """One WebSocket of one viewer, under one cache behaviour."""

    def __init__(self, origins: Origins, distribution: Distribution, behavior: Behavior, viewer: Viewer) -> None:
        self.endpoint = origins.endpoint_url
        self.behavior = behavior
        origin = distribution.origins[behavior.origin_id]
        self.given = {name: ", ".join(v for n, v in viewer.headers if n == name) for name, _ in viewer.headers}
        query, headers = policies.to_origin(behavior, viewer.query, self.given, viewer.cookies, viewer.address)
        self.headers = headers | {name.lower(): value for name, value in origin.headers}
        self.target = origins.socket_path(origin, viewer.path) + (f"?{query}" if query else "")
        self.writer: asyncio.StreamWriter | None = None

    async def run(self, request: web.BaseRequest) -> web.StreamResponse:
        """Connects the viewer with the origin until one of them ends, or passes the origin's refusal on.

        Raises
        ------
        UnreachableError, TimeoutError
            The origin does not answer, or not with HTTP.
        """
        where = urlsplit(self.endpoint)
        try:
            reader, self.writer = await asyncio.open_connection(where.hostname, where.port, limit=CHUNK)
        except OSError:
            raise UnreachableError(self.endpoint) from None
        try:
            async with asyncio.timeout(HANDSHAKE):
                status, headers = await self.shake_hands(reader, self.writer, where.netloc)
                if status != 101:
                    return await self.refusal(status, headers, reader)
            return await join(request, headers, reader, self.writer)
        finally:
            await leave(self.writer)

    def close(self) -> None:
        """Ends it at once, as when the origin goes away."""
        if self.writer:
            self.writer.transport.abort()

    async def shake_hands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> tuple[int, list[tuple[str, str]]]:
        """(status, headers) of the origin's answer."""
        lines = [f"GET {self.target} HTTP/1.1", f"host: {host}", "connection: Upgrade", "upgrade: websocket"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *rest = head[:-4].split("\r\n")
            status = int(first.split(" ", 2)[1])
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError, IndexError):
            raise UnreachableError(self.endpoint) from None
        pairs = (line.partition(":") for line in rest)
        return status, [(name.strip().lower(), value.strip()) for name, _, value in pairs]

    async def refusal(self, status: int, headers: list[tuple[str, str]], reader: asyncio.StreamReader) -> web.Response:
        """The origin's answer, if it is no WebSocket. A body without a length is left out."""
        given = dict(headers)
        length = int(given.get("content-length") or 0)
        body = await reader.readexactly(length) if 0 < length <= BODY_LIMIT else b""
        kept = {n: v for n, v in given.items() if n not in policies.HOP_BY_HOP | {"date"}}
        policy = self.behavior.response_headers_policy
        kept = policies.response_headers(policy, kept, self.given.get("origin"), preflight=False)
        response = web.Response(status=status, body=body, headers={answers.written(n): v for n, v in kept.items()})
        response.headers["X-Cache"] = "Error from cloudfront" if status >= 400 else "Miss from cloudfront"
        return response


async def leave(writer: asyncio.StreamWriter) -> None:
    """Closes the origin's side after it got what waits for it. One that reads nothing gets `CLOSING` seconds."""
    writer.close()
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(CLOSING):
            await writer.wait_closed()
    writer.transport.abort()


class _Incoming:
    """Takes a viewer's bytes from aiohttp after the handshake, as aiohttp's own WebSocket parser would."""

    def __init__(self, request: web.BaseRequest) -> None:
        # Above twice this limit it pauses the viewer's socket.
        self.stream = StreamReader(request.protocol, CHUNK, loop=asyncio.get_running_loop())

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.stream.feed_data(data)
        return False, b""

    def feed_eof(self) -> None:
        self.stream.feed_eof()


async def join(
    request: web.BaseRequest,
    headers: list[tuple[str, str]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> web.StreamResponse:
    """Passes bytes both ways until one side ends or nothing moves any more; then both are closed."""
    response = web.StreamResponse(status=101)
    response.force_close()
    for name, value in headers:
        if name not in ("connection", "date", "transfer-encoding", "content-length"):
            response.headers.add(answers.written(name), value)
    response.headers["Connection"] = "upgrade"
    await response.prepare(request)
    incoming = _Incoming(request)
    request.protocol.set_parser(incoming)  # type: ignore[arg-type]
    moved = asyncio.Event()

    async def up(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    ways = [
        asyncio.create_task(pump(incoming.stream.readany, up, moved)),
        asyncio.create_task(pump(lambda: reader.read(CHUNK), response.write, moved)),
        asyncio.create_task(until_idle(moved)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        if transport := request.transport:
            transport.close()  # after it has sent what waits, which takes for ever if the viewer reads nothing
            asyncio.get_running_loop().call_later(CLOSING, transport.abort)
    return response


async def pump(
    read: Callable[[], Awaitable[bytes]], write: Callable[[bytes], Awaitable[None]], moved: asyncio.Event
) -> None:
    """Passes on what is read until there is no more. A side that is gone ends it, too."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        while data := await read():
            await write(data)
            moved.set()


async def until_idle(moved: asyncio.Event) -> None:
    """Returns when no byte has been passed on for `IDLE` seconds."""
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(IDLE):
                await moved.wait()
            moved.clear()
            await asyncio.sleep(min(1.0, IDLE / 10))
