"""Streams are made in this process, except where a test says otherwise: a child takes a fifth of a second."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from chalicelib.processing import child
from chalicelib.processing.media.hls.child import M_PERTURB
from tests import hls


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Afterwards memory is given out as usual again: x265, which only tests use, fails now and then if it is filled."""
    monkeypatch.setattr(child, "run_on", hls.here)
    yield
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_PERTURB, 0)
