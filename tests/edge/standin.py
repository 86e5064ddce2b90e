"""Stands in for the emulator behind the local edge: gives the answers that a test sets, and keeps the requests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from aiohttp import web

from ops.local.edge import Edge, distribution, listener
from ops.local.edge.distribution import Distribution
from ops.local.edge.thread import EdgeThread

BODY = bytes(range(256)) * 10


@dataclass
class Emulator:
    """Answers with `handler` and keeps the requests in `seen`. `invalidated` are the paths told to CloudFront."""

    url: str = ""
    seen: list[web.BaseRequest] = field(default_factory=list)
    handler: Callable[[web.BaseRequest], Any] = lambda request: web.Response(body=BODY, headers={"ETag": '"e1"'})
    gone: threading.Event = field(default_factory=threading.Event)
    invalidated: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/_edge/invalidations":
            return await self.tell_invalidations(request.headers["X-Edge-Seen"])
        self.seen.append(request)
        try:
            result = self.handler(request)
            if asyncio.iscoroutine(result):
                result = await result
        except asyncio.CancelledError:
            self.gone.set()
            raise
        assert isinstance(result, web.StreamResponse)
        return result

    async def tell_invalidations(self, seen: str) -> web.Response:
        until = time.monotonic() + 2
        while seen and len(self.invalidated) == int(seen) and time.monotonic() < until:
            await asyncio.sleep(0.01)
        paths = self.invalidated[int(seen) :] if seen else []
        return web.json_response({"count": len(self.invalidated), "paths": paths})


@contextmanager
def emulator() -> Iterator[Emulator]:
    fake = Emulator()
    loops: Future[asyncio.AbstractEventLoop] = Future()
    ending = asyncio.Event()

    async def serve() -> None:
        runner = web.ServerRunner(
            web.Server(fake.answer, handler_cancellation=True), shutdown_timeout=0.01
        )  # 0 would wait for ever
        await runner.setup()
        # 200 viewers may come at once.
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=512)
        await site.start()
        fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        loops.set_result(asyncio.get_running_loop())
        await ending.wait()
        await listener.close(runner)

    # asyncio.run ends what is still under way when the server stops, so that no socket stays open.
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    loop = loops.result(5)
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()


@contextmanager
def edge_of(config: Distribution, fake: Emulator) -> Iterator[Edge]:
    """An edge that serves this distribution, with the stand-in as its origins."""
    with patch.object(distribution, "load", lambda client, id_: config):
        served = Edge(config.id, fake.url, 0, client=object())  # type: ignore[arg-type]
        thread = EdgeThread(served)
        thread.start()
        try:
            yield served
        finally:
            thread.stop()
