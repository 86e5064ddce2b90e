from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.delivery import invalidation
from tests.faults.clock import Clock, time_of


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with time_of(clock):
        yield clock


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The paths of each invalidation that CloudFront is asked for."""
    paths: list[list[str]] = []

    def ask(these: list[str], reference: str) -> bool:
        assert len(reference) <= 64
        paths.append(these)
        return True

    monkeypatch.setattr(invalidation, "invalidate", ask)
    return paths
