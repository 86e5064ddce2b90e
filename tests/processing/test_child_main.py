"""The file object of a child: each read gives all that was asked for, with few questions, and of the same blocks."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import BinaryIO, cast

import pytest

from chalicelib.processing.child_main import FRAME, Asked
from chalicelib.storage.ranged import BLOCK

pytestmark = pytest.mark.pure


class Parent(io.RawIOBase):
    """Answers at once, and counts."""

    def __init__(self, data: bytes) -> None:
        self._data, self._said = data, io.BytesIO()
        self.asked: list[tuple[int, int]] = []

    def write(self, frame: bytes) -> int:  # type: ignore[override]
        at, length = FRAME.unpack(frame)
        self.asked.append((at, length))
        body = self._data[at : at + length]
        self._said = io.BytesIO(FRAME.pack(0, len(body)) + body)
        return len(frame)

    def read(self, size: int = -1) -> bytes:
        return self._said.read(size)

    def blocks(self) -> set[int]:
        return {each for at, length in self.asked for each in range(at // BLOCK, (at + length - 1) // BLOCK + 1)}


@pytest.fixture(scope="module")
def data() -> bytes:
    return random.Random(1).randbytes(5 * BLOCK + 777)


def opened(data: bytes) -> tuple[Asked, Parent]:
    parent = Parent(data)
    return Asked(len(data), cast(BinaryIO, parent), cast(BinaryIO, parent)), parent


def _near(of: random.Random, size: int) -> int:
    return max(0, min(size, of.choice([0, BLOCK, 3 * BLOCK, size]) + of.randrange(-5, 6)))


@pytest.mark.parametrize("place", [lambda of, size: of.randrange(size + 9), _near])
def test_reads_give_the_bytes_of_the_file_and_fetch_no_other_blocks(
    data: bytes, place: Callable[[random.Random, int], int]
) -> None:
    of = random.Random(2)
    for _ in range(200):
        whole = io.BytesIO(data)
        file, parent = opened(data)
        needed: set[int] = set()
        for _ in range(12):
            at, length = place(of, len(data)), of.choice([0, 1, 9, 32 * 1024, BLOCK, 3 * BLOCK])
            if of.random() < 0.7:
                file.seek(at)
                whole.seek(at)
            at = whole.tell()
            found = whole.read(length)
            assert file.read(length) == found
            assert file.tell() == (whole.tell() if found else at)
            needed |= {*range(at // BLOCK, (at + len(found) - 1) // BLOCK + 1)} if found else set()
        assert parent.blocks() == needed
        assert all(0 < length <= Asked.MOST for _, length in parent.asked)


def test_one_question_is_for_one_block(data: bytes) -> None:
    file, parent = opened(data)
    while file.read(32 * 1024):
        pass
    assert len(parent.asked) == 6


def test_the_block_is_that_of_the_store() -> None:
    assert Asked.BLOCK == BLOCK


def test_a_read_of_all_gives_a_mebibyte_at_most(data: bytes) -> None:
    file, _ = opened(data)
    assert file.read() == data[: Asked.MOST]
