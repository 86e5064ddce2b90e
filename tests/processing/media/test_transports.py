"""What records say of MPEG transport streams, and their pictures, by ranges as in S3."""

from __future__ import annotations

import contextlib
import io
import random
from typing import Any, BinaryIO, cast

import pytest
from PIL import Image

from chalicelib.facts import VideoInfo
from chalicelib.model import ErrorCode, PermanentFault, Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import hls, transport
from chalicelib.processing.media.hls import jumps
from chalicelib.processing.media.hls import plan as plans
from chalicelib.processing.media.hls.tracks import NoStreamError
from chalicelib.renditions import media_names
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


def damaged(data: bytes, seed: int) -> bytes:
    """With some hundred bytes changed, most of them in the heads of packets."""
    chance = random.Random(seed)
    found = bytearray(data)
    for _ in range(300):
        packet = chance.randrange(len(found) // 188) * 188
        found[packet + chance.choice((0, 1, 2, 3, 4, 5, 8, 13, 14, 18, chance.randrange(188)))] = chance.randrange(256)
    return bytes(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", ["mpegts", "vob"])
def test_damage_costs_no_more_than_what_is_damaged(form: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are facts, and if there is a stream, its parts can be made, or are refused one by one."""
    of_program: dict[str, Any] = {"codec": "mpeg2video", "sound_codec": "mp2", "rate": 25, "times": range(150)}
    data = damaged(transports.film(6, form=form, **(of_program if form == "vob" else {})), seed)
    content_type = TS if form == "mpegts" else "video/mpeg"
    try:
        found = Result(data, monkeypatch, content_type=content_type)
    except PermanentFault as fault:
        assert fault.code is ErrorCode.CORRUPT
        return
    assert set(found.warnings) <= {"no_preview", "no_stream", "not_decoded", "too_costly_to_read", "not_read"}
    if "av/plan.json" not in found:
        return
    given = ranged.Ranged("key", "version", len(data), 10**9)
    source = Source(content_type, len(data), cast(BinaryIO, given), "a recording")
    for rung in plans.loads(found["av/plan.json"]).rungs:
        for number in {0, rung.count - 1}:
            wanted = media_names.read(f"av/{rung.name}-{number}.m4s")
            assert wanted
            with contextlib.suppress(PermanentFault):
                assert hls.make(source, found["av/plan.json"], wanted)[0]


def test_times_that_jump_in_each_packet_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jumps, "_MOST", 30)
    given = jumps.Jumps()
    with pytest.raises(NoStreamError, match="again and again"):
        for number in range(100):
            given.shift(0, number * 188, number * number * 7_000_003 % jumps.WRAP, 3600)


def test_a_wrong_time_moves_nothing_after_it() -> None:
    given = jumps.Jumps()
    times = [3600 * number for number in range(50)]
    times[20] = 2**32
    found = [time + given.shift(0, number, time, 3600) for number, time in enumerate(times)]
    assert found[:20] == times[:20] and found[21:] == times[21:]
    assert given.of[0] == [(0, 0), (20, found[20] - 2**32), (21, 0)]
