"""Films and sounds without an index: recordings of browsers, fragmented MP4, and MP3.

Each segment reads its own part.
"""

from __future__ import annotations

import io
import math
from typing import Any

import av
import pytest

from chalicelib.processing.media import indexes
from tests import apple_rules, films, hls
from tests.films import LIVE, PIECES, Chirp

pytestmark = pytest.mark.usefixtures("in_process")


def film(form: str, options: dict[str, str], seconds: float = 20, **more: Any) -> bytes:
    given: dict[str, Any] = {
        "size": (96, 64),
        "times": range(round(seconds * 10)),
        "rate": 10,
        "sing": Chirp(),
        "draw": films.numbered,
        "picture": lambda stream: setattr(stream, "options", {"g": "20"}),
    } | more
    if not options:
        return films.film(form, **given)
    return films.without_index(films.film("mp4", **given), form, options)


def recording(**more: Any) -> bytes:
    return film("matroska", LIVE, sound_codec="libopus", **more)


class Counted(io.BytesIO):
    """A file that knows which bytes were read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.seen: list[tuple[int, int]] = []

    def read(self, size: int | None = -1) -> bytes:
        at = self.tell()
        found = super().read(size)
        self.seen.append((at, len(found)))
        return found


def test_a_recording_has_no_index() -> None:
    for form, options, demuxer in (("matroska", LIVE, "matroska"), ("mp4", PIECES, "mov")):
        data = film(form, options, seconds=3)
        assert indexes.find(io.BytesIO(data), len(data), demuxer).missing
        whole = film(form, {}, seconds=3)
        found = indexes.find(io.BytesIO(whole), len(whole), demuxer)
        assert not found.missing
        if demuxer == "mov":
            assert whole[found.start + 4 : found.start + 8] == b"moov" and found.start + found.length == len(whole)


@pytest.mark.parametrize(
    ("form", "options", "content_type", "codec"),
    [("matroska", LIVE, "video/webm", "libopus"), ("mp4", PIECES, "video/mp4", "aac")],
    ids=["webm", "mp4"],
)
def test_all_pictures_and_all_sound_are_there(
    form: str, options: dict[str, str], content_type: str, codec: str
) -> None:
    data = film(form, options, sound_codec=codec)
    stream = hls.Stream(data, content_type)
    assert not stream.warnings and stream.plan.duration == pytest.approx(20, abs=0.25)
    apple_rules.check_master(stream.get)
    for rung in stream.plan.of("picture", "copy"):
        times, numbers = zip(*stream.pictures(rung.name), strict=True)
        assert numbers == tuple(range(200)), rung.name
        assert [float(time - times[0]) for time in times] == pytest.approx([each / 10 for each in numbers], abs=0.002)
    assert stream.plan.of("copy")
    rate, first, found = hls.samples(stream.joined("a0"))
    assert len(found) / rate == pytest.approx(20, abs=0.25)
    assert max(map(abs, found)) > 0.5
    # FFmpeg writes sound in fragments late by the pictures' delay, of two pictures.
    shifts = range(-48, 49) if form == "matroska" else range(-9650, -9550)
    shift = min(shifts, key=lambda each: error(found, first, 8192, rate, each))
    joins = stream.plan.rung("a0").cuts[1:-1]
    assert joins
    for place in joins:
        assert error(found, first, place - 1024, rate, shift) < 0.01, place
        beside = [error(found, first, place - 1024, rate, shift + other) for other in (-1, 1)]
        assert error(found, first, place - 1024, rate, shift) < min(beside)


def error(found: Any, first: int, wanted: int, rate: int, shift: float, level: Any = Chirp.level) -> float:
    """As in test_sounds: what differs from the chirp, as a share of its own power."""
    differs = own = 0.0
    for place in range(wanted, wanted + 2048):
        is_level = level((place + shift) / rate)
        differs += (found[place - first] - is_level) ** 2
        own += is_level**2
    return differs / own


@pytest.mark.parametrize(
    ("form", "options", "content_type", "codec"),
    [("matroska", LIVE, "video/webm", "libopus"), ("mp4", PIECES, "video/mp4", "aac")],
    ids=["webm", "mp4"],
)
def test_a_segment_reads_only_its_part(form: str, options: dict[str, str], content_type: str, codec: str) -> None:
    """The film is read once; a segment in its middle reads its head and what is near it."""
    data = film(form, options, seconds=120, sound_codec=codec)
    stream = hls.Stream(data, content_type)
    for rung in stream.plan.rungs:
        counted = Counted(data)
        stream.source = type(stream.source)(content_type, len(data), counted, "a film")
        stream.segment(rung.name, rung.count // 2)
        read = {
            block for at, length in counted.seen if length for block in range(at >> 12, (at + length - 1 >> 12) + 1)
        }
        assert len(read) << 12 < len(data) / 2 > 600_000, rung.name
        assert not any(1 << 16 < block << 12 < len(data) / 3 for block in read), rung.name


def test_a_long_recording_is_not_read_beyond_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.processing.media.hls import stream as writer

    monkeypatch.setattr(writer, "MOST_SCANNED", 1000)
    (warning,) = hls.Stream(recording(seconds=3), "video/webm").warnings
    assert warning.code == "no_stream" and "no index" in warning.message


def test_a_recording_that_ends_in_a_block() -> None:
    data = recording()
    for part in (0.9, 0.5, 0.2):
        stream = hls.Stream(data[: round(len(data) * part)], "video/webm")
        assert stream.plan.duration == pytest.approx(20 * part, abs=2.5)
        rung = stream.plan.rung("v64")
        assert stream.segment("v64", rung.count - 1)


class Siren(Chirp):
    """Rises and falls for as long as it is wanted."""

    @staticmethod
    def level(second: float) -> float:
        return 0.5 * math.sin(
            2 * math.pi * (1000 * second - 400 * 37 / (2 * math.pi) * math.cos(2 * math.pi * second / 37))
        )


@pytest.mark.parametrize("header", [True, False], ids=["header", "none"])
def test_mp3_of_ten_minutes_is_continuous(header: bool) -> None:
    """It has a variable bit rate, so nobody knows where a moment is; each segment reads its own part all the same."""
    out = io.BytesIO()
    container: Any
    with av.open(out, "w", format="mp3", options={"write_xing": "1" if header else "0"}) as container:
        track: Any = container.add_stream("libmp3lame", rate=16000, options={"compression_level": "9"})
        track.layout, track.format = "mono", "fltp"
        track.codec_context.flags |= av.codec.context.Flags.qscale
        track.codec_context.global_quality = 9 * 118
        Siren(16000, "mono")(container, track, 600)
    stream = hls.Stream(out.getvalue(), "audio/mpeg")
    assert not stream.warnings and stream.plan.duration == pytest.approx(600, abs=0.2)
    rung = stream.plan.rung("a0")
    init, rate, shift = stream.get("av/a0-init.mp4"), rung.scale, None
    for number in (0, 1, 49, 50, rung.count - 4):
        counted = Counted(out.getvalue())
        stream.source = type(stream.source)("audio/mpeg", len(out.getvalue()), counted, "")
        pair = init + stream.segment("a0", number) + stream.segment("a0", number + 1)
        _, first, found = hls.samples(pair)
        place = rung.cuts[number + 1] - 1024
        if shift is None:
            shift = min(range(-2400, 2401), key=lambda at: error(found, first, 8192, rate, at, Siren.level))
        assert error(found, first, place, rate, shift, Siren.level) < 0.02, number
        beside = [error(found, first, place, rate, shift + other, Siren.level) for other in (-1, 1)]
        assert error(found, first, place, rate, shift, Siren.level) < min(beside)
        if number > 1:
            assert sum(length for _, length in counted.seen) < 600_000
