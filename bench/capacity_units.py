"""DynamoDB's capacity units and item sizes, by its published rules.

- Units: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
- Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
- Indexes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes
- Limits of a partition: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
- Quotas: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

KB = 1024
GB = 1024**3

PARTITION_WRITE_UNITS = 1000  # a second
PARTITION_READ_UNITS = 3000
PARTITION_BYTES = 10 * GB
TABLE_UNITS = 40_000  # a second: the default quota of an on-demand table, for reads and for writes; AWS raises it
ITEM_STORAGE = 100  # bytes of storage that are billed in addition for each item, in the table and in each index

# An item as in boto3's client: names to typed values.
Item = Mapping[str, Any]


def item_size(item: Item) -> int:
    """Bytes of an item: its names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    kind: str
    value: Any
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            # The documentation gives an approximation: one byte per two digits, and one more (and one for a sign).
            digits = value.lstrip("-").replace(".", "").strip("0")
            return math.ceil(len(digits) / 2) + 1 + int(value.startswith("-"))
        case "B":
            return len(value)
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(element) for element in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(element) for name, element in value.items())
        case "SS":
            return sum(len(element.encode()) for element in value)
        case "NS" | "BS":
            return sum(_value_size({kind[0]: element}) for element in value)
    raise ValueError(f"no size is known for a value of type {kind}")


def write_units(before: int, after: int, *, transaction: bool = False) -> int:
    """Units of one write, from the item's bytes before and after it (0: no item). An update costs the larger one."""
    units = max(1, math.ceil(max(before, after) / KB))
    return units * 2 if transaction else units


def read_units(size: int, *, consistent: bool) -> float:
    """Units of one GetItem, or of one Query that read `size` bytes in all."""
    units = max(1, math.ceil(size / (4 * KB)))
    return units if consistent else units / 2


@dataclass(frozen=True)
class Index:
    """A global secondary index: the names of its keys, and whether it holds all attributes or keys only."""

    name: str
    partition: str
    sort: str
    everything: bool

    def projected(self, item: Item | None) -> Item | None:
        """The index's copy of an item, or None if the item lacks one of the index's keys."""
        if item is None or self.partition not in item or self.sort not in item:
            return None
        kept = {"pk", "sk", self.partition, self.sort}
        return item if self.everything else {name: value for name, value in item.items() if name in kept}

    def writes(self, before: Item | None, after: Item | None) -> Iterator[tuple[str, int]]:
        """Partition key and units of each write in the index when the table's item changes."""
        old, new = self.projected(before), self.projected(after)
        if old == new:
            return
        if old and new and all(old[name] == new[name] for name in (self.partition, self.sort)):
            yield old[self.partition]["S"], write_units(item_size(old), item_size(new))
            return
        if old:
            yield old[self.partition]["S"], write_units(item_size(old), 0)
        if new:
            yield new[self.partition]["S"], write_units(0, item_size(new))


def indexes(table: Mapping[str, Any]) -> list[Index]:
    """The indexes of a table definition, which looks the same in CloudFormation and in CreateTable."""
    found = []
    for index in table["GlobalSecondaryIndexes"]:
        names = {key["KeyType"]: key["AttributeName"] for key in index["KeySchema"]}
        everything = index["Projection"]["ProjectionType"] == "ALL"
        found.append(Index(index["IndexName"], names["HASH"], names["RANGE"], everything))
    return found
