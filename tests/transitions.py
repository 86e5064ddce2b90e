"""Holds every write of a file's record to the table of transitions, while tests run.

There are two ways to look: at the requests that our code sends to DynamoDB (`watched`), and at a record before and
after a change (`explained`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib import aws
from chalicelib.catalog.transitions import CREATE, TRANSITIONS, Transition
from chalicelib.model import Status

OPERATIONS = ("UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")

_CLAUSES = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b")
Item = Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """One action on a file's record: `kind` is Update, Put or Delete, `request` its parameters."""

    kind: str
    request: Mapping[str, Any]

    @property
    def clauses(self) -> dict[str, dict[str, str]]:
        """What an update sets, removes and adds: names of attributes, and the text of what each becomes."""
        found: dict[str, dict[str, str]] = {"SET": {}, "REMOVE": {}, "ADD": {}, "DELETE": {}}
        aliases = self.request.get("ExpressionAttributeNames", {})
        parts = _CLAUSES.split(self.request["UpdateExpression"])[1:]
        for clause, text in zip(parts[::2], parts[1::2], strict=True):
            for each in text.split(","):
                name, _, value = each.strip().replace("=", " ").partition(" ")
                found[clause][aliases.get(name, name)] = value.strip()
        return found

    def value(self, placeholder: str) -> Any:
        return self.request.get("ExpressionAttributeValues", {}).get(placeholder)

    @property
    def transition(self) -> Transition | None:
        """The transition in the table that this write is."""
        return next((each for each in TRANSITIONS if self._is(each)), None)

    def _is(self, transition: Transition) -> bool:
        if self.request.get("ConditionExpression") != transition.expression:
            return False
        if transition is CREATE:
            item = self.request.get("Item", {})
            return self.kind == "Put" and item.get("status") in [{"S": target} for target in transition.target]
        return self.kind == "Update" and self._states_are_true(transition) and self._changes_as(transition)

    def _states_are_true(self, transition: Transition) -> bool:
        """True if `:processing` really is `processing` in the condition, and so on."""
        return all(self.value(f":{source}") in (None, {"S": source}) for source in Status)

    def _changes_as(self, transition: Transition) -> bool:
        clauses = self.clauses
        sets, removes, adds = set(clauses["SET"]), set(clauses["REMOVE"]), set(clauses["ADD"])
        if (to := clauses["SET"].get("status")) is not None:
            target = self.value(to)
            if target not in [{"S": each} for each in transition.target]:
                return False
        elif transition.target:
            return False
        sets -= {"status"}
        if transition.visible:
            if not {"updated_at", "last_change"} <= sets:
                return False
            sets -= {"updated_at", "last_change"}
        by_one = all(self.value(by) == {"N": "1"} for by in clauses["ADD"].values())
        return (
            by_one
            and adds == set(transition.increments)
            and set(transition.sets) <= sets <= {*transition.sets, *transition.may_change}
            and set(transition.removes) <= removes <= {*transition.removes, *transition.may_change}
            and not clauses["DELETE"]
        )

    def __str__(self) -> str:
        names = ("UpdateExpression", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")
        shown = {name: self.request[name] for name in names if name in self.request}
        return f"{self.kind} of a file's record that is not in the table of transitions: {shown}"


def writes(operation: str, request: Mapping[str, Any]) -> list[Write]:
    """The writes of files' records in a request."""
    if operation == "TransactWriteItems":
        found = [(kind, action) for each in request["TransactItems"] for kind, action in each.items()]
    elif operation == "BatchWriteItem":
        requests = [each for batch in request["RequestItems"].values() for each in batch]
        found = [(kind.removesuffix("Request"), action) for each in requests for kind, action in each.items()]
    else:
        found = [(operation.removesuffix("Item"), request)]
    return [Write(kind, action) for kind, action in found if _is_record(action.get("Key") or action.get("Item"))]


def _is_record(item: Item | None) -> bool:
    return item is not None and item["sk"] == {"S": "FILE"}


@contextmanager
def watched() -> Iterator[list[str]]:
    """Watches what the code under test sends meanwhile; the list gets what is not in the table."""
    unlisted: list[str] = []

    def watch(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        unlisted.extend(str(write) for write in writes(model.name, params) if write.transition is None)

    events = aws.dynamodb().meta.events
    for operation in OPERATIONS:
        events.register(f"provide-client-params.dynamodb.{operation}", watch)
    try:
        yield unlisted
    finally:
        for operation in OPERATIONS:
            events.unregister(f"provide-client-params.dynamodb.{operation}", watch)


@contextmanager
def only_transitions() -> Iterator[None]:
    """Raises AssertionError at the end if the code under test sent any write that is not in the table."""
    with watched() as unlisted:
        yield
    assert not unlisted, "\n".join(unlisted)


def explained(before: Item, after: Item) -> Transition | None:
    """The transition that may have led from one image of a record to the next, by what differs between them."""
    return next((each for each in TRANSITIONS if _may_lead(each, before, after)), None)


def _may_lead(transition: Transition, before: Item, after: Item) -> bool:
    if (before["status"]["S"], after["status"]["S"]) not in transition.arrows:
        return False
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    always = {"status", *transition.increments, *(("updated_at", "last_change") if transition.visible else ())}
    counted = all(_number(after, name) == _number(before, name) + 1 for name in transition.increments)
    held = all(name in after for name in transition.sets) and not any(name in after for name in transition.removes)
    listed = changed <= {*always, *transition.sets, *transition.removes, *transition.may_change}
    return counted and held and listed


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {"N": "0"})["N"])
