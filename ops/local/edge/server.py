"""`Edge`: serves one CloudFront distribution on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from ops.local.edge import answers, cache, distribution, functions, listener, signatures, tunnel
from ops.local.edge.exchange import Exchange
from ops.local.edge.origins import BodyTooLargeError, Origins, UnreachableError, is_socket
from ops.local.edge.viewer import HEADERS_LIMIT, URL_LIMIT, Viewer, headers_size
from ops.local.guard import is_loopback

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient

    from ops.local.edge.distribution import Behavior, Distribution

# Seconds. When a signature names an unknown key, the distribution is read again, but not more often than this.
KEYS_LIFE = 5.0


class Edge:
    """The local front door: http://localhost:PORT answers as the distribution's domain would.

    Plain HTTP takes the place of HTTPS here, so a viewer protocol policy never redirects.

    Parameters
    ----------
    distribution_id:
        The distribution is read at `start` and `reload`, and again when a signature names an unknown key. A change of
        it takes effect only then.
    endpoint_url:
        The emulator's address.
    port:
        0 means any free port; `url` then tells it.
    client:
        A client of CloudFront's API. If there is none, one is made with the environment's credentials.
    """

    def __init__(
        self, distribution_id: str, endpoint_url: str, port: int = 8000, client: CloudFrontClient | None = None
    ) -> None:
        if client is None:
            import boto3
            from botocore.config import Config

            direct = Config(proxies={})
            client = boto3.client("cloudfront", endpoint_url=endpoint_url, region_name="us-east-1", config=direct)
        self.client = client
        self.distribution_id = distribution_id
        self.port = port
        self.cache = cache.Cache()
        self.origins = Origins(endpoint_url)
        self.functions = functions.Functions()
        self.distribution: Distribution | None = None
        self.read_at = 0.0
        self.runner: web.ServerRunner | None = None
        # Requests under way by cache key. Each future ends with the stored answer, or with whether an answer came.
        self.flights: dict[str, asyncio.Future[cache.Entry | bool]] = {}
        self.tunnels: set[tunnel.Tunnel] = set()
        self.watcher: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    async def reload(self) -> None:
        """Reads the distribution's configuration again, and empties the cache."""
        self.read_at = time.monotonic()
        self.distribution = await asyncio.to_thread(distribution.load, self.client, self.distribution_id)
        self.cache.invalidate(["/*"])

    async def start(self) -> None:
        """Listens on loopback: IPv4 and, where the machine has it, IPv6.

        Raises
        ------
        OSError
            The port is taken.
        """
        await self.reload()
        await self.origins.open()
        self.watcher = asyncio.create_task(self.watch())
        server = listener.Listener(
            self.handle,
            handler_cancellation=True,  # a viewer who leaves ends the request to the origin
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
        """Closes all that `start` opened."""
        if self.watcher:
            self.watcher.cancel()
            await asyncio.wait([self.watcher])
        for each in self.tunnels:
            each.close()
        if self.runner:
            await listener.close(self.runner)
        await self.functions.stop()
        await self.origins.close()

    async def watch(self) -> None:
        """Removes from the cache what is invalidated through CloudFront's API, for as long as the edge runs."""
        assert self.distribution
        seen = None
        while True:
            try:
                count, paths = await self.origins.invalidations(self.distribution, seen)
            except (TimeoutError, aiohttp.ClientError, ValueError):
                await asyncio.sleep(1)
                continue
            # If there are fewer than before, the emulator was started again without its state.
            if paths or (seen is not None and count < seen):
                self.cache.invalidate(paths or ["/*"])
            seen = count

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers a viewer: finds the path's behaviour and checks the signature; then `serve` does the rest."""
        assert self.distribution
        if not is_loopback(request.headers.get("Host", "")):
            return answers.error(403, "This front door answers only to localhost.")
        if headers_size(request) > HEADERS_LIMIT:
            return answers.headers_too_large()
        viewer = Viewer.of(request)
        if not viewer.path.startswith("/"):
            return answers.error(400, "The request names no path.")
        behavior = self.distribution.behavior(viewer.path)
        if request.method not in behavior.methods:
            return answers.error(403, f"This distribution does not allow {request.method} here.")
        if behavior.keys is not None:
            try:
                await self.check_signature(request.headers["Host"], viewer)
            except signatures.RefusedError as refused:
                return answers.denied(refused)
        if viewer.path == "/" and self.distribution.root_object:
            viewer.path += self.distribution.root_object
        try:
            return await self.serve(request, behavior, viewer)
        except functions.FunctionError as failed:
            return answers.error(503, f"The CloudFront function failed: {failed}")
        except BodyTooLargeError:
            return answers.too_large()
        except TimeoutError:
            return answers.error(504, "The origin did not answer in time.")
        except (aiohttp.ClientError, UnreachableError):
            return answers.error(502, "The origin cannot be reached.")

    async def serve(self, request: web.BaseRequest, behavior: Behavior, viewer: Viewer) -> web.StreamResponse:
        """Calls the viewer-request function, if there is one, and answers from the cache or an origin."""
        if "viewer-request" in behavior.functions:
            changed = await self.call("viewer-request", behavior, viewer)
            if "statusCode" in changed:
                return answers.generated(changed)
            viewer.change(changed)
        if tunnel.wanted(request) and self.leads_to_socket(behavior):
            return await self.open_tunnel(request, behavior, viewer)
        return await Exchange(self, request, behavior, viewer).run()

    def leads_to_socket(self, behavior: Behavior) -> bool:
        """True if a behaviour's origin is a WebSocket API. Other origins answer an upgrade like any request."""
        assert self.distribution
        origin = self.distribution.origins.get(behavior.origin_id)
        return origin is not None and is_socket(origin)

    async def open_tunnel(self, request: web.BaseRequest, behavior: Behavior, viewer: Viewer) -> web.StreamResponse:
        assert self.distribution
        opened = tunnel.Tunnel(self.origins, self.distribution, behavior, viewer)
        self.tunnels.add(opened)
        try:
            return await opened.run(request)
        finally:
            self.tunnels.discard(opened)

    async def check_signature(self, host: str, viewer: Viewer) -> None:
        """Passes if the viewer may see this address, and removes the signature from the viewer's query and cookies.

        CloudFront's documentation does not say whether a viewer-request function runs before or after this check. Here
        it runs after it: the signature is for the address as the viewer wrote it.

        Raises
        ------
        RefusedError
            The signature is missing or not valid.
        """
        viewer.query, signature = signatures.split(viewer.query)
        address = f"http://{host}{viewer.path}" + (f"?{viewer.query}" if viewer.query else "")

        def check() -> None:
            assert self.distribution
            keys = self.distribution.behavior(viewer.path).keys or {}
            signatures.check(address, signature, viewer.cookies, keys, now=time.time(), address=viewer.address)

        try:
            check()
        except signatures.RefusedError as refused:
            # An unknown key may have joined its group a moment ago.
            if refused.code != "InvalidKey" or time.monotonic() - self.read_at < KEYS_LIFE:
                raise
            await self.reload()
            check()
        viewer.cookies = signatures.without_cookies(viewer.cookies)

    async def call(self, kind: functions.EventType, behavior: Behavior, viewer: Viewer, **rest: Any) -> functions.Event:
        """The request or response that a behaviour's function returns for this viewer."""
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
