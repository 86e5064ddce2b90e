"""An edge served from a thread of its own, for callers that don't run an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from ops.local.edge.server import Edge


class EdgeThread:
    """`start`, `reload` and `stop` of an Edge, from ordinary code."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="edge", daemon=True)

    def start(self) -> None:
        self.thread.start()
        try:
            self._run(self.edge.start())
        except BaseException:
            self.stop()
            raise

    def reload(self) -> None:
        self._run(self.edge.reload())

    def stop(self) -> None:
        if not self.thread.is_alive():
            return
        self._run(self.edge.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(60)
