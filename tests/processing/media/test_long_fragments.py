"""Fragmented MP4 above 2 GiB, as OBS and cameras record it: what is fetched, and that each picture is there once."""

from __future__ import annotations

from typing import BinaryIO, cast

import pytest

from chalicelib.facts import VideoInfo
from chalicelib.model import Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import fragments, hls, posters
from chalicelib.processing.media.hls import stream
from chalicelib.processing.media.on_demand import MOST_READ
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests import hls as streams
from tests import long_fragments
from tests.long_fragments import SECONDS, Long

pytestmark = pytest.mark.usefixtures("media")

MP4 = "video/mp4"


class Made(dict[str, bytes]):
    def emit(self, rendition: Rendition, body: bytes) -> None:
        self[rendition.basename] = body


def opened(film: Long, budget: int) -> Source:
    data = ranged.Ranged("key", str(film.size), film.size, budget)
    return Source(MP4, film.size, cast(BinaryIO, data), "a film")


@pytest.mark.parametrize("listed", [True, False], ids=["mfra", "chain"])
def test_a_recording_of_gigabytes(listed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    film = Long(long_fragments.short(), 150, 4_000_000, listed=listed)
    assert film.size > stream.MOST_SCANNED and len(film.fragments) == 600
    monkeypatch.setattr(ranged, "read_range", film.read)
    monkeypatch.setattr(ranged, "_kept", type(ranged._kept)())
    processor = processor_of(MP4)
    source, made = opened(film, processor.by_ranges), Made()
    found = processor.process(source, Order(RECIPES["photo"], 1024**3), made.emit)
    assert isinstance(found.info, VideoInfo)
    assert found.warnings == ()
    assert found.info.duration == pytest.approx(film.seconds, abs=0.5)
    assert {"poster.webp", "preview.webp", "hls.m3u8", "av/source.m3u8"} <= made.keys()
    assert isinstance(source.data, ranged.Ranged)
    assert len(film.requests) < 700 and film.bytes_read < 2 * posters.ALL_BYTES
    assert source.data.read_bytes < posters.ALL_BYTES

    for rung in ("v64", "source"):
        last = len(made[f"av/{rung}.m3u8"].split(b"#EXTINF")) - 2
        assert last + 1 == film.seconds // 6
        for number in (0, last // 3, last):
            film.requests.clear()
            head, body = (part(film, made, f"av/{rung}-{each}") for each in ("init.mp4", f"{number}.m4s"))
            assert film.bytes_read < 8 * 1024**2 and len(film.requests) < 20
            numbers = [each for _, each in streams.pictures(head + body)]
            assert numbers == [each % (SECONDS * 25) for each in range(150 * number, 150 * number + 150)], rung


def part(film: Long, made: Made, name: str) -> bytes:
    wanted = media_names.read(name)
    assert wanted
    return hls.make(opened(film, MOST_READ), made["av/plan.json"], wanted)[0]


def test_fragments_are_asked_for_at_once_where_they_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    fetch = ranged.Ranged.fetch

    def counted(self: ranged.Ranged, *parts: tuple[int, int]) -> list[bytes]:
        asked.append(len(parts))
        return fetch(self, *parts)

    monkeypatch.setattr(ranged.Ranged, "fetch", counted)
    for listed, least, most in ((True, 5, 20), (False, 600, 620)):
        film = Long(long_fragments.short(), 150, 4_000_000, listed=listed)
        monkeypatch.setattr(ranged, "read_range", film.read)
        asked.clear()
        pieces = fragments.find(opened(film, 0).data, film.size)
        assert pieces and [at for at, body in pieces if body[4:8] == b"moof"] == film.fragments
        assert least <= len(asked) <= most


def test_fragments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    film = Long(long_fragments.short(), 3, 1000)
    monkeypatch.setattr(ranged, "read_range", film.read)
    assert fragments.find(opened(film, 0).data, film.size)
    for bound, value in (("MOST_BOXES", 5), ("LARGEST", 5000), ("SECONDS", -1), ("MOST_READ", 20_000)):
        with monkeypatch.context() as changed:
            changed.setattr(fragments, bound, value)
            assert fragments.find(opened(film, 0).data, film.size) is None


def planned(data: bytes, monkeypatch: pytest.MonkeyPatch) -> streams.Stream:
    """The stream of a small recording that is taken for a large one."""
    monkeypatch.setattr(stream, "MOST_SCANNED", 1000)
    return streams.Stream(data, MP4)


def test_the_same_stream_as_of_a_recording_that_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    data = long_fragments.short()
    scanned = streams.Stream(data, MP4)
    assert planned(data, monkeypatch).made == scanned.made


def test_a_recording_that_ended_early(monkeypatch: pytest.MonkeyPatch) -> None:
    data = long_fragments.short()
    cut = data[: data.rindex(b"moof", 0, -2000) + 2500]
    found = planned(cut, monkeypatch)
    assert not found.warnings and found.plan.duration == pytest.approx(6, abs=0.1), "without its last fragment"
    assert [number for _, number in found.pictures("v64")] == list(range(150))


def changed(data: bytes, kind: bytes, at: int, value: bytes, last: bool = True) -> bytes:
    """Other bytes in a box, from the byte `at` of its content on."""
    place = (data.rindex(kind) if last else data.index(kind)) + 4 + at
    return data[:place] + value + data[place + len(value) :]


@pytest.mark.parametrize(
    ("kind", "at", "value"),
    [
        (b"trun", 4, b"\xff\xff\xff\xff"),
        (b"trun", 0, b"\0\0\0\1\xff\xff\xff\xff"),
        (b"trun", 8, b"\x7f\xff\xff\xff"),
        (b"trun", 12, b"\x7f\xff\xff\xff"),
        (b"tfdt", 4, b"\x7f" + bytes(7)),
        (b"tfhd", 4, bytes(4)),
        (b"tfhd", 0, bytes(4)),
    ],
    ids=["rows", "rows without bytes", "place", "size", "time", "no track", "from the last"],
)
def test_fragments_that_lie(kind: bytes, at: int, value: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no stream, or one whose parts can be made."""
    found = planned(changed(long_fragments.short(), kind, at, value), monkeypatch)
    if found.warnings:
        assert [each.code for each in found.warnings] == ["no_stream"]
        return
    for rung in found.plan.rungs:
        for number in range(min(rung.count, 2)):
            assert found.segment(rung.name, number)


def test_lists_of_fragments_that_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    data = long_fragments.short()
    honest = planned(data, monkeypatch).made
    end = data.rindex(b"mfro")
    for lie in (
        changed(data, b"mfro", 4, b"\xff\xff\xff\xff"),
        changed(data, b"mfro", 4, bytes(4)),
        changed(data, b"tfra", 12, b"\xff\xff\xff\xff"),
        changed(data, b"tfra", 16, b"\xff" * 60),
        data[: end - 4] + data[end + 12 :],
    ):
        assert planned(lie, monkeypatch).made == honest
