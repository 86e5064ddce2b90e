"""What records say of MPEG transport streams, and their pictures, by ranges as in S3."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

import pytest
from PIL import Image

from chalicelib.facts import VideoInfo
from chalicelib.model import Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import transport
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests import films, transports

pytestmark = pytest.mark.usefixtures("media")

TS = "video/mp2t"


class Result(dict[str, bytes]):
    """The renditions of a transport stream, its facts, and how many bytes were read for them."""

    def __init__(
        self,
        data: bytes,
        monkeypatch: pytest.MonkeyPatch,
        poster_time: float | None = None,
        content_type: str = TS,
    ) -> None:
        monkeypatch.setattr(ranged, "read_range", lambda _, __, first, length: data[first : first + length])
        processor = processor_of(content_type)
        self.given = ranged.Ranged("key", "version", len(data), processor.by_ranges)
        source = Source(content_type, len(data), cast(BinaryIO, self.given), "a recording")
        order = Order(RECIPES["photo"], 1024**3, poster_time=poster_time)
        made = processor.process(source, order, self._emit)
        assert isinstance(made.info, VideoInfo)
        self.info, self.warnings = made.info, [each.code for each in made.warnings]

    def _emit(self, rendition: Rendition, body: bytes) -> None:
        self[rendition.basename] = body


def shaped(time: int) -> Any:
    return films.quarters((96, 64)) if time > 60 else films.flat((96, 64), (0, 0, 0))


@pytest.mark.parametrize("start", [0.0, transports.WRAP - 5], ids=["zero", "wrap"])
def test_all_that_a_film_has(start: float, monkeypatch: pytest.MonkeyPatch) -> None:
    data = transports.with_times(transports.film(start=start, paint=shaped))
    found = Result(data, monkeypatch)
    assert found.warnings == []
    info = found.info
    assert (info.format, info.codec, info.width, info.height, info.frame_rate) == ("ts", "h264", 96, 64, 10.0)
    assert info.duration == pytest.approx(20, abs=0.25)
    assert [(each.codec, each.channels) for each in info.audio_tracks] == [("aac", 2)]
    assert {"poster.webp", "preview.webp", "hls.m3u8"} <= found.keys()
    assert info.poster_time and 6 < info.poster_time < 13


def test_a_wished_poster_of_joined_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        transports.film(8, start=start, paint=lambda _, color=color: films.flat((96, 64), color))
        for start, color in ((50_000, (200, 0, 0)), (0, (0, 200, 0)), (7, (0, 0, 200)))
    ]
    for time, strongest in ((2.0, 0), (11.0, 1), (20.0, 2)):
        found = Result(b"".join(parts), monkeypatch, poster_time=time)
        assert found.warnings == [] and found.info.duration == pytest.approx(24, abs=0.5)
        assert found.info.poster_time == pytest.approx(time, abs=0.15)
        pixel = films_pixel(found["poster.webp"])
        assert pixel[strongest] == max(pixel) > 100


def films_pixel(picture: bytes) -> tuple[int, ...]:
    return cast(tuple[int, ...], Image.open(io.BytesIO(picture)).convert("RGB").getpixel((40, 30)))


def test_a_program_stream_has_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = transports.film(form="vob", codec="mpeg2video", sound_codec="ac3", rate=25, times=range(350), paint=shaped)
    found = Result(data, monkeypatch, content_type="video/mpeg")
    assert found.warnings == []
    info = found.info
    assert (info.format, info.codec, info.width, info.height, info.frame_rate) == ("mpg", "mpeg2video", 96, 64, 25.0)
    assert info.duration == pytest.approx(14, abs=0.25)
    assert [each.codec for each in info.audio_tracks] == ["ac3"]
    assert {"poster.webp", "preview.webp", "hls.m3u8"} <= found.keys()
    assert info.poster_time and 2 < info.poster_time < 8


def test_facts_are_those_of_the_program_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = transports.film(codec="mpeg2video", sound_codec="mp2"), transports.film(first=500)
    info = Result(transports.both(one, other), monkeypatch).info
    assert (info.codec, [each.codec for each in info.audio_tracks], info.audio_track_count) == (
        "mpeg2video",
        ["mp2"],
        1,
    )


def test_the_program_is_found_by_its_tables() -> None:
    one = transports.film(1)
    found = transport.program(io.BytesIO(one))
    assert found and found.tracks == (0x100, 0x101)
    assert [transports.pid(each) for each in transports.packets(found.packets)] == [transports.PAT, transports.PMT]
    silent = transports.without(one, (transports.PAT, transports.PMT), 10**6)
    assert transport.program(io.BytesIO(silent)) is None
    for damaged in (b"", b"G" * 5000, one[:300], bytes(5000), (b"G\x40\0\x30\xff" + bytes(183)) * 2000):
        assert transport.program(io.BytesIO(damaged)) is None
