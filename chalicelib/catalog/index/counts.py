"""How many files and bytes a tenant has, by status and by kind, from counters that the index keeps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from chalicelib.catalog.dynamodb import batch_get
from chalicelib.catalog.keys import head_key
from chalicelib.catalog.usage import COUNTED_ON, Day
from chalicelib.settings import settings


@dataclass
class Count:
    files: int = 0
    bytes: int = 0

    def add(self, what: str, amount: int) -> None:
        if what == "files":
            self.files += amount
        else:
            self.bytes += amount


@dataclass
class Stats:
    """A file whose kind is not known yet is counted as `unknown`, with its declared bytes, or else 0."""

    by_status: dict[str, Count] = field(default_factory=dict)
    by_kind: dict[str, Count] = field(default_factory=dict)
    # Uploads and deletions of the last days, as far as `usage` does not have them yet; by day.
    days: dict[str, Day] = field(default_factory=dict)

    @property
    def files(self) -> int:
        return sum(count.files for count in self.by_status.values())

    @property
    def bytes(self) -> int:
        return sum(count.bytes for count in self.by_status.values())


def stats(tenant: str) -> Stats:
    """A tenant's counts: one BatchGetItem for each hundred index shards. Groups without a file are left out.

    Eventually consistent. Quotas (`reserves`) add what the counts may lack.
    """
    groups: dict[str, dict[str, Count]] = {"status": defaultdict(Count), "kind": defaultdict(Count)}
    days: dict[str, Day] = {}
    for head in batch_get(head_key(tenant, shard) for shard in range(settings().list_shards)):
        if day := head.get(COUNTED_ON):
            days.setdefault(day, Day(day)).add(head)
        for name, amount in head.items():
            group, _, rest = name.partition(".")
            if group in groups:
                value, _, what = rest.rpartition(".")
                groups[group][value].add(what, amount)
    by_status, by_kind = (
        {value: count for value, count in sorted(groups[name].items()) if count.files} for name in ("status", "kind")
    )
    return Stats(by_status, by_kind, days)
