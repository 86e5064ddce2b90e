"""Fetches from a distribution's origins: from S3 and function URLs under origin access control, from API Gateway by its
address."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from ops.local.edge.distribution import Distribution, Origin

MIB = 1024 * 1024
FUNCTION_URL = re.compile(r"[a-z0-9]+\.lambda-url\.[a-z0-9-]+\.on\.aws")
EXECUTE_API = re.compile(r"([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html ("Payload size", not adjustable)
API_BODY_LIMIT = 10 * MIB


class BodyTooLargeError(Exception):
    """The viewer's body is larger than the origin accepts."""


class UnreachableError(Exception):
    """The origin does not exist on this machine."""


def is_api(origin: Origin) -> bool:
    return bool(EXECUTE_API.fullmatch(origin.domain))


def is_socket(origin: Origin) -> bool:
    """True for a WebSocket API. It takes no path below its stage, so its origin has none; a REST API's origin has."""
    return is_api(origin) and not origin.path


async def bounded(body: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Passes the chunks on, and raises BodyTooLargeError when they are more than `limit` bytes."""
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError
        yield chunk


class Origins:
    """Sends requests to the emulator as CloudFront would send them to AWS."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url.rstrip("/")
        self.session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        # Bytes pass through unchanged: nothing is decompressed, and no cookie is kept.
        self.session = aiohttp.ClientSession(
            auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=64)
        )

    async def close(self) -> None:
        if self.session:
            await self.session.close()

    async def invalidations(self, distribution: Distribution, seen: int | None) -> tuple[int, list[str]]:
        """The number of the distribution's invalidations, and the paths of those after the first `seen`.

        The answer comes when there are new ones, or after some seconds. If `seen` is None, it comes at once.
        """
        assert self.session
        headers = {"x-edge-distribution": distribution.arn, "x-edge-seen": "" if seen is None else str(seen)}
        async with self.session.get(f"{self.endpoint_url}/_edge/invalidations", headers=headers) as response:
            response.raise_for_status()
            answer = await response.json()
        return int(answer["count"]), list(answer["paths"])

    def socket_path(self, origin: Origin, path: str) -> str:
        """The emulator's path for a WebSocket API's `path`, which begins with the stage."""
        api = EXECUTE_API.fullmatch(origin.domain)
        if not api:
            raise UnreachableError(origin.domain)
        return f"/_aws/execute-api/{api[1]}{path}"

    async def fetch(
        self,
        distribution: Distribution,
        origin: Origin,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: AsyncIterator[bytes] | None,
    ) -> aiohttp.ClientResponse:
        """The origin's answer. Its body is still to be read.

        Raises
        ------
        BodyTooLargeError
            The viewer sent more than `body` may hold.
        UnreachableError, TimeoutError, aiohttp.ClientError
            There is no answer.
        """
        assert self.session
        headers = headers | {name.lower(): value for name, value in origin.headers}
        if origin.is_s3 or FUNCTION_URL.fullmatch(origin.domain):
            # This is not the origin's own address. A request that is signed with our root key would pass whatever the
            # bucket's or the function's policy says. The adapter's origin fetch (ops/local/adapter/cdn.py) checks the
            # policy for CloudFront's service principal and this distribution, as origin access control does.
            url = f"{self.endpoint_url}/_edge/origin"
            headers |= {
                "x-edge-distribution": distribution.arn,
                "x-edge-origin": origin.id,
                "x-edge-uri": origin.path + path if not origin.is_s3 else path,
                "x-edge-query": "" if origin.is_s3 else query,
            }
            if viewer := headers.pop("origin", None):
                headers["x-edge-viewer-origin"] = viewer
        elif is_socket(origin):
            url = self.endpoint_url + self.socket_path(origin, path) + (f"?{query}" if query else "")
        elif api := EXECUTE_API.fullmatch(origin.domain):
            # CloudFront puts the origin's path before the viewer's. Its first part is the API's stage.
            stage, _, below = origin.path.removeprefix("/").partition("/")
            url = f"{self.endpoint_url}/restapis/{api[1]}/{stage}/_user_request_"
            url += (f"/{below}" if below else "") + path
            url += f"?{query}" if query else ""
        else:
            raise UnreachableError(origin.domain)
        try:
            return await self.session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
                skip_auto_headers=("accept-encoding", "content-type", "user-agent", "accept"),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=origin.read_timeout),
            )
        except aiohttp.ClientError as error:
            # An error that the body's generator raises comes wrapped in a ClientError.
            if isinstance(error.__cause__, BodyTooLargeError):
                raise error.__cause__ from None
            raise
