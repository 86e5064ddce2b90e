"""Originals as files that are read by ranges: bytes, requests, and the budget."""

from __future__ import annotations

import io
import random

import pytest

from chalicelib.storage import ranged
from chalicelib.storage.ranged import Ranged, TooMuchReadError
from tests.making import put
from tests.stage import Calls

ID = "file_01K8Z0000000000000000000AA"
KEY = f"acme/{ID}"
BLOCK = 64
BODY = random.Random(1).randbytes(BLOCK * 200 + 5)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged, "BLOCK", BLOCK)


def opened(stage: Calls, size: int = len(BODY), budget: int | None = None) -> Ranged:
    version = put(ID, BODY[:size])
    stage.clear()
    return Ranged(KEY, version, size, size if budget is None else budget)


@pytest.mark.parametrize("step", [1, 10, BLOCK, 1000])
def test_reading_from_beginning_to_end_takes_few_requests(stage: Calls, step: int) -> None:
    """1, 2, 4, 8 and then 16 blocks at once; a read of several blocks begins with so many."""
    source = opened(stage)
    found = b"".join(iter(lambda: source.read(step), b""))
    assert found == BODY
    assert source.read_bytes == len(BODY), "nothing is fetched twice"
    assert stage.count("s3.GetObject") <= 5 + 200 // ranged.AHEAD


def test_a_reader_that_looks_at_the_beginning_first_fetches_nothing_twice(stage: Calls) -> None:
    source = opened(stage)
    source.read(10)
    source.seek(0)
    assert source.read() == BODY
    assert source.read_bytes == len(BODY)


def test_a_reader_that_jumps_about_gets_a_block_at_a_time(stage: Calls) -> None:
    source = opened(stage)
    for number in (100, 3, 150, 7, 101, 4):
        source.seek(number * BLOCK + 5)
        assert source.read(10) == BODY[number * BLOCK + 5 : number * BLOCK + 15]
    assert source.read_bytes == 6 * BLOCK
    assert stage.count("s3.GetObject") == 6


def test_a_long_read_is_a_few_requests_of_at_most_sixteen_blocks(stage: Calls) -> None:
    source = opened(stage)
    source.seek(BLOCK + 1)
    assert source.read(40 * BLOCK) == BODY[BLOCK + 1 : 41 * BLOCK + 1]
    assert stage.count("s3.GetObject") == 3


def test_reading_ahead_never_takes_the_budget_of_what_is_read(stage: Calls) -> None:
    """The rest of the object is more than the budget, so nothing is fetched that nobody asked for."""
    source = opened(stage, budget=10 * BLOCK)
    for _ in range(9):
        source.read(BLOCK)
    source.seek(150 * BLOCK)
    assert source.read(BLOCK) == BODY[150 * BLOCK : 151 * BLOCK]
    with pytest.raises(TooMuchReadError, match=f"more than {10 * BLOCK} bytes"):
        source.read(1)


def test_blocks_in_memory_are_not_fetched_again(stage: Calls) -> None:
    source = opened(stage)
    source.seek(5 * BLOCK)
    source.read(BLOCK)
    source.seek(0)
    assert source.read(10 * BLOCK) == BODY[: 10 * BLOCK]
    assert source.read_bytes == 10 * BLOCK
    assert stage.count("s3.GetObject") == 3


def test_memory_has_a_bound(stage: Calls) -> None:
    source = opened(stage)
    source.read()
    assert len(source._blocks) == ranged.KEEP


@pytest.mark.parametrize("seed", range(5))
def test_any_seeks_and_reads_are_those_of_a_file(stage: Calls, seed: int) -> None:
    chance, source, model = random.Random(seed), opened(stage, budget=10**9), io.BytesIO(BODY)
    for _ in range(200):
        if chance.random() < 0.5:
            offset, whence = chance.choice([(chance.randrange(len(BODY) + 50), 0), (-chance.randrange(900), 2)])
            assert source.seek(offset, whence) == model.seek(offset, whence)
        elif chance.random() < 0.3:
            into, expected = bytearray(chance.randrange(1, 100)), bytearray()
            count = source.readinto(into)
            expected += model.read(count)
            assert into[:count] == expected
            assert count or model.tell() >= len(BODY)
        else:
            size = chance.randrange(300)
            assert source.read(size) == model.read(size)
        assert source.tell() == model.tell()


def test_a_range_that_is_cut_off_is_an_error(stage: Calls) -> None:
    """Else a text would end in its middle. A shorter object stands in for the connection that broke off."""
    version = put(ID, BODY[:100])
    with pytest.raises(OSError, match="100 bytes came instead of 128"):
        Ranged(KEY, version, 128, 1000).read()


def test_a_part_that_is_kept_is_fetched_once_and_counts_apart(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged, "_kept", type(ranged._kept)())
    source = opened(stage, budget=4 * BLOCK)
    first, length = 50 * BLOCK + 3, 40 * BLOCK
    source.keep(first, length)
    source.seek(first - 2)
    assert source.read(length + 4) == BODY[first - 2 : first + length + 2]
    assert (source.kept_bytes, source.read_bytes) == (length, 2 * BLOCK)
    calls = stage.count("s3.GetObject")
    again = Ranged(KEY, source._version_id, source.size, 0)
    again.keep(first, length)
    again.seek(first)
    assert again.reopened(0).seek(first) == first
    assert again.read(length) == BODY[first : first + length]
    assert (again.kept_bytes, stage.count("s3.GetObject")) == (0, calls)


def test_few_parts_are_kept(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged, "_kept", type(ranged._kept)())
    monkeypatch.setattr(ranged, "KEPT", 3 * BLOCK)
    source = opened(stage)
    for number in range(5):
        source.keep(number * BLOCK, BLOCK)
    assert len(ranged._kept) == 3
