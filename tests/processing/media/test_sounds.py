"""Loudness, waveform and picture of a sound."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from chalicelib.facts import AudioInfo, Loudness
from chalicelib.model import ErrorCode, PermanentFault, Rendition
from chalicelib.processing import child, pipeline
from chalicelib.processing.image import waves
from chalicelib.processing.kinds import Made, Order, Source, processor_of
from chalicelib.processing.media import waveform
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage.ranged import TooMuchReadError
from tests import films, images
from tests.hls import is_of_stream

pytestmark = pytest.mark.usefixtures("media")

Emitted = dict[str, bytes]

SMALL = replace(RECIPES["photo"], widths=(160,))


def processed(data: bytes, content_type: str, source: Any = None, recipe: Any = SMALL) -> tuple[Made, Emitted]:
    emitted: Emitted = {}

    def emit(rendition: Rendition, body: bytes) -> None:
        if not is_of_stream(rendition):
            emitted[rendition.basename] = body
        assert rendition.size == len(body)

    given = Source(content_type, len(data), source or io.BytesIO(data), "a sound")
    return processor_of(content_type).process(given, Order(recipe, 1024**3), emit), emitted


def heard(data: bytes, content_type: str, recipe: Any = SMALL) -> tuple[AudioInfo, dict[str, Any], Made]:
    made, emitted = processed(data, content_type, recipe=recipe)
    assert isinstance(made.info, AudioInfo)
    return made.info, json.loads(emitted.get("waveform.json", b"{}")), made


def loudness(data: bytes, content_type: str = "audio/wav") -> Loudness | None:
    return heard(data, content_type)[0].loudness


@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_the_tone_of_ebu_tech_3341_is_as_loud_as_it_says(level: float) -> None:
    """Cases 1 and 2: a stereo sine of 1 kHz at -23 dBFS has -23.0 ± 0.1 LUFS. Its true peak is its level."""
    found = loudness(films.tone("wav", "pcm_s16le", seconds=5, level=level))
    assert found
    assert found.integrated == pytest.approx(level, abs=0.11)
    assert found.true_peak == pytest.approx(level, abs=0.21)
    assert found.range == pytest.approx(0, abs=0.1)


def test_the_gate_of_ebu_tech_3341_leaves_silence_out() -> None:
    """A pause counts for nothing."""
    found = loudness(films.tone("wav", "pcm_s16le", seconds=12, wave="0.07079*sin(2*PI*1000*t)*lt(t,6)"))
    assert found
    assert found.integrated == pytest.approx(-23, abs=0.2)


def test_the_range_of_ebu_tech_3342() -> None:
    """Case 1: 20 s at -20 dBFS and 20 s at -30 dBFS have a range of 10 ± 1 LU."""
    wave = "sin(2*PI*1000*t)*if(lt(t,20),0.1,0.03162)"
    found = loudness(films.tone("flac", "flac", seconds=40, wave=wave), "audio/flac")
    assert found
    assert found.range == pytest.approx(10, abs=1)


def test_a_peak_between_two_samples_is_found() -> None:
    """A quarter of the rate, 45 degrees off: every sample is at 0.707 of the sine's peak."""
    found = loudness(films.tone("wav", "pcm_s16le", seconds=2, wave="0.5*min(1,t)*sin(2*PI*12000*t+PI/4)"))
    assert found
    assert found.true_peak == pytest.approx(-6.0, abs=0.4)


def test_silence_has_no_loudness_and_a_flat_waveform() -> None:
    info, drawn, made = heard(films.sound("wav", "pcm_s16le"), "audio/wav")
    assert info.loudness is None
    assert {*drawn["data"]} == {0}
    assert made.preview
    assert not made.warnings


@pytest.mark.parametrize(
    ("form", "content_type", "codec"),
    [
        ("mp3", "audio/mpeg", "libmp3lame"),
        ("adts", "audio/aac", "aac"),
        ("aiff", "audio/aiff", "pcm_s16be"),
        ("asf", "audio/x-ms-wma", "libmp3lame"),
        ("caf", "audio/x-caf", "pcm_s16le"),
        ("flac", "audio/flac", "flac"),
        ("ogg", "audio/ogg", "libopus"),
        ("mp4", "audio/mp4", "aac"),
        ("wav", "audio/wav", "pcm_s24le"),
        ("webm", "audio/webm", "libopus"),
    ],
)
def test_sounds_of_each_format_are_measured(form: str, content_type: str, codec: str) -> None:
    info, drawn, made = heard(films.tone(form, codec, seconds=3, level=-20), content_type)
    assert info.loudness
    assert info.loudness.integrated == pytest.approx(-20, abs=0.5)
    assert (drawn["version"], drawn["channels"], drawn["bits"]) == (2, 1, 8)
    assert drawn["length"] * 2 == len(drawn["data"])
    assert drawn["length"] * drawn["samples_per_pixel"] / drawn["sample_rate"] == pytest.approx(3, abs=0.15)
    assert max(drawn["data"]) == pytest.approx(12.8, abs=2)
    assert min(drawn["data"]) == pytest.approx(-12.8, abs=2)
    assert not made.warnings


