"""Long recordings without an index, by ranges as in S3: length, poster, preview and stream."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

import av
import pytest

from chalicelib.facts import AudioInfo, VideoInfo
from chalicelib.model import File, Kind, Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import conversions, hls, posters
from chalicelib.processing.media.hls import stream
from chalicelib.processing.media.on_demand import MOST_READ
from chalicelib.renditions import conversions as promised
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests import films, making

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


def without(form: str, options: Mapping[str, str], **more: Any) -> bytes:
    """Eight seconds as a browser records them."""
    given: dict[str, Any] = {
        "size": (96, 64),
        "times": range(80),
        "rate": 10,
        "sing": films.Chirp(),
        "draw": films.numbered,
        "sound_codec": "libopus",
    }
    return films.without_index(films.film("webm" if form == "webm" else "mp4", **given | more), form, options)


VP8: dict[str, Any] = {"codec": "libvpx", "picture": lambda track: setattr(track, "options", {"deadline": "realtime"})}


@pytest.mark.parametrize(
    ("form", "options", "content_type", "more"),
    [
        ("webm", films.LIVE, "video/webm", VP8),
        ("matroska", films.LIVE, "video/x-matroska", {}),
        ("mp4", films.PIECES, "video/mp4", {"sound_codec": "aac"}),
    ],
    ids=["vp8", "h264", "mp4 in fragments"],
)
def test_a_recording_has_clips_and_sounds(
    form: str, options: dict[str, str], content_type: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that was seen and heard, although nothing in the file says how long it is."""
    stored, made = Stored(without(form, options, **more), monkeypatch), Made()
    record = processed(stored, content_type, made)
    assert (promised.clips(record), promised.sounds(record)) == ((64,), ("m4a", "opus"))
    container: Any
    with av.open(io.BytesIO(conversion(stored, record, "av/64.mp4"))) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        frames = [*container.decode(video=0)]
    assert [films.number(frame) for frame in frames] == list(range(80))
    times = [frame.pts * frame.time_base for frame in frames]
    assert [float(time - times[0]) for time in times] == pytest.approx([number / 10 for number in range(80)], abs=0.001)
    for name in ("sound.m4a", "sound.opus"):
        with av.open(io.BytesIO(conversion(stored, record, f"av/{name}"))) as container:
            assert heard_seconds(container) == pytest.approx(8, abs=0.25), name


def test_an_mp3_has_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    data = films.sound("mp3", "libmp3lame", seconds=8, sing=films.Chirp())
    stored, made = Stored(data, monkeypatch), Made()
    record = processed(stored, "audio/mpeg", made)
    for name in ("sound.m4a", "sound.opus"):
        with av.open(io.BytesIO(conversion(stored, record, f"av/{name}"))) as container:
            assert heard_seconds(container) == pytest.approx(8, abs=0.1), name


@pytest.mark.parametrize("name", ["av/64.mp4", "av/sound.m4a"])
@pytest.mark.parametrize(("form", "options", "content_type"), FORMS, ids=["webm", "mp4"])
def test_a_conversion_of_a_recording_reads_it_once(
    form: str, options: dict[str, str], content_type: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, made = Stored(large(form, options), monkeypatch), Made()
    record = processed(stored, content_type, made)
    stored.read_bytes = 0
    assert conversion(stored, record, name)
    assert stored.read_bytes <= len(stored.data) + 2 * ranged.BLOCK


def processed(stored: Stored, content_type: str, made: Made) -> File:
    """The record that processing would write."""
    processor = processor_of(content_type)
    source = stored.opened(content_type, processor.by_ranges)
    info = processor.process(source, Order(RECIPES["photo"], 1024**3), made.emit).info
    facts: dict[str, Any] = {"video": info} if isinstance(info, VideoInfo) else {"audio": info}
    kind = Kind.VIDEO if isinstance(info, VideoInfo) else Kind.AUDIO
    return making.file(1, kind=kind, content_type=content_type, size=len(stored.data), **facts)


def conversion(stored: Stored, record: File, name: str) -> bytes:
    part = media_names.read(name)
    assert part and promised.exists(record, part)
    return conversions.make(stored.opened(record.content_type, MOST_READ), record, part)[0]


def heard_seconds(container: Any) -> float:
    (track,) = container.streams.audio
    return float(sum(frame.samples / frame.sample_rate for frame in container.decode(track)))
