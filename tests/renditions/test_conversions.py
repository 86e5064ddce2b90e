"""The clips, sounds and sprites that a record promises."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.facts import AudioInfo, AudioTrack, VideoInfo
from chalicelib.model import Kind
from chalicelib.renditions import conversions, media_names
from tests import making


def film(**values: Any) -> Any:
    given: dict[str, Any] = {"width": 1280, "height": 720, "duration": 30.0, "frame_rate": 30.0, "codec": "h264"}
    size = values.pop("size", 1_000_000)
    info = VideoInfo(format="mp4", **(given | values))
    return making.file(1, kind=Kind.VIDEO, content_type="video/mp4", size=size, video=info)


def sound(**values: Any) -> Any:
    size = values.pop("size", 1_000_000)
    given: dict[str, Any] = {"codec": "mp3", "duration": 60.0, "channels": 2}
    info = AudioInfo(format="mp3", **(given | values))
    return making.file(1, kind=Kind.AUDIO, content_type="audio/mpeg", size=size, audio=info)


@pytest.mark.parametrize(
    ("size", "heights"),
    [
        ((1920, 1080), (720, 360)),
        ((1280, 720), (720, 360)),
        ((854, 480), (480, 360)),
        ((640, 360), (360,)),
        ((320, 240), (240,)),
        ((321, 241), (240,)),
        ((1080, 1920), (720, 360)),
        ((12, 12), ()),
    ],
)
def test_clips_are_never_larger_than_the_film(size: tuple[int, int], heights: tuple[int, ...]) -> None:
    assert conversions.clips(film(width=size[0], height=size[1])) == heights


def test_a_long_film_has_no_clips() -> None:
    assert conversions.clips(film(duration=60.0))
    assert conversions.clips(film(duration=60.1)) == ()
    assert conversions.clips(film(duration=None)) == ()


def test_a_film_that_would_take_too_long_has_a_small_clip_or_none() -> None:
    """60 seconds of 1080p are what one run can do; 2160p HEVC at 60 pictures a second is too much for it."""
    hd = {"width": 1920, "height": 1080, "duration": 60.0}
    assert conversions.clips(film(**hd)) == (720, 360)
    assert conversions.clips(film(**hd, interlaced=True)) == (720, 360)
    assert conversions.clips(film(**hd, frame_rate=36.0)) == (720, 360)
    assert conversions.clips(film(**hd, frame_rate=36.0, interlaced=True)) == (360,), "deinterlacing takes its time"
    assert conversions.clips(film(**hd, codec="hevc", frame_rate=60.0)) == ()
    assert conversions.clips(film(width=3840, height=2160, duration=60.0)) == ()
    assert conversions.clips(film(width=3840, height=2160, duration=8.0, codec="hevc", hdr="pq")) == (720, 360)
    assert conversions.clips(film(size=conversions.MOST_BYTES + 1)) == ()


def test_a_clip_is_as_wide_as_the_film_s_shape_makes_it() -> None:
    assert conversions.clip_size(film(width=1920, height=1080).video, 360) == (640, 360)
    assert conversions.clip_size(film(width=1080, height=1920).video, 360) == (360, 640)
    assert conversions.clip_size(film(width=1000, height=563).video, 360) == (640, 360)
    assert conversions.clip_size(film(width=60_000, height=400).video, 360) == (2880, 360)


def test_the_sound_of_a_film_and_of_a_sound() -> None:
    assert conversions.sounds(film()) == ()
    heard = film(audio_tracks=[AudioTrack(codec="aac", channels=2)])
    assert conversions.sounds(heard) == ("m4a", "opus")
    assert conversions.sounds(sound()) == ("m4a", "opus")
    assert conversions.sounds(sound(channels=400)) == ()
    assert conversions.sounds(making.file(1)) == ()


@pytest.mark.parametrize(
    ("codec", "duration", "formats"),
    [
        ("mp3", 900.0, ("m4a", "opus")),
        ("mp3", 901.0, ("opus",)),
        ("mp3", 1501.0, ()),
        ("aac", 3600.0, ("m4a",)),
        ("opus", 3600.0, ("opus",)),
        ("aac", 5 * 3600.0, ()),
    ],
)
def test_what_is_copied_may_be_longer(codec: str, duration: float, formats: tuple[str, ...]) -> None:
    assert conversions.sounds(sound(codec=codec, duration=duration)) == formats


def test_the_default_track_decides() -> None:
    tracks = [AudioTrack(codec="mp3", channels=2), AudioTrack(codec="aac", channels=2, default=True)]
    assert conversions.sounds(film(duration=3600.0, audio_tracks=tracks)) == ("m4a",)


@pytest.mark.parametrize("duration", [0.04, 1, 59.9, 400, 401, 3600, 7200, 30 * 3600, 900 * 3600])
def test_sprites_are_bounded(duration: float) -> None:
    found = conversions.sprites(film(duration=duration))
    assert found
    assert 1 <= found.count <= conversions.MOST_SPRITES
    assert found.count * found.interval >= duration > (found.count - 1) * found.interval
    assert [number for sheet in range(found.sheets) for number in found.on_sheet(sheet)] == list(range(found.count))
    assert (found.width, found.height) == (160, 90)


def test_a_sprite_has_the_film_s_shape() -> None:
    tall = conversions.sprites(film(width=1080, height=1920))
    small = conversions.sprites(film(width=100, height=50))
    assert tall
    assert small
    assert (tall.width, tall.height) == (90, 160)
    assert (small.width, small.height) == (100, 50), "never enlarged"


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("720.mp4", True),
        ("360.mp4", True),
        ("480.mp4", False),
        ("sound.m4a", True),
        ("sprite-0.jpg", True),
        ("sprite-1.jpg", False),
        ("sprites.vtt", True),
        ("v720.m3u8", False),
    ],
)
def test_names_that_exist(name: str, there: bool) -> None:
    part = media_names.read(name)
    assert part
    file = film(audio_tracks=[AudioTrack(codec="aac", channels=2)])
    assert conversions.exists(file, part) is there
    assert not conversions.exists(making.file(1), part)
