"""Streams are made in this process, except where a test says otherwise: a child takes a fifth of a second."""

from __future__ import annotations

import pytest

from chalicelib.processing import child
from tests import hls


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "run_on", hls.here)
