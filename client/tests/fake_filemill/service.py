"""The Filemill in memory, as httpx and as a server have it.

It holds requests to the rules that matter to a client: credentials never go to the storage, lengths and checksums of
parts are compared, an Idempotency-Key makes one file.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from fake_filemill import records, resources, storage, uploads
from fake_filemill.state import KEY, S3, URL, State
from fake_filemill.wire import Call, RefusedError, Reply, problem

Before = Callable[[Call], "Reply | Exception | None"]

# The origin whose pages may upload and call the API.
ORIGIN = "https://app.example.com"

_ROUTES = [*uploads.ROUTES, *records.ROUTES, *resources.ROUTES]


class FakeFilemill(State):
    """A Filemill that a test may make wrong.

    before: may answer a request, or raise in its place. delay: seconds that each answer takes. calls: all requests.
    bodies: the JSON of those requests to the API that have one and that `before` did not answer.
    """

    def __init__(self, url: str = URL, s3: str = S3, before: Before | None = None) -> None:
        super().__init__(url, s3)
        self.before = before
        self.delay = 0.0
        self.calls: list[Call] = []
        self.bodies: list[Any] = []
        self._lock = threading.RLock()

    def transport(self) -> httpx.MockTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            reply = self.answer(request.method, str(request.url), dict(request.headers), request.read())
            return reply.as_httpx()

        return httpx.MockTransport(handle)

    def async_transport(self) -> httpx.MockTransport:
        async def handle(request: httpx.Request) -> httpx.Response:
            reply = self.answer(request.method, str(request.url), dict(request.headers), await request.aread())
            return reply.as_httpx()

        return httpx.MockTransport(handle)

    def count(self, method: str, pattern: str) -> int:
        """The number of requests with this method, whose paths match."""
        return sum(call.method == method and re.fullmatch(pattern, call.path) is not None for call in self.calls)

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        time.sleep(self.delay)
        call = Call(method, url, {name.lower(): value for name, value in headers.items()}, body)
        with self._lock:
            self.calls.append(call)
            early = self.before(call) if self.before else None
            if isinstance(early, Exception):
                raise early
            return self.handle(call) if early is None else early

    def handle(self, call: Call) -> Reply:
        """The right answer, in which a test may change something."""
        if call.method == "OPTIONS":
            return _preflight(call)
        try:
            return storage.answer(self, call) if call.url.startswith(f"{self.s3}/") else self._api(call)
        except RefusedError as refusal:
            return refusal.reply

    def _api(self, call: Call) -> Reply:
        if call.path == "/v1/health":
            return Reply(200, {"status": "ok", "stage": "local"})
        if call.path.startswith("/f/"):
            return storage.ranged(call, b"rendition")
        if call.headers.get("authorization") != f"Bearer {KEY}":
            return problem(401, "unauthenticated", "The credential is not known.")
        if call.json:
            self.bodies.append(call.json)
        for method, pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, call.path)
            if found and method == call.method:
                return handler(self, call, *found.groups())
        return problem(404, "unknown_route", "Nothing is at this address.")


def _preflight(call: Call) -> Reply:
    """A browser's question whether a page of another origin may send a request."""
    if call.headers.get("origin") != ORIGIN:
        return Reply(403)
    return Reply(200, None, {"Access-Control-Allow-Origin": ORIGIN})
