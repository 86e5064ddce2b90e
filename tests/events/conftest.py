from __future__ import annotations

import pytest

from tests.events import hooks
from tests.events.hooks import Hooks
from tests.faults.clock import Clock
from tests.stage import Calls


@pytest.fixture
def world(stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """A stage with receivers of webhooks, in simulated time."""
    return hooks.made(monkeypatch, clock)
