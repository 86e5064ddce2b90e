"""Originals as blocks that are fetched in parallel."""

from __future__ import annotations

import itertools

import pytest

from chalicelib.storage import parallel
from chalicelib.storage.originals import OriginalMissingError
from tests.making import put
from tests.stage import Calls, aws_client

ID = "file_01K8Z0000000000000000000AA"
KEY = f"acme/{ID}"
BODY = bytes(range(256)) * 4


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "BLOCK", 64)


@pytest.mark.parametrize("size", [1, 63, 64, 65, 640, 1024])
def test_the_blocks_are_the_object_in_order(stage: Calls, size: int) -> None:
    version = put(ID, BODY[:size])
    stage.clear()
    found = list(parallel.blocks(KEY, version, size))
    assert b"".join(found) == BODY[:size]
    assert {len(block) for block in found[:-1]} <= {64}
    assert stage.count("s3.GetObject") == len(found) == (size + 63) // 64


def test_the_blocks_are_those_of_the_version_that_was_asked_for(stage: Calls) -> None:
    version = put(ID, BODY)
    put(ID, BODY[::-1])
    assert b"".join(parallel.blocks(KEY, version, len(BODY))) == BODY


def test_no_more_is_fetched_than_may_be_held(stage: Calls) -> None:
    version = put(ID, BODY)
    stage.clear()
    reading = parallel.blocks(KEY, version, len(BODY))
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert stage.count("s3.GetObject") <= parallel.AT_ONCE


def test_an_object_that_is_gone_is_missing(stage: Calls) -> None:
    version = put(ID, BODY)
    aws_client("s3").delete_object(Bucket="originals", Key=KEY, VersionId=version)
    with pytest.raises(OriginalMissingError):
        list(parallel.blocks(KEY, version, len(BODY)))


def test_a_block_that_is_cut_off_is_an_error(stage: Calls) -> None:
    """Else the hash would be of other bytes. A shorter object stands in for the connection that broke off."""
    version = put(ID, BODY[:100])
    with pytest.raises(OSError, match="36 bytes came instead of 64"):
        list(itertools.islice(parallel.blocks(KEY, version, 128), 2))


def test_an_error_of_s3_is_raised(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    version = put(ID, BODY)

    def broken(key: str, version_id: str, first: int, length: int) -> bytes:
        raise ConnectionError("reset")

    monkeypatch.setattr(parallel, "_block", broken)
    with pytest.raises(ConnectionError):
        list(parallel.blocks(KEY, version, len(BODY)))