def test_the_waveform_shows_when_it_is_loud() -> None:
    data = films.tone("wav", "pcm_s16le", seconds=10, wave="sin(2*PI*300*t)*if(lt(t,5),0.8,0.1)")
    _, drawn, _ = heard(data, "audio/wav")
    highs, lows = drawn["data"][1::2], drawn["data"][::2]
    half = 5 * drawn["sample_rate"] // drawn["samples_per_pixel"]
    assert min(highs[: half - 1]) > 90
    assert max(lows[: half - 1]) < -90
    assert max(highs[half + 1 :]) < 16


@pytest.mark.parametrize("seconds", [0.01, 0.3, 3, 61])
def test_a_waveform_is_bounded(seconds: float) -> None:
    _, emitted = processed(
        films.tone("wav", "pcm_s16le", seconds=seconds, wave="random(0)*2-1", rate=8000), "audio/wav"
    )
    body = emitted["waveform.json"]
    assert len(body) < 16_000
    assert json.loads(body)["length"] <= 1600
    if seconds > 1:
        assert json.loads(body)["length"] > 700


def test_the_same_sound_has_the_same_renditions() -> None:
    data = films.tone("mp3", "libmp3lame", seconds=2)
    assert processed(data, "audio/mpeg")[1] == processed(data, "audio/mpeg")[1]


def test_the_picture_is_made_by_the_recipe() -> None:
    made, emitted = processed(films.tone("wav", "pcm_s16le", wave="sin(2*PI*300*t)*t/2"), "audio/wav")
    assert made.preview
    assert (made.preview.width, made.preview.height) == (160, 53)
    assert {*emitted} == {"waveform.json", "poster.webp", "w160.webp", "w160.jpg"}
    picture = Image.open(io.BytesIO(emitted["w160.jpg"])).convert("L")
    assert picture.size == (160, 53)
    left, right = (picture.crop((x, 12, x + 30, 13)).getextrema()[0] for x in (5, 120))
    assert left > 200 > right, "low at the left, high at the right"  # type: ignore[operator]


def test_bars_are_drawn_of_any_waveform() -> None:
    for pairs in ([], [(0.0, 0.0)], [(-1.0, 1.0)], [(-0.01, 0.01)] * 3, [(-7.0, 9.0)] * 5000):
        assert Image.open(io.BytesIO(waves.picture(pairs))).size == (waves.WIDTH, waves.HEIGHT)


# --- long sounds


