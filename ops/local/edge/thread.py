"""An edge in a thread of its own, for callers that do not run an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from ops.local.edge.server import Edge

TIMEOUT = 60  # seconds


class EdgeThread:
    """`start`, `reload` and `stop` of an Edge, for ordinary code."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.thread = threading.Thread(target=self._run, name="edge", daemon=True)
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._started: Future[None] = Future()
        self._ending = asyncio.Event()

    def start(self) -> None:
        """Starts the edge and returns when it answers. Raises what `Edge.start` raises."""
        self.thread.start()
        try:
            self._started.result(TIMEOUT)
        except BaseException:
            self.stop()
            raise

    def reload(self) -> None:
        self._call(self.edge.reload())

    def stop(self) -> None:
        """Stops the edge, and returns when everything in it is closed."""
        if not self.thread.is_alive():
            return
        with contextlib.suppress(RuntimeError):  # the loop has just ended by itself
            self._loop.result(TIMEOUT).call_soon_threadsafe(self._ending.set)
        self.thread.join(TIMEOUT)

    def _run(self) -> None:
        # asyncio.run also ends the tasks that are still under way, so that no socket of theirs stays open.
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop.set_result(asyncio.get_running_loop())
        try:
            await self.edge.start()
        except BaseException as error:
            self._started.set_exception(error)
        else:
            self._started.set_result(None)
            await self._ending.wait()
        await self.edge.stop()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop.result(TIMEOUT)).result(TIMEOUT)
