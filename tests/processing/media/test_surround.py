"""Sound of many channels is heard in two: each at its side and at its level, and never louder than full."""

from __future__ import annotations

import io
from array import array
from math import sqrt
from typing import Any

import av
import pytest

from chalicelib.facts import AudioInfo
from chalicelib.model import Kind
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import conversions
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from tests import hls, making

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

NAMES = ["hls", "sound.m4a", "sound.opus", "48.mp4"]


def heard(data: bytes, content_type: str, name: str) -> tuple[int, list[array[float]]]:
    """(rate, the samples of each channel) of what is made of a sound."""
    if name == "hls":
        return samples(hls.Stream(data, content_type).joined("a0"))
    source = Source(content_type, len(data), io.BytesIO(data), "a sound")
    order = Order(RECIPES["original-only"], 1024**3)
    info = processor_of(content_type).process(source, order, lambda *_: None).info
    assert isinstance(info, AudioInfo)
    file = making.file(1, kind=Kind.AUDIO, content_type=content_type, size=len(data), audio=info)
    part = media_names.read(f"av/{name}") or media_names.read(name)
    assert part
    return samples(conversions.make(source, file, part)[0])


def samples(data: bytes) -> tuple[int, list[array[float]]]:
    container: Any
    with av.open(io.BytesIO(data), "r") as container:
        (track,) = container.streams.audio
        rate = track.codec_context.sample_rate
        resampler = av.AudioResampler("fltp", track.codec_context.layout, rate)
        found = [array("f") for _ in range(track.codec_context.channels)]
        frames = [each for frame in container.decode(track) for each in resampler.resample(frame)]
        for frame in frames:
            for channel, plane in zip(found, frame.planes, strict=True):
                channel.frombytes(bytes(plane)[: frame.samples * 4])
    return rate, found


def level(values: array[float]) -> float:
    """The amplitude of a sine."""
    return sqrt(2 * sum(value * value for value in values) / max(1, len(values)))
