"""Compresses answers as CloudFront does where a behaviour says so: with gzip alone, since Python has no Brotli.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
"""

from __future__ import annotations

import gzip

from ops.local.edge.cache import Headers

STATUSES = frozenset((200, 403, 404))
# Bytes.
LEAST, MOST = 1_000, 10_000_000

# The part of CloudFront's list that this project serves, and its like.
TYPES = frozenset(
    (
        *("application/javascript", "application/json", "application/manifest+json", "application/xml"),
        *("font/otf", "font/ttf", "image/svg+xml", "image/x-icon"),
        *("text/css", "text/csv", "text/html", "text/javascript", "text/plain", "text/xml", "text/x-component"),
    )
)


def compressed(status: int, headers: Headers, body: bytes, offered: str) -> tuple[Headers, bytes]:
    """The answer's headers and body, compressed if CloudFront would. `offered` are the encodings in the cache's key."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    fitting = status in STATUSES and kind in TYPES and LEAST <= len(body) <= MOST
    if not fitting or "gzip" not in offered.split(",") or "content-encoding" in headers:
        return headers, body
    changed = {name: value for name, value in headers.items() if name not in ("content-length", "accept-ranges")}
    changed["content-encoding"] = "gzip"
    changed["vary"] = ", ".join(filter(None, (headers.get("vary"), "Accept-Encoding")))
    if (etag := headers.get("etag", "")) and not etag.startswith("W/"):
        changed["etag"] = f"W/{etag}"
    return changed, gzip.compress(body, 6, mtime=0)
