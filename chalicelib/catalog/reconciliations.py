"""How far each reconciliation of a bucket with the table has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.catalog.dynamodb import ConditionFailedError, get_item, update
from chalicelib.catalog.keys import position_key
from chalicelib.model import timestamp


@dataclass(frozen=True)
class Position:
    """How far a walk over a bucket has come: it goes on `after` that key (and version), which is empty at the start."""

    after: str
    began: datetime
    version: str = ""
    ended: bool = False


def position(walk: str) -> Position | None:
    """One GetItem, strongly consistent. None for a walk that never began."""
    values = get_item(position_key(walk))
    if values is None:
        return None
    return Position(
        after=values.get("walked_to", ""),
        began=datetime.fromisoformat(values["began"]),
        version=values.get("walked_to_version", ""),
        ended=values.get("ended", False),
    )


def move(walk: str, was: Position | None, to: Position) -> bool:
    """One conditional UpdateItem. False if another sweep has moved it meanwhile."""
    values = {
        "walked_to": to.after,
        "walked_to_version": to.version,
        "began": timestamp(to.began),
        "ended": to.ended,
    }
    condition, using = "attribute_not_exists(pk)", {}
    if was:
        condition = "walked_to = :after AND walked_to_version = :version AND began = :began AND ended = :ended"
        using = {
            ":after": was.after,
            ":version": was.version,
            ":began": timestamp(was.began),
            ":ended": was.ended,
        }
    try:
        update(position_key(walk), values=values, condition=condition, using=using, returning="NONE")
    except ConditionFailedError:
        return False
    return True
