"""Sound is continuous to the sample over all joins, and is heard when the film has it."""

from __future__ import annotations

import io
import random
from array import array
from typing import Any

import av
import pytest

from tests import films, hls, hostile_films
from tests.films import Chirp

pytestmark = pytest.mark.usefixtures("in_process")


def film(form: str = "mp4", seconds: float = 14, **more: Any) -> bytes:
    given: dict[str, Any] = {
        "size": (96, 64),
        "times": range(round(seconds * 5)),
        "rate": 5,
        "sing": Chirp(),
        "draw": films.numbered,
    } | more
    return films.film(form, **given)


def error(found: array[float], first: int, wanted: int, count: int, rate: int, shift: float = 0) -> float:
    """The power of what differs from the chirp, as a share of its own, from sample `wanted` on."""
    differs = own = 0.0
    for place in range(wanted, wanted + count):
        level = Chirp.level((place + shift) / rate)
        differs += (found[place - first] - level) ** 2
        own += level**2
    return differs / own


def joins(stream: hls.Stream, rung: str = "a0") -> list[int]:
    return stream.plan.rung(rung).cuts[1:-1]


def check(stream: hls.Stream, late: int = 0, run_up: int = 0) -> None:
    """The sound is the chirp, above all around the joins, and a shift by one sample would show.

    The file's own times may be up to `late` samples wrong, but then everywhere. `run_up` are samples of the encoder
    before the sound, of which the file does not say that they are left out, or, if negative, what it says too many.
    """
    rate, first, found = hls.samples(stream.joined("a0"))
    assert joins(stream)
    shift = min(range(-late - run_up, late - run_up + 1), key=lambda each: error(found, first, 8192, 1024, rate, each))
    for place in joins(stream):
        around = place - 1024, 2048
        here = error(found, first, *around, rate, shift)
        assert here < 0.01, place
        beside = [error(found, first, *around, rate, shift + other) for other in (-1, 1)]
        assert here < min(beside), "not one sample early or late"


@pytest.mark.parametrize(
    ("form", "content_type", "codec", "rate", "layout"),
    [
        ("mp4", "video/mp4", "aac", 48000, "stereo"),
        ("mp4", "video/mp4", "aac", 44100, "mono"),
        ("matroska", "video/webm", "aac", 44100, "stereo"),
        ("matroska", "video/webm", "libopus", 48000, "stereo"),
        ("matroska", "video/webm", "pcm_s16le", 44100, "stereo"),
        ("matroska", "video/webm", "flac", 96000, "stereo"),
        ("mov", "video/quicktime", "pcm_s16le", 37800, "stereo"),
        ("mp4", "video/mp4", "libmp3lame", 44100, "stereo"),
        ("mp4", "video/mp4", "ac3", 48000, "5.1"),
        ("avi", "video/x-msvideo", "pcm_s16le", 44100, "mono"),
    ],
)
def test_every_join_is_continuous(form: str, content_type: str, codec: str, rate: int, layout: str) -> None:
    picture: dict[str, Any] = {"codec": "mpeg4"} if form == "avi" else {}
    stream = hls.Stream(film(form, sound_codec=codec, sing=Chirp(rate, layout), **picture), content_type)
    (rung,) = stream.plan.of("sound", "sound_copy")
    assert rung.sort == ("sound_copy" if (form, codec) == ("mp4", "aac") else "sound")
    if layout == "5.1":
        return  # six chirps are mixed to two, and not as loud
    check(stream, late=48 if form == "matroska" else 0)


def test_late_sound_is_silent_before() -> None:
    stream = hls.Stream(film(sing=Chirp(start=7)))
    (rung,) = stream.plan.of("sound", "sound_copy")
    assert rung.sort == "sound"
    rate, first, found = hls.samples(stream.joined("a0"))
    assert max(map(abs, found[: 6 * rate])) < 0.001
    assert error(found, first, round(7.2 * rate), 4096, rate) < 0.02


def test_sound_that_ends_early_goes_on_silently() -> None:
    stream = hls.Stream(film(sing=Chirp(seconds=7)))
    rung = stream.plan.rung("a0")
    assert rung.sort == "sound" and rung.cuts[-1] / rung.scale == pytest.approx(14, abs=0.05)
    rate, _, found = hls.samples(stream.joined("a0"))
    assert max(map(abs, found[8 * rate :])) < 0.001


def test_sound_that_goes_on_keeps_the_last_picture() -> None:
    stream = hls.Stream(film(seconds=3, sing=Chirp(seconds=14)))
    for name in ("v64", "a0"):
        rung = stream.plan.rung(name)
        assert rung.cuts[-1] / rung.scale == pytest.approx(14, abs=0.05)
    found = stream.pictures("v64")
    assert list(dict.fromkeys(number for _, number in found)) == list(range(15))


