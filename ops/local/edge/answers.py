"""Answers that the edge makes itself: CloudFront's errors, a function's own response, and parts of a stored answer."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from aiohttp import web

from ops.local.edge import cache, functions, policies
from ops.stack import gateway

if TYPE_CHECKING:
    import aiohttp

    from ops.local.edge.signatures import RefusedError

# CloudFront adds a behaviour's response headers policy to every response that it sends for the behaviour's requests.
# Each of ours has `nosniff`.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-response-headers.html
FROM_ERROR = {"X-Cache": "Error from cloudfront", "X-Content-Type-Options": "nosniff"}


def error(status: int, explanation: str) -> web.Response:
    """An error page, as CloudFront makes it."""
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Bad Request"
    return web.Response(
        status=status,
        reason=phrase,
        text=f"<!DOCTYPE html><title>{status}</title><h1>{status} ERROR</h1><p>{escape(explanation)}\n",
        content_type="text/html",
        headers=FROM_ERROR,
    )


def headers_too_large() -> web.Response:
    return error(494, "Request header or cookie too large.")


def denied(refused: RefusedError) -> web.Response:
    """The answer to a request whose signature is missing or not valid."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{refused.code}</Code><Message>{escape(str(refused))}</Message></Error>"
    )
    return web.Response(status=403, text=text, content_type="text/xml", headers=FROM_ERROR)


def too_large() -> web.Response:
    """API Gateway's answer to a body that is too large. The connection ends, because the rest of it is not read."""
    status, headers, body = gateway.answer("REQUEST_TOO_LARGE", str(uuid.uuid4()))
    return web.Response(status=status, headers={**headers, "Connection": "close"}, body=body)


def generated(returned: functions.Event) -> web.Response:
    """The response that a function made instead of letting the request through."""
    body = returned.get("body") or ""
    if isinstance(body, dict):
        data = str(body.get("data", ""))
        body = base64.b64decode(data) if body.get("encoding") == "base64" else data
    response = web.Response(
        status=int(returned["statusCode"]),
        reason=returned.get("statusDescription") or None,
        body=body.encode() if isinstance(body, str) else body,
        headers={written(name): value for name, value in functions.headers_of(returned).items()},
    )
    response.headers["X-Cache"] = "FunctionGeneratedResponse from cloudfront"
    return response


def stored(entry: cache.Entry, viewer: Mapping[str, str], *, hit: bool) -> tuple[int, cache.Headers, bytes]:
    """(status, headers, body) for a stored answer: all of it, the range that the viewer asked for, 304 or 416.

    `viewer` are the headers of the viewer's request. A `hit` also says how old the answer is.
    """
    headers = dict(entry.headers)
    if hit:
        headers["age"] = str(entry.age(time.time()))
    if entry.status != 200:
        return entry.status, headers, entry.body
    if cache.not_modified(viewer, headers):
        return 304, headers, b""
    size = len(entry.body)
    wanted = cache.byte_range(viewer, headers, size)
    if wanted is False:
        return 416, headers | {"content-range": f"bytes */{size}"}, b""
    if isinstance(wanted, tuple):
        first, last = wanted
        return 206, headers | {"content-range": f"bytes {first}-{last}/{size}"}, entry.body[first : last + 1]
    return 200, headers, entry.body


def written(name: str) -> str:
    """A header's name as it is usually written: `content-type` is `Content-Type`."""
    return "-".join(part.capitalize() for part in name.split("-"))


def headers_of(response: aiohttp.ClientResponse) -> dict[str, str]:
    """An origin's headers with names in lower case, without the connection's own and without Set-Cookie (a list)."""
    return {
        name.lower(): ", ".join(response.headers.getall(name))
        for name in response.headers
        if name.lower() not in policies.HOP_BY_HOP | {"set-cookie"}
    }
