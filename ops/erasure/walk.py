"""The walk over the whole table and both buckets that finds what a tenant has. It changes nothing.

The table is read twice with strongly consistent parallel Scans: once for the ids of what the tenant has, and once for
the items that name it or one of these ids. That costs two read units for each 8 KB of the whole table. The derived
bucket is listed whole, because its keys name no tenant, and the originals bucket below the tenant's prefix: one request
for each 1,000 objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from ops.erasure.heard import awaited
from ops.erasure.owners import Item, is_of, kind_of, names_of, text
from ops.progress import Pace

# Readers of the table at once.
SEGMENTS = 8

Key = tuple[str, str]


@dataclass(frozen=True)
class Object:
    """One version in a bucket, or one delete marker; `size` in bytes."""

    key: str
    version_id: str
    size: int = 0


@dataclass
class Found:
    """All that a tenant has. `names` are the ids of its files, keys, tokens, webhooks and sockets.

    `awaited` are the entries that the audit gets about an erasure's changes of what is still there (`heard.awaited`).
    `records` are its files, each with True once its objects are gone; `keys` and `tokens` are True once revoked.
    `looked_at` counts the items and objects that the walk has seen, of all tenants.
    """

    names: set[str] = field(default_factory=set)
    records: dict[str, bool] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    keys: dict[str, bool] = field(default_factory=dict)
    tokens: dict[str, bool] = field(default_factory=dict)
    webhooks: set[str] = field(default_factory=set)
    awaited: dict[str, str] = field(default_factory=dict)
    items: dict[Key, str] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)
    originals: list[Object] = field(default_factory=list)
    uploads: list[Object] = field(default_factory=list)
    derived: list[Object] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)

    @property
    def nothing(self) -> bool:
        return not (self.items or self.originals or self.uploads or self.derived)

    @property
    def counts(self) -> dict[str, int]:
        """How much of everything there is: items by kind, objects, and bytes."""
        kinds = Counter(self.items.values())
        stored = {
            "original versions": len(self.originals),
            "original bytes": sum(each.size for each in self.originals),
            "open uploads": len(self.uploads),
            "derived objects": len(self.derived),
            "derived bytes": sum(each.size for each in self.derived),
        }
        return {**dict(sorted(kinds.items())), **{name: number for name, number in stored.items() if number}}


def walk(
    tenant: str, pace: Pace, *, known: set[str] | None = None, spare: Callable[[Item], bool] | None = None
) -> Found:
    """Everything that a tenant has. `known` are ids that an earlier walk has found; items that `spare` names stay."""
    found = Found(names=set(known or ()))

    def learn(item: Item) -> None:
        names = names_of(item, tenant) - {""}
        found.names |= names
        if names:
            _note(found, item)

    def collect(item: Item) -> None:
        if is_of(item, tenant, found.names) and not (spare and spare(item)):
            found.items[text(item, "pk"), text(item, "sk")] = kind_of(item)

    read_table(learn, pace)
    found.looked_at["items"] = read_table(collect, pace)
    for each in originals_of(tenant):
        found.originals.append(each)
    found.uploads = list(uploads_of(tenant))
    for each in every_derived():
        found.looked_at["derived objects"] += 1
        if _file_of(each.key) in found.names:
            found.derived.append(each)
    found.looked_at["originals of the tenant"] = len(found.originals)
    return found


def _note(found: Found, item: Item) -> None:
    kind, _, identity = text(item, "pk").partition("#")
    revoked = "revoked_at" in item
    if text(item, "sk") in ("FILE", "KEY", "TOKEN"):
        found.awaited |= awaited(item)
    match kind, text(item, "sk"):
        case "FILE", "FILE":
            found.records[identity] = "purged" in item
            if "legal_hold" in item:
                found.held.add(identity)
        case "KEY", _:
            found.keys[identity] = revoked
        case "TOKEN", _:
            found.tokens[identity] = revoked
        case "HOOKS", webhook_id:
            found.webhooks.add(webhook_id)


def read_table(look: Callable[[Item], None], pace: Pace, segments: int = SEGMENTS) -> int:
    """Calls `look` with every item of the table, one at a time. Returns how many there are."""
    from chalicelib import aws
    from chalicelib.settings import settings

    lock = Lock()
    seen = 0

    def read(segment: int) -> None:
        nonlocal seen
        more: dict[str, Any] = {"Segment": segment, "TotalSegments": segments} if segments > 1 else {}
        while True:
            with lock:
                pace.wait()
            reply = aws.dynamodb().scan(TableName=settings().table, ConsistentRead=True, **more)
            with lock:
                for item in reply["Items"]:
                    look(item)
                seen += len(reply["Items"])
            if "LastEvaluatedKey" not in reply:
                return
            more["ExclusiveStartKey"] = reply["LastEvaluatedKey"]

    with ThreadPoolExecutor(segments) as readers:
        list(readers.map(read, range(segments)))
    return seen


def originals_of(tenant: str) -> Iterator[Object]:
    """Every version and delete marker of a tenant's originals. The prefix ends in a slash, which no name has."""
    from chalicelib.settings import settings

    return _versions(settings().originals_bucket, f"{tenant}/")


def every_derived() -> Iterator[Object]:
    """Every object of the derived bucket, in all versions if somebody has turned versions on."""
    from chalicelib.settings import settings

    return _versions(settings().derived_bucket, "")


def _versions(bucket: str, prefix: str) -> Iterator[Object]:
    from chalicelib import aws

    pages = aws.s3().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        entries: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for entry in entries:
            yield Object(entry["Key"], entry["VersionId"], entry.get("Size", 0))


def uploads_of(tenant: str) -> Iterator[Object]:
    """A tenant's open multipart uploads; `version_id` is the upload's id."""
    from chalicelib import aws
    from chalicelib.settings import settings

    pages = (
        aws.s3()
        .get_paginator("list_multipart_uploads")
        .paginate(Bucket=settings().originals_bucket, Prefix=f"{tenant}/")
    )
    return (Object(each["Key"], each["UploadId"]) for page in pages for each in page.get("Uploads", []))


def _file_of(key: str) -> str:
    """The file id in a derived object's key, `f/private/file_…/…`; empty in any other."""
    parts = key.split("/")
    return parts[2] if len(parts) > 2 and parts[0] == "f" else ""
