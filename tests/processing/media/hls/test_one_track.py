"""A segment is the same whether FFmpeg sees all tracks of an MP4, or the segment's own one only."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.processing.media import indexes, one_track
from chalicelib.processing.media.engine import MOV
from chalicelib.processing.media.hls import child
from chalicelib.processing.media.hls.opening import opened
from tests import films, hls, hostile_films, origins
from tests.films import Chirp
from tests.hostile_films import Box


def film(*sounds: dict[str, str], **more: Any) -> bytes:
    given: dict[str, Any] = {"size": (96, 64), "times": range(140), "rate": 10, "sing": Chirp()}
    return films.film("mp4", **given | {"draw": films.numbered, "sounds": sounds} | more)


FILMS: dict[str, Callable[[], bytes]] = {
    "one sound": lambda: film({}),
    "three sounds": lambda: film({"language": "eng"}, {"language": "deu"}, {"language": "fra"}),
    "silent": film,
    "index first": lambda: films.faststart(film({})),
    "late sound": lambda: film({}, sing=Chirp(start=2)),
    **{
        name: lambda name=name: origins.film(origins.ORIGINS[name])  # type: ignore[misc]
        for name in ("phone held upright", "one key picture in ten seconds", "cinema sound")
    },
}


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("name", FILMS)
def test_segments_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hls.Stream(FILMS[name]())
    assert made.plan.rungs
    for rung in {(rung.sort, rung.stream): rung for rung in reversed(made.plan.rungs)}.values():
        parts = [f"av/{rung.name}-init.mp4", f"av/{rung.name}-0.m4s", f"av/{rung.name}-{rung.count - 1}.m4s"]
        alone = list(map(made.get, parts))
        with monkeypatch.context() as patch:
            patch.setattr(one_track, "only", lambda data, *_: data)
            assert list(map(made.get, parts)) == alone


@pytest.mark.usefixtures("in_process")
def test_ffmpeg_sees_one_track(monkeypatch: pytest.MonkeyPatch) -> None:
    made = hls.Stream(FILMS["three sounds"]())
    seen = []

    def counted(*arguments: Any, **more: Any) -> Any:
        container = opened(*arguments, **more)
        seen.append(len(container.streams))
        return container

    monkeypatch.setattr(child, "opened", counted)
    for rung in made.plan.rungs:
        made.segment(rung.name, 0)
    assert seen == [1] * len(made.plan.rungs)


@pytest.mark.usefixtures("in_process")
def test_a_plan_of_the_release_before_has_no_numbers_of_tracks() -> None:
    made = hls.Stream(FILMS["three sounds"]())
    names = [f"av/{rung.name}-1.m4s" for rung in made.plan.rungs]
    expected = list(map(made.get, names))
    old = json.loads(made.made["av/plan.json"])
    for rung in old["rungs"]:
        assert rung["settings"].pop("track")
    made.made["av/plan.json"] = json.dumps(old).encode()
    assert list(map(made.get, names)) == expected


def index_of(data: bytes) -> tuple[int, int]:
    found = indexes.find(io.BytesIO(data), len(data), "mov")
    return found.start, found.length


def tracks(data: BinaryIO) -> list[int]:
    with opened(data, MOV) as container:
        return [each.id for each in container.streams]


def test_the_others_are_hidden() -> None:
    data = film({}, {})
    assert tracks(io.BytesIO(data)) == [1, 2, 3]
    for number in (1, 2, 3):
        assert tracks(one_track.only(io.BytesIO(data), index_of(data), number)) == [number]


def _without_numbers(root: Box) -> None:
    for each in root.all(b"trak"):
        each.remove(b"tkhd")


def _same_numbers(root: Box) -> None:
    for each in root.all(b"tkhd"):
        each.body = each.body[:12] + (1).to_bytes(4) + each.body[16:]


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (lambda: film({}), 9),
        (lambda: film({}), None),
        (lambda: hostile_films.changed(_same_numbers, film({})), 1),
        (lambda: hostile_films.changed(_without_numbers, film({})), 1),
        (film, 1),
    ],
    ids=["no such number", "no number", "one number twice", "no numbers", "one track"],
)
def test_a_file_is_left_as_it_is(data: Any, number: int | None) -> None:
    body = data()
    given = io.BytesIO(body)
    assert one_track.only(given, index_of(body), number) is given
    assert given.tell() == 0


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_an_index_that_ends_too_early(cut: int) -> None:
    body = film({})
    start, length = index_of(body)
    given = io.BytesIO(body[: start + cut])
    assert one_track.only(given, (start, length), 1).read() in (given.getvalue(), hidden(given.getvalue()))


def hidden(data: bytes) -> bytes:
    """The second track of two under another name."""
    first = data.find(b"trak")
    return data[: first + 4] + data[first + 4 :].replace(b"trak", b"free")


@given(st.data())
def test_any_read_sees_the_other_name(drawn: st.DataObject) -> None:
    places = sorted(drawn.draw(st.sets(st.integers(0, 9), max_size=3)))
    body = b"".join(b"trak" if number in places else b"____" for number in range(10))
    read = one_track._OneTrack(io.BytesIO(body), [4 * number for number in places])
    expected = body.replace(b"trak", b"free")
    at = read.seek(drawn.draw(st.integers(0, 45)))
    for size in drawn.draw(st.lists(st.integers(0, 20), max_size=6)):
        assert read.read(size) == expected[at : at + size]
        at = min(at + size, max(at, len(body)))
        assert read.tell() == at
