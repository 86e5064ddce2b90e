"""How many files a tenant has, and how many bytes, by status and by kind: counters that the index keeps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from chalicelib.catalog.dynamodb import batch_get
from chalicelib.catalog.keys import head_key
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
    """A file of a kind not known yet counts under `unknown`; its bytes are those declared, 0 where none were."""

    by_status: dict[str, Count] = field(default_factory=dict)
    by_kind: dict[str, Count] = field(default_factory=dict)

    @property
    def files(self) -> int:
        return sum(count.files for count in self.by_status.values())

    @property
    def bytes(self) -> int:
        return sum(count.bytes for count in self.by_status.values())


def stats(tenant: str) -> Stats:
    """One BatchGetItem for each hundred index shards, an item a shard; groups without a file are left out."""
    groups: dict[str, dict[str, Count]] = {"status": defaultdict(Count), "kind": defaultdict(Count)}
    for head in batch_get(head_key(tenant, shard) for shard in range(settings().list_shards)):
        for name, amount in head.items():
            group, _, rest = name.partition(".")
            if group in groups:
                value, _, what = rest.rpartition(".")
                groups[group][value].add(what, amount)
    by_status, by_kind = (
        {value: count for value, count in sorted(groups[name].items()) if count.files} for name in ("status", "kind")
    )
    return Stats(by_status, by_kind)
