"""A tenant's usage by day (UTC): one item for each day, which the table's TTL removes after a hundred days.

The index counts uploads and deletions of the present day in the heads of its shards, where it writes anyway. With the
first change of a later day it adds the former day's counts to that day's item, in the same transaction. So an upload
costs no write unit more for it. Everything else is added to the day's item directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import aws
from chalicelib.catalog.dynamodb import ConditionFailedError, read, typed, update
from chalicelib.catalog.keys import usage_key, usage_partition
from chalicelib.catalog.values import serialize
from chalicelib.model import now
from chalicelib.settings import MOST_OF_A_QUOTA as MOST
from chalicelib.settings import settings

# Days that are shown, and days after which an item is removed.
SHOWN_DAYS = 90
FORGET_DAYS = 100

# A head's own counts, of the day that its attribute `counted_on` names.
COUNTED_ON = "counted_on"
OF_THE_INDEX = ("uploaded_files", "uploaded_bytes", "deleted_files", "deleted_bytes")
OTHERS = ("requests", "renders", "delivered_requests", "delivered_bytes")


@dataclass
class Day:
    """One day's numbers by their names (OF_THE_INDEX and OTHERS). A number that nobody counted is missing."""

    day: str
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, values: Mapping[str, Any]) -> None:
        for name in (*OF_THE_INDEX, *OTHERS):
            if name in values:
                self.numbers[name] = self.numbers.get(name, 0) + int(values[name])


def day_of(moment: datetime) -> str:
    """The day (UTC) of a moment, such as `2026-11-26`."""
    return moment.astimezone(UTC).date().isoformat()


def end_of_day(moment: datetime) -> datetime:
    """When the day (UTC) of a moment ends."""
    return (moment.astimezone(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def forget_at(day: str) -> int:
    """When the item of this day is removed, in Unix seconds."""
    return int((datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=FORGET_DAYS)).timestamp())


def add(tenant: str, day: str, **numbers: int) -> None:
    """Adds to a day's numbers: one UpdateItem."""
    update(
        usage_key(tenant, day),
        values={"ttl": forget_at(day)},
        add=numbers,
        returning="NONE",
    )


def add_render(tenant: str, day: str, limit: int | None) -> bool:
    """Counts a rendition of the day. False, and nothing is counted, if there are `limit` already. One UpdateItem."""
    if limit == 0:
        return False
    try:
        update(
            usage_key(tenant, day),
            values={"ttl": forget_at(day)},
            condition="attribute_not_exists(renders) OR renders < :limit",
            using={":limit": MOST if limit is None else limit},
            add={"renders": 1},
            returning="NONE",
        )
    except ConditionFailedError:
        return False
    return True


def add_to(tenant: str, day: str, numbers: Mapping[str, int]) -> dict[str, Any]:
    """The same as an action of a transaction."""
    names = {f"#u{i}": name for i, name in enumerate(numbers)}
    return {
        "Update": {
            "TableName": settings().table,
            "Key": typed(usage_key(tenant, day)),
            "UpdateExpression": "SET #ttl = :ttl ADD " + ", ".join(f"#u{i} :u{i}" for i in range(len(numbers))),
            "ExpressionAttributeNames": {"#ttl": "ttl", **names},
            "ExpressionAttributeValues": {
                ":ttl": serialize(forget_at(day)),
                **{f":u{i}": serialize(number) for i, number in enumerate(numbers.values())},
            },
        }
    }


def days(tenant: str, heads: Mapping[str, Day]) -> list[Day]:
    """The last 90 days on which the tenant used anything, the oldest first. `heads` are the counts of `counts.stats`.

    One Query, of at most 91 items, eventually consistent.
    """
    first, last = day_of(now() - timedelta(days=SHOWN_DAYS - 1)), day_of(now() + timedelta(days=1))
    reply = aws.dynamodb().query(
        TableName=settings().table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues={
            ":pk": {"S": usage_partition(tenant)},
            ":first": {"S": first},
            ":last": {"S": last},
        },
    )
    found = {day: Day(day, dict(each.numbers)) for day, each in heads.items() if first <= day <= last}
    for item in reply["Items"]:
        values = read(item)
        found.setdefault(values["sk"], Day(values["sk"])).add(values)
    return [found[day] for day in sorted(found)]
