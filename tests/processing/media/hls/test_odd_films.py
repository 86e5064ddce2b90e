"""Films as cameras, editors and converters write them, through their whole processor and to their last segment."""

from __future__ import annotations

import io
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import av
import pytest

from bench.media import ours
from chalicelib.facts import AudioInfo, VideoInfo
from chalicelib.processing.kinds import Made, Order, processor_of
from chalicelib.processing.media.hls.plan import Rung
from chalicelib.renditions.recipes import RECIPES
from tests import apple_rules, films, hls, odd_films
from tests.odd_films import ODD

pytestmark = pytest.mark.usefixtures("media", "in_process")

_MOV = "video/quicktime"

NUMBERS_ARE_LOST = ("phone held upright", "a burst")
"""Films that are turned, or whose pictures are too rough to read numbers from."""


class Whole(hls.Stream):
    """What the processor makes of a file, with its stream. `result` is what it says."""

    result: Made

    def __init__(self, data: bytes, content_type: str) -> None:
        super().__init__(data, content_type)
        self.made.clear()
        order = Order(RECIPES["photo"], 1769 * 1024**2)
        self.result = processor_of(content_type).process(self.source, order, self._emit)


@cache
def whole(name: str) -> Whole:
    odd = ODD[name]
    return Whole(odd.make(), odd.content_type)


def own_pictures(data: bytes) -> list[tuple[Fraction, int]]:
    """(seconds, number) of each picture that a player shows, by FFmpeg's own reading."""
    container: Any
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        found = [(frame.pts * frame.time_base, films.number(frame)) for frame in container.decode(stream)]
    return sorted(found)


@pytest.mark.parametrize("name", ODD)
def test_it_plays_and_nothing_is_wrong(name: str) -> None:
    film = whole(name)
    info = film.result.info
    assert isinstance(info, VideoInfo | AudioInfo)
    assert film.result.warnings == ()
    assert info.duration == pytest.approx(film.plan.duration, abs=0.2)
    assert film.result.preview
    sorts = dict.fromkeys(rung.sort for rung in film.plan.rungs if rung.sort != "key")
    assert " ".join(sorts) == ODD[name].rungs
    apple_rules.check_master(film.get)


def _rungs(film: Whole, name: str) -> list[tuple[Rung, int]]:
    """The rungs of pictures, and of how many pictures each has one."""
    thinned = ODD[name].thinned
    return [(rung, thinned if rung.sort == "picture" else 1) for rung in film.plan.of("picture", "copy")]


@pytest.mark.parametrize("name", [name for name in ODD if name not in NUMBERS_ARE_LOST and "cut off" not in name])
def test_each_picture_is_there_at_its_time(name: str) -> None:
    """In a gap the picture before is repeated, and the first one is shown from the stream's beginning."""
    film = whole(name)
    own = own_pictures(film.source.data.getvalue())  # type: ignore[attr-defined]  # it is a BytesIO
    begin = Fraction(*film.plan.zero)
    close = Fraction(2, 1000) if "Matroska" in name or name == "odd titles" else Fraction(1, 5000)
    for rung, thinned in _rungs(film, name):
        wanted = [(time - begin, number) for time, number in own][::thinned]
        shown = film.pictures(rung.name)
        times = [time for time, _ in wanted]
        new = [each for place, each in enumerate(shown) if place == 0 or each[1] != shown[place - 1][1]]
        assert [number for _, number in new] == [number for _, number in wanted], rung.name
        for (time, _), (expected, _) in list(zip(new, wanted, strict=True))[1:]:
            assert abs(time - expected) <= close, rung.name
        for time, number in shown:
            place = max(0, bisect_left(times, time + close) - 1)
            assert wanted[place][1] == number, f"{rung.name}: another picture at {float(time)}"


@pytest.mark.parametrize("name", [name for name in ODD if "cut off" in name])
def test_a_film_that_is_cut_off_has_all_pictures_until_then(name: str) -> None:
    film = whole(name)
    for rung in film.plan.of("picture", "copy"):
        numbers = [number for _, number in film.pictures(rung.name)]
        kept = len(numbers) - 3  # of the last ones, one may be shown by another that is lost
        assert numbers[:kept] == list(range(kept))
        assert len(numbers) == pytest.approx(film.plan.duration * odd_films.RATE, abs=2)


