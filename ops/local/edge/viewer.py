"""A viewer's request as the edge sees it, and as a CloudFront Function may change it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ops.local.edge import functions

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html ("General quotas"), in bytes
URL_LIMIT = 8192
HEADERS_LIMIT = 32768

# The headers of a request that CloudFront does not show to a function ("Disallowed headers"):
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-function-restrictions-all.html
HIDDEN = frozenset(
    (
        *("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("trailer", "upgrade", "x-forwarded-proto", "x-real-ip"),
    )
)


@dataclass
class Viewer:
    """A viewer's request, as far as a function may change it. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    cookies: dict[str, str]
    address: str

    @classmethod
    def of(cls, request: web.BaseRequest) -> Viewer:
        path, _, query = request.raw_path.partition("?")
        headers = [(name.lower(), value) for name, value in request.headers.items()]
        return cls(request.method, path, query, headers, dict(request.cookies), request.remote or "127.0.0.1")

    def event(self) -> functions.Event:
        shown = [(name, value) for name, value in self.headers if name not in HIDDEN]
        return functions.request_of(self.method, self.path, self.query, shown, self.cookies)

    def change(self, returned: functions.Event) -> None:
        """Takes over the request that a function returned.

        Raises
        ------
        FunctionError
            The returned request has no path.
        """
        self.path = str(returned.get("uri", ""))
        if not self.path.startswith("/"):
            raise functions.FunctionError("It returned a request without a path.")
        self.query = functions.query_of(returned.get("querystring"))
        self.headers = list(functions.headers_of(returned).items())
        self.cookies = functions.cookies_of(returned)


def headers_size(request: web.BaseRequest) -> int:
    """Bytes of the request's headers, as CloudFront counts them: with `: ` and the line's end."""
    return sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
