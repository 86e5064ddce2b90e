"""CloudFront's functions in a JavaScript engine, as the local front door calls them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from ops.local.edge import functions
from ops.local.edge.functions import Functions


def answer_of(
    code: str, method: str, path: str, query: str, headers: Iterable[tuple[str, str]], cookies: Mapping[str, str]
) -> Any:
    """A function's answer to a viewer's request: the request as it goes on, or a response."""

    async def run() -> Any:
        engine = Functions()
        request = functions.request_of(method, path, query, headers, dict(cookies))
        event = functions.event_of("viewer-request", "E1", "d1.cloudfront.net", "r1", "203.0.113.1", request)
        try:
            return await engine.call(code, event)
        finally:
            await engine.stop()

    return asyncio.run(run())
