"""Decides which requests the emulator answers. The emulator's own Python imports this: standard library only.

The emulator creates and runs code for whoever can reach it, and any web page can send requests to a loopback port.
So a request must name a loopback host (against DNS rebinding). A request that a browser sends for a web page may only
use what browsers use on AWS: the API, and signed S3 requests. The emulator accepts any secret for its root key, so an
S3 signature alone proves nothing here. That is why the page's origin must be one of this computer (a server on any of
its ports, as a developer runs them) or be named at the start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
LOOPBACK_SUFFIXES = (".localhost", ".localhost.localstack.cloud", ".127.0.0.1")

LOCAL_PAGE = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\]|[a-z0-9.-]++(?<=\.localhost))(?::[0-9]++)?")
EXECUTE_API = re.compile(r"/restapis/[^/]+/[^/]+/_user_request_(/|$)|/_aws/execute-api/[^/]+/[^/]+(/|$)")
BUCKET = re.compile(r"/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/?")
S3_SCOPE = re.compile(r"[^/]+/\d{8}/[^/]+/s3/aws4_request")


def is_loopback(host: str) -> bool:
    """True if a Host header names this machine, by a name that can't point to another one."""
    name = re.sub(r":\d*$", "", host.lower())
    return name in LOOPBACK_HOSTS or name.endswith(LOOPBACK_SUFFIXES)


def page_origin(headers: Mapping[str, str]) -> str | None:
    """The origin of the web page that a browser sent this for: "" if the browser hides it, None if it is no browser."""
    if "origin" in headers:
        return headers["origin"]
    if referer := headers.get("referer"):
        parts = urlsplit(referer)
        return f"{parts.scheme}://{parts.netloc}"
    site = headers.get("sec-fetch-site")
    return None if site in (None, "none") else ""


def is_local_page(origin: str) -> bool:
    """True if this computer served the page: no other host has such a name, whatever DNS says.

    A page from a file, or in a sandbox, has the origin `null`, and is not meant.
    """
    return LOCAL_PAGE.fullmatch(origin) is not None


def is_followed_link(method: str, headers: Mapping[str, str]) -> bool:
    """True if a person followed a link, such as the download of a share page. The page sees nothing of the answer.

    A page at localhost and this emulator at 127.0.0.1 are two sites, so such a request is `cross-site`.
    """
    wanted = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-user": "?1"}
    return method == "GET" and all(headers.get(name) == value for name, value in wanted.items())


def is_signed_s3(method: str, path: str, query: str, headers: Mapping[str, str]) -> bool:
    """True if a browser's request is for S3 objects: presigned, a form upload to a bucket, or a preflight of those."""
    if "x-amz-target" in headers or path.startswith(("/_", "/20")):
        return False
    parameters = parse_qs(query, keep_blank_values=True)
    if "Action" in parameters:
        return False
    if S3_SCOPE.fullmatch(parameters.get("X-Amz-Credential", [""])[0]) and "X-Amz-Signature" in parameters:
        return True
    if not BUCKET.fullmatch(path) or query:
        return False
    if method == "POST":
        return headers.get("content-type", "").startswith("multipart/form-data")
    return method == "OPTIONS" and headers.get("access-control-request-method") == "POST"


def refusal(method: str, path: str, query: str, headers: Mapping[str, str], origins: frozenset[str]) -> str | None:
    """The reason why this request is refused, or None if it may pass. Header names are lower case; `query` is raw."""
    if not is_loopback(headers.get("host", "")):
        return "This emulator answers only to localhost."
    origin = page_origin(headers)
    if origin is None or EXECUTE_API.match(path):
        return None
    if not is_signed_s3(method, path, query, headers):
        return "A web page may not call the emulator's control plane."
    # Without Origin and Referer (an <img> under a no-referrer policy), only a page on localhost sends `same-site`.
    if origin in origins or is_local_page(origin):
        return None
    if origin == "" and headers.get("sec-fetch-site") in ("same-site", "same-origin"):
        return None
    if origin == "" and is_followed_link(method, headers):
        return None
    remedy = "serve the page on this computer" if origin in ("", "null") else f"allow it by `make run ORIGIN={origin}`"
    return f"Origin {origin or 'unknown'} may not use this emulator: {remedy}."
