"""`Edge`: one distribution served on a loopback port."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web

from ops.local.edge import cache, distribution, functions, policies, signatures
from ops.local.edge.origins import API_BODY_LIMIT, BodyTooLargeError, Origins, UnreachableError, bounded, is_api
from ops.local.guard import is_loopback
from ops.stack import gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mypy_boto3_cloudfront import CloudFrontClient

    from ops.local.edge.distribution import Behavior, Distribution, Origin

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html ("General quotas")
URL_LIMIT = 8192
HEADERS_LIMIT = 32768
CHUNK = 256 * 1024
READS = ("GET", "HEAD", "OPTIONS")
CONDITIONS = ("if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range")

# Seconds from one look at the distribution to the next, when a signature names an unknown key.
KEYS_LIFE = 5.0


class Edge:
    """The front door: http://localhost:PORT answers as the distribution's domain would.

    Plain HTTP stands for HTTPS here, so a viewer protocol policy never redirects.

    Parameters
    ----------
    distribution_id:
        Read anew at `start` and `reload`, and when a signature names an unknown key; a change shows only then.
    endpoint_url:
        The emulator.
    port:
        0 for any free one; `url` then says which.
    client:
        For CloudFront's API; made from the environment's credentials and `endpoint_url` if not given.
    """

    def __init__(
        self, distribution_id: str, endpoint_url: str, port: int = 8000, client: CloudFrontClient | None = None
    ) -> None:
        if client is None:
            import boto3

            client = boto3.client("cloudfront", endpoint_url=endpoint_url, region_name="us-east-1")
        self.client = client
        self.distribution_id = distribution_id
        self.port = port
        self.cache = cache.Cache()
        self.origins = Origins(endpoint_url)
        self.functions = functions.Functions()
        self.distribution: Distribution | None = None
        self.read_at = 0.0
        self.runner: web.ServerRunner | None = None
        # What is being fetched: an answer that was kept, or whether an answer came at all.
        self.flights: dict[str, asyncio.Future[cache.Entry | bool]] = {}
        self.watcher: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    async def reload(self) -> None:
        """Read the distribution's configuration again, and forget what was cached under the old one."""
        self.read_at = time.monotonic()
        self.distribution = await asyncio.to_thread(distribution.load, self.client, self.distribution_id)
        self.cache.invalidate(["/*"])

    async def start(self) -> None:
        """Listen on loopback, IPv4 and, where there is one, IPv6.

        Raises
        ------
        OSError
            The port is taken.
        """
        await self.reload()
        await self.origins.open()
        self.watcher = asyncio.create_task(self.watch())
        server = web.Server(
            self.handle,
            handler_cancellation=True,  # a viewer that leaves ends the request to the origin
            max_line_size=URL_LIMIT,
            max_field_size=HEADERS_LIMIT,
            keepalive_timeout=60,
            access_log=None,
        )
        self.runner = web.ServerRunner(server, shutdown_timeout=3)
        await self.runner.setup()
        ipv4 = web.TCPSite(self.runner, "127.0.0.1", self.port)
        await ipv4.start()
        assert ipv4._server
        self.port = ipv4._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        with contextlib.suppress(OSError):  # a machine without IPv6
            await web.TCPSite(self.runner, "::1", self.port).start()

    async def stop(self) -> None:
        if self.watcher:
            self.watcher.cancel()
        if self.runner:
            await self.runner.cleanup()
        await self.functions.stop()
        await self.origins.close()

    async def watch(self) -> None:
        """Forget what is invalidated through CloudFront's API, as long as the edge runs."""
        assert self.distribution
        seen = None
        while True:
            try:
                count, paths = await self.origins.invalidations(self.distribution, seen)
            except (TimeoutError, aiohttp.ClientError, ValueError):
                await asyncio.sleep(1)
                continue
            # Fewer than before: the emulator began anew.
            if paths or (seen is not None and count < seen):
                self.cache.invalidate(paths or ["/*"])
            seen = count

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """A viewer's request: the behaviour that its path matches, its signature, the cache, the origin."""
        assert self.distribution
        if not is_loopback(request.headers.get("Host", "")):
            return error(403, "This front door answers only to localhost.")
        if sum(len(k) + len(v) + 4 for k, v in request.raw_headers) > HEADERS_LIMIT:
            return error(494, "Request header or cookie too large.")
        path, _, query = request.raw_path.partition("?")
        if not path.startswith("/"):
            return error(400, "The request names no path.")
        behavior = self.distribution.behavior(path)
        if request.method not in behavior.methods:
            return error(403, f"This distribution does not allow {request.method} here.")
        viewer = Viewer.of(request, path, query)
        if behavior.keys is not None:
            # CloudFront's documentation doesn't say whether a viewer-request function comes before or after this. Here
            # it comes after: what was signed is the address as the viewer wrote it.
            viewer.query, signature = signatures.split(query)
            address = f"http://{request.headers['Host']}{path}" + (f"?{viewer.query}" if viewer.query else "")
            try:
                await self.check(address, signature, viewer, path)
            except signatures.RefusedError as refused:
                return denied(refused)
            viewer.cookies = signatures.without_cookies(viewer.cookies)
        if path == "/" and self.distribution.root_object:
            viewer.path += self.distribution.root_object
        try:
            if "viewer-request" in behavior.functions:
                changed = await self.call("viewer-request", behavior, viewer)
                if "statusCode" in changed:
                    return generated(changed)
                viewer.change(changed)
            return await _Exchange(self, request, behavior, viewer).run()
        except functions.FunctionError as failed:
            return error(503, f"The CloudFront function failed: {failed}")
        except BodyTooLargeError:
            status, headers, body = gateway.answer("REQUEST_TOO_LARGE", str(uuid.uuid4()))
            return web.Response(status=status, headers={**headers, "Connection": "close"}, body=body)
        except TimeoutError:
            return error(504, "The origin did not answer in time.")
        except (aiohttp.ClientError, UnreachableError):
            return error(502, "The origin cannot be reached.")

    async def check(self, address: str, signature: dict[str, str], viewer: Viewer, path: str) -> None:
        """Pass if the viewer may see this address. A key that is not known may have joined its group just now."""

        def check() -> None:
            assert self.distribution
            keys = self.distribution.behavior(path).keys or {}
            signatures.check(address, signature, viewer.cookies, keys, now=time.time(), address=viewer.address)

        try:
            check()
        except signatures.RefusedError as refused:
            if refused.code != "InvalidKey" or time.monotonic() - self.read_at < KEYS_LIFE:
                raise
            await self.reload()
            check()

    async def call(self, kind: functions.EventType, behavior: Behavior, viewer: Viewer, **rest: Any) -> functions.Event:
        """What a behaviour's function returns for this viewer: a request or a response."""
        assert self.distribution
        event = functions.event_of(
            kind,
            self.distribution.id,
            self.distribution.domain,
            uuid.uuid4().hex,
            viewer.address,
            viewer.event(),
            **rest,
        )
        returned = await self.functions.call(behavior.functions[kind], event)
        if not isinstance(returned, dict):
            raise functions.FunctionError("It returned no object.")
        return returned


