"""MPEG transport streams: television recordings and cameras' films. Each picture is shown once, and each segment reads
its own part."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from tests import apple_rules, films, hls, transports

pytestmark = pytest.mark.usefixtures("in_process")

TS = "video/mp2t"


def whole(data: bytes) -> list[int]:
    """The numbers of all pictures, by one decoder from the beginning to the end."""
    return [number for _, number in hls.pictures(data, "mpegts")]


def shown(data: bytes) -> list[int]:
    """The numbers of the pictures in the stream's lowest rung, each segment made alone."""
    stream = hls.Stream(data, TS)
    assert not stream.warnings
    apple_rules.check_master(stream.get)
    (rung, *_) = stream.plan.of("picture")
    assert rung.count > 1
    return [number for _, number in stream.pictures(rung.name)]


@pytest.mark.parametrize(
    ("codec", "sound_codec", "options"),
    [
        ("libx264", "aac", {"g": "20"}),
        ("libx264", "ac3", {"g": "20", "x264-params": "open-gop=1:bframes=3:scenecut=0"}),
        ("mpeg2video", "mp2", {"g": "15", "bf": "2"}),
        ("libx265", "aac", {"g": "20", "x265-params": "log-level=none:pools=1"}),
    ],
    ids=["h264-aac", "open-gop-ac3", "mpeg2-mp2", "hevc"],
)
def test_each_picture_is_there_once(codec: str, sound_codec: str, options: dict[str, str]) -> None:
    data = transports.film(
        codec=codec,
        sound_codec=sound_codec,
        rate=25,
        times=range(500),
        picture=lambda stream: setattr(stream, "options", options),
    )
    assert shown(data) == whole(data) == list(range(500))


@pytest.mark.parametrize("start", [0.0, 36_000.0, transports.WRAP - 10], ids=["zero", "ten hours", "wrap"])
@pytest.mark.parametrize("form", [bytes, transports.with_times], ids=["188", "192"])
def test_wherever_its_times_begin(start: float, form: Callable[[bytes], bytes]) -> None:
    data = form(transports.film(start=start))
    assert shown(data) == list(range(200))


def test_recordings_that_were_joined_byte_by_byte() -> None:
    parts = [transports.film(8, start=start, first=first) for start, first in ((5000, 0), (0, 80), (70_000, 160))]
    data = b"".join(parts)
    stream = hls.Stream(data, TS)
    assert stream.plan.duration == pytest.approx(24, abs=0.5)
    assert [number for _, number in stream.pictures("v64")] == list(range(240))
    rate, _, found = hls.samples(stream.joined("a0"))
    assert len(found) / rate == pytest.approx(24, abs=0.5)


