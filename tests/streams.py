"""A stand-in for the module `hls`: its segments are a few bytes, made at once or as slowly as a test likes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import pytest

from chalicelib.model import Rendition
from chalicelib.processing import pipeline
from chalicelib.processing.kinds import Emit, Order, Source
from chalicelib.processing.media import hls, plans
from chalicelib.renditions.media_names import MediaName, Part
from tests.making import sqs_event
from tests.stage import MEDIA_STAGE, aws_client, lambda_context

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
    """From now on films get a stream when they are processed, and the stand-in makes its parts."""
    fake = FakeHls()

    def write(source: Source, facts: Any, order: Order, emit: Emit) -> tuple[()]:
        parts = [("av/plan", "json", "application/json", json.dumps(RUNGS).encode())]
        parts += [(f"av/{rung}", "hls", PLAYLIST, f"{rung} playlist".encode()) for rung in RUNGS]
        for name, format, content_type, body in [*parts, ("hls", "hls", PLAYLIST, b"#EXTM3U")]:
            emit(Rendition(name=name, format=format, content_type=content_type, size=len(body)), body)
        return ()

    monkeypatch.setattr(hls, "write", write)
    monkeypatch.setattr(hls, "make", fake.make)
    monkeypatch.setattr(plans, "lengths", lambda data: {name: tuple(each) for name, each in json.loads(data).items()})
    monkeypatch.setattr(plans, "_kept", type(plans._kept)())
    return fake


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


class MediaQueue:
    """The media queue, with the function `media` behind it."""

    def take(self) -> list[tuple[str, str]]:
        """(message group, body) of its messages, which are gone from it then."""
        sqs, url = aws_client("sqs"), MEDIA_STAGE["FILEMILL_MEDIA_QUEUE_URL"]
        found = []
        wanted: Any = ["MessageGroupId"]
        while received := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=wanted
        ).get("Messages"):
            for each in received:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
                found.append((each["Attributes"]["MessageGroupId"], each["Body"]))
        return found

    def work(self, messages: list[tuple[str, str]]) -> None:
        context = lambda_context()
        context.get_remaining_time_in_millis = lambda: 900_000
        for _, body in messages:
            pipeline.handle_media(sqs_event(body, queue="media"), context)

    def work_off(self) -> None:
        """Takes and works off messages until there are none."""
        while messages := self.take():
            self.work(messages)
