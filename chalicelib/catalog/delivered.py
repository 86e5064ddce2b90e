"""Delivered bytes: how far the access logs were read, and how their sums reach the usage of tenants.

Both are written in one transaction, so that a log which is read again after a crash counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from chalicelib.catalog import usage
from chalicelib.catalog.dynamodb import Joined, get_item, typed, write_together
from chalicelib.catalog.keys import position_key
from chalicelib.catalog.values import serialize
from chalicelib.settings import settings

WALK = "access-logs"

# The tenant that gets what belongs to no file that is known. No tenant can have this name.
STAGE = "-stage"

# Tenants in one transaction, which may have a hundred actions.
TENANTS_A_TRANSACTION = 90


@dataclass(frozen=True)
class LogPosition:
    """All logs of former days are read, and those of `day` up to the object `after`.

    `part` is how many transactions of the next object are written.
    """

    day: str
    after: str = ""
    part: int = 0


@dataclass
class Sent:
    """The delivered files of a tenant: requests, and bytes with their headers."""

    requests: int = 0
    bytes: int = 0


class MovedError(Exception):
    """Another run has moved the position meanwhile."""


def position() -> LogPosition | None:
    """One GetItem, strongly consistent. None before the first run."""
    values = get_item(position_key(WALK))
    return LogPosition(values["counted_day"], values["walked_to"], values["part"]) if values else None


def move(was: LogPosition | None, to: LogPosition) -> None:
    """One transaction. Raises MovedError."""
    write_together([_move(was, to)])


def add(was: LogPosition, to: LogPosition, sent: Mapping[str, Sent]) -> None:
    """Adds a log's sums by tenant to the usage of its day, and moves the position behind the log.

    One transaction for each 90 tenants. Raises MovedError.
    """
    groups: Sequence[Sequence[str]] = list(batched(sorted(sent), TENANTS_A_TRANSACTION))
    for number, names in enumerate(groups):
        if number < was.part:
            continue
        after = LogPosition(was.day, was.after, number + 1) if number + 1 < len(groups) else to
        actions = [usage.add_to(name, was.day, _numbers(sent[name])) for name in names]
        write_together([_move(was, after), *(Joined(action, MovedError()) for action in actions)])
        was = after
    if was != to:
        move(was, to)


def _numbers(sent: Sent) -> dict[str, int]:
    return {"delivered_requests": sent.requests, "delivered_bytes": sent.bytes}


def _move(was: LogPosition | None, to: LogPosition) -> Joined:
    condition, using = "attribute_not_exists(pk)", {}
    if was:
        condition = "counted_day = :day AND walked_to = :after AND part = :part"
        using = {":day": serialize(was.day), ":after": serialize(was.after), ":part": serialize(was.part)}
    update = {
        "TableName": settings().table,
        "Key": typed(position_key(WALK)),
        "UpdateExpression": "SET counted_day = :to_day, walked_to = :to_after, part = :to_part",
        "ConditionExpression": condition,
        "ExpressionAttributeValues": {
            **using,
            ":to_day": serialize(to.day),
            ":to_after": serialize(to.after),
            ":to_part": serialize(to.part),
        },
    }
    return Joined({"Update": update}, MovedError())
