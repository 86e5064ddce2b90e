"""The sound of a film in Matroska or WebM, whose index leads to pictures only: little is read, and none is lost."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import pytest

from chalicelib.processing.kinds import Order, Source
from chalicelib.processing.media import hls as engine
from chalicelib.processing.media.hls import audio_track
from chalicelib.renditions.recipes import RECIPES
from tests import films, hls
from tests.films import Chirp

pytestmark = pytest.mark.usefixtures("in_process")

SECONDS = 40


class Counted(io.BytesIO):
    """Counts the bytes that are read."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.read_bytes += len(found)
        return found


def draw(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> Any:
    """A picture that needs many bytes."""
    frame = films.numbered(size, pixels, time, base)
    for plane in frame.planes[1:]:
        plane.update(bytes((number * (time + 7) * 7919 >> 4) & 255 for number in range(plane.buffer_size)))
    return frame


def film(form: str, **more: Any) -> bytes:
    codec, sound = ("libvpx", "libopus") if form == "webm" else ("libx264", "aac")
    options = {"g": "20"} | ({"deadline": "realtime", "cpu-used": "8", "b": "4M"} if form == "webm" else {"crf": "12"})
    given: dict[str, Any] = {
        "size": (128, 96),
        "times": range(SECONDS * 10),
        "rate": 10,
        "codec": codec,
        "sound_codec": sound,
        "draw": draw,
        "picture": lambda track: setattr(track, "options", options),
    }
    return films.film(form, **given | more)


def stream(data: bytes, form: str) -> tuple[hls.Stream, Counted]:
    made = hls.Stream(data, "video/webm" if form == "webm" else "video/x-matroska")
    counted = Counted(data)
    made.source = Source(made.source.content_type, len(data), counted, "a film")
    return made, counted


def begins(made: hls.Stream) -> float:
    """The second from which on something is heard."""
    rate, first, samples = hls.samples(made.joined("a0"))
    return (first + next(n for n, each in enumerate(samples) if abs(each) > 0.02)) / rate


@pytest.mark.parametrize("form", ["matroska", "webm"])
def test_a_segment_of_the_end_does_not_read_what_comes_before(form: str) -> None:
    data = film(form, sing=Chirp(seconds=SECONDS))
    made, counted = stream(data, form)
    rung = made.plan.rung("a0")
    made.segment("a0", rung.count - 1)
    assert counted.read_bytes < len(data) / 2
    assert begins(made) < 0.1


@pytest.mark.parametrize("form", ["matroska", "webm"])
def test_sound_that_begins_late_is_heard_at_its_time(form: str) -> None:
    data = film(form, sing=Chirp(start=13, seconds=SECONDS))
    made, counted = stream(data, form)
    made.segment("a0", 0)
    assert counted.read_bytes < len(data) / 2, "a segment of silence needs next to nothing"
    assert begins(made) == pytest.approx(13, abs=0.1)


@pytest.mark.parametrize("form", ["matroska", "webm"])
def test_an_empty_track_costs_no_more_than_looking_for_it(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The film plays without it."""
    monkeypatch.setattr(audio_track, "MOST_SOUGHT", 100_000)
    data = film(form, sound_seconds=0)
    counted, made = Counted(data), list[str]()
    source = Source("video/webm" if form == "webm" else "video/x-matroska", len(data), counted, "a film")
    order = Order(RECIPES["photo"], 1024**3)
    assert not engine.write(source, hls.FACTS, order, lambda rendition, _: made.append(rendition.basename))
    assert {"hls.m3u8", "av/v96.m3u8"} <= {*made} and "av/a0.m3u8" not in made
    assert counted.read_bytes < len(data)