def test_a_long_sound_is_measured_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts that are left out are as loud as those that are not, so the figures stay the same."""
    monkeypatch.setattr(waveform, "MOST_SAMPLES", 100 * 8000)
    for form, codec, content_type in (("wav", "pcm_s16le", "audio/wav"), ("mp3", "libmp3lame", "audio/mpeg")):
        data = films.tone(form, codec, seconds=300, level=-20, layout="mono", rate=8000)
        info, drawn, made = heard(data, content_type)
        assert info.loudness
        assert info.loudness.integrated == pytest.approx(-23, abs=0.5), "one channel is 3 LU below two"
        assert [each.code for each in made.warnings] == ["measured_in_part"]
        assert drawn["length"] * drawn["samples_per_pixel"] / 8000 == pytest.approx(300, rel=0.05)


def test_what_is_left_out_of_a_wav_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    data = films.tone("wav", "pcm_s16le", seconds=600, layout="mono", rate=16000)
    monkeypatch.setattr(waveform, "MOST_READ", len(data) // 6)
    source = Counted(data)
    _, emitted = processed(data, "audio/wav", source)
    assert emitted
    assert source.count < 0.4 * len(data)


def test_a_sound_that_is_longer_than_it_says_has_a_bounded_waveform() -> None:
    data = bytearray(films.tone("wav", "pcm_s16le", seconds=60, rate=8000))
    measured, _ = child.run_on(
        waveform._CHILD,
        io.BytesIO(data),
        len(data),
        {"format": "wav", "whitelist": "wav", "probe": 1_000_000, "seconds": 0.1, "stride": 1, "seek": True},
        waveform.LIMITS,
    )
    assert 700 < len(measured["waveform"]) <= 1600
    assert len(measured["waveform"]) * measured["samples"] / 8000 == pytest.approx(60, rel=0.05)


def test_a_sound_that_is_too_large_has_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    data = films.tone("mp3", "libmp3lame")
    monkeypatch.setattr(waveform, "MOST_WHOLE", len(data) - 1)
    info, drawn, made = heard(data, "audio/mpeg")
    assert (info.loudness, drawn, made.preview) == (None, {}, None)
    assert [each.code for each in made.warnings] == ["not_measured"]


def test_as_much_may_be_read_as_is_measured() -> None:
    """Beside the measuring, its headers are read."""
    assert processor_of("audio/mpeg").by_ranges >= waveform.MOST_WHOLE + 10 * 1024**2


def test_the_child_ends_before_the_claim_of_its_worker() -> None:
    assert 2 * waveform.LIMITS.seconds + child.READING < pipeline.LEASE.total_seconds()


# --- bad input


def test_a_sound_that_ends_early_is_measured_as_far_as_it_goes() -> None:
    for form, codec, content_type in (("mp3", "libmp3lame", "audio/mpeg"), ("flac", "flac", "audio/flac")):
        data = films.tone(form, codec, seconds=8)
        info, drawn, _ = heard(data[: len(data) // 2], content_type)
        assert info.loudness
        assert info.loudness.integrated == pytest.approx(-23, abs=0.5)
        assert drawn["length"] > 100


def test_damage_in_the_middle_does_not_end_the_measuring() -> None:
    data = bytearray(films.tone("flac", "flac", seconds=8, wave="0.5*random(0)"))
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    _, drawn, _ = heard(bytes(data), "audio/flac")
    assert drawn["length"] * drawn["samples_per_pixel"] / 48000 > 6


def test_a_sound_with_400_channels_is_not_measured() -> None:
    samples = bytes(400 * 2 * 800)
    head = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = (1).to_bytes(2, "little") + (400).to_bytes(2, "little") + (8000).to_bytes(4, "little")
    form += (8000 * 800).to_bytes(4, "little") + (800).to_bytes(2, "little") + (16).to_bytes(2, "little")
    _, drawn, made = heard(head + form + b"data" + len(samples).to_bytes(4, "little") + samples, "audio/wav")
    assert not drawn
    assert [each.code for each in made.warnings] == ["no_stream", "not_measured"]
    assert "channels" in made.warnings[1].message


def test_a_rate_of_0_hz_is_corrupt() -> None:
    data = bytearray(films.tone("wav", "pcm_s16le"))
    data[24:28] = bytes(4)
    with pytest.raises(PermanentFault) as raised:
        processed(bytes(data), "audio/wav")
    assert raised.value.code is ErrorCode.CORRUPT


def test_a_source_that_gives_too_little_is_a_warning() -> None:
    class Refusing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 1_200_000:
                raise TooMuchReadError("enough")
            return super().read(size)

    data = films.tone("wav", "pcm_s16le", seconds=10)
    info, drawn, made = heard_from(Refusing(data), data)
    assert (info.duration, info.loudness, drawn) == (10, None, {})
    assert [each.code for each in made.warnings] == ["not_measured"]


def heard_from(source: Any, data: bytes) -> tuple[AudioInfo, Emitted, Made]:
    made, emitted = processed(data, "audio/wav", source)
    assert isinstance(made.info, AudioInfo)
    return made.info, emitted, made


def test_a_cover_goes_before_the_waveform_s_picture() -> None:
    data = films.sound("mp3", "libmp3lame", cover=images.png(8, 8))
    made, emitted = processed(data, "audio/mpeg")
    assert made.preview
    assert (made.preview.width, made.preview.height) == (8, 8)
    assert "waveform.json" in emitted


def _with_tracks(data: bytes, count: int) -> bytes:
    """An MP4 whose index, at its end, names its track so often."""
    moov, track = data.index(b"moov") - 4, data.index(b"trak") - 4
    length = int.from_bytes(data[track : track + 4])
    more = data[track : track + length] * (count - 1)
    size = int.from_bytes(data[moov : moov + 4]) + len(more)
    return data[:moov] + size.to_bytes(4) + data[moov + 4 : track] + more + data[track:]


def test_a_sound_with_10_000_tracks_is_described_or_corrupt() -> None:
    few, _, _ = heard(_with_tracks(films.tone("mp4", "aac"), 3), "audio/mp4")
    assert few.loudness
    try:
        made, _ = processed(_with_tracks(films.tone("mp4", "aac"), 10_000), "audio/mp4")
    except PermanentFault as fault:
        assert fault.code is ErrorCode.CORRUPT
    else:
        assert isinstance(made.info, AudioInfo)


def test_times_that_jump_back_change_nothing() -> None:
    data = films.tone("matroska", "flac", seconds=4)
    expected = heard(data, "audio/webm")
    first = data.index(b"\x81\x03\xe8\x80") if b"\x81\x03\xe8\x80" in data else None
    jumped = bytearray(data)
    for place in range(len(data) - 4) if first is None else (first,):
        # SimpleBlocks of track 1: a time of 16 bits, and flags that say `key`.
        if data[place] == 0x81 and data[place + 3] == 0x80 and 500 < int.from_bytes(data[place + 1 : place + 3]) < 3000:
            jumped[place + 1 : place + 3] = (20).to_bytes(2)
            break
    assert jumped != data
    found = heard(bytes(jumped), "audio/webm")
    assert found[0].loudness == expected[0].loudness
    assert found[1] == expected[1]
