"""The child's file object: it asks its parent for bytes, and for large pieces of those that the parent has ready."""

from __future__ import annotations

import io
import random
from typing import cast

import pytest

from chalicelib.processing.child_main import FRAME, Asked

BODY = random.Random(1).randbytes(5000)
KEPT = (1000, 4500)


class Parent(io.BytesIO):
    """Both ends of the pipe: it answers each question that is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[tuple[int, int]] = []
        self._answers = io.BytesIO()

    def write(self, question: object) -> int:
        first, length = FRAME.unpack(cast(bytes, question))
        self.questions.append((first, length))
        body = BODY[first : first + length]
        self._answers = io.BytesIO(FRAME.pack(0, len(body)) + body)
        return FRAME.size

    def read(self, size: int | None = -1) -> bytes:
        return self._answers.read(size)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asked, "MOST", 1024)


def asked(kept: tuple[int, int] = KEPT) -> tuple[Asked, Parent]:
    parent = Parent()
    return Asked(len(BODY), parent, parent, kept), parent


@pytest.mark.parametrize("kept", [(0, 0), KEPT, (0, 5000), (4990, 5000)])
def test_reading_anywhere(kept: tuple[int, int]) -> None:
    source, _ = asked(kept)
    numbers = random.Random(2)
    for _ in range(500):
        at, size = numbers.randrange(5100), numbers.randrange(1, 1100)
        assert source.seek(at) == at
        assert source.read(size) == BODY[at : at + size][:1024]
        assert source.tell() == max(at, min(at + min(size, 1024), 5000))


def test_a_part_that_the_parent_keeps_is_asked_for_in_large_pieces() -> None:
    source, parent = asked()
    source.seek(KEPT[0])
    found = b"".join(source.read(50) for _ in range(70))
    assert found == BODY[slice(*KEPT)]
    assert len(parent.questions) < 8
    assert max(length for _, length in parent.questions) == 1024


def test_nothing_else_is_asked_for_than_was_read() -> None:
    """Bytes beside the kept part are counted, and each has its price."""
    source, parent = asked()
    for at, size in ((0, 10), (990, 20), (4490, 20), (4600, 7)):
        source.seek(at)
        assert source.read(size) == BODY[at : at + size]
    assert parent.questions == [(0, 10), (990, 20), (4490, 20), (4600, 7)]
