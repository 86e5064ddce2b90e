"""The model of the queue tells what groups are good for."""

from __future__ import annotations

from bench.fairness import waits


def test_without_groups_the_last_waits_for_all_and_with_them_it_does_not() -> None:
    alone, everything = waits(fair=False, files=5_000, workers=100)
    assert alone > 0.95 * everything
    quiet, with_groups = waits(fair=True, files=5_000, workers=100)
    assert quiet < 0.1 * alone
    assert with_groups < 1.1 * everything, "all together it takes hardly longer"
