"""A stand-in for the module `hls`: its segments are a few bytes, made at once or as slowly as a test likes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import pytest

from chalicelib.model import Rendition
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.media import plans, video
from chalicelib.renditions.media_names import MediaName, Part

PLAYLIST = "application/vnd.apple.mpegurl"
RUNGS: dict[str, tuple[float, ...]] = {
    "v360": (4.0, 4.0, 4.0, 4.0, 2.0),
    "v720": (4.0, 4.0, 4.0, 4.0, 2.0),
    "source": (5.0, 6.0, 7.0),
    "a0": (4.0, 4.0, 4.0, 4.0, 2.0),
}


class FakeHls:
    """`made` has the names of the parts in the order in which they were made. `work` is called for each of them."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.sources: list[Source] = []
        self.work: Callable[[str], Any] = lambda name: None
        self._lock = Lock()

    def make(self, source: Source, plan: bytes, name: MediaName) -> tuple[bytes, str]:
        text = text_of(name)
        if name.rung not in json.loads(plan):
            raise LookupError(name.rung)
        with self._lock:
            self.made.append(text)
            self.sources.append(source)
        body = self.work(text)
        content_type = PLAYLIST if name.part is Part.PLAYLIST else "video/mp4"
        return body if isinstance(body, bytes) else text.encode(), content_type

    def slow(self, seconds: float) -> None:
        self.work = lambda name: time.sleep(seconds)


def text_of(name: MediaName) -> str:
    return f"{name.rung}-{name.number}" if name.part is Part.SEGMENT else f"{name.rung} {name.part}"


def install(monkeypatch: pytest.MonkeyPatch) -> FakeHls:
    """From now on films get a stream when they are processed, and `plans.hls()` makes its parts."""
    fake, process = FakeHls(), video.process

    def with_stream(source: Source, order: Order, emit: Emit) -> Made:
        made = process(source, order, emit)
        parts = [("av/plan", "json", "application/json", json.dumps(RUNGS).encode())]
        parts += [(f"av/{rung}", "hls", PLAYLIST, f"{rung} playlist".encode()) for rung in RUNGS]
        for name, format, content_type, body in [*parts, ("hls", "hls", PLAYLIST, b"#EXTM3U")]:
            emit(Rendition(name=name, format=format, content_type=content_type, size=len(body)), body)
        return made

    monkeypatch.setattr(video, "process", with_stream)
    monkeypatch.setattr(plans, "hls", lambda: fake)
    monkeypatch.setattr(plans, "lengths", lambda data: {name: tuple(each) for name, each in json.loads(data).items()})
    monkeypatch.setattr(plans, "_kept", type(plans._kept)())
    return fake
