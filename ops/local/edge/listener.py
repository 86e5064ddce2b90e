"""The HTTP server of the edge. It answers a request that can't be read as CloudFront does, and logs no traceback."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from ops.local.edge import answers
from ops.local.edge.viewer import URL_LIMIT

_ROUNDS = 5  # of the event loop; it takes three to accept a connection


async def close(runner: web.ServerRunner) -> None:
    """Ends the server and every connection. An event loop may end afterwards, and no socket is left open.

    aiohttp leaves open the connection of a viewer who has not taken the whole answer, and asyncio one that it has
    accepted when the server ends.
    """
    loop = asyncio.get_running_loop()
    for site in runner.sites:
        for listening in site._server.sockets if site._server else ():  # type: ignore[attr-defined]
            loop.remove_reader(listening.fileno())
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
    transports = _transports(runner.server)
    await runner.cleanup()
    for transport in transports:
        transport.abort()
    await asyncio.sleep(0)  # the loop closes them


def _transports(server: web.Server | None) -> set[asyncio.Transport]:
    connections = server.connections if server else []
    return {each.transport for each in connections if isinstance(each.transport, asyncio.Transport)}


class Listener(web.Server):
    """aiohttp's server, with a connection of our own."""

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(RequestHandler):
    """One viewer's connection."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that aiohttp can't read. An error of the edge itself is logged as usual."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        if isinstance(exc, LineTooLong):
            too_long = str(exc.args[1]) == str(URL_LIMIT)
            response = answers.error(414, "The address is too long.") if too_long else answers.headers_too_large()
        else:
            response = answers.error(400, "The request can't be read.")
        response.force_close()
        return response
