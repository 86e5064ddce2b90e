"""Changed files of every type: each look ends soon, with a known type. `python -m bench.fuzz sniffing` does more."""

from __future__ import annotations

from tests.containers import fuzz, look, seeds


def test_changed_files_raise_nothing_and_take_no_time() -> None:
    found, bad = fuzz(20261126, count=10_000)
    assert bad == []
    assert len(found) >= 9, "changes leave files of many kinds"


def test_the_sound_files_are_of_many_types() -> None:
    types = {proven or text for proven, text in map(look, seeds().values())}
    assert len(types) >= len(seeds()) - 2
