"""The largest record that the bounds of the API allow."""

from __future__ import annotations

from typing import Any

from tests.client import Client
from tests.making import enlarge, item, largest_request


def test_the_largest_legal_record_is_far_below_dynamodbs_bound(client: Client) -> None:
    """400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html."""
    file_id = largest_request(client)
    enlarge(file_id, renditions=4)
    assert 30_000 < item_bytes(item(file_id)) < 64_000


def item_bytes(value: dict[str, Any]) -> int:
    """An item's size as DynamoDB counts it, rounded up where it says "approximately".

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """

    def size(attribute: dict[str, Any]) -> int:
        ((kind, inner),) = attribute.items()
        if kind == "M":
            return 3 + sum(1 + len(name.encode()) + size(child) for name, child in inner.items())
        if kind == "L":
            return 3 + sum(1 + size(child) for child in inner)
        return len(inner.encode()) + 1 if kind in ("S", "N") else 1

    return sum(len(name.encode()) + size(attribute) for name, attribute in value.items())
