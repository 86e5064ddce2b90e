"""In the child: makes a segment of an encoded sound track, on one grid of 1024 samples for the whole track."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any

import av
from av.container import InputContainer

from chalicelib.processing.media.hls import boxes
from chalicelib.processing.media.hls.opening import alone
from chalicelib.processing.media.hls.waves import Waves, frame_of, resampled

FRAME = 1024  # samples of AAC

# Frames that are encoded before the segment's first one, and left out: the encoder's state must be that of one who has
# heard what came before, so that two segments' windows fit together.
_RUN_UP = 8

# Frames after the last one that the encoder looks at.
_AHEAD = 3


def init(rung: dict[str, Any]) -> bytes:
    made = _encoder(rung)
    entry = boxes.sound_entry(bytes(made.extradata), rung["scale"], rung["settings"]["channels"])
    return boxes.init(entry, rung["scale"], None)


def make(container: InputContainer, rung: dict[str, Any], part: dict[str, Any], zero: list[int]) -> bytes:
    """`part` has `number`, `start` and `stop`, in samples: whole frames.

    With `since` the file was cut off at its beginning, and its times with it: by so many ticks of the track.
    """
    made = _encoder(rung)
    first, last = part["start"] - _RUN_UP * FRAME, part["stop"] + _AHEAD * FRAME
    planes = _samples(container, rung, first, last, Fraction(*zero), part.get("since", 0))
    packets = []
    for start in range(first, last, FRAME):
        piece = [plane[(start - first) * 4 : (start - first + FRAME) * 4] for plane in planes]
        packets += made.encode(frame_of(piece, rung["scale"], start))
    packets += made.encode(None)
    wanted = [packet for packet in packets if part["start"] <= packet.pts < part["stop"]]
    samples = [boxes.Sample(bytes(packet), FRAME) for packet in wanted]
    return boxes.segment(part["number"], part["start"], samples)


def _samples(
    container: InputContainer, rung: dict[str, Any], first: int, last: int, zero: Fraction, since: int
) -> list[bytes]:
    """The samples at the rung's rate. Another rate is converted from a moment that both rates have a sample at."""
    settings = rung["settings"]
    stream = alone(container, rung["stream"])
    waves = Waves(container, stream, settings, zero, since * Fraction(stream.time_base))
    old, new = settings["own_rate"], rung["scale"]
    if old == new:
        return waves.read(first, last)
    common = gcd(old, new)
    # The resampler needs a run-up of its own.
    begin = (first // (new // common) - 64) * (new // common)
    end = (last // (new // common) + 64) * (new // common)
    planes = resampled(waves.read(begin * old // new, end * old // new), old, new)
    wanted = slice((first - begin) * 4, (last - begin) * 4)
    return [plane[wanted].ljust((last - first) * 4, b"\0") for plane in planes]


def _encoder(rung: dict[str, Any]) -> Any:
    made: Any = av.CodecContext.create("aac", "w")
    settings = rung["settings"]
    made.sample_rate, made.format = rung["scale"], "fltp"
    made.layout = "stereo" if settings["channels"] == 2 else "mono"
    made.bit_rate, made.time_base = settings["rate"], Fraction(1, rung["scale"])
    made.flags |= av.codec.context.Flags.global_header
    made.open()
    return made
