"""Reads partitions of the table in order, a chunk at a time, within a budget of Queries for one request."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from chalicelib import aws
from chalicelib.catalog.keys import LAST
from chalicelib.settings import settings

Item = dict[str, Any]


class BudgetSpentError(Exception):
    """The request has used up its budget of Queries."""


@dataclass
class Budget:
    """How many Queries a request may still make."""

    queries: int

    def spend(self) -> None:
        if self.queries < 1:
            raise BudgetSpentError
        self.queries -= 1


def before(one: str, other: str, *, forward: bool) -> bool:
    """True if a sort key comes before another one in this direction. DynamoDB sorts text by its UTF-8 bytes."""
    return one.encode() < other.encode() if forward else one.encode() > other.encode()


def past(key: str, *, forward: bool) -> str:
    """A sort key just after this one. All keys end in ids of the same length, so no key lies between the two."""
    return key + "!" if forward else key[:-1] + chr(ord(key[-1]) - 1) + "~"


def end(*, forward: bool) -> str:
    """A place after every sort key there is."""
    return LAST if forward else ""


@dataclass
class Walk:
    """One partition in order. Nothing is read before it is needed, and after an error the walk can go on.

    `low` and `high` are the bounds of the sort keys, both included. `chunk` is how many items one Query reads; with
    `most`, each further Query reads twice as many, up to `most`. A page may end before that, at 1 MB or anywhere else,
    and may even have no items; the walk then needs one more Query.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html

    The reads are eventually consistent: an entry may be missing, or be there still. The callers show lists, which
    promise no more, and compare each entry with the file's record.
    """

    partition: str
    forward: bool
    chunk: int
    budget: Budget
    low: str
    high: str
    index: str | None = None
    names: tuple[str, str] = ("pk", "sk")
    most: int | None = None
    _held: deque[Item] = field(default_factory=deque)
    _ended: bool = False

    @property
    def place(self) -> str:
        """Where the next item is or may be; the walk has no item before it."""
        if self._held:
            return self.key(self._held[0])
        if self._ended:
            return end(forward=self.forward)
        return self.low if self.forward else self.high

    def key(self, item: Item) -> str:
        key: str = item[self.names[1]]["S"]
        return key

    def peek(self) -> Item | None:
        """The next item; None at the end."""
        while not self._held and not self._ended:
            self._read()
        return self._held[0] if self._held else None

    def step(self) -> None:
        """Goes past the next item, which `peek` has read."""
        self._held.popleft()

    def first(self) -> list[Item]:
        """The next items, `chunk` of them; fewer at the end, and where no more Queries are allowed."""
        with suppress(BudgetSpentError):
            while len(self._held) < self.chunk and not self._ended:
                self._read()
        return list(self._held)[: self.chunk]

    def seek(self, key: str) -> Item | None:
        """The item at `key`, or the first one after it; None at the end. The walk never goes back."""
        while self._held and before(self.key(self._held[0]), key, forward=self.forward):
            self._held.popleft()
        if not self._held and before(self.place, key, forward=self.forward):
            self._begin(key)
        return self.peek()

    def _begin(self, key: str) -> None:
        if self.forward:
            self.low = key
        else:
            self.high = key

    def _read(self) -> None:
        if before(self.high, self.low, forward=True):
            self._ended = True
            return
        self.budget.spend()
        pk, sk = self.names
        where: dict[str, Any] = {"IndexName": self.index} if self.index else {}
        reply = aws.dynamodb().query(
            TableName=settings().table,
            KeyConditionExpression=f"{pk} = :pk AND {sk} BETWEEN :low AND :high",
            ExpressionAttributeValues={
                ":pk": {"S": self.partition},
                ":low": {"S": self.low},
                ":high": {"S": self.high},
            },
            ScanIndexForward=self.forward,
            Limit=self.chunk,
            **where,
        )
        if self.most is not None:
            self.chunk = min(2 * self.chunk, self.most)
        self._held.extend(reply["Items"])
        if last := reply.get("LastEvaluatedKey"):
            self._begin(past(last[sk]["S"], forward=self.forward))
        else:
            self._ended = True
