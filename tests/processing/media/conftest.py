"""A stage with the function `media`. The other tests' stage has none, so that they need no FFmpeg."""

from __future__ import annotations

import pytest

from chalicelib import aws
from chalicelib import settings as stage_settings
from tests import streams
from tests.stage import MEDIA_STAGE, Calls


@pytest.fixture
def media(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MEDIA_STAGE.items():
        monkeypatch.setenv(name, value)
    stage_settings.settings.cache_clear()


@pytest.fixture
def hls(media: None, monkeypatch: pytest.MonkeyPatch) -> streams.FakeHls:
    """A stage whose films have streams, of which a stand-in makes the parts."""
    return streams.install(monkeypatch)


@pytest.fixture
def started(media: None, monkeypatch: pytest.MonkeyPatch) -> streams.Started:
    found = streams.Started()
    monkeypatch.setattr(aws.functions(), "invoke", found.invoke)
    return found


@pytest.fixture
def queue(media: None) -> streams.MediaQueue:
    return streams.MediaQueue()
