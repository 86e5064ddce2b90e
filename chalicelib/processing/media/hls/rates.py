"""Upper bounds for playlists: bytes of segments, and the bit rates that follow from them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from chalicelib.processing.media.hls import boxes, rungs

# A segment of sound: the encoder's rate is an average. Bit/s beside it, and times it.
_SOUND_MORE = 1.25


@lru_cache(maxsize=64)
def encoded_bytes(rate: int, seconds: float, frame_rate: float) -> int:
    """The most that a segment of an encoded rung may have. It is encoded again with less, should it have more.

    A rung's segments have few different lengths, and a film of hours has thousands of them.
    """
    saved = rate * float(rungs.BUFFER)
    bits = rate * seconds + saved
    most = bits / 8 * 1.02 + boxes.OVERHEAD + boxes.PER_SAMPLE * (frame_rate * seconds + 2)
    return min(rungs.MOST_BYTES, math.ceil(most))


def sound_bytes(rate: int, frames: int, scale: int) -> int:
    """The most that a segment of an encoded sound has."""
    return math.ceil(rate / 8 * frames * 1024 / scale * _SOUND_MORE) + boxes.OVERHEAD + (boxes.PER_SAMPLE + 32) * frames


def peak(sizes: Sequence[int], lengths: Sequence[float]) -> int:
    """The largest bit rate of segments that follow each other and last 0.5 to 1.5 times the target duration.

    RFC 8216, 4.1 ("peak segment bit rate").
    """
    target = max(1, math.floor(max(lengths) + 0.5))
    highest, first, size, length = 0.0, 0, 0, 0.0
    for last in range(len(sizes)):
        size, length = size + sizes[last], length + lengths[last]
        while length > 1.5 * target and first < last:
            size, length = size - sizes[first], length - lengths[first]
            first += 1
        inner_size, inner_length = size, length
        for begin in range(first, last + 1):
            if inner_length < 0.5 * target:
                break
            highest = max(highest, inner_size * 8 / inner_length)
            inner_size, inner_length = inner_size - sizes[begin], inner_length - lengths[begin]
    return math.ceil(highest or sum(sizes) * 8 / max(sum(lengths), 0.001))


def average(sizes: Sequence[int], lengths: Sequence[float]) -> int:
    return math.ceil(sum(sizes) * 8 / max(sum(lengths), 0.001))