@pytest.mark.parametrize("name", ODD)
def test_lists_say_how_long_segments_are(name: str) -> None:
    """A picture may come a little before or after a boundary; lengths of a whole segment are never wrong."""
    film = whole(name)
    for rung in film.plan.rungs:
        for number, (seconds, _) in enumerate(film.playlist(rung.name).segments):
            of = apple_rules.timing(film.segment(rung.name, number))
            assert (of.end - of.start) / rung.scale == pytest.approx(seconds, abs=0.5), f"{rung.name} {number}"
            assert of.start / rung.scale == pytest.approx(rung.cuts[number] / rung.scale, abs=0.5)


@pytest.mark.parametrize("name", ODD)
def test_its_sound_lasts_as_long(name: str) -> None:
    film = whole(name)
    for rung in film.plan.of("sound", "sound_copy")[:2]:
        rate, first, found = hls.samples(film.joined(rung.name))
        assert (first + len(found)) / rate == pytest.approx(film.plan.duration, abs=0.15)
        assert max(map(abs, found)) > 0.1


def test_tags_that_are_no_utf8_are_read_as_windows_has_them() -> None:
    for form, content_type, codec in (
        ("avi", "video/x-msvideo", "mpeg4"),
        ("matroska", "video/x-matroska", "libx264"),
        ("mp4", "video/mp4", "libx264"),
    ):
        sounds = ({"title": "Gruesse"},)
        data = odd_films.film(form, 1, codec=codec, sound_codec="ac3", tags={"title": "Gruesse"}, sounds=sounds)
        film = Whole(odd_films.renamed(data, b"Gruesse", odd_films.LATIN), content_type)
        assert isinstance(film.result.info, VideoInfo)
        assert film.result.info.title == "Grüßexx"
        assert film.result.warnings == ()
        if form == "matroska":
            assert 'NAME="Grüßexx"' in film.get("hls.m3u8").decode()


def test_titles_of_tracks_are_names_that_players_take() -> None:
    lines = whole("odd titles").get("hls.m3u8").decode().split("\n")
    names = [apple_rules.attributes(line)["NAME"] for line in lines if "TYPE=AUDIO" in line]
    assert names == ["a 'b',c=d", "\U0001f600 family", "English", "English 2", "x" * 100]


def test_players_are_told_hvc1() -> None:
    """Safari plays no `hev1`."""
    for name in ("hvc1", "hev1"):
        film = whole(name)
        assert film.plan.rung("source").codec.startswith("hvc1.")
        assert b"hvc1" in film.get("av/source-init.mp4") and b"hev1" not in film.get("av/source-init.mp4")


@dataclass
class Kept:
    """A film as an object of S3."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, first: int, length: int) -> bytes:
        return self.data[first : first + length]


def test_a_film_of_large_pictures_has_a_stream() -> None:
    """The first twelve would have 50 MB, more than its plan may read."""
    size, form = (1920, 1080), "uyvy422"
    picture = bytes(films.quarters(size).reformat(format=form).planes[0])

    def paint(time: int) -> av.VideoFrame:
        frame = av.VideoFrame(*size, form)
        frame.planes[0].update(picture)
        return frame

    film = ours.Film(Kept(odd_films.film("mov", 1.4, size=size, codec="rawvideo", pixels=form, paint=paint)), _MOV)
    film.process()
    assert {rung.name for rung in film.plan.of("picture")} == {"v240", "v360", "v480", "v720", "v1080"}


def test_a_film_of_8_hours_has_its_last_picture() -> None:
    picture = odd_films.options(preset="ultrafast")
    data = odd_films.film(rate=1, times=range(8 * 3600), sounds=(), size=(96, 16), picture=picture)
    stream = hls.Stream(data)
    rung = stream.plan.rung("v16")
    assert (rung.count, stream.plan.duration) == (4800, 28_800)
    numbers = [number for _, number in hls.pictures(stream.alone("v16", rung.count - 1))]
    assert numbers == [number % (1 << films.BITS) for number in range(8 * 3600 - 6, 8 * 3600)]
