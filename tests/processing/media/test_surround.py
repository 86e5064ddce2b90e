"""Sound of many channels is heard in two: each at its side and at its level, and never louder than full."""

from __future__ import annotations

import io
from array import array
from math import sqrt
from typing import Any

import av
import pytest

from chalicelib.facts import VideoInfo
from chalicelib.model import Kind
from chalicelib.processing import child
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import conversions
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from tests import films, hls, making

pytestmark = pytest.mark.usefixtures("media")

# How loud a channel is on the left and on the right, before all are made quieter alike, so that they fit together
# (ITU-R BS.775: the centre and the surround channels by 3 dB). The channel of low effects (LFE) is left out, as BS.775
# allows and as FFmpeg does: small loudspeakers can't give it, and it would take room from the rest.
_HALF = sqrt(0.5)
SIDES = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (_HALF, _HALF),
    "LFE": (0.0, 0.0),
    "BL": (_HALF, 0.0),
    "BR": (0.0, _HALF),
    "SL": (_HALF, 0.0),
    "SR": (0.0, _HALF),
}

CASES = [
    ("mp4", "aac", "5.1", "audio/mp4"),
    ("mp4", "ac3", "5.1(side)", "audio/mp4"),
    ("wav", "pcm_s16le", "5.1", "audio/wav"),
    ("wav", "pcm_s16le", "7.1", "audio/wav"),
    ("wav", "pcm_s16le", "quad", "audio/wav"),
    ("wav", "pcm_f32le", "5.1", "audio/wav"),
    ("flac", "flac", "5.1", "audio/flac"),
    ("ogg", "libopus", "5.1", "audio/ogg"),
    ("ogg", "libopus", "7.1", "audio/ogg"),
]

COPIED = (("aac", "sound.m4a"), ("libopus", "sound.opus"))
"""What is made of packets as they are."""


def made_of(data: bytes, content_type: str, name: str) -> bytes:
    if name == "hls":
        return hls.Stream(data, content_type).joined("a0")
    source = Source(content_type, len(data), io.BytesIO(data), "a sound")
    order = Order(RECIPES["original-only"], 1024**3)
    info = processor_of(content_type).process(source, order, lambda *_: None).info
    of: Any = {"video": info} if isinstance(info, VideoInfo) else {"audio": info}
    file = making.file(1, kind=Kind(next(iter(of))), content_type=content_type, size=len(data), **of)
    part = media_names.read(name)
    assert part
    return conversions.make(source, file, part)[0]


def heard(data: bytes) -> tuple[int, list[array[float]]]:
    """(rate, the samples of each channel)."""
    container: Any
    with av.open(io.BytesIO(data), "r") as container:
        (track,) = container.streams.audio
        rate = track.codec_context.sample_rate
        resampler = av.AudioResampler("fltp", track.codec_context.layout, rate)
        found = [array("f") for _ in range(track.codec_context.channels)]
        frames = [each for frame in container.decode(track) for each in resampler.resample(frame)]
        for frame in frames:
            for number, channel in enumerate(found):
                channel.frombytes(bytes(frame.planes[number])[: frame.samples * 4])
    return rate, found


def level(values: array[float]) -> float:
    """The amplitude of a sine."""
    return sqrt(2 * sum(value * value for value in values) / max(1, len(values)))


def sides(layout: str) -> list[tuple[float, float]]:
    """How loud each channel is on the left and on the right, so that all together are never louder than full."""
    found = [SIDES[channel.name] for channel in av.AudioLayout(layout).channels]
    most = max(sum(left for left, _ in found), sum(right for _, right in found))
    return [(left / most, right / most) for left, right in found]


LENGTH = 0.5  # seconds of each channel


def one_by_one(channels: int) -> list[str]:
    """A tone of 440 Hz at half of full, in one channel after the other."""
    ends = ((number + 0.2) * LENGTH for number in range(channels))
    return [f"0.5*sin(2*PI*440*t)*between(t,{begin},{begin + 0.6 * LENGTH})" for begin in ends]


def levels(rate: int, found: list[array[float]], number: int) -> list[float]:
    """How loud each channel of the outcome is while this channel of the file is heard, as a share of it."""
    first, last = (round((number + part) * LENGTH * rate) for part in (0.35, 0.65))
    return [level(channel[first:last]) / 0.5 for channel in found]


@pytest.mark.parametrize("name", ["hls", "sound.m4a", "sound.opus"])
@pytest.mark.parametrize(("form", "codec", "layout", "content_type"), CASES)
def test_each_channel_is_heard_at_its_side(
    form: str, codec: str, layout: str, content_type: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "run_on", hls.here)
    count = av.AudioLayout(layout).nb_channels
    data = films.tone(form, codec, layout=layout, seconds=count * LENGTH, waves=one_by_one(count))
    made = made_of(data, content_type, name)
    if (codec, name) in COPIED:
        with av.open(io.BytesIO(made), "r") as container:
            assert container.streams.audio[0].codec_context.channels == count, "players mix it"
        return
    rate, found = heard(made)
    assert len(found) == 2
    for number, wanted in enumerate(sides(layout)):
        assert levels(rate, found, number) == pytest.approx(wanted, abs=0.02), av.AudioLayout(layout).channels[number]


@pytest.mark.parametrize("name", ["hls", "sound.m4a", "sound.opus"])
@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_s16le"])
def test_all_channels_at_once_are_as_loud_as_one(codec: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "run_on", hls.here)
    data = films.tone("wav", codec, layout="5.1", seconds=1, wave="0.9*sin(2*PI*440*t)")
    rate, found = heard(made_of(data, "audio/wav", name))
    for channel in found:
        middle = channel[rate // 4 : rate * 3 // 4]
        assert level(middle) == pytest.approx(0.9, abs=0.02)
        assert max(map(abs, middle)) < 1, "nothing is cut off"


class OneByOne(films.Chirp):
    """The same tones as the sound of a film."""

    def __call__(self, container: Any, track: Any, seconds: float) -> None:
        count = av.AudioLayout(self.layout).nb_channels
        for frame in films.heard("|".join(one_by_one(count)), track, self.layout, self.rate, count * LENGTH):
            container.mux(track.encode(frame))
        container.mux(track.encode())


@pytest.mark.parametrize("name", ["hls", "48.mp4"])
@pytest.mark.parametrize(("codec", "layout"), [("ac3", "5.1(side)"), ("aac", "5.1"), ("libopus", "5.1")])
def test_each_channel_of_a_film_is_heard_at_its_side(
    codec: str, layout: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "run_on", hls.here)
    data = films.film("matroska", times=range(75), sound_codec=codec, sing=OneByOne(layout=layout))
    rate, found = heard(made_of(data, "video/webm", name))
    assert len(found) == 2
    for number, wanted in enumerate(sides(layout)):
        assert levels(rate, found, number) == pytest.approx(wanted, abs=0.02)
