"""Counts what AWS bills of the code that runs on moto: calls, units of DynamoDB, bytes of S3, and CPU, by function.

Units follow DynamoDB's published rules (bench/capacity_units.py), from the items as moto has them before and after a
call: moto's own `ConsumedCapacity` is made up.
"""

from __future__ import annotations

import resource
import time
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from unittest.mock import patch

from moto.core.botocore_stubber import BotocoreStubber

from bench.capacity_units import ITEM_STORAGE, Item, indexes, item_size, read_units, write_units
from tests.faults.looking import backend
from tests.stage import plain, table_definition

TABLE = "filemill-test"

Key = tuple[str, str]


@dataclass
class Tally:
    """The bill of one function: its runs, the calls of AWS in them, and what these moved.

    `reads` and `writes` are DynamoDB's units, `put` and `got` bytes of S3, `events` those on the bus. `cpu` is in
    seconds, with that of children. The CPU of moto and of the counting itself is not in it, nor what an HTTP exchange
    takes.
    """

    runs: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    reads: float = 0.0
    writes: int = 0
    put: int = 0
    got: int = 0
    events: int = 0
    cpu: float = 0.0


@dataclass
class Meter:
    """`tallies` by function. The code under test may use threads; they count for the function that runs."""

    tallies: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    _function: str | None = None
    _aside: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._indexes = indexes(table_definition())

    @contextmanager
    def run(self, function: str) -> Iterator[None]:
        """One run of a function: calls in it are counted for it. Calls outside of all runs are the world's own."""
        assert self._function is None, "a run inside a run"
        self.tallies[function].runs += 1
        self._function = function
        began, aside = cpu_seconds(), self._aside
        try:
            yield
        finally:
            self._function = None
            self.tallies[function].cpu += cpu_seconds() - began - (self._aside - aside)

    def add(self, function: str, *calls: str) -> None:
        """Calls that AWS or the client makes, and that are billed to the stage."""
        self.tallies[function].calls.update(calls)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Work in one thread that no function would do on AWS."""
        began = time.thread_time()
        try:
            yield
        finally:
            with self._lock:
                self._aside += time.thread_time() - began

    # --- botocore's hooks

    def begins(self, params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if self._function is None:
            return
        with self.aside():
            self._begins(params, model, context)

    def _begins(self, params: Mapping[str, Any], model: Any, context: dict[str, Any]) -> None:
        context["counted_for"] = self._function
        body = params.get("Body")
        context["entries"] = len(params.get("Entries", ())) if model.name == "PutEvents" else 0
        context["sent"] = len(body) if isinstance(body, bytes | bytearray) else _length(body)
        if model.service_model.service_name == "dynamodb":
            context["asked"] = params
            context["before"] = {key: _item(key) for key in _written(model.name, params)}

    def ends(self, parsed: dict[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        if "counted_for" in context:
            with self.aside():
                self._ends(parsed, model, context)

    def _ends(self, parsed: dict[str, Any], model: Any, context: Mapping[str, Any]) -> None:
        function: str = context["counted_for"]
        service = model.service_model.service_name
        with self._lock:
            tally = self.tallies[function]
            tally.calls[f"{service}.{model.name}"] += 1
            tally.events += context["entries"]
            if service == "s3":
                tally.put += context["sent"]
                tally.got += parsed.get("ContentLength", 0) if model.name == "GetObject" else 0
            elif service == "dynamodb":
                tally.reads += self._reads(model.name, context["asked"], parsed)
                tally.writes += self._writes(model.name, context["before"], failed="Error" in parsed)

    def _writes(self, operation: str, before: Mapping[Key, Item | None], *, failed: bool) -> int:
        """A write whose condition fails is billed, too, by the item that is there. Indexes are written on their own."""
        transaction, units = operation == "TransactWriteItems", 0
        for key, old in before.items():
            new = _item(key)
            units += write_units(item_size(old or {}), item_size(new or {}), transaction=transaction)
            if not failed:
                units += sum(more for index in self._indexes for _, more in index.writes(old, new))
        return units

    def _reads(self, operation: str, asked: Mapping[str, Any], parsed: Mapping[str, Any]) -> float:
        match operation:
            case "GetItem":
                return _read([_key(asked["Key"])], consistent=asked.get("ConsistentRead", False))
            case "BatchGetItem":
                return sum(
                    _read(map(_key, wanted["Keys"]), consistent=wanted.get("ConsistentRead", False))
                    for wanted in asked["RequestItems"].values()
                )
            case "TransactGetItems":
                return 2 * _read((_key(each["Get"]["Key"]) for each in asked["TransactItems"]), consistent=True)
            case "Query":
                return self._query(asked, parsed)
            case "Scan":
                raise NotImplementedError("no operation that is counted may scan")
        return 0.0

    def _query(self, asked: Mapping[str, Any], parsed: Mapping[str, Any]) -> float:
        """A Query is billed by all items that it reads together, as its index has them."""
        assert parsed.get("Count", 0) == parsed.get("ScannedCount", 0), "a filter: its reads are not in the answer"
        found = [_item(_key(each)) for each in parsed.get("Items", [])]
        if name := asked.get("IndexName"):
            (index,) = [each for each in self._indexes if each.name == name]
            found = [index.projected(each) for each in found]
        return read_units(sum(item_size(each or {}) for each in found), consistent=asked.get("ConsistentRead", False))


@contextmanager
def metered() -> Iterator[Meter]:
    """Counts what the code under test asks of AWS inside the `with`."""
    from chalicelib import aws

    meter = Meter()
    answer = BotocoreStubber.__call__

    def answered(*arguments: Any, **named: Any) -> Any:
        with meter.aside():
            return answer(*arguments, **named)

    clients: list[Any] = [aws.cloudfront(), aws.s3(), aws.dynamodb(), aws.sqs(), aws.ssm(), aws.functions()]
    clients.append(aws.events())
    for client in clients:
        client.meta.events.register("before-parameter-build", meter.begins)
        client.meta.events.register("after-call", meter.ends)
    try:
        with patch.object(BotocoreStubber, "__call__", answered):
            yield meter
    finally:
        for client in clients:
            client.meta.events.unregister("before-parameter-build", meter.begins)
            client.meta.events.unregister("after-call", meter.ends)


def cpu_seconds() -> float:
    """CPU of this process, of its children that have ended, and of those of the fork server."""
    from chalicelib.processing import fork_server

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    server = fork_server.running()
    return sum(each.ru_utime + each.ru_stime for each in used) + (server.cpu if server else 0.0)


def table_bytes() -> int:
    """Bytes of the table and its indexes that are billed, the 100 of each item and each copy included."""
    copies = indexes(table_definition())
    found = 0
    for under in backend("dynamodb").tables[TABLE].items.values():
        for kept in under.values():
            item = _typed(kept)
            every = [item, *(index.projected(item) for index in copies)]
            found += sum(item_size(each) + ITEM_STORAGE for each in every if each)
    return found


def _length(body: Any) -> int:
    """Bytes of a body that is a file, or 0 of a call that has none."""
    if body is None or not hasattr(body, "seek"):
        return len(bytes(body or b""))
    at = body.tell()
    size = int(body.seek(0, 2)) - int(at)
    body.seek(at)
    return size


def _key(named: Mapping[str, Mapping[str, str]]) -> Key:
    return named["pk"]["S"], named["sk"]["S"]


def _written(operation: str, params: Mapping[str, Any]) -> list[Key]:
    """The keys of all items that a call writes or checks."""
    match operation:
        case "PutItem":
            return [_key(params["Item"])]
        case "UpdateItem" | "DeleteItem":
            return [_key(params["Key"])]
        case "BatchWriteItem":
            requests = [each for some in params["RequestItems"].values() for each in some]
            return [
                _key(each["PutRequest"]["Item"] if "PutRequest" in each else each["DeleteRequest"]["Key"])
                for each in requests
            ]
        case "TransactWriteItems":
            actions = [action for each in params["TransactItems"] for action in each.values()]
            return [_key(action.get("Item") or action["Key"]) for action in actions]
    return []


def _item(key: Key) -> Item | None:
    """An item as moto has it, typed."""
    from moto.dynamodb.models.dynamo_type import DynamoType

    under = backend("dynamodb").tables[TABLE].items.get(DynamoType({"S": key[0]}), {})
    found = under.get(DynamoType({"S": key[1]}))
    return None if found is None else _typed(found)


def _typed(kept: Any) -> dict[str, Any]:
    return {name: _with_bytes(value) for name, value in plain(kept.attrs).items()}


def _with_bytes(typed: dict[str, Any]) -> dict[str, Any]:
    """moto keeps binary values in base64, which are longer than what DynamoDB bills."""
    return {"B": b64decode(typed["B"])} if "B" in typed else typed


def _read(keys: Iterable[Key], *, consistent: bool) -> float:
    """Each item of a GetItem or a BatchGetItem is rounded up by itself."""
    return sum(read_units(item_size(_item(key) or {}), consistent=consistent) for key in keys)
