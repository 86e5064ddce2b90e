"""Ogg sounds of hours, which have no index: FFmpeg looks for a moment by the times of pages. What is fetched for it."""

from __future__ import annotations

import io
import struct
from array import array
from typing import BinaryIO, cast

import pytest

from chalicelib.model import Rendition
from chalicelib.processing.kinds import Source
from chalicelib.processing.media import engine, hls
from chalicelib.processing.media.hls import stream
from chalicelib.processing.media.on_demand import MOST_READ
from chalicelib.renditions import media_names
from chalicelib.storage import ranged
from tests import films, long_oggs
from tests import hls as streams
from tests.long_oggs import Long

pytestmark = pytest.mark.usefixtures("media")

OGG = "audio/ogg"


class Made(dict[str, bytes]):
    def emit(self, rendition: Rendition, body: bytes) -> None:
        self[rendition.basename] = body


def opened(size: int, budget: int = MOST_READ) -> Source:
    return Source(OGG, size, cast(BinaryIO, ranged.Ranged("key", str(size), size, budget)), "a sound")


def segment(size: int, plan: bytes, number: int) -> bytes:
    wanted = media_names.read(f"av/a0-{number}.m4s")
    assert wanted
    return hls.make(opened(size), plan, wanted)[0]


def test_facts_and_segments_of_ten_hours_need_few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Long(long_oggs.short(), 3600)
    assert sound.size > 300_000_000
    monkeypatch.setattr(ranged, "read_range", sound.read)
    facts, warnings = engine.facts(opened(sound.size, 10 * 1024**2))
    assert not warnings and facts["duration"] == pytest.approx(sound.seconds, abs=0.1)
    assert len(sound.requests) <= 4 and sound.bytes_read < 1024**2
    plan, why = stream.plan_of(opened(sound.size))
    assert not why
    count = round(sound.seconds) // 6
    for number in range(7, count, count // 12):
        sound.requests.clear()
        assert len(segment(sound.size, plan, number)) > 50_000
        assert len(sound.requests) <= 14 and sound.bytes_read <= 4 * 1024**2


def test_segments_in_the_middle_are_right_to_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Long(long_oggs.short(films.Chirp()), 60)
    monkeypatch.setattr(ranged, "read_range", sound.read)
    data = sound.read("", "", 0, sound.size)
    rate, first, whole = streams.samples(data, "ogg")
    found = streams.Stream(data, OGG)
    cuts = found.plan.rung("a0").cuts
    init = found.get("av/a0-init.mp4")
    for number in (20, 50, 70, len(cuts) - 3):
        pair = init + found.segment("a0", number) + found.segment("a0", number + 1)
        _, begins, heard = streams.samples(pair)
        around = range(cuts[number + 1] - 1024, cuts[number + 1] + 1024)
        here, *beside = (error(heard, begins, whole, first - late, around) for late in (0, -1, 1))
        assert rate == 48_000 and here < min(0.01, *beside), number


def error(heard: array[float], begins: int, whole: array[float], first: int, places: range) -> float:
    """The difference, as a share of the sound's own power."""
    differs = sum((heard[each - begins] - whole[each - first]) ** 2 for each in places)
    return differs / sum(whole[each - first] ** 2 for each in places)


@pytest.mark.parametrize("time", [-1, 0, 2**62, -(2**62)])
def test_pages_whose_times_lie_are_bounded(time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of those in the middle of the sound."""
    sound = Long(long_oggs.short(), 400)
    data = io.BytesIO(sound.read("", "", 0, sound.size))
    pages = list(long_oggs.pages(data.getvalue()))
    for number in range(len(pages) // 4, 3 * len(pages) // 4):
        pages[number] = long_oggs.with_checksum(pages[number][:6] + struct.pack("<q", time) + pages[number][14:])
    hostile = b"".join(pages)
    requests: list[int] = []

    def read(key: str, version_id: str, first: int, length: int) -> bytes:
        requests.append(length)
        return hostile[first : first + length]

    monkeypatch.setattr(ranged, "read_range", read)
    plan, why = stream.plan_of(opened(len(hostile)))
    assert not why
    for number in (0, 300, 660):
        requests.clear()
        assert segment(len(hostile), plan, number)
        assert sum(requests) <= len(hostile) * 2 and len(requests) < 200
