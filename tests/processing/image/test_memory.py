"""Memory that was freed is kept for the next image, unless that may need it."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from chalicelib.model import PermanentFault
from chalicelib.processing.image import memory

MIB = 1024**2


@pytest.fixture
def trims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each call that gives memory back to the system."""
    calls: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=calls.append))
    return calls


def test_freed_memory_is_given_back_before_an_image_that_may_need_it(trims: list[int]) -> None:
    memory.give_back(400 * MIB, 600 * MIB)
    assert trims == []
    memory.give_back(590 * MIB, 600 * MIB)
    assert trims == [0]


def test_room_that_is_taken_counts_with_what_is_there_at_rest(trims: list[int]) -> None:
    room = memory.Room(600 * MIB)
    room.take(100 * MIB)
    assert trims == []
    room.take(600 * MIB - memory.RESIDENT)
    assert trims == [0]
    with pytest.raises(PermanentFault):
        room.take(600 * MIB)


def test_another_c_library_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    memory.keep_freed()
    memory.give_back(1, 0)
