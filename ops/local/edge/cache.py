"""The edge's cache: how long an answer is fresh, a store with a limit in bytes, conditions and ranges (304, 206)."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from chalicelib.delivery import byte_ranges

Headers = dict[str, str]

MIB = 1024 * 1024
ERRORS = frozenset((400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504))
KEPT = frozenset((200, 203, 301, 302, 307, 308, 410)) | ERRORS


@dataclass
class Entry:
    """A complete answer to a GET. Times are in Unix seconds. An invalidation finds it by its `path`."""

    status: int
    headers: Headers
    body: bytes
    stored_at: float
    fresh_until: float
    path: str = ""

    def age(self, now: float) -> int:
        return max(0, int(now - self.stored_at))


class Cache:
    """A store that drops the least recently used answer first. `limit` and `entry_limit` are in bytes of bodies."""

    def __init__(self, limit: int = 128 * MIB, entry_limit: int = 16 * MIB) -> None:
        self.limit = limit
        self.entry_limit = entry_limit
        self.size = 0
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.invalidations = 0

    def get(self, key: str) -> Entry | None:
        """The answer that is stored under a key, fresh or stale."""
        entry = self.entries.get(key)
        if entry:
            self.entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        self.discard(key)
        if len(entry.body) > self.entry_limit:
            return
        self.entries[key] = entry
        self.size += len(entry.body)
        while self.size > self.limit:
            _, oldest = self.entries.popitem(last=False)
            self.size -= len(oldest.body)

    def invalidate(self, paths: Iterable[str]) -> int:
        """Removes the answers to requests for these paths. Returns how many they were.

        As in CloudFront's invalidations, a `*` at the end of a path stands for anything, and only there.
        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
        """
        self.invalidations += 1
        exact, prefixes = set(), []
        for path in paths:
            path = path if path.startswith("/") else f"/{path}"
            if path.endswith("*"):
                prefixes.append(path[:-1])
            else:
                exact.add(path)
        gone = [k for k, e in self.entries.items() if e.path in exact or e.path.startswith(tuple(prefixes))]
        for key in gone:
            self.discard(key)
        return len(gone)

    def discard(self, key: str) -> None:
        if old := self.entries.pop(key, None):
            self.size -= len(old.body)


def lifetime(status: int, headers: Mapping[str, str], policy: Mapping[str, Any], error_ttl: int, now: float) -> float:
    """Seconds that an answer stays fresh; 0 if it is not kept.

    `policy` is the cache policy (MinTTL, DefaultTTL, MaxTTL), `error_ttl` the minimum for an error of this status.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
    """
    if status not in KEPT:
        return 0
    said = _said(headers, now)
    if status in ERRORS:
        return max(said or 0, error_ttl)
    least, most = policy.get("MinTTL", 0), policy.get("MaxTTL", 31_536_000)
    if said is None:
        said = policy.get("DefaultTTL", 86_400)
    return float(min(max(said, least), most))


def _said(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the origin's headers allow, or None if they say nothing."""
    control = headers.get("cache-control", "").lower()
    if re.search(r"\b(no-store|no-cache|private)\b", control):
        return 0
    for directive in ("s-maxage", "max-age"):
        if found := re.search(rf"(?:^|[\s,]){directive}\s*=\s*\"?(\d+)", control):
            return float(found[1])
    if expires := headers.get("expires"):
        try:
            return max(0.0, parsedate_to_datetime(expires).timestamp() - now)
        except ValueError:
            return 0
    return None


def not_modified(request: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """True if the viewer has the stored version already (RFC 9110, 13.2.2: an ETag counts before a date)."""
    if wanted := request.get("if-none-match"):
        etag = headers.get("etag", "").removeprefix("W/")
        return wanted.strip() == "*" or etag in [t.strip().removeprefix("W/") for t in wanted.split(",")]
    since, modified = request.get("if-modified-since"), headers.get("last-modified")
    if not since or not modified:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def byte_range(request: Mapping[str, str], headers: Mapping[str, str], size: int) -> tuple[int, int] | bool | None:
    """The first and last byte that a Range header asks for, out of `size` bytes.

    None means to send everything: there is no range, or its form is not supported, or If-Range names another version.
    False means that the range is outside of the body (416).
    """
    condition = request.get("if-range")
    if condition and condition not in (headers.get("etag"), headers.get("last-modified")):
        return None
    found = byte_ranges.asked(request.get("range", ""), size)
    return False if found and found[0] > found[1] else found
