"""Films of hours: what is fetched of them, by ranges as in S3, and that they play."""

from __future__ import annotations

from typing import BinaryIO, cast

import pytest

from chalicelib.facts import VideoInfo
from chalicelib.model import Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import hls, posters
from chalicelib.processing.media.on_demand import MOST_READ
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests.long_films import SECONDS, Long, round_of

pytestmark = pytest.mark.usefixtures("media")


class Made(dict[str, bytes]):
    def emit(self, rendition: Rendition, body: bytes) -> None:
        self[rendition.basename] = body


def opened(film: Long, budget: int) -> Source:
    data = ranged.Ranged("key", str(film.seconds), film.size, budget)
    return Source("video/mp4", film.size, cast(BinaryIO, data), "a film")


@pytest.mark.parametrize(
    ("hours", "index_first"), [(2, False), (2, True), (10, False)], ids=["2h", "2h-index-first", "10h"]
)
def test_a_film_of_hours_is_described_shown_and_played(
    hours: int, index_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Long(round_of(), hours * 3600 // SECONDS, index_first=index_first)
    assert film.index_size > hours * 2_000_000
    monkeypatch.setattr(ranged, "read_range", film.read)
    monkeypatch.setattr(ranged, "_kept", type(ranged._kept)())
    processor = processor_of("video/mp4")
    source, made = opened(film, processor.by_ranges), Made()
    found = processor.process(source, Order(RECIPES["photo"], 1024**3), made.emit)
    assert isinstance(found.info, VideoInfo)
    assert found.warnings == ()
    assert found.info.duration == pytest.approx(hours * 3600, abs=1)
    assert {"poster.webp", "preview.webp", "hls.m3u8"} <= made.keys()
    assert isinstance(source.data, ranged.Ranged)
    assert source.data.kept_bytes == film.index_size, "the index was fetched once"
    assert source.data.read_bytes < posters.ALL_BYTES, "and the rest as for a short film"
    assert film.bytes_read == source.data.kept_bytes + source.data.read_bytes
    lengths = {len(made[f"av/{name}.m3u8"].split(b"#EXTINF")) - 1 for name in ("v64", "a0")}
    assert min(lengths) > hours * 590

    for name in ("source-0", "source-500", "v64-500", "a0-500"):
        film.requests.clear()
        wanted = media_names.read(f"av/{name}.m4s")
        assert wanted
        body, _ = hls.make(opened(film, MOST_READ), made["av/plan.json"], wanted)
        assert film.bytes_read <= 2 * 1024**2, "the index is still in memory"
        assert len(film.requests) <= 6
        assert len(body) > 1000
    ranged._kept.clear()
    film.requests.clear()
    hls.make(opened(film, MOST_READ), made["av/plan.json"], media_names.read("av/source-7.m4s"))  # type: ignore[arg-type]
    assert film.bytes_read <= film.index_size + 2 * 1024**2