@dataclass
class Viewer:
    """A viewer's request, as far as a function may change it. Header names in lower case."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    cookies: dict[str, str]
    address: str

    @classmethod
    def of(cls, request: web.BaseRequest, path: str, query: str) -> Viewer:
        headers = [(name.lower(), value) for name, value in request.headers.items()]
        return cls(request.method, path, query, headers, dict(request.cookies), request.remote or "127.0.0.1")

    def event(self) -> functions.Event:
        return functions.request_of(self.method, self.path, self.query, self.headers, self.cookies)

    def change(self, returned: functions.Event) -> None:
        """Take over what a function returned."""
        self.path = str(returned.get("uri", ""))
        if not self.path.startswith("/"):
            raise functions.FunctionError("It returned a request without a path.")
        self.query = functions.query_of(returned.get("querystring"))
        self.headers = list(functions.headers_of(returned).items())
        self.cookies = functions.cookies_of(returned)


class _Exchange:
    """One request that passed the door."""

    def __init__(
        self,
        edge: Edge,
        request: web.BaseRequest,
        behavior: Behavior,
        viewer: Viewer,
    ) -> None:
        assert edge.distribution
        self.edge = edge
        self.request = request
        self.behavior = behavior
        self.viewer = viewer
        self.headers = {name: ", ".join(v for n, v in viewer.headers if n == name) for name, _ in viewer.headers}
        self.key = policies.cache_key(behavior, viewer.path, viewer.query, self.headers, viewer.cookies)
        self.query, self.forwarded = policies.to_origin(
            behavior, viewer.query, self.headers, viewer.cookies, viewer.address
        )
        self.distribution = edge.distribution
        self.group = edge.distribution.group(behavior.origin_id)
        self.flight: asyncio.Future[cache.Entry | bool] | None = None
        self.invalidations = edge.cache.invalidations

    async def run(self) -> web.StreamResponse:
        request = self.request
        if request.method not in ("GET", "HEAD"):
            return await self.relay(await self.fetch(request.method))
        keeps = self.behavior.cache_policy.get("MaxTTL", 1) > 0
        collapses = keeps and request.method == "GET" and "range" not in self.headers
        while True:
            entry = self.edge.cache.get(self.key)
            if entry and time.time() < entry.fresh_until:
                return await self.answer(entry, "Hit from cloudfront")
            other = self.edge.flights.get(self.key) if collapses else None
            if other is None:
                break
            # One request for all who ask at the same time. When its answer isn't for all, each asks on its own:
            # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
            # (under "simultaneous requests for the same object").
            arrived = await asyncio.shield(other)
            if isinstance(arrived, cache.Entry):
                return await self.answer(arrived, "Hit from cloudfront")
            if arrived:
                collapses = False
                break
        if collapses:
            self.flight = self.edge.flights[self.key] = asyncio.get_running_loop().create_future()
        try:
            return await self.ask(entry, keeps)
        finally:
            self.land(False)

    def land(self, arrived: cache.Entry | bool) -> None:
        """Tell those who wait what came; the first word counts."""
        if self.flight and not self.flight.done():
            self.flight.set_result(arrived)
            del self.edge.flights[self.key]

    async def ask(self, entry: cache.Entry | None, keeps: bool) -> web.StreamResponse:
        """The origin's answer; `entry` is a stale one."""
        for name in CONDITIONS:
            # A cacheable answer is fetched whole, and the conditions are met from it; a part of one is passed on.
            if name in self.headers and (not keeps or (self.request.method == "GET" and "range" in self.headers)):
                self.forwarded[name] = self.headers[name]
        if entry and "etag" in entry.headers and keeps and "range" not in self.headers:
            self.forwarded["if-none-match"] = entry.headers["etag"]
        response = await self.fetch(self.request.method)
        if response.status == 304 and entry and self.forwarded.get("if-none-match") == entry.headers.get("etag"):
            await response.read()
            refreshed = self.remember(entry.status, {**entry.headers, **headers_of(response)}, entry.body)
            if refreshed:
                self.land(refreshed)
                return await self.answer(refreshed, "RefreshHit from cloudfront")
        return await self.relay(response)

    async def fetch(self, method: str) -> aiohttp.ClientResponse:
        origins = [self.distribution.origins[id_] for id_ in self.group.origins]
        if method not in READS:
            del origins[1:]  # only reading fails over
        body = None
        if self.request.can_read_body:
            limit = API_BODY_LIMIT if is_api(origins[0]) else URL_LIMIT
            if (self.request.content_length or 0) > limit:
                raise BodyTooLargeError
            body = bounded(self.request.content.iter_any(), limit)
            if self.request.content_length is not None:
                self.forwarded["content-length"] = str(self.request.content_length)
        for origin in origins[:-1]:
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, UnreachableError):
                response = await self.send(origin, method, None)
                if response.status not in self.group.statuses:
                    return response
                response.release()
        return await self.send(origins[-1], method, body)

    async def send(self, origin: Origin, method: str, body: AsyncIterator[bytes] | None) -> aiohttp.ClientResponse:
        return await self.edge.origins.fetch(
            self.distribution, origin, method, self.viewer.path, self.query, self.forwarded, body
        )

    async def relay(self, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        """Pass an origin's answer on while it comes, and remember it if it may be."""
        async with upstream:
            headers = headers_of(upstream)
            x_cache = "Miss from cloudfront"
            length = upstream.content_length
            ttl = self.ttl(upstream.status, headers)
            small = length is not None and length <= self.edge.cache.entry_limit
            if self.request.method == "GET" and ttl > 0 and small:
                body = await upstream.read()
                if entry := self.remember(upstream.status, headers, body):
                    self.land(entry)
                    return await self.answer(entry, x_cache)
            self.land(True)
            response = web.StreamResponse(status=upstream.status)
            await self.put_headers(response, headers, x_cache)
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
        error_ttl = self.distribution.error_ttl(status)
        return cache.lifetime(status, headers, self.behavior.cache_policy, error_ttl, time.time())

    def remember(self, status: int, headers: dict[str, str], body: bytes) -> cache.Entry | None:
        ttl = self.ttl(status, headers)
        if ttl <= 0:
            self.edge.cache.discard(self.key)
            return None
        now = time.time()
        entry = cache.Entry(status, headers, body, now, now + ttl, self.viewer.path)
        # What was asked for before an invalidation may be what the invalidation was for.
        if self.invalidations == self.edge.cache.invalidations:
            self.edge.cache.put(self.key, entry)
        return entry

    async def answer(self, entry: cache.Entry, x_cache: str) -> web.Response:
        """A stored answer, or the part of it that the viewer asked for."""
        response = web.Response(status=entry.status)
        headers = dict(entry.headers)
        if x_cache.startswith(("Hit", "RefreshHit")):
            headers["age"] = str(entry.age(time.time()))
        body = entry.body
        if entry.status == 200:
            wanted = cache.byte_range(self.headers, headers, len(body))
            if cache.not_modified(self.headers, headers):
                response.set_status(304)
                body = b""
            elif wanted is False:
                response.set_status(416)
                headers["content-range"] = f"bytes */{len(body)}"
                body = b""
            elif isinstance(wanted, tuple):
                response.set_status(206)
                headers["content-range"] = f"bytes {wanted[0]}-{wanted[1]}/{len(body)}"
                body = body[wanted[0] : wanted[1] + 1]
        await self.put_headers(response, headers, x_cache)
        if response.status == 304:
            response.headers.pop("Content-Type", None)
        response.body = body
        return response

    async def put_headers(self, response: web.StreamResponse, headers: dict[str, str], x_cache: str) -> None:
        policy = self.behavior.response_headers_policy
        preflight = self.request.method == "OPTIONS"
        changed = policies.response_headers(policy, headers, self.headers.get("origin"), preflight)
        if "viewer-response" in self.behavior.functions and response.status < 400:
            changed = await self.respond(response.status, changed)
        for name, value in changed.items():
            response.headers["-".join(part.capitalize() for part in name.split("-"))] = value
        response.headers["X-Cache"] = x_cache if response.status < 400 else "Error from cloudfront"
        response.headers["Via"] = "1.1 local.cloudfront.net (CloudFront)"

    async def respond(self, status: int, headers: dict[str, str]) -> dict[str, str]:
        """The headers that the viewer-response function leaves; of the response it may change nothing else here."""
        given = {"statusCode": status, "statusDescription": HTTPStatus(status).phrase, "cookies": {}}
        given["headers"] = functions.fields(headers.items())
        returned = await self.edge.call("viewer-response", self.behavior, self.viewer, response=given)
        return functions.headers_of(returned)


def headers_of(response: aiohttp.ClientResponse) -> dict[str, str]:
    """An origin's headers, names in lower case, without the connection's own and Set-Cookie (which is a list)."""
    return {
        name.lower(): ", ".join(response.headers.getall(name))
        for name in response.headers
        if name.lower() not in policies.HOP_BY_HOP | {"set-cookie"}
    }


def error(status: int, explanation: str) -> web.Response:
    """An answer of CloudFront's own."""
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Bad Request"
    return web.Response(
        status=status,
        reason=phrase,
        text=f"<!DOCTYPE html><title>{status}</title><h1>{status} ERROR</h1><p>{escape(explanation)}\n",
        content_type="text/html",
        headers={"X-Cache": "Error from cloudfront"},
    )


def generated(returned: functions.Event) -> web.Response:
    """A function's own response."""
    body = returned.get("body") or ""
    if isinstance(body, dict):
        data = str(body.get("data", ""))
        body = base64.b64decode(data) if body.get("encoding") == "base64" else data
    response = web.Response(
        status=int(returned["statusCode"]),
        reason=returned.get("statusDescription") or None,
        body=body.encode() if isinstance(body, str) else body,
        headers={"-".join(p.capitalize() for p in n.split("-")): v for n, v in functions.headers_of(returned).items()},
    )
    response.headers["X-Cache"] = "FunctionGeneratedResponse from cloudfront"
    return response


def denied(refused: signatures.RefusedError) -> web.Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{refused.code}</Code><Message>{escape(str(refused))}</Message></Error>"
    )
    return web.Response(status=403, text=text, content_type="text/xml", headers={"X-Cache": "Error from cloudfront"})
