"""A stream against its source, and against one pass: its pictures' error, the times of its pictures, its samples."""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import av
from PIL import Image, ImageChops

from bench.media import one_pass
from chalicelib.processing.media import tone
from chalicelib.processing.media.hls.plan import Rung
from tests import apple_rules, hls
from tests.films import Chirp


def psnr(encoded: bytes, source: bytes, rung: Rung, seconds: float) -> float:
    """In dB, of all pixels and all three planes, against the source's pictures in the rung's size."""
    convert = tone.Converter((rung.width, rung.height), "yuv420p", scaler=tone.QUICK)
    squares = count = 0
    wanted = (convert(frame) for _, frame in one_pass.decoded(io.BytesIO(source), seconds))
    for found, right in zip(_frames(encoded), wanted, strict=True):
        for ours, theirs in zip(_planes(found), _planes(right), strict=True):
            counts = ImageChops.difference(ours, theirs).histogram()
            squares += sum(level * level * times for level, times in enumerate(counts))
            count += ours.width * ours.height
    return 10 * math.log10(255 * 255 * count / squares)


def _frames(data: bytes) -> Iterator[Any]:
    container: Any
    with av.open(io.BytesIO(data)) as container:
        yield from container.decode(video=0)


def _planes(frame: Any) -> Iterator[Image.Image]:
    for plane in frame.planes:
        data = bytes(memoryview(plane))
        yield Image.frombuffer("L", (plane.width, plane.height), data, "raw", "L", plane.line_size, 1)


def times(segments: Iterable[bytes], scale: int) -> list[float]:
    """When each picture of a rung is shown, in seconds, by the bytes of its segments."""
    return [time / scale for segment in segments for time in apple_rules.timing(segment).shown]


def missing_and_doubled(found: list[float], rate: int, count: int) -> tuple[int, int]:
    """(pictures that are not there, pictures that are there twice) of a film of so many at an even rate."""
    numbers = [round(time * rate) for time in found]
    assert all(abs(time * rate - number) < 0.01 for time, number in zip(found, numbers, strict=True))
    return len(set(range(count)) - set(numbers)), len(numbers) - len(set(numbers) & set(range(count)))


def samples(data: bytes) -> tuple[int, array[float]]:
    """(number of the first sample, the samples of the first channel)."""
    _, first, found = hls.samples(data)
    return first, found


def packets(data: bytes) -> list[bytes]:
    """The frames of the first sound track as they are stored, without the encoder's run-up, which nobody hears."""
    container: Any
    with av.open(io.BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size and packet.pts >= 0]


# Samples on each side of a join that are compared.
AROUND = 1024


def error_at(found: array[float], first: int, place: int, rate: int) -> float:
    """The power of what differs from the chirp around a place, as a share of the chirp's own."""
    differs = own = 0.0
    for number in range(place - AROUND, place + AROUND):
        level = Chirp.level(number / rate)
        differs += (found[number - first] - level) ** 2
        own += level * level
    return differs / own


def error_of_a_join(found: array[float], first: int, place: int, rate: int) -> float:
    """The error around a join, as a multiple of the larger one of both neighbours."""
    beside = [error_at(found, first, place + side * 3 * AROUND, rate) for side in (-1, 1)]
    return error_at(found, first, place, rate) / max(beside)


def by_whole_samples(found: array[float], first: int, place: int, rate: int) -> int:
    """By how many samples the sound is early or late around a place: the shift at which it differs least."""
    return min(range(-3, 4), key=lambda shift: error_at(found, first - shift, place, rate))
