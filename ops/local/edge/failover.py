"""Asks a behaviour's origins: the first one, and the next when that one fails and the request only reads."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from ops.local.edge.origins import API_BODY_LIMIT, BodyTooLargeError, Origins, UnreachableError, bounded, is_api
from ops.local.edge.viewer import URL_LIMIT

if TYPE_CHECKING:
    from ops.local.edge.distribution import Distribution, Origin, OriginGroup

READS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Failover:
    """The origins of one behaviour, in the order in which they are asked."""

    origins: Origins
    distribution: Distribution
    group: OriginGroup

    async def fetch(
        self, request: web.BaseRequest, path: str, query: str, headers: dict[str, str]
    ) -> aiohttp.ClientResponse:
        """The first good answer, or the last origin's. Its body is still to be read.

        Raises
        ------
        BodyTooLargeError
            The viewer sent a larger body than the origin takes.
        UnreachableError, TimeoutError, aiohttp.ClientError
            The last origin did not answer.
        """
        origins = [self.distribution.origins[id_] for id_ in self.group.origins]
        if request.method not in READS:
            del origins[1:]  # only reads may be repeated at another origin
        body = self._body(request, origins[0], headers)
        ask = partial(self.origins.fetch, self.distribution)
        for origin in origins[:-1]:
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, UnreachableError):
                response = await ask(origin, request.method, path, query, headers, None)
                if response.status not in self.group.statuses:
                    return response
                response.release()
        return await ask(origins[-1], request.method, path, query, headers, body)

    def _body(self, request: web.BaseRequest, origin: Origin, headers: dict[str, str]) -> AsyncIterator[bytes] | None:
        if not request.can_read_body:
            return None
        limit = API_BODY_LIMIT if is_api(origin) else URL_LIMIT
        if (request.content_length or 0) > limit:
            raise BodyTooLargeError
        if request.content_length is not None:
            headers["content-length"] = str(request.content_length)
        return bounded(request.content.iter_any(), limit)
