from __future__ import annotations

import pytest

from chalicelib.delivery import invalidation


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
