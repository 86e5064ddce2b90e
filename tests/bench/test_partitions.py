"""The simulation of the table's partitions: its counting rules, and that a bad key shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from bench.capacity_units import KB, PARTITION_WRITE_UNITS, Index, item_size, read_units, write_units
from bench.partitions import figures, report, uploads
from bench.partitions.heat import Design, simulate
from bench.partitions.uploads import Life, Workload, kind_of
from chalicelib import aws
from chalicelib.catalog import files
from chalicelib.catalog.index.writer import Change, index
from chalicelib.model import File
from tests.stage import Calls

ONE = uploads.WORKLOADS[0]
BY_CREATED = Index("by_created", "list_pk", "list_sk", everything=True)
BY_DUE = Index("by_due", "due_pk", "due_sk", everything=False)


@pytest.fixture(scope="module")
def lives(cloud: None) -> list[Life]:
    return uploads.lives(7, seed=1)


# --- the rules, with the figures of DynamoDB's documentation


def test_a_read_takes_a_unit_for_each_4_kb_and_half_when_eventually_consistent() -> None:
    assert read_units(3584, consistent=True) == 1  # "3.5 KB ... rounds up to 4 KB"
    assert read_units(10 * KB, consistent=True) == 3  # "10 KB ... 12 KB"
    assert (read_units(8 * KB, consistent=True), read_units(8 * KB, consistent=False)) == (2, 1)


def test_a_write_takes_a_unit_for_each_kb_and_twice_that_in_a_transaction() -> None:
    assert write_units(0, 512) == 1  # "a 500-byte item ... the same as a 1 KB item"
    assert write_units(0, 2 * KB) == 2
    assert write_units(0, 2 * KB, transaction=True) == 4
    assert write_units(0, 2 * KB + 1) == 3


def test_an_update_takes_the_larger_of_before_and_after_and_a_delete_what_was_there() -> None:
    assert write_units(3 * KB, 100) == write_units(100, 3 * KB) == write_units(3 * KB, 0) == 3
    assert write_units(0, 0) == 1  # "a DeleteItem on an item that does not exist consumes 1"


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "añb"}, 4),
        ({"N": "1234"}, 3),
        ({"N": "-27"}, 3),
        ({"N": "1000"}, 2),
        ({"BOOL": True}, 1),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"S": "c"}]}, 3 + 1 + 2 + 1 + 1),
        ({"M": {"k": {"S": "ab"}}}, 3 + 1 + 1 + 2),
    ],
)
def test_the_size_of_an_attribute_is_its_name_and_its_value(value: dict[str, Any], size: int) -> None:
    assert item_size({"name": value}) == 4 + size


def test_an_index_writes_only_what_it_holds() -> None:
    item = {
        "pk": {"S": "a"},
        "sk": {"S": "a"},
        "due_pk": {"S": "DUE#1"},
        "due_sk": {"S": "1"},
        "big": {"S": "x" * 3000},
    }
    no_longer_due = {name: value for name, value in item.items() if not name.startswith("due")}
    assert list(BY_DUE.writes(None, item)) == [("DUE#1", 1)]  # keys only, so not three
    assert list(BY_DUE.writes(item, item | {"big": {"S": "y"}})) == []
    assert list(BY_DUE.writes(item, item | {"due_sk": {"S": "2"}})) == [("DUE#1", 1), ("DUE#1", 1)]
    assert list(BY_DUE.writes(item, no_longer_due)) == [("DUE#1", 1)]
    assert list(BY_DUE.writes(None, no_longer_due)) == []
    listed = item | {"list_pk": {"S": "LIST#a#0"}, "list_sk": {"S": "a"}}
    assert list(BY_CREATED.writes(listed, listed | {"big": {"S": "y"}})) == [("LIST#a#0", 3)]


# --- the simulation


def test_it_writes_what_the_code_writes(stage: Calls, lives: list[Life]) -> None:
    written: Counter[str] = Counter()

    def record(params: dict[str, Any], **_: Any) -> None:
        for request in params.get("RequestItems", {}).get("filemill-test", []):
            if isinstance(request, dict):
                key = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
                written[kind_of(key["pk"]["S"])] += 1
        if key := params.get("Key" if "UpdateExpression" in params else "Item"):
            written[kind_of(key["pk"]["S"])] += 1

    # A photo, which has the most.
    life = lives[1]
    events = aws.dynamodb().meta.events
    events.register("provide-client-params.dynamodb", record)
    try:
        for file in life.files:
            index([Change(file)])
    finally:
        events.unregister("provide-client-params.dynamodb", record)
    simulated = simulate(ONE, 1, [life], rate=1, sample=1).total
    assert {kind: written[kind] for kind in ("FACET", "SORT", "WORD")} == {
        kind: simulated[kind] for kind in ("FACET", "SORT", "WORD")
    }
    assert written["FEED"] == simulated["FEED"] == 3
    assert written["FILE"] == 3  # markers
    assert written["SEQ"] == 3


def test_records_are_those_of_the_real_catalog(stage: Calls, lives: list[Life]) -> None:
    created, claimed, ready = lives[1].files
    assert [str(f.status) for f in (created, claimed, ready)] == ["awaiting_upload", "processing", "ready"]
    files.create(created)
    stored = files.get(created.tenant, created.id)
    assert isinstance(stored, File)
    assert lives[1].items[0]["list_pk"]["S"].startswith("LIST#tenant-0000#")


@pytest.mark.parametrize("kind", ["LIST", "FACET", "SORT", "WORD", "FEED", "SEQ"])
def test_more_shards_make_the_hottest_key_colder(lives: list[Life], kind: str) -> None:
    heats = [simulate(ONE, shards, lives, sample=2000).hottest(kind)[1] for shards in (1, 4, 16)]
    assert heats[0] > heats[1] > heats[2]


def test_the_rate_scales_shared_keys_and_not_those_of_one_file(lives: list[Life]) -> None:
    slow, fast = (simulate(ONE, 4, lives, sample=2000, rate=rate) for rate in (100, 10_000))
    assert fast.hottest("LIST")[1] == pytest.approx(100 * slow.hottest("LIST")[1], rel=0.1)
    assert fast.hottest("FILE")[1] == slow.hottest("FILE")[1] < PARTITION_WRITE_UNITS


def test_the_same_seed_gives_the_same_figures(lives: list[Life]) -> None:
    once, again = (simulate(uploads.WORKLOADS[2], 4, lives, sample=1000) for _ in range(2))
    assert once == again
    assert simulate(uploads.WORKLOADS[2], 4, lives, sample=1000, seed=6) != once


def test_a_constant_partition_is_flagged_however_many_shards_there_are(lives: list[Life]) -> None:
    good = simulate(ONE, 256, lives, sample=3000)
    assert "LIST" not in good.over()
    assert "WORD" not in good.over()
    bad = Design(list_partition=lambda tenant, shard: f"LIST#{tenant}")
    assert simulate(ONE, 256, lives, sample=3000, design=bad).over()["LIST"] > 10
    worse = replace(Design(), posting=lambda term, tenant, file_id, shard: ("WORD#all", f"{term}{file_id}"))
    assert simulate(ONE, 256, lives, sample=3000, design=worse).over()["WORD"] > 10


def test_one_content_uploaded_again_and_again_heats_its_hash(lives: list[Life]) -> None:
    same = Workload("the same", (1.0,), same=0.5)
    assert simulate(same, 16, lives, sample=2000).over()["SHA"] == pytest.approx(5, rel=0.1)
    assert simulate(ONE, 16, lives, sample=2000).hottest("SHA")[1] == 1


def test_shards_needed_are_those_that_bring_it_below_the_limit(lives: list[Life]) -> None:
    heats = {shards: simulate(ONE, shards, lives, sample=3000) for shards in (1, 16)}
    needed = figures.shards_needed("FEED", heats)
    assert needed == 30  # three units an upload: an entry for each change, and none is deleted
    assert figures.shards_needed("SHA", heats) is None


def test_a_trigger_without_a_filter_has_more_turns_and_a_chosen_shard_fewer(lives: list[Life]) -> None:
    turns = simulate(ONE, 64, lives, sample=3000).turns
    assert turns["all writes"] > turns["files only"] > turns["big"]
    assert turns["files only"] > turns["kept"] > turns["chosen"]


def test_a_page_of_many_shards_reads_a_fraction_and_no_shard_twice_as_a_rule(lives: list[Life]) -> None:
    one, many = figures.pages(lives, 1), figures.pages(lives, 16)
    assert one.share == one.whole
    assert many.share < many.whole / 3
    assert many.again < 0.2


def test_the_page_has_every_kind_and_marks_what_is_over(lives: list[Life]) -> None:
    results = {ONE.name: {shards: simulate(ONE, shards, lives, sample=2000) for shards in (1, 256)}}
    page = report.page(results, lives, 10_000, 1e9, dict.fromkeys(figures.KINDS, 0.01))
    assert all(f"| {kind} |" in page for kind in figures.KINDS)
    assert "| FEED | **30,000** (30.0x) |" in page