def test_several_tracks_keep_their_languages() -> None:
    stream = hls.Stream(film(sounds=({"language": "ger", "title": 'Di"e\nerste'}, {"language": "eng"}, {})))
    lines = stream.get("hls.m3u8").decode().split("\n")
    sounds = [line for line in lines if "TYPE=AUDIO" in line]
    assert [f"av/a{number}.m3u8" in line for number, line in enumerate(sounds)] == [True] * 3
    assert 'LANGUAGE="de"' in sounds[0] and 'LANGUAGE="en"' in sounds[1] and 'NAME="English"' in sounds[1]
    assert sum("DEFAULT=YES" in line for line in sounds) == 1


def test_a_film_without_sound_has_none() -> None:
    stream = hls.Stream(film(sounds=()))
    assert "AUDIO" not in stream.get("hls.m3u8").decode()


@pytest.mark.parametrize(
    ("form", "codec", "content_type"),
    [
        ("ipod", "aac", "audio/mp4"),
        ("flac", "flac", "audio/flac"),
        ("wav", "pcm_s16le", "audio/wav"),
        ("ogg", "libopus", "audio/ogg"),
        ("mp3", "libmp3lame", "audio/mpeg"),
        ("adts", "aac", "audio/aac"),
        ("aiff", "pcm_s24be", "audio/aiff"),
        ("caf", "pcm_s16le", "audio/x-caf"),
        ("caf", "alac", "audio/x-caf"),
        ("asf", "wmav2", "audio/x-ms-wma"),
    ],
)
def test_a_sound_alone_is_a_stream_too(form: str, codec: str, content_type: str) -> None:
    stream = hls.Stream(films.sound(form, codec, seconds=14, sing=Chirp()), content_type)
    assert stream.get("hls.m3u8").decode().count("#EXT-X-STREAM-INF") == 1
    check(stream, run_up={"adts": 1024, "asf": -2048}.get(form, 0))


@pytest.mark.parametrize("mode", ["nb", "wb"])
def test_amr_is_heard_as_it_is_read_in_one_piece(mode: str) -> None:
    data = films.amr(mode, seconds=14)
    stream = hls.Stream(data, "audio/amr")
    rate, first, found = hls.samples(stream.joined("a0"))
    resampler = av.AudioResampler("fltp", "mono", rate)
    container: Any
    with av.open(io.BytesIO(data)) as container:
        frames = [*container.decode(audio=0), None]
        made = [each for frame in frames for each in resampler.resample(frame)]
    whole = array("f", b"".join(bytes(each.planes[0])[: each.samples * 4] for each in made))
    assert stream.plan.duration == 14.0
    for place in joins(stream):
        pairs = [(found[each - first], whole[each]) for each in range(place - 1024, place + 1024)]
        assert sum((one - other) ** 2 for one, other in pairs) < 0.05 * sum(other**2 for _, other in pairs), place


@pytest.mark.parametrize("seed", range(6))
def test_damaged_frames_of_aac_are_left_out(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(films.sound("adts", "aac", seconds=14, sing=Chirp()))
    for _ in range(200):
        data[chance.randrange(len(data) // 3, len(data) // 2)] = chance.randrange(256)
    stream = hls.Stream(bytes(data), "audio/aac")
    rate, first, found = hls.samples(stream.joined("a0"))
    assert len(found) / rate == pytest.approx(stream.plan.duration, abs=0.05)
    assert error(found, first, 3 * rate, 1024, rate, -1024) < 0.01, "what comes before is heard"


def test_repacked_sound_is_the_films_own() -> None:
    data = film()
    stream = hls.Stream(data)

    def packets(of: bytes) -> list[bytes]:
        container: Any
        with av.open(io.BytesIO(of)) as container:
            (track,) = container.streams.audio
            return [bytes(packet) for packet in container.demux(track) if packet.size]

    own, made = packets(data), packets(stream.joined("a0"))
    assert made == own[-len(made) :] and len(own) - len(made) <= 1


@pytest.mark.parametrize("channels", [3, 8, 9, 10, 25, 64])
def test_a_sound_of_many_channels_plays_or_has_no_stream(channels: int) -> None:
    """FFmpeg has a mix of some numbers of channels only."""
    data = hostile_films.wav(channels)
    stream = hls.Stream(data, "audio/wav")
    if channels in (9, 25, 64):
        assert [each.code for each in stream.warnings] == ["no_stream"]
    else:
        assert hls.samples(stream.joined("a0"))[2]
