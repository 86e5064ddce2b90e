"""One request that the edge accepted: answered from the cache, or by an origin, whose answer the cache may keep."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from ops.local.edge import answers, cache, compression, functions, policies
from ops.local.edge.failover import Failover

if TYPE_CHECKING:
    from ops.local.edge.distribution import Behavior
    from ops.local.edge.server import Edge
    from ops.local.edge.viewer import Viewer

CHUNK = 256 * 1024  # bytes
CONDITIONS = ("if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range")

MISS, HIT, REFRESHED = "Miss from cloudfront", "Hit from cloudfront", "RefreshHit from cloudfront"


class Exchange:
    """Answers one request of one viewer, under one cache behaviour."""

    def __init__(self, edge: Edge, request: web.BaseRequest, behavior: Behavior, viewer: Viewer) -> None:
        assert edge.distribution
        self.edge = edge
        self.request = request
        self.behavior = behavior
        self.viewer = viewer
        self.distribution = edge.distribution
        self.failover = Failover(edge.origins, edge.distribution, edge.distribution.group(behavior.origin_id))
        self.headers = {name: ", ".join(v for n, v in viewer.headers if n == name) for name, _ in viewer.headers}
        self.key = policies.cache_key(behavior, viewer.path, viewer.query, self.headers, viewer.cookies)
        self.query, self.forwarded = policies.to_origin(
            behavior, viewer.query, self.headers, viewer.cookies, viewer.address
        )
        self.keeps = behavior.cache_policy.get("MaxTTL", 1) > 0
        self.wants_range = "range" in self.headers
        self.flight: asyncio.Future[cache.Entry | bool] | None = None
        self.invalidations = edge.cache.invalidations

    async def run(self) -> web.StreamResponse:
        """The answer: from the cache, from another viewer's request for the same object, or from an origin."""
        if self.request.method not in ("GET", "HEAD"):
            return await self.relay(await self.fetch())
        collapses = self.keeps and self.request.method == "GET" and not self.wants_range
        while True:
            entry = self.edge.cache.get(self.key)
            if entry and time.time() < entry.fresh_until:
                return await self.answer(entry, HIT)
            other = self.edge.flights.get(self.key) if collapses else None
            if other is None:
                break
            # Viewers who ask for the same object at the same time share one request. When its answer is not for all of
            # them, each one asks on its own ("simultaneous requests for the same object"):
            # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
            arrived = await asyncio.shield(other)
            if isinstance(arrived, cache.Entry):
                return await self.answer(arrived, HIT)
            if arrived:
                collapses = False
                break
        if collapses:
            self.flight = self.edge.flights[self.key] = asyncio.get_running_loop().create_future()
        try:
            return await self.ask(entry)
        finally:
            self.land(False)

    def land(self, arrived: cache.Entry | bool) -> None:
        """Tells the waiting viewers what came: an entry for all of them, or True (an answer for one viewer only), or
        False (no answer). Only the first call counts."""
        if self.flight and not self.flight.done():
            self.flight.set_result(arrived)
            del self.edge.flights[self.key]

    async def ask(self, stale: cache.Entry | None) -> web.StreamResponse:
        """The origin's answer. A `stale` entry is used again if the origin says that it has not changed."""
        for name in CONDITIONS:
            # An answer that may be kept is fetched whole, and conditions are checked here. A range is passed on.
            if name in self.headers and (not self.keeps or (self.request.method == "GET" and self.wants_range)):
                self.forwarded[name] = self.headers[name]
        if stale and "etag" in stale.headers and self.keeps and not self.wants_range:
            self.forwarded["if-none-match"] = stale.headers["etag"]
        response = await self.fetch()
        if response.status == 304 and stale and self.forwarded.get("if-none-match") == stale.headers.get("etag"):
            await response.read()
            headers = {**stale.headers, **answers.headers_of(response)}
            if refreshed := self.remember(stale.status, headers, stale.body):
                self.land(refreshed)
                return await self.answer(refreshed, REFRESHED)
        return await self.relay(response)

    async def fetch(self) -> aiohttp.ClientResponse:
        return await self.failover.fetch(self.request, self.viewer.path, self.query, self.forwarded)

    async def relay(self, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        """Passes an origin's answer on while it arrives, and stores it if it is small and may be kept."""
        async with upstream:
            headers = answers.headers_of(upstream)
            length = upstream.content_length
            small = length is not None and length <= self.edge.cache.entry_limit
            if self.request.method == "GET" and small and self.ttl(upstream.status, headers) > 0:
                body = await upstream.read()
                if self.behavior.compress and not self.wants_range:
                    taken = policies.offered(self.behavior, self.headers)
                    headers, body = compression.compressed(upstream.status, headers, body, taken)
                if entry := self.remember(upstream.status, headers, body):
                    self.land(entry)
                    return await self.answer(entry, MISS)
            self.land(True)
            response = web.StreamResponse(status=upstream.status)
            await self.put_headers(response, headers, MISS)
            for cookie in upstream.headers.getall("Set-Cookie", []):
                response.headers.add("Set-Cookie", cookie)
            if length is not None:
                response.content_length = length
            await response.prepare(self.request)
            if self.request.method != "HEAD":
                async for chunk in upstream.content.iter_chunked(CHUNK):
                    await response.write(chunk)
            await response.write_eof()
            return response

    def ttl(self, status: int, headers: dict[str, str]) -> float:
        """Seconds that an answer may be kept."""
        error_ttl = self.distribution.error_ttl(status)
        return cache.lifetime(status, headers, self.behavior.cache_policy, error_ttl, time.time())

    def remember(self, status: int, headers: dict[str, str], body: bytes) -> cache.Entry | None:
        """Stores an answer in the cache. Returns None when it may not be kept."""
        ttl = self.ttl(status, headers)
        if ttl <= 0:
            self.edge.cache.discard(self.key)
            return None
        now = time.time()
        entry = cache.Entry(status, headers, body, now, now + ttl, self.viewer.path)
        # An answer to a request from before an invalidation may be just what the invalidation was to remove.
        if self.invalidations == self.edge.cache.invalidations:
            self.edge.cache.put(self.key, entry)
        return entry

    async def answer(self, entry: cache.Entry, x_cache: str) -> web.Response:
        """A stored answer, or the part of it that the viewer asked for."""
        # A viewer of an origin that takes no ranges gets all that it gave; only from memory is a range served:
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RangeGETs.html
        viewer = {n: v for n, v in self.headers.items() if n != "range" or x_cache != MISS}
        status, headers, body = answers.stored(entry, viewer, hit=x_cache != MISS)
        response = web.Response(status=entry.status)
        response.set_status(status)
        await self.put_headers(response, headers, x_cache)
        if status == 304:
            response.headers.pop("Content-Type", None)
        response.body = body
        return response

    async def put_headers(self, response: web.StreamResponse, headers: dict[str, str], x_cache: str) -> None:
        """Sets the response's headers: the origin's, changed by the policy and by the viewer-response function."""
        policy = self.behavior.response_headers_policy
        preflight = self.request.method == "OPTIONS"
        changed = policies.response_headers(policy, headers, self.headers.get("origin"), preflight)
        if "viewer-response" in self.behavior.functions and response.status < 400:
            changed = await self.call_response_function(response.status, changed)
        for name, value in changed.items():
            response.headers[answers.written(name)] = value
        response.headers["X-Cache"] = x_cache if response.status < 400 else "Error from cloudfront"
        response.headers["Via"] = "1.1 local.cloudfront.net (CloudFront)"

    async def call_response_function(self, status: int, headers: dict[str, str]) -> dict[str, str]:
        """The headers as the viewer-response function returns them. Its other changes are ignored here."""
        given = {"statusCode": status, "statusDescription": HTTPStatus(status).phrase, "cookies": {}}
        given["headers"] = functions.fields(headers.items())
        returned = await self.edge.call("viewer-response", self.behavior, self.viewer, response=given)
        return functions.headers_of(returned)
