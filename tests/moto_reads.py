"""Makes moto's reads as cheap as those of AWS: a Query looks at one partition, and a list of versions at one prefix.

moto sorts the whole table for each Query, and copies all versions in a bucket for each ListObjectVersions, so a
test with many files takes the square of its time. The answers stay the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Wanted(threading.local):
    """A thread's own read: moto's methods don't hand it on to those that look at everything."""

    partition: Any = None
    """Partition key of the Query that this thread makes; None outside of one on the table itself."""
    prefix = ""
    """Prefix of the names that this thread lists."""


_wanted = _Wanted()


@contextmanager
def _wanting(name: str, value: Any) -> Iterator[None]:
    before = getattr(_wanted, name)
    setattr(_wanted, name, value)
    try:
        yield
    finally:
        setattr(_wanted, name, before)


def read_no_more_than_asked() -> None:
    """Changes moto for the rest of this process."""
    from moto.dynamodb.models.table import Table
    from moto.s3.models import S3Backend
    from moto.s3.utils import _VersionedKeyStore

    table: Any = Table
    store: Any = _VersionedKeyStore
    backend: Any = S3Backend
    query, all_items = table.query, table.all_items
    list_objects, list_versions = backend.list_objects, backend.list_object_versions

    def queried(self: Any, hash_key: Any, *args: Any, **options: Any) -> Any:
        of_index = options.get("index_name") or (args[6] if len(args) > 6 else None)
        with _wanting("partition", None if of_index else hash_key):
            return query(self, hash_key, *args, **options)

    def items(self: Any) -> Any:
        if _wanted.partition is None:
            return all_items(self)
        return list(self.items[_wanted.partition].values()) if _wanted.partition in self.items else []

    def listed(self: Any, bucket: Any, prefix: str | None, *args: Any, **options: Any) -> Any:
        with _wanting("prefix", prefix or ""):
            return list_objects(self, bucket, prefix, *args, **options)

    def listed_versions(self: Any, *args: Any, **options: Any) -> Any:
        with _wanting("prefix", options.get("prefix") or ""):
            return list_versions(self, *args, **options)

    # Another thread may delete a key meanwhile, so one may have no versions.
    def lists(self: Any) -> Any:
        for key in list(self):
            if key.startswith(_wanted.prefix) and (versions := self.getlist(key)):
                yield key, versions

    def newest(self: Any) -> Any:
        return ((key, versions[-1]) for key, versions in lists(self))

    table.query, table.all_items = queried, items
    backend.list_objects, backend.list_object_versions = listed, listed_versions
    store.lists = store.iterlists = lists
    store.items = store.iteritems = newest
