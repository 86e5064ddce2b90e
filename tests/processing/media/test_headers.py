"""The small reader of stages without FFmpeg."""

from __future__ import annotations

import io
import random

import pytest

from chalicelib.facts import AudioInfo, VideoInfo
from chalicelib.processing.kinds import Made, Order, Source, processor_of
from chalicelib.processing.media import headers
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage.ranged import TooMuchReadError
from tests import films

pytestmark = pytest.mark.usefixtures("stage")


def processed(data: bytes, content_type: str) -> Made:
    def emit(*_: object) -> None:
        raise AssertionError("no rendition is made")

    source = Source(content_type, len(data), io.BytesIO(data), "a film")
    return processor_of(content_type).process(source, Order(RECIPES["photo"], 1024**3), emit)


@pytest.mark.parametrize(
    ("form", "content_type", "codec", "sound"),
    [
        ("mp4", "video/mp4", "libx264", "aac"),
        ("mov", "video/quicktime", "libx264", "aac"),
        ("webm", "video/webm", "libvpx-vp9", "libopus"),
        ("matroska", "video/webm", "libx264", "aac"),
    ],
)
def test_duration_and_size_of_a_film(form: str, content_type: str, codec: str, sound: str) -> None:
    made = processed(films.film(form, codec=codec, sound_codec=sound), content_type)
    assert isinstance(made.info, VideoInfo)
    assert (made.info.width, made.info.height) == (64, 48)
    assert made.info.duration == pytest.approx(2.0, abs=0.05)
    assert (made.info.codec, made.info.frame_rate, made.info.audio_track_count) == (None, None, None)
    assert [warning.code for warning in made.warnings] == ["no_media"]


@pytest.mark.parametrize(
    ("form", "content_type", "codec"), [("wav", "audio/wav", "pcm_s16le"), ("flac", "audio/flac", "flac")]
)
def test_duration_of_a_sound(form: str, content_type: str, codec: str) -> None:
    made = processed(films.sound(form, codec), content_type)
    assert isinstance(made.info, AudioInfo)
    assert made.info.duration == pytest.approx(1.0, abs=0.05)
    assert (made.info.channels, made.info.sample_rate) == (2, 48000)
    assert [warning.code for warning in made.warnings] == ["no_media"]


def test_nothing_is_known_of_other_formats() -> None:
    made = processed(films.sound("mp3", "libmp3lame"), "audio/mpeg")
    assert made.info == AudioInfo(format="mp3")
    assert [warning.code for warning in made.warnings] == ["no_media"]


@pytest.mark.parametrize("content_type", ["video/mp4", "video/webm"])
def test_damage_never_raises(content_type: str) -> None:
    form, codec, sound = ("mp4", "libx264", "aac") if content_type == "video/mp4" else ("webm", "libvpx-vp9", "libopus")
    sane = films.film(form, codec=codec, sound_codec=sound, times=range(5))
    chance = random.Random(7)
    for _ in range(400):
        data = bytearray(sane)
        for _ in range(chance.randrange(1, 40)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        damaged = bytes(data[: chance.randrange(16, len(data))]) if chance.random() < 0.3 else bytes(data)
        headers.read(Source(content_type, len(damaged), io.BytesIO(damaged)), damaged[:64])


def test_a_loop_of_empty_boxes_ends() -> None:
    data = (24).to_bytes(4) + b"ftypisom\0\0\0\0isommp42" + ((8).to_bytes(4) + b"free") * 100_000
    assert headers.read(Source("video/mp4", len(data), io.BytesIO(data)), data[:64]) == {}


def test_a_file_of_which_no_more_may_be_read_is_as_one_of_another_format() -> None:
    class Spent(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise TooMuchReadError("enough")

    assert headers.read(Source("video/mp4", 100, Spent()), b"\0\0\0\x18ftypisom") == {}
