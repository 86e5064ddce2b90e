"""A small soak: files go in while workers are killed and messages come twice (`make soak` is the big one)."""

from __future__ import annotations

from ops.local.stage import LocalStage
from tests.soak.run import Plan, soak

PLAN = Plan(files=24, kills_per_minute=40, duplicates=0.3, visibility=20, patience=150, largest=600)


def test_killed_workers_and_repeated_messages_lose_and_double_nothing(local_stage: LocalStage) -> None:
    result = soak(local_stage, PLAN, print)
    assert result.faults == [], "\n".join(result.lines())
    assert sum(result.killed.values()) > 0
    assert result.repeated > 0
