"""Seals: each names pages of one tenant's audit exactly, and the seal before it, and is signed.

A seal covers pages by the hour in which they were *written*. So an entry that comes late, because the stream was
behind, is in a later seal, and no seal is ever changed. The signature is Ed25519, so anybody who has the public key can
check it without the stage's secret, from which the key is derived.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chalicelib import keyring
from chalicelib.catalog.audit.entries import HOUR, canonical, digest
from chalicelib.catalog.audit.pages import Page, ends_at
from chalicelib.catalog.dynamodb import NEW, Joined, get_item, items_of, joined_put, listed, write_together
from chalicelib.catalog.keys import SEALED, audited_partition, seal_key, seal_partition, sealed_key
from chalicelib.model import now, timestamp
from chalicelib.settings import settings

# Pages of one seal, at most: about 100 KB of an item.
MOST_PAGES = 2000
# A seal stays a week longer than its pages, because the table's TTL removes nothing at once.
LONGER = 7 * 86400


class OvertakenError(Exception):
    """Another sweep has sealed the same pages."""


@dataclass(frozen=True)
class Row:
    """One page as a seal names it.

    `digest` is the first half of the page's digest, and `entries` has 8 hexadecimal digits of each entry's. They tell
    what was changed. The seal's `sha256` proves that nothing was.
    """

    shard: int
    key: str
    digest: str
    entries: tuple[str, ...]

    @property
    def place(self) -> str:
        return place(self.shard, self.key)


def place(shard: int, key: str) -> str:
    """The place of a page in the order in which pages are sealed: by hour, then by shard, then by key."""
    return f"{key[:HOUR]}#{shard:04d}#{key}"


def page_digest(page: Page) -> bytes:
    """SHA-256 over all of a page but its end."""
    return digest([page.tenant, page.shard, page.key, page.written, list(page.entries)])


def row_of(page: Page) -> Row:
    return Row(page.shard, page.key, page_digest(page).hex()[:32], tuple(digest(e).hex()[:8] for e in page.entries))


@dataclass(frozen=True)
class Seal:
    """One seal.

    Attributes
    ----------
    number: 1, 2, 3 … in a tenant's chain.
    hour: the hour in which the pages were written.
    days: how long pages are kept.
    entries: how many entries the pages have.
    sha256: over the digests of the pages, in the order of their places.
    previous, previous_hour: the hash and the hour of the seal before; empty in the first one.
    """

    tenant: str
    number: int
    hour: str
    days: int
    pages: tuple[Row, ...]
    entries: int
    sha256: str
    previous: str
    previous_hour: str
    at: str

    def body(self) -> dict[str, Any]:
        rows = [[row.shard, row.key, row.digest, list(row.entries)] for row in self.pages]
        return asdict(self) | {"pages": rows}

    @property
    def hash(self) -> str:
        """SHA-256 of the seal, by which the next seal names it: 64 hexadecimal digits."""
        return digest(self.body()).hex()


@dataclass(frozen=True)
class Head:
    """The end of a tenant's chain. `covered` is the place of the last page that is sealed."""

    number: int
    hash: str
    hour: str
    covered: str


@dataclass(frozen=True)
class Stored:
    """A seal as it is in the table, under a number. `seal` is None if nobody can read it."""

    number: int
    seal: Seal | None
    signature: str
    key_id: str


def head_of(tenant: str) -> Head | None:
    """The end of a tenant's chain: one GetItem, strongly consistent."""
    values = get_item(sealed_key(tenant))
    return Head(**{name: values[name] for name in ("number", "hash", "hour", "covered")}) if values else None


def sealed_tenants() -> list[str]:
    """Every tenant that has seals: Queries, eventually consistent."""
    return [values["list_sk"].removeprefix("#") for values in listed(SEALED)]


def written_in(hour: str) -> dict[str, list[str]]:
    """Tenant → the hours of its changes that were written in `hour`, in order: a Query, strongly consistent."""
    found: dict[str, list[str]] = {}
    for values in items_of(audited_partition(hour)):
        tenant, _, changes = values["sk"].partition("#")
        found.setdefault(tenant, []).append(changes)
    return found


def seal(tenant: str, hour: str, pages: Sequence[Page], head: Head | None) -> Head:
    """Seals pages, in the order of their places: one transaction of the seal and the chain's new end.

    Raises OvertakenError if the chain does not end with `head` any more.
    """
    made = Seal(
        tenant=tenant,
        number=head.number + 1 if head else 1,
        hour=hour,
        days=settings().audit_days,
        pages=tuple(map(row_of, pages)),
        entries=sum(len(page.entries) for page in pages),
        sha256=hashlib.sha256(b"".join(map(page_digest, pages))).hexdigest(),
        previous=head.hash if head else "",
        previous_hour=head.hour if head else "",
        at=timestamp(now()),
    )
    signed = {"signature": keyring.sign_seal(bytes.fromhex(made.hash)).hex(), "key_id": keyring.seal_key_id()}
    item = {
        **seal_key(tenant, made.number),
        **signed,
        "body": zlib.compress(canonical(made.body()), 9),
        "ttl": max(ends_at(page.second) for page in pages) + LONGER,
    }
    end = Head(made.number, made.hash, hour, place(pages[-1].shard, pages[-1].key))
    told = {"entries": made.entries, "at": made.at, "tenant": tenant}
    # `#` keeps the key of the list from being empty, where it is no tenant's.
    item_of_head = {**sealed_key(tenant), **asdict(end), **signed, **told, "list_pk": SEALED, "list_sk": f"#{tenant}"}
    condition: dict[str, Any] = {"ConditionExpression": NEW}
    if head:
        names, values = {"#hash": "hash"}, {":hash": {"S": head.hash}}
        condition = {
            "ConditionExpression": "#hash = :hash",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
    writes = [joined_put(item, ConditionExpression=NEW), joined_put(item_of_head, **condition)]
    write_together([Joined(each, refused=OvertakenError()) for each in writes])
    return end


def all_of(tenant: str) -> Iterator[Stored]:
    """A tenant's seals, in the order of the numbers under which they are stored: Queries, strongly consistent."""
    for values in items_of(seal_partition(tenant)):
        yield Stored(int(values["sk"]), _read(values), str(values.get("signature", "")), str(values.get("key_id", "")))


def _read(values: Mapping[str, Any]) -> Seal | None:
    try:
        body = json.loads(zlib.decompress(values["body"]))
        rows = tuple(Row(shard, key, mark, tuple(entries)) for shard, key, mark, entries in body["pages"])
        return Seal(**{**body, "pages": rows})
    except (zlib.error, ValueError, TypeError, LookupError):
        return None
