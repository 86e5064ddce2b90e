"""Long recordings without an index, by ranges as in S3: length, poster, preview and stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, cast

import pytest

from chalicelib.facts import AudioInfo, VideoInfo
from chalicelib.model import Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import hls, posters
from chalicelib.processing.media.hls import stream
from chalicelib.processing.media.on_demand import MOST_READ
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests import films

pytestmark = pytest.mark.usefixtures("media")

FORMS = [("matroska", films.LIVE, "video/webm"), ("mp4", films.PIECES, "video/mp4")]


class Stored:
    """Bytes that stand for an object in S3."""

    def __init__(self, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data, self.read_bytes = data, 0
        monkeypatch.setattr(ranged, "read_range", self._read)

    def _read(self, key: str, version_id: str, first: int, length: int) -> bytes:
        self.read_bytes += length
        return self.data[first : first + length]

    def opened(self, content_type: str, budget: int) -> Source:
        data = ranged.Ranged("key", "version", len(self.data), budget)
        return Source(content_type, len(self.data), cast(BinaryIO, data), "a recording")


class Made(dict[str, Rendition]):
    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def emit(self, rendition: Rendition, body: bytes) -> None:
        self[rendition.basename] = rendition
        self.bodies[rendition.basename] = body


def large(form: str, options: Mapping[str, str]) -> bytes:
    """A minute whose sound is not compressed, so that it has more than the 10 MiB that may be read of other films."""
    film = films.film(
        "matroska",
        size=(96, 64),
        times=range(600),
        rate=10,
        paint=lambda time: films.quarters((96, 64)) if time > 200 else films.flat((96, 64), (0, 0, 0)),
        picture=lambda each: setattr(each, "options", {"g": "20", "bf": "0"}),
        sounds=({}, {}),
        sound_codec="flac" if form == "mp4" else "pcm_s16le",
        sing=films.Noise(),
    )
    return films.without_index(film, form, options)


@pytest.mark.parametrize(("form", "options", "content_type"), FORMS, ids=["webm", "mp4"])
def test_a_large_recording_has_all_that_a_film_has(
    form: str, options: dict[str, str], content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, made = Stored(large(form, options), monkeypatch), Made()
    processor = processor_of(content_type)
    assert len(stored.data) > 2 * processor.in_memory > processor.by_ranges
    source = stored.opened(content_type, processor.by_ranges)
    found = processor.process(source, Order(RECIPES["photo"], 1024**3), made.emit)
    assert isinstance(found.info, VideoInfo)
    assert found.warnings == ()
    assert found.info.duration == pytest.approx(60, abs=0.3)
    assert found.info.bit_rate == pytest.approx(len(stored.data) * 8 / 60, rel=0.02)
    assert {"poster.webp", "preview.webp", "hls.m3u8"} <= made.keys()
    assert found.info.poster_time and found.info.poster_time > 20, "it was looked for in the middle, too"
    assert made["preview.webp"].duration and made["preview.webp"].duration > 1
    assert isinstance(source.data, ranged.Ranged) and source.data.read_bytes <= posters.ALL_BYTES + ranged.BLOCK
    stored.read_bytes = 0
    wanted = media_names.read("av/v64-6.m4s")
    assert wanted
    hls.make(stored.opened(content_type, MOST_READ), made.bodies["av/plan.json"], wanted)
    assert stored.read_bytes < 8 * 1024**2


def test_a_recording_beyond_the_bound_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, made = Stored(large("matroska", films.LIVE), monkeypatch), Made()
    monkeypatch.setattr(stream, "MOST_SCANNED", 1024**2)
    source = stored.opened("video/webm", 10 * 1024**2)
    found = processor_of("video/webm").process(source, Order(RECIPES["photo"], 1024**3), made.emit)
    assert [each.code for each in found.warnings] == ["no_stream"]
    assert "no index" in found.warnings[0].message
    assert "poster.webp" in made and "hls.m3u8" not in made


def test_a_wished_poster_of_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, made = Stored(large("matroska", films.LIVE), monkeypatch), Made()
    source = stored.opened("video/webm", 10 * 1024**2)
    order = Order(RECIPES["photo"], 1024**3, poster_time=50.0)
    info: Any = processor_of("video/webm").process(source, order, made.emit).info
    assert info.poster_time == pytest.approx(50.0, abs=0.1)


def test_a_sound_without_a_length_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    data = films.without_index(
        films.sound("matroska", "libopus", seconds=30, sing=films.Chirp()), "webm", {"live": "1"}
    )
    stored, made = Stored(data, monkeypatch), Made()
    found = processor_of("audio/webm").process(
        stored.opened("audio/webm", 1024**2), Order(RECIPES["photo"], 1024**3), made.emit
    )
    assert isinstance(found.info, AudioInfo)
    assert found.info.duration == pytest.approx(30, abs=0.1)
    assert found.info.loudness and {"waveform.json", "hls.m3u8"} <= made.keys()
