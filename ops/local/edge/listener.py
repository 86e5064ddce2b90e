"""The HTTP server of the edge. It answers a request that can't be read as CloudFront does, and logs no traceback."""

from __future__ import annotations

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from ops.local.edge import answers
from ops.local.edge.viewer import URL_LIMIT


class Listener(web.Server):
    """aiohttp's server, with a connection of our own."""

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(RequestHandler):
    """One viewer's connection."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that aiohttp can't read. An error of the edge itself is logged as usual."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        if isinstance(exc, LineTooLong):
            too_long = str(exc.args[1]) == str(URL_LIMIT)
            response = answers.error(414, "The address is too long.") if too_long else answers.headers_too_large()
        else:
            response = answers.error(400, "The request can't be read.")
        response.force_close()
        return response
