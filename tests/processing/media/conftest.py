"""A stage with the function `media`. The other tests' stage has none, so that they need no FFmpeg."""

from __future__ import annotations

import pytest

from chalicelib import settings as stage_settings
from tests.stage import MEDIA_STAGE, Calls


@pytest.fixture
def media(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MEDIA_STAGE.items():
        monkeypatch.setenv(name, value)
    stage_settings.settings.cache_clear()
