"""A stage with the function `media`. The other tests' stage has none, so that they need no FFmpeg."""

from __future__ import annotations

import json
from threading import Lock
from typing import Any

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


class Started:
    """Runs of functions that were started without waiting for them."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self._lock = Lock()

    def invoke(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self.calls.append(request)
        return {"StatusCode": 202}

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(call["Payload"]) for call in self.calls]

    def take(self) -> list[dict[str, Any]]:
        """Their events, which are forgotten."""
        found = sorted(self.events, key=lambda event: str(event["name"]))
        self.calls.clear()
        return found


@pytest.fixture
def started(media: None, monkeypatch: pytest.MonkeyPatch) -> Started:
    found = Started()
    monkeypatch.setattr(aws.functions(), "invoke", found.invoke)
    return found
