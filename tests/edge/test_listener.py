"""The end of the edge's server: no socket is left open, whatever its viewers do."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings

import pytest
from aiohttp import web

from ops.local.edge import listener

LARGE = bytes(10_000_000)
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def serve(request: bytes, rounds: int, wait: float) -> list[socket.socket]:
    """A server that ends while viewers have asked so far, and taken nothing of the answer. Returns the viewers."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=LARGE)

    runner = web.ServerRunner(web.Server(answer, handler_cancellation=True), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    viewers = [socket.create_connection(runner.addresses[0], timeout=5) for _ in range(5)]
    for viewer in viewers:
        viewer.sendall(request)
    for _ in range(rounds):
        await asyncio.sleep(0)
    await asyncio.sleep(wait)
    await listener.close(runner)
    return viewers


@pytest.mark.parametrize("request_", [b"", REQUEST])
@pytest.mark.parametrize(("rounds", "wait"), [(0, 0), (1, 0), (2, 0), (3, 0), (0, 0.2)])
def test_a_server_that_ends_leaves_no_socket_open(request_: bytes, rounds: int, wait: float) -> None:
    gc.collect()  # what other tests have left is not counted here
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        viewers = asyncio.run(serve(request_, rounds, wait))
        gc.collect()
    for viewer in viewers:
        viewer.close()
    assert not [str(each.message) for each in caught if "unclosed" in str(each.message)]
