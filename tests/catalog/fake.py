"""DynamoDB in memory, as far as the index and the lists need it: quick, safe for threads, and it counts capacity units.

moto remains the check of the expressions (tests/api/routes/test_finding.py). This one is for many files and many
schedules. It counts units by the published rules (bench/capacity_units.py).
"""

from __future__ import annotations

import random
import threading
from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from bench.capacity_units import item_size, read_units, write_units
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.files import list_keys
from chalicelib.catalog.keys import file_key, sha256_keys
from chalicelib.model import File, Status

Item = dict[str, Any]
Key = tuple[str, str]

QUERY_BYTES = 1024 * 1024  # of items that one Query reads, at most

INDEXES = {"by_created": ("list_pk", "list_sk", True), "by_sha256": ("sha_pk", "sha_sk", False)}


class CrashedError(Exception):
    """The process ended here."""


class FakeDynamoDB:
    """`chaos` is the probability that a transaction or an update conflicts with another one."""

    def __init__(self, *, chaos: float = 0.0, seed: int = 0) -> None:
        self.items: dict[Key, Item] = {}
        self.lists: dict[tuple[str | None, str], list[tuple[bytes, Key]]] = defaultdict(list)
        self.calls: Counter[str] = Counter()
        self.eventual: Counter[str] = Counter()  # reads that may have given an older state
        self.units = 0.0
        self.written = 0  # the write units among them
        self.crash_at: int | None = None  # how many calls are left until the process ends
        self.exceptions = SimpleNamespace()
        # Makes an item that was never put, by its key.
        self.make: Callable[[Key], Item] = lambda key: self.items[key]
        self.chaos = chaos
        self._random = random.Random(seed)
        self._lock = threading.RLock()

    def measure(self) -> None:
        self.calls.clear()
        self.eventual.clear()
        self.units = 0.0
        self.written = 0

    # --- for tests

    def write_record(self, file: File) -> dict[str, Any]:
        """Puts a file's record as the catalog would. Returns the record of the stream."""
        item = attributes(record(file))
        with self._lock:
            old = self.items.get(_key(item))
            self.put(item)
        change = {"Keys": {"pk": item["pk"], "sk": item["sk"]}, "NewImage": item, **({"OldImage": old} if old else {})}
        return {"eventName": "MODIFY" if old else "INSERT", "dynamodb": change}

    def remove_record(self, file_id: str) -> dict[str, Any]:
        """Removes a record as the table's TTL does. Returns the record of the stream."""
        key = file_key(file_id)
        with self._lock:
            old = self.items[key["pk"], key["sk"]]
            self._delete((key["pk"], key["sk"]))
        keys = {"pk": {"S": key["pk"]}, "sk": {"S": key["sk"]}}
        change = {"Keys": keys, "OldImage": old, "ApproximateCreationDateTime": 1795348800}
        return {"eventName": "REMOVE", "dynamodb": change}

    def holds(self, prefix: str) -> set[Key]:
        return {key for key in self.items if key[0].startswith(prefix)}

    # --- items and their lists

    def _item(self, key: Key) -> Item | None:
        if key in self.items:
            return self.items[key]
        try:
            return self.make(key)
        except KeyError:
            return None

    def _places(self, item: Item) -> Iterator[tuple[tuple[str | None, str], bytes]]:
        yield (None, item["pk"]["S"]), item["sk"]["S"].encode()
        for name, (pk, sk, _) in INDEXES.items():
            if pk in item and sk in item:
                yield (name, item[pk]["S"]), item[sk]["S"].encode()

    def put(self, item: Item) -> None:
        self._delete(_key(item))
        self.items[_key(item)] = item
        for place, sort in self._places(item):
            insort(self.lists[place], (sort, _key(item)))

    def _delete(self, key: Key) -> None:
        old = self.items.pop(key, None)
        if old is not None:
            for place, sort in self._places(old):
                listed = self.lists[place]
                del listed[bisect_left(listed, (sort, key))]

    def _called(self, name: str, read: Mapping[str, Any] | None = None) -> None:
        self.calls[name] += 1
        if read is not None and not read.get("ConsistentRead"):
            self.eventual[name] += 1
        if self.crash_at is not None:
            self.crash_at -= 1
            if self.crash_at < 0:
                raise CrashedError(name)

    def _write(self, units: int) -> None:
        self.units += units
        self.written += units

    # --- the client's calls

    def query(self, **request: Any) -> dict[str, Any]:
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        low, high = (values[name] for name in ((":first", ":last") if ":first" in values else (":low", ":high")))
        index = request.get("IndexName")
        with self._lock:
            self._called("Query", request)
            listed = self.lists[index, values[":pk"]]
            start = bisect_left(listed, (low.encode(), ("", "")))
            end = bisect_right(listed, (high.encode(), ("~", "~")))
            if after := request.get("ExclusiveStartKey"):
                at = next(number for number, (_, key) in enumerate(listed) if key == _key(after))
                start, end = (at + 1, end) if request.get("ScanIndexForward", True) else (start, at)
            limit = request.get("Limit", len(listed) + 1)
            if request.get("ScanIndexForward", True):
                chosen = listed[start : min(end, start + limit)]
            else:
                chosen = listed[max(start, end - limit) : end][::-1]
            items, size = [], 0
            for _, key in chosen:
                items.append(self._seen_by(index, self._item(key) or {}))
                size += item_size(items[-1])
                if size > QUERY_BYTES:
                    break
            # A Query that took its limit does not look whether that was the last.
            more = len(items) < len(chosen) or len(chosen) == limit
            self.units += read_units(size, consistent=request.get("ConsistentRead", False))
        return {"Items": items, **({"LastEvaluatedKey": items[-1]} if more and items else {})}

    def _seen_by(self, index: str | None, item: Item) -> Item:
        if index is None or INDEXES[index][2]:
            return item
        names = {"pk", "sk", *INDEXES[index][:2]}
        return {name: value for name, value in item.items() if name in names}

    def get_item(self, *, Key: Any, **request: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        with self._lock:
            self._called("GetItem", request)
            item = self.items.get(_key(Key))
            self.units += read_units(item_size(item or {}), consistent=True)
        return {"Item": item} if item else {}

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        ((table, request),) = RequestItems.items()
        assert len(request["Keys"]) <= 100
        with self._lock:
            self._called("BatchGetItem", request)
            items = [self._item(_key(key)) for key in request["Keys"]]
            # Each is rounded up by itself.
            self.units += sum(read_units(item_size(i or {}), consistent=request["ConsistentRead"]) for i in items)
        return {"Responses": {table: [item for item in items if item]}, "UnprocessedKeys": {}}

    def batch_write_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        ((_, requests),) = RequestItems.items()
        assert 1 <= len(requests) <= 25
        with self._lock:
            self._called("BatchWriteItem")
            for request in requests:
                if "PutRequest" in request:
                    item = request["PutRequest"]["Item"]
                    self._write(write_units(self._size(_key(item)), item_size(item)))
                    self.put(item)
                else:
                    key = _key(request["DeleteRequest"]["Key"])
                    self._write(write_units(self._size(key), 0))
                    self._delete(key)
        return {"UnprocessedItems": {}}

    def _size(self, key: Key) -> int:
        return item_size(self.items[key]) if key in self.items else 0

    def transact_get_items(self, *, TransactItems: Any) -> dict[str, Any]:  # noqa: N803
        assert len(TransactItems) <= 100
        with self._lock:
            self._called("TransactGetItems")
            self._conflict("TransactGetItems")
            items = [self.items.get(_key(each["Get"]["Key"])) for each in TransactItems]
            self.units += sum(2 * read_units(item_size(item or {}), consistent=True) for item in items)
        return {"Responses": [{"Item": item} if item else {} for item in items]}

    def _conflict(self, operation: str) -> None:
        if self.chaos and self._random.random() < self.chaos:
            raise _canceled("TransactionConflict", operation)

    def transact_write_items(self, *, TransactItems: Any) -> dict[str, Any]:  # noqa: N803
        assert len(TransactItems) <= 100
        with self._lock:
            self._called("TransactWriteItems")
            self._conflict("TransactWriteItems")
            actions = [(kind, action) for each in TransactItems for kind, action in each.items()]
            keys = [_key(action.get("Key") or action["Item"]) for _, action in actions]
            assert len(set(keys)) == len(keys)
            for (_, action), key in zip(actions, keys, strict=True):
                if not _holds(self.items.get(key), action):
                    raise _canceled("ConditionalCheckFailed", "TransactWriteItems")
            for (kind, action), key in zip(actions, keys, strict=True):
                before = self._size(key)
                if kind == "Put":
                    self.put(action["Item"])
                elif kind == "Delete":
                    self._delete(key)
                else:
                    self.put(_updated(self.items.get(key), key, action))
                self._write(write_units(before, self._size(key), transaction=True))
        return {}

    def put_item(self, **action: Any) -> dict[str, Any]:
        with self._lock:
            self._called("PutItem")
            self._conflict("PutItem")
            key = _key(action["Item"])
            before = self._size(key)
            if not _holds(self.items.get(key), action):
                self._write(write_units(before, 0))
                raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
            self.put(action["Item"])
            self._write(write_units(before, self._size(key)))
        return {}

    def update_item(self, *, Key: Any, **action: Any) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            self._called("UpdateItem")
            self._conflict("UpdateItem")
            before = self._size(_key(Key))
            if not _holds(self.items.get(_key(Key)), action):
                raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
            self.put(_updated(self.items.get(_key(Key)), _key(Key), action))
            self._write(write_units(before, self._size(_key(Key))))
        return {}


def record(file: File) -> dict[str, Any]:
    """A file's item with the keys of its indexes."""
    item = {**file_key(file.id), **file.model_dump(mode="json", exclude_none=True)}
    if file.status is not Status.DELETED:
        item |= list_keys(file)
        if file.status is Status.READY and file.sha256:
            item |= sha256_keys(file.tenant, file.sha256, file.id)
    return item


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _canceled(reason: str, operation: str) -> ClientError:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": reason}, {"Code": "None"}],
    }
    return ClientError(response, operation)


def _holds(item: Item | None, action: Any) -> bool:
    condition = action.get("ConditionExpression")
    if condition is None:
        return True
    if condition == "attribute_not_exists(pk)":
        return item is None
    if item is None:
        return False
    for part in condition.split(" AND "):
        if part.startswith("attribute_not_exists("):
            if part[len("attribute_not_exists(") : -1] in item:
                return False
        else:
            name, value = part.split(" = ")
            if item.get(name) != action["ExpressionAttributeValues"][value]:
                return False
    return True


def _updated(item: Item | None, key: Key, action: Any) -> Item:
    new: Item = dict(item or {"pk": {"S": key[0]}, "sk": {"S": key[1]}})
    values, names = action["ExpressionAttributeValues"], action.get("ExpressionAttributeNames", {})
    sets, _, adds = action["UpdateExpression"].removeprefix("SET ").partition(" ADD ")
    for part in sets.split(", "):
        name, value = part.split(" = ")
        new[names.get(name, name)] = values[value]
    for part in adds.split(", ") if adds else []:
        name, value = part.split(" ")
        present = int(new.get(names[name], {"N": "0"})["N"])
        new[names[name]] = {"N": str(present + int(values[value]["N"]))}
    return new
