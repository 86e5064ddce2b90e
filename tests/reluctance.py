"""What DynamoDB, S3 and SQS may answer by their documentation, and no emulator does: less, later, older and twice.

- A batch leaves items out, some of them or all, and names them.
  https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
- A Query or a Scan ends a page anywhere, even before its first item. Only a missing LastEvaluatedKey is the end.
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
- A read that is not strongly consistent, and every read of a global index, gives an older state. Each item is as old as
  it likes, so an index may lack an item, or still show it.
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
- A listing of S3's has fewer keys than asked for, or none, and goes on.
  https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
- SQS gives fewer messages than there are, or none, and gives a message twice.
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, Literal, get_args

import pytest
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from chalicelib import aws
from chalicelib.catalog import dynamodb
from tests.faults.looking import backend, shown_again
from tests.stage import plain
from tests.strict.dynamodb import table as key_attributes

Way = Literal["batches", "pages", "old", "listings", "messages"]
WAYS: tuple[Way, ...] = get_args(Way)

# How many changes of the table, the last ones, an eventual read may not know of yet.
WINDOW = 12
# How often in a row the same thing is refused. Then AWS gives all.
STREAK = 2

Params = dict[str, Any]
Call = Callable[[str, Params], Any]


class Reluctant:
    """Answers the calls of the code under test by chance, in these `ways`. `met` counts what really happened."""

    def __init__(self, seed: int, ways: Iterable[Way] = WAYS) -> None:
        self.met: Counter[str] = Counter()
        self._ways = frozenset(ways)
        self._random = random.Random(seed)
        self._streak = 0
        self._lock = threading.RLock()
        self._places: dict[str, Params] = {}
        self._numbers = count()

    def answer(self, call: Call, operation: str, params: Params) -> Any:
        """Makes one call, and gives less of its answer than there is."""
        way: dict[str, tuple[Way, Callable[[Call, str, Params], Any]]] = {
            "BatchGetItem": ("batches", self._batch_get),
            "BatchWriteItem": ("batches", self._batch_write),
            "Query": ("pages", self._page),
            "Scan": ("pages", self._page),
            "ListObjectsV2": ("listings", self._listing),
            "ListObjectVersions": ("listings", self._fewer),
            "ListParts": ("listings", self._fewer),
            "ReceiveMessage": ("messages", self._receive),
        }
        params = self._places.get(params.get("ContinuationToken", ""), params)
        with self._lock, self._aged(operation, params):
            name, reluctantly = way.get(operation, ("", None))
            if reluctantly is None or name not in self._ways or self._streak >= STREAK or self._random.random() < 0.3:
                self._streak = 0
                return call(operation, params)
            self._streak += 1
            return reluctantly(call, operation, params)

    def _some(self, several: list[Any]) -> int:
        """How many of these are given: none, some, or all but one."""
        return self._random.choice([0, self._random.randrange(len(several)), len(several) - 1])

    # --- DynamoDB

    def _batch_get(self, call: Call, operation: str, params: Params) -> Any:
        ((table, own),) = params["RequestItems"].items()
        given = self._some(own["Keys"])
        # A batch has at least one key, so one is asked for, and nothing is told of it.
        reply = call(operation, {"RequestItems": {table: {**own, "Keys": own["Keys"][: given or 1]}}})
        if not given:
            reply["Responses"] = {table: []}
        reply["UnprocessedKeys"] = {table: {**own, "Keys": own["Keys"][given:]}}
        self.met["keys left out"] += 1
        return reply

    def _batch_write(self, call: Call, operation: str, params: Params) -> Any:
        ((table, requests),) = params["RequestItems"].items()
        given = self._some(requests)
        reply = call(operation, {"RequestItems": {table: requests[:given]}}) if given else {}
        self.met["writes left out"] += 1
        return {**reply, "UnprocessedItems": {table: requests[given:]}}

    def _page(self, call: Call, operation: str, params: Params) -> Any:
        reply = call(operation, params)
        items = reply["Items"]
        if not items:
            return reply
        given = self._some(items)
        if given:
            last = _start_key(items[given - 1], params)
        elif operation == "Query" and (place := _before(items[0], params)):
            last = place
            self.met["empty pages"] += 1
        else:
            return reply
        self.met["short pages"] += 1
        return {**reply, "Items": items[:given], "Count": given, "LastEvaluatedKey": last}

    @contextmanager
    def _aged(self, operation: str, params: Params) -> Iterator[None]:
        """Meanwhile the table is as it was before some of its last changes, for a read that may see it so."""
        if "old" not in self._ways or not _is_eventual(operation, params):
            yield
            return
        table = backend("dynamodb").tables["filemill-test"]
        present = {}
        for key, state in self._former(table).items():
            present[key] = table.items[key[0]].pop(key[1], None)
            if state is not None:
                table.items[key[0]][key[1]] = state
        self.met["old reads"] += bool(present)
        try:
            yield
        finally:
            for key, item in present.items():
                table.items[key[0]].pop(key[1], None)
                if item is not None:
                    table.items[key[0]][key[1]] = item

    def _former(self, table: Any) -> dict[tuple[Any, Any], Any]:
        """The items that are seen in an older state, and that state; None if there was none then."""
        changes: dict[tuple[str, str], list[Any]] = {}
        for change in table.stream_shard.items[-WINDOW:]:
            told = change.record["dynamodb"]
            keys = plain(told["Keys"])
            changes.setdefault((keys["pk"]["S"], keys["sk"]["S"]), []).append(told.get("OldImage"))
        found = {}
        for (pk, sk), olds in changes.items():
            back = self._random.randrange(len(olds) + 1)  # changes that are not seen yet
            if back:
                key, old = (DynamoType({"S": pk}), DynamoType({"S": sk})), olds[len(olds) - back]
                found[key] = Item(*key, plain(old)) if old else None
        return found

    # --- S3

    def _fewer(self, call: Call, operation: str, params: Params) -> Any:
        most = "MaxParts" if operation == "ListParts" else "MaxKeys"
        self.met["short listings"] += 1
        return call(operation, {**params, most: self._random.randint(1, 3)})

    def _listing(self, call: Call, operation: str, params: Params) -> Any:
        if self._random.random() < 0.5:
            return self._fewer(call, operation, params)
        token = f"none-so-far-{next(self._numbers)}"
        self._places[token] = params
        self.met["empty listings"] += 1
        return {"IsTruncated": True, "KeyCount": 0, "NextContinuationToken": token, "ResponseMetadata": {}}

    # --- SQS

    def _receive(self, call: Call, operation: str, params: Params) -> Any:
        if self._random.random() < 0.5:
            self.met["nothing received"] += 1
            return {"ResponseMetadata": {}}
        reply = call(operation, {**params, "MaxNumberOfMessages": 1})
        if reply.get("Messages"):
            shown_again(params["QueueUrl"].rpartition("/")[2])
            self.met["received twice"] += 1
        return reply


def _is_eventual(operation: str, params: Mapping[str, Any]) -> bool:
    if operation == "BatchGetItem":
        return not any(own.get("ConsistentRead") for own in params["RequestItems"].values())
    return operation in ("GetItem", "Query", "Scan") and not params.get("ConsistentRead")


def _names(params: Mapping[str, Any]) -> list[str]:
    """The attributes of a start key: the table's keys, and the index's."""
    keys = key_attributes().keys
    return list(dict.fromkeys([*keys[None], *keys[params.get("IndexName")]]))


def _start_key(item: Mapping[str, Any], params: Mapping[str, Any]) -> Params:
    return {name: item[name] for name in _names(params)}


def _before(item: Mapping[str, Any], params: Mapping[str, Any]) -> Params | None:
    """A key right before an item, in the order of a Query, where an item might have been; None if there is no room."""
    sort = key_attributes().keys[params.get("IndexName")][1]
    text = item[sort]["S"]
    forward = params.get("ScanIndexForward", True)
    if text.isdecimal():
        place = f"{int(text) + (-1 if forward else 1):0{len(text)}d}"
    else:
        place = text[:-1] + chr(ord(text[-1]) - 1) + "~" if forward else text + "!"
    values = params["ExpressionAttributeValues"].items()
    bounds = [value["S"] for name, value in values if name in ((":low", ":first") if forward else (":high", ":last"))]
    start = params.get("ExclusiveStartKey", {}).get(sort, {}).get("S")
    if any(place < bound if forward else place > bound for bound in bounds):
        return None
    if start and (place <= start if forward else place >= start):
        return None
    return {**_start_key(item, params), sort: {"S": place}}


@contextmanager
def reluctant(seed: int, *ways: Way) -> Iterator[Reluctant]:
    """Meanwhile AWS is reluctant towards the code under test; in all ways, unless some are named."""
    weather = Reluctant(seed, ways or WAYS)
    clients: list[Any] = [aws.dynamodb(), aws.s3(), aws.sqs()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamodb, "_pause", lambda attempt: None)
        for client in clients:
            call = client._make_api_call
            client._make_api_call = lambda operation, params, call=call: weather.answer(call, operation, params)
        try:
            yield weather
        finally:
            for client in clients:
                del client._make_api_call
