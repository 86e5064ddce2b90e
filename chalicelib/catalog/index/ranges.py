"""Lists of the table, read in order a chunk at a time, within a bound on the work that one request may do."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from chalicelib import aws
from chalicelib.catalog.keys import LAST
from chalicelib.settings import settings

Item = dict[str, Any]


class BudgetSpentError(Exception):
    """A request has done all the Queries that one may do."""


@dataclass
class Budget:
    """Queries that are left to a request."""

    queries: int

    def spend(self) -> None:
        if self.queries < 1:
            raise BudgetSpentError
        self.queries -= 1


def before(one: str, other: str, *, forward: bool) -> bool:
    """Whether a sort key comes before another one: DynamoDB sorts text by its UTF-8 bytes."""
    return one.encode() < other.encode() if forward else one.encode() > other.encode()


def past(key: str, *, forward: bool) -> str:
    """The nearest sort key after this one. Every key ends in an id of one length, so none other lies between."""
    return key + "!" if forward else key[:-1] + chr(ord(key[-1]) - 1) + "~"


def end(*, forward: bool) -> str:
    """After every sort key there is."""
    return LAST if forward else ""


@dataclass
class Walk:
    """One partition in order. Nothing is read before it is asked for; an error leaves it where it was.

    `low` and `high` bound the sort keys, both included. `chunk` is what one Query takes. A page of a Query that AWS
    cuts off at 1 MB costs one more.
    """

    partition: str
    forward: bool
    chunk: int
    budget: Budget
    low: str
    high: str
    index: str | None = None
    names: tuple[str, str] = ("pk", "sk")
    _held: deque[Item] = field(default_factory=deque)
    _ended: bool = False

    @property
    def place(self) -> str:
        """Where the next item is or may be: there is none before it."""
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
        """Goes past the next item."""
        self._held.popleft()

    def first(self) -> list[Item]:
        """All that one Query takes from here."""
        self.peek()
        return list(self._held)

    def seek(self, key: str) -> Item | None:
        """Goes on to `key`, or to the first after it; never back."""
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
        self._held.extend(reply["Items"])
        self._ended = "LastEvaluatedKey" not in reply
        if reply["Items"]:
            self._begin(past(self.key(reply["Items"][-1]), forward=self.forward))
