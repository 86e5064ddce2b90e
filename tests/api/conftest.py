"""Fixtures of the API's tests."""

from __future__ import annotations

import pytest

from chalicelib.settings import settings
from tests.client import Client


@pytest.fixture
def window(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage whose deleted files can be restored for an hour."""
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    settings.cache_clear()
