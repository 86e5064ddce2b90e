"""AVI files of several parts (OpenDML), above 1 GB: what is fetched of them, and that they play."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, cast

import pytest

from chalicelib.facts import VideoInfo
from chalicelib.model import Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import hls, indexes, posters
from chalicelib.processing.media.on_demand import MOST_READ
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests import avis
from tests import hls as streams

pytestmark = pytest.mark.usefixtures("media")

AVI = "video/x-msvideo"


class Made(dict[str, bytes]):
    def emit(self, rendition: Rendition, body: bytes) -> None:
        self[rendition.basename] = body


def opened(film: avis.Long, budget: int) -> Source:
    data = ranged.Ranged("key", str(film.size), film.size, budget)
    return Source(AVI, film.size, cast(BinaryIO, data), "a film")


def test_a_film_of_hours_in_several_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    short = avis.short()
    film = avis.Long(short, 5, 900_000_000 // len(short))
    seconds = film.seconds(avis.SECONDS)
    assert film.size > 4 * 1024**3 and film.index_size > 10_000_000
    monkeypatch.setattr(ranged, "read_range", film.read)
    monkeypatch.setattr(ranged, "_kept", type(ranged._kept)())
    processor = processor_of(AVI)
    source, made = opened(film, processor.by_ranges), Made()
    found = processor.process(source, Order(RECIPES["photo"], 1024**3), made.emit)
    assert isinstance(found.info, VideoInfo)
    assert found.warnings == ()
    assert found.info.duration == pytest.approx(seconds, abs=1)
    assert (found.info.width, found.info.height, found.info.frame_rate) == (96, 64, 25.0)
    assert {"poster.webp", "preview.webp", "hls.m3u8"} <= made.keys()
    assert isinstance(source.data, ranged.Ranged)
    assert film.index_size <= source.data.kept_bytes < film.index_size + 1000, "the index was fetched once"
    assert source.data.read_bytes < posters.ALL_BYTES, "and the rest as for a short film"

    last = len(made["av/v64.m3u8"].split(b"#EXTINF")) - 2
    for number in (0, last // 3, last - 1):
        film.requests.clear()
        wanted = media_names.read(f"av/v64-{number}.m4s")
        assert wanted
        body, _ = hls.make(opened(film, MOST_READ), made["av/plan.json"], wanted)
        assert film.bytes_read <= 4 * 1024**2 and len(film.requests) <= 12, "the index is still in memory"
        numbers = [each for _, each in streams.pictures(made_init(film, made, "v64") + body)]
        assert numbers == [each % 200 for each in range(150 * number, 150 * number + 150)]


def made_init(film: avis.Long, made: Made, rung: str) -> bytes:
    wanted = media_names.read(f"av/{rung}-init.mp4")
    assert wanted
    return hls.make(opened(film, MOST_READ), made["av/plan.json"], wanted)[0]


def test_the_indexes_of_all_parts_are_found() -> None:
    film = avis.Long(avis.short(1), 3, 2)
    data = film.whole()
    found = indexes.find(io.BytesIO(data), len(data), "avi")
    parts = [(found.start, found.length), *found.more]
    assert len(parts) == 3, "those of the picture and of the sound are neighbours"
    assert all(data[start : start + 4] == b"ix00" for start, _ in parts)
    assert film.index_size <= sum(length for _, length in parts) <= film.index_size + 24


def test_indexes_of_nonsense_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    film = avis.Long(avis.short(1), 3, 2)
    data = film.whole()
    at = data.index(b"indx") + 8
    for place, length in ((len(data), 100), (2**63, 100), (100, 2**32 - 1), (100, 0)):
        lies = data[: at + 24] + struct.pack("<QI", place, length) + data[at + 36 :]
        assert indexes.find(io.BytesIO(lies), len(lies), "avi") == indexes.Index()
    many = data[: at + 4] + struct.pack("<I", 2**32 - 1) + data[at + 8 :]
    assert indexes.find(io.BytesIO(many), len(many), "avi").length, "no more are read than the chunk has"
    monkeypatch.setattr(indexes, "LARGEST", 1000)
    assert indexes.find(io.BytesIO(data), len(data), "avi") == indexes.Index()


def test_an_index_that_names_itself_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one of a thousand million packets."""
    film = avis.Long(avis.short(1), 3, 2)
    data = film.whole()
    at = data.index(b"indx")
    loop = data[: at + 32] + struct.pack("<QI", at, 100) * 3 + data[at + 32 + 36 :]
    film.entries = 2**32 - 1
    film._build()
    for hostile in (loop, film.whole()):
        monkeypatch.setattr(ranged, "read_range", lambda _, __, first, length, of=hostile: of[first : first + length])
        data = ranged.Ranged("key", str(len(hostile)), len(hostile), processor_of(AVI).by_ranges)  # type: ignore[assignment]
        made = Made()
        source = Source(AVI, len(hostile), cast(BinaryIO, data), "a film")
        found = processor_of(AVI).process(source, Order(RECIPES["photo"], 1024**3), made.emit)
        assert isinstance(found.info, VideoInfo)
