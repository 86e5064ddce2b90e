"""The cost that `ops adopt` says: its parts, and the table on the page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ops import prices
from ops.adopt import estimate
from ops.adopt.estimate import Plan, cost
from ops.adopt.source import Object
from ops.costs import bills, idle
from tests.stage import ROOT

GIB = 1024**3


def plan(*objects: tuple[str, int]) -> Plan:
    found = Plan(listed=len(objects))
    for key, size in objects:
        found.add(Object(key, size, "e", datetime(2026, 1, 1, tzinfo=UTC)))
    return found


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a/b.JPG", "image"),
        ("a.mp4", "video"),
        ("a.flac", "audio"),
        ("a.pdf", "pdf"),
        ("a.zip", "other"),
        ("a", "other"),
    ],
)
def test_an_extension_tells_the_kind(key: str, kind: str) -> None:
    assert estimate.kind_of(key) == kind


def test_a_large_object_takes_a_request_for_each_part_and_two_more() -> None:
    assert plan(("a", GIB)).copies == 1
    assert plan(("a", GIB + 1)).copies == 2 + 5
    assert plan(("a", 5 * 1024**4)).copies == 2 + -(-5 * 1024**4 // (525 * 1024**2))


def test_storage_and_the_way_to_another_region_are_by_bytes() -> None:
    found = plan(("a.jpg", 10**12))
    assert cost(found).storage_a_month == pytest.approx(23.0)
    assert cost(found).transfer == 0
    assert cost(found, other_region=True).transfer == pytest.approx(20.0)


def test_the_costs_of_many_small_files_are_requests_writes_and_seconds() -> None:
    many = Plan(listed=10**6, copies=10**6)
    many.files["other"] = 10**6
    found = cost(many)
    assert found.requests == pytest.approx(0.01 + 1.2 + 1.2 + 10, abs=0.01)
    assert found.table == pytest.approx(estimate.writes() * 0.625 + 10 * 0.125)
    assert found.processing == pytest.approx(1e6 * 1769 / 1024 * 1.33334e-5 + 0.2)
    assert found.events == pytest.approx(estimate.events() * 1e6)
    assert found.once == pytest.approx(sum((found.requests, found.table, found.processing, found.events)))


def test_the_page_has_the_table_of_the_estimate() -> None:
    assert estimate.table() in (ROOT / "docs/migrate-a-bucket.md").read_text(encoding="utf-8")


def test_writes_and_events_are_those_that_were_counted() -> None:
    assert estimate.writes() == bills.units("photo")["write"] + 6
    without_the_audit = idle.event_costs()["every stage"] - sum(
        item.cost for item in idle.events() if item.payer == "every stage" and item.key == "write"
    )
    assert estimate.events() * 1e6 == pytest.approx(without_the_audit)


def test_amounts_are_said_in_dollars() -> None:
    assert prices.dollars(1234.5) == "About $1,234.50"
    assert prices.dollars(0.001) == "Less than a cent"
