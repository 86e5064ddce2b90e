"""The bytes that are fetched of a long film, by ranges as in S3: facts, poster and preview together."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, BinaryIO, cast

import pytest

from chalicelib.facts import VideoInfo
from chalicelib.model import Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import posters
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests import films

pytestmark = pytest.mark.usefixtures("media")

GOAL = 10_000_000


class Found(dict[str, Rendition]):
    """The renditions by their names."""

    def emit(self, rendition: Rendition, body: bytes) -> None:
        self[rendition.basename] = rendition


class Spread:
    """A film whose chunks lie over `size` bytes, its index at the end. Between them are zeros that nobody stores."""

    def __init__(self, film: bytes, size: int) -> None:
        end = film.index(b"moov") - 4
        head = film.index(b"mdat") - 4
        assert film[head - 4 : head] == b"free", "it has room for a length of 64 bits"
        starts = sorted(_offsets(film[end:]))
        assert starts[0] == head + 8
        gap = size // (len(starts) - 1)
        moved = {start: start + number * gap for number, start in enumerate(starts)}
        self._parts = [(moved[start], film[start:stop]) for start, stop in pairwise([*starts, end])]
        after = moved[starts[-1]] + end - starts[-1]
        self._parts.append((0, film[: head - 8] + struct.pack(">I4sQ", 1, b"mdat", after - head + 8)))
        index = _rebuilt(film[end:], moved)
        self._parts.append((after, index))
        self.size = after + len(index)

    def read(self, key: str, version_id: str, first: int, length: int) -> bytes:
        found = bytearray(length)
        for start, part in self._parts:
            begin, end = max(start, first), min(start + len(part), first + length)
            if begin < end:
                found[begin - first : end - first] = part[begin - start : end - start]
        return bytes(found)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size]
        at += size


_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def _offsets(boxes: bytes) -> Iterator[int]:
    """The places of all chunks."""
    for kind, body in _boxes(boxes):
        if kind in _CONTAINERS:
            yield from _offsets(body)
        elif kind == b"stco":
            yield from struct.unpack(f">{len(body) // 4 - 2}I", body[8:])


def _rebuilt(boxes: bytes, moved: dict[int, int]) -> bytes:
    """The same index with the chunks elsewhere, at places of 64 bits."""
    made = b""
    for kind, body in _boxes(boxes):
        if kind in _CONTAINERS:
            body = _rebuilt(body, moved)
        elif kind == b"stco":
            places = [moved[place] for place in struct.unpack(f">{len(body) // 4 - 2}I", body[8:])]
            kind, body = b"co64", body[:8] + struct.pack(f">{len(places)}Q", *places)
        made += struct.pack(">I4s", len(body) + 8, kind) + body
    return made


def test_a_film_of_5_gb_needs_a_few_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    size = (96, 64)

    def paint(time: int) -> Any:
        return films.quarters(size) if time > 300 else films.flat(size, (0, 0, 0))

    def keys(stream: Any) -> None:
        stream.codec_context.gop_size = 50

    film = Spread(films.film(size=size, times=range(1000), paint=paint, picture=keys), 5_000_000_000)
    assert film.size > 5_000_000_000
    monkeypatch.setattr(ranged, "read_range", film.read)
    processor = processor_of("video/mp4")
    data = ranged.Ranged("key", "version", film.size, processor.by_ranges)
    found = Found()
    source = Source("video/mp4", film.size, cast(BinaryIO, data), "a film")
    made = processor.process(source, Order(RECIPES["photo"], 1024**3), found.emit)
    assert isinstance(made.info, VideoInfo)
    assert (made.info.duration, made.info.width) == (40.0, 96)
    assert made.warnings == ()
    assert made.info.poster_time
    assert made.info.poster_time > 12, "the black at the beginning was looked at, too"
    assert {"poster.webp", "preview.webp", "w96.webp"} <= found.keys()
    assert found["preview.webp"].duration == pytest.approx(3.0, abs=0.2)
    assert data.read_bytes <= posters.ALL_BYTES < GOAL
    assert data.read_bytes > 1024**2


def test_a_film_that_allows_no_more_bytes_shows_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The poster is there, and of the preview as much as could be read."""
    film = Spread(films.film(times=range(1000), paint=lambda _: films.quarters((64, 48))), 5_000_000_000)
    monkeypatch.setattr(ranged, "read_range", film.read)
    monkeypatch.setattr(posters, "ALL_BYTES", 2_400_000)
    data = ranged.Ranged("key", "version", film.size, 10 * 1024**2)
    found = Found()
    made = processor_of("video/mp4").process(
        Source("video/mp4", film.size, cast(BinaryIO, data), "a film"),
        Order(RECIPES["photo"], 1024**3),
        found.emit,
    )
    assert made.warnings == ()
    assert "poster.webp" in found
    assert data.read_bytes <= 2_400_000 + ranged.BLOCK


def test_a_film_whose_pictures_took_all_bytes_plays_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of 12 Mbit/s had no stream: nothing was left for its plan."""
    processor = processor_of("video/mp4")
    film = Spread(films.film(times=range(1000), paint=lambda _: films.quarters((64, 48))), 5_000_000_000)
    data = ranged.Ranged("key", "version", film.size, processor.by_ranges)

    def take_all(*_: Any, **__: Any) -> posters.Pictures:
        data.read_bytes = processor.by_ranges
        data._blocks.clear()
        return posters.Pictures()

    monkeypatch.setattr(ranged, "read_range", film.read)
    monkeypatch.setattr(posters, "of_film", take_all)
    found = Found()
    source = Source("video/mp4", film.size, cast(BinaryIO, data), "a film")
    made = processor.process(source, Order(RECIPES["photo"], 1024**3), found.emit)
    assert made.warnings == ()
    assert {"hls.m3u8", "av/plan.json"} <= found.keys()
