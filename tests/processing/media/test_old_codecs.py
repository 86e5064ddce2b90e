"""Vorbis, Theora, Speex and FLAC in Ogg, and VP8 with Vorbis in WebM: facts, pictures, loudness and streams."""

from __future__ import annotations

import io
import json
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from chalicelib.facts import AudioInfo, VideoInfo
from chalicelib.processing import child
from chalicelib.processing.kinds import Made, Order, Source, processor_of
from chalicelib.renditions.recipes import RECIPES
from tests import apple_rules, films, hls

pytestmark = pytest.mark.usefixtures("media")

FILES = Path(__file__).parent / "files"
"""How each was made is in its README."""

SECONDS = 7.2
COUNT = 36  # pictures, 5 a second
QUIET = 1024  # samples at the beginning that the encoder fades in


@dataclass(frozen=True)
class Sample:
    data: bytes
    form: str
    content_type: str
    rate: int


def _file(name: str, form: str, content_type: str, rate: int) -> Sample:
    return Sample((FILES / name).read_bytes(), form, content_type, rate)


def _flac() -> Sample:
    data = films.sound("ogg", "flac", seconds=SECONDS, sing=films.Chirp(22050, "mono"))
    return Sample(data, "ogg", "audio/ogg", 22050)


SOUNDS: Mapping[str, Callable[[], Sample]] = {
    "vorbis": lambda: _file("vorbis.ogg", "ogg", "audio/ogg", 22050),
    "speex": lambda: _file("speex.ogg", "ogg", "audio/ogg", 16000),
    "flac": _flac,
}
FILMS: Mapping[str, Callable[[], Sample]] = {
    "theora": lambda: _file("theora.ogv", "ogg", "video/ogg", 22050),
    "vp8": lambda: _file("vp8.webm", "matroska", "video/webm", 22050),
}
ALL = {**SOUNDS, **FILMS}


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "run_on", hls.here)


def processed(sample: Sample) -> tuple[Made, dict[str, bytes]]:
    made: dict[str, bytes] = {}
    source = Source(sample.content_type, len(sample.data), io.BytesIO(sample.data), "a film")
    order = Order(RECIPES["photo"], 1024**3)
    found = processor_of(sample.content_type).process(
        source, order, lambda rendition, body: made.update({rendition.basename: body})
    )
    return found, made


def decoded(sample: Sample) -> array[float]:
    """All samples of the sound, one after the other, as players play them."""
    found: array[float] = array("f")
    container: Any
    with av.open(io.BytesIO(sample.data), "r", format=sample.form) as container:
        resampler = av.AudioResampler("flt", "mono", sample.rate)
        for frame in container.decode(audio=0):
            frame.pts = None
            for each in resampler.resample(frame):
                found.frombytes(bytes(each.planes[0])[: each.samples * 4])
    return found


def differs(made: array[float], own: array[float], first: int, shift: int, count: int = 1024) -> float:
    """The power of what differs, as a share of the source's."""
    pairs = [(made[place], own[place + shift]) for place in range(first, first + count)]
    return sum((a - b) ** 2 for a, b in pairs) / sum(b * b for _, b in pairs)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_says_what_it_is_and_is_measured(name: str) -> None:
    sample = SOUNDS[name]()
    found, made = processed(sample)
    info = found.info
    assert isinstance(info, AudioInfo)
    assert (info.format, info.codec, info.channels, info.sample_rate) == ("ogg", name, 1, sample.rate)
    assert info.duration == pytest.approx(SECONDS, abs=0.05)
    assert info.loudness and info.loudness.integrated == pytest.approx(-9.5, abs=1.5)
    assert info.loudness.true_peak == pytest.approx(-4.0, abs=1)
    assert not found.warnings
    waveform = json.loads(made["waveform.json"])
    assert waveform["length"] * waveform["samples_per_pixel"] / sample.rate == pytest.approx(SECONDS, abs=0.1)
    assert max(waveform["data"]) > 50


@pytest.mark.parametrize("name", FILMS)
def test_a_film_says_what_it_is_and_is_shown(name: str) -> None:
    found, made = processed(FILMS[name]())
    info = found.info
    assert isinstance(info, VideoInfo)
    assert (info.codec, info.width, info.height, info.frame_rate) == (name, 96, 64, 5.0)
    assert info.duration == pytest.approx(SECONDS, abs=0.05)
    assert [(each.codec, each.channels, each.sample_rate) for each in info.audio_tracks] == [("vorbis", 1, 22050)]
    assert not found.warnings
    poster = Image.open(io.BytesIO(made["poster.webp"])).convert("RGB")
    shown = av.VideoFrame.from_image(poster)  # type: ignore[no-untyped-call]
    assert info.poster_time is not None and films.number(shown) == round(info.poster_time * 5)
    assert Image.open(io.BytesIO(made["preview.webp"])).n_frames > 10  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ALL)
def test_playlists_are_right(name: str) -> None:
    sample = ALL[name]()
    stream = hls.Stream(sample.data, sample.content_type)
    assert not stream.warnings and stream.plan.duration == pytest.approx(SECONDS, abs=0.05)
    assert all(rung.count >= 2 for rung in stream.plan.rungs)
    apple_rules.check_master(stream.get)


@pytest.mark.parametrize("name", FILMS)
def test_no_picture_is_lost_or_doubled(name: str) -> None:
    sample = FILMS[name]()
    stream = hls.Stream(sample.data, sample.content_type)
    own = hls.pictures(sample.data, sample.form)
    assert [number for _, number in own] == list(range(COUNT))
    begin = own[0][0]
    for rung in stream.plan.of("picture"):
        found = stream.pictures(rung.name)
        assert [number for _, number in found] == list(range(COUNT))
        assert all(abs(time - (wanted - begin)) < 0.002 for (time, _), (wanted, _) in zip(found, own, strict=True))


@pytest.mark.parametrize("name", ALL)
def test_sound_is_that_of_the_source_without_a_gap(name: str) -> None:
    """Also where a page or a segment begins, whatever the times say that are written there."""
    sample = ALL[name]()
    stream = hls.Stream(sample.data, sample.content_type)
    rate, first, made = hls.samples(stream.joined("a0"))
    assert (rate, first) == (sample.rate, 0)
    own = decoded(sample)
    shift = min(range(-300, 301), key=lambda each: differs(made, own, 30_000, each, 256))
    assert abs(shift) <= 265, "the film's picture may begin a little earlier or later"
    joins = stream.plan.rung("a0").cuts[1:-1]
    assert joins
    for place in [*range(QUIET, len(own) - 2048, 1024), *(join - 512 for join in joins)]:
        assert differs(made, own, place, shift) < 0.02, place
    for join in joins:
        here = differs(made, own, join - 512, shift)
        assert here < min(differs(made, own, join - 512, shift + other) for other in (-1, 1))