def test_a_recording_that_begins_in_the_middle() -> None:
    """Its first bytes are the end of a packet, its first pictures need others, and its tables come late."""
    data = transports.film()
    cut = data[len(data) // 3 + 77 :]
    cut = transports.without(cut[111:], (transports.PAT, transports.PMT), 60)
    first, *numbers = shown(cut)
    assert numbers[0] == first, "its sound begins earlier: so long the first picture is shown"
    assert numbers == whole(cut) == list(range(first, 200)) and 60 < first < 100


def test_of_several_programs_the_first_with_a_picture_is_shown() -> None:
    one, other = transports.film(codec="mpeg2video", sound_codec="mp2"), transports.film(first=500)
    stream = hls.Stream(transports.both(one, other), TS)
    assert [number for _, number in stream.pictures("v64")] == list(range(200))
    assert [rung.name for rung in stream.plan.of("sound", "sound_copy")] == ["a0"], "the other program's is left out"


def test_damaged_packets_cost_only_what_they_had() -> None:
    data = bytearray(transports.film())
    for at in range(200 * 188, len(data), 97 * 188):
        data[at : at + 188] = bytes(188)
    stream = hls.Stream(bytes(data), TS)
    assert stream.plan.duration == pytest.approx(20, abs=0.3)
    numbers = [number for _, number in stream.pictures("v64")]
    good = set(whole(bytes(data)))
    assert len(good) > 100 and len(good - set(numbers)) <= 2
    assert len(numbers) <= 200


@pytest.mark.parametrize(("codec", "rate"), [("aac", 48_000), ("aac", 44_100), ("mp2", 48_000), ("ac3", 48_000)])
@pytest.mark.parametrize("start", [0, transports.WRAP - 10], ids=["zero", "wrap"])
def test_its_sound_is_continuous(codec: str, rate: int, start: float) -> None:
    data = transports.film(start=start, sound_codec=codec, sing=films.Chirp(rate))
    check_sound(hls.Stream(data, TS), rate)


def check_sound(stream: hls.Stream, rate: int) -> None:
    found_rate, first, found = hls.samples(stream.joined("a0"))
    assert found_rate == rate and len(found) / rate == pytest.approx(20, abs=0.25)
    shift = min(range(-2400, 2401), key=lambda each: error(found, first, 8192, rate, each))
    joins = stream.plan.rung("a0").cuts[1:-1]
    assert joins
    for place in joins:
        beside = [error(found, first, place - 1024, rate, shift + other) for other in (-1, 1)]
        assert error(found, first, place - 1024, rate, shift) < min(0.01, *beside), place


def error(found: Any, first: int, wanted: int, rate: int, shift: float) -> float:
    """The difference from the chirp, as a share of its own power."""
    differs = own = 0.0
    for place in range(wanted, wanted + 2048):
        is_level = films.Chirp.level((place + shift) / rate)
        differs += (found[place - first] - is_level) ** 2
        own += is_level**2
    return differs / own


# --- program streams

PS = "video/mpeg"
MPEG2: dict[str, Any] = {
    "codec": "mpeg2video",
    "sound_codec": "mp2",
    "rate": 25,
    "picture": lambda stream: setattr(stream, "options", {"g": "15", "bf": "2"}),
}


@pytest.mark.parametrize(
    ("form", "more", "start"),
    [
        ("vob", {"sound_codec": "ac3"}, 0.0),
        ("vob", {}, transports.WRAP - 7),
        ("svcd", {}, 3600.0),
        ("mpeg", {"codec": "mpeg1video", "picture": lambda stream: setattr(stream, "options", {"g": "15"})}, 0.0),
    ],
    ids=["dvd", "wrap", "svcd", "mpeg-1"],
)
def test_each_picture_of_a_program_stream_is_there_once(form: str, more: dict[str, Any], start: float) -> None:
    stream = hls.Stream(transports.film(form=form, times=range(350), start=start, **MPEG2 | more), PS)
    assert not stream.warnings
    assert [number for _, number in stream.pictures("v64")] == list(range(350))
    assert stream.plan.rung("v64").count > 1


def test_the_sound_of_a_program_stream_is_continuous() -> None:
    check_sound(hls.Stream(transports.film(form="vob", times=range(500), **MPEG2), PS), 48_000)


def test_program_streams_that_were_joined_byte_by_byte() -> None:
    parts = [transports.film(form="vob", times=range(200), first=first, **MPEG2) for first in (0, 200, 400)]
    stream = hls.Stream(b"".join(parts), PS)
    assert [number for _, number in stream.pictures("v64")] == list(range(600))
    assert stream.plan.duration == pytest.approx(24, abs=0.5)


class Counted(io.BytesIO):
    """A file that knows how many bytes were read of it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found


def test_a_segment_reads_only_its_part() -> None:
    data = transports.film(120, sing=None, sound_codec="ac3")
    stream = hls.Stream(data, TS)
    for rung in stream.plan.rungs:
        counted = Counted(data)
        stream.source = type(stream.source)(TS, len(data), counted, "a film")
        stream.segment(rung.name, rung.count // 2)
        assert 0 < counted.count < len(data) / 3 > 700_000, rung.name
