"""Segments of a film's own packets that are too large for an answer: they are stored before a playlist names them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, BinaryIO

import pytest

from chalicelib.model import PermanentFault
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError
from chalicelib.processing.media.hls import cuts, source_rung, stream
from tests import apple_rules, films, hls

pytestmark = pytest.mark.usefixtures("in_process", "small_answers")

MOST = 3000  # bytes of an answer here


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_rung, "_COPIED", MOST - 500)
    monkeypatch.setattr(source_rung, "MOST_BYTES", MOST)


def film(form: str = "mp4", *, busy: Callable[[int], bool] = lambda second: second in (3, 8)) -> bytes:
    """Fourteen seconds with a key picture each second. Where it is `busy`, a second has more bytes than an answer."""

    def draw(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> Any:
        frame = films.numbered(size, pixels, time, base)
        if busy(int(time * base)):
            plane = frame.planes[1]
            plane.update(bytes((number * (time + 7) * 7919 >> 4) & 255 for number in range(plane.buffer_size)))
        return frame

    return films.film(
        form,
        size=(128, 96),
        times=range(140),
        rate=10,
        draw=draw,
        sounds=(),
        picture=lambda track: setattr(track, "options", {"g": "10", "x264-params": "scenecut=0", "crf": "18"}),
    )


@pytest.mark.parametrize("form", ["mp4", "matroska"])
def test_they_are_stored_with_the_playlists(form: str) -> None:
    data = film(form)
    made = hls.Stream(data, "video/mp4" if form == "mp4" else "video/x-matroska")
    rung = made.plan.rung("source")
    large = rung.settings["large"]
    assert form == "matroska" or 0 < len(large) < rung.count, "clusters tell only roughly how large a segment is"
    stored = {name for name in made.made if name.startswith("av/source-")}
    assert stored == {f"av/source-{number}.m4s" for number in large}
    assert "av/source.m3u8" in made.get("hls.m3u8").decode()
    assert not made.warnings
    for number in range(rung.count):
        assert number in large or len(made.segment("source", number)) <= MOST
    assert max(len(made.segment("source", number)) for number in large) > MOST
    assert [number for _, number in made.pictures("source")] == list(range(140))


def test_playlists_say_their_bit_rate() -> None:
    apple_rules.check_master(hls.Stream(film()).get)


def names(made: hls.Stream) -> list[str]:
    return [rung.name for rung in made.plan.rungs]


def check_without(made: hls.Stream) -> None:
    """The film plays without its own rung."""
    assert not made.warnings
    assert "source" not in names(made) and len(names(made)) > 1
    assert "source" not in made.get("hls.m3u8").decode() and "av/source.m3u8" not in made.made
    apple_rules.check_master(made.get)


def test_too_many_bytes_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    (first, second) = (len(body) for name, body in hls.Stream(film()).made.items() if name.startswith("av/source-"))
    monkeypatch.setattr(source_rung, "MOST_STORED", first + second - 1)
    check_without(hls.Stream(film()))


def test_one_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LARGE_SECONDS", -1)
    check_without(hls.Stream(film()))


@pytest.mark.parametrize("why", ["it took too long", "LyingIndexError"])
def test_one_that_can_not_be_made(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(module: str, source: BinaryIO, size: int, arguments: dict[str, Any], limits: Any) -> Any:
        if arguments["do"] == "segment" and arguments["rung"]["sort"] == "copy":
            raise ChildDiedError(why)
        return hls.here(module, source, size, arguments, limits)

    monkeypatch.setattr(child, "run_on", run)
    check_without(hls.Stream(film()))


def test_nothing_is_stored_of_a_film_whose_segments_fit() -> None:
    made = hls.Stream(film(busy=lambda _: False))
    assert "large" not in made.plan.rung("source").settings
    assert not [name for name in made.made if name.endswith(".m4s")]


def test_an_answer_never_has_more_bytes_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    made = hls.Stream(film())
    monkeypatch.setattr(stream, "MOST_BYTES", MOST)
    number = made.plan.rung("source").settings["large"][0]
    del made.made[f"av/source-{number}.m4s"]
    with pytest.raises(PermanentFault) as caught:
        made.segment("source", number)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("before", "alone", "expected"),
    [
        ([0, 4, 8, 12], 0, [0, 2, 3]),
        ([0, 4, 19, 23], 0, None),
        ([0, 4, 19, 23], 15, [0, 1, 2, 3]),
        ([0, 4, 19, 23], 14, None),
        ([0, 19, 38, 57], 19, [0, 1, 2, 3]),
    ],
)
def test_an_interval_that_is_too_large_is_a_segment_by_itself(
    before: list[int], alone: int, expected: list[int] | None
) -> None:
    assert cuts.at_keys([0, 2, 4], before, 6, 4, 9, 12, alone=alone) == expected
