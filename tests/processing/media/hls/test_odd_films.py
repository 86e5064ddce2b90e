"""Films as cameras, editors and converters write them, through their whole processor and to their last segment."""

from __future__ import annotations

import io
from bisect import bisect_left
from fractions import Fraction
from typing import Any, cast

import av
import pytest

from bench.media import ours
from chalicelib.facts import AudioInfo, VideoInfo
from chalicelib.processing.kinds import Order, processor_of
from chalicelib.processing.media import engine
from chalicelib.processing.media import hls as hls_room
from chalicelib.renditions.recipes import RECIPES
from tests import apple_rules, films, hls, odd_films
from tests.odd_films import ODD, Odd

pytestmark = pytest.mark.usefixtures("media", "in_process")

ORDER = Order(RECIPES["photo"], 1769 * 1024**2)

NUMBERS_ARE_LOST = ("phone held upright", "a burst")
"""Films that are turned, or whose pictures are too rough to read numbers from."""


class Whole(hls.Stream):
    """A film as the processor makes it, with its stream. `result` is what it says. Each part is made once."""

    def __init__(self, data: bytes, content_type: str = "video/mp4") -> None:
        super().__init__(data, content_type)
        self.made.clear()
        self.parts: dict[str, bytes] = {}
        self.result = processor_of(content_type).process(self.source, ORDER, self._emit)

    def get(self, name: str) -> bytes:
        if name not in self.parts:
            self.parts[name] = super().get(name)
        return self.parts[name]


def film_of(name: str) -> Whole:
    return Whole(ODD[name].make(), ODD[name].content_type)


@pytest.mark.parametrize("name", ODD)
def test_it_plays_and_nothing_is_wrong(name: str) -> None:
    odd, film = ODD[name], film_of(name)
    info = film.result.info
    assert isinstance(info, VideoInfo | AudioInfo)
    assert film.result.warnings == ()
    assert info.duration == pytest.approx(film.plan.duration, abs=0.2)
    assert film.result.preview
    sorts = dict.fromkeys(rung.sort for rung in film.plan.rungs if rung.sort != "key")
    assert " ".join(sorts) == odd.rungs
    apple_rules.check_master(film.get)
    if "cut off" in name:
        check_that_pictures_are_whole(film)
    elif name not in NUMBERS_ARE_LOST:
        check_pictures(film, odd)
    check_lengths(film)
    check_sounds(film)
    check_that_one_child_finds_the_same_as_two(film)


def check_that_one_child_finds_the_same_as_two(film: Whole) -> None:
    """The facts, and the plan of a file with an index."""
    found, warnings = hls_room.facts(film.source, ORDER)
    plan = found.pop("plan", None)
    assert (found, warnings) == engine.facts(film.source)
    if not found["unindexed"] and engine.demuxer_of(film.source) == engine.MOV:
        assert plan == hls_room.prepare(film.source)
    else:
        assert plan is None


def own_pictures(data: bytes) -> list[tuple[Fraction, int]]:
    """(seconds, number) of each picture that a player shows, by FFmpeg's own reading."""
    container: Any
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        found = [(frame.pts * frame.time_base, films.number(frame)) for frame in container.decode(stream)]
    return sorted(found)


def check_pictures(film: Whole, odd: Odd) -> None:
    """Each picture is there once, at its time. In a gap the one before is repeated, and the first one is shown from the
    stream's beginning."""
    own = own_pictures(cast(io.BytesIO, film.source.data).getvalue())
    begin = Fraction(*film.plan.zero)
    close = Fraction(2, 1000) if odd.content_type == odd_films.MKV else Fraction(1, 5000)  # it has milliseconds
    for rung in film.plan.of("picture", "copy"):
        wanted = [(time - begin, number) for time, number in own][:: odd.thinned if rung.sort == "picture" else 1]
        shown = film.pictures(rung.name)
        times = [time for time, _ in wanted]
        new = [each for place, each in enumerate(shown) if place == 0 or each[1] != shown[place - 1][1]]
        assert [number for _, number in new] == [number for _, number in wanted], rung.name
        for (time, _), (expected, _) in list(zip(new, wanted, strict=True))[1:]:
            assert abs(time - expected) <= close, rung.name
        for time, number in shown:
            place = max(0, bisect_left(times, time + close) - 1)
            assert wanted[place][1] == number, f"{rung.name}: another picture at {float(time)}"


def check_that_pictures_are_whole(film: Whole) -> None:
    for rung in film.plan.of("picture", "copy"):
        numbers = [number for _, number in film.pictures(rung.name)]
        kept = len(numbers) - 3  # of the last ones, one may be shown by another that is lost
        assert numbers[:kept] == list(range(kept))
        assert len(numbers) == pytest.approx(film.plan.duration * odd_films.RATE, abs=2)


def check_lengths(film: Whole) -> None:
    """Segments are as long as the list says, and begin when it says. A picture may come a little late."""
    for rung in film.plan.rungs:
        for number, (seconds, _) in enumerate(film.playlist(rung.name).segments):
            of = apple_rules.timing(film.segment(rung.name, number))
            assert (of.end - of.start) / rung.scale == pytest.approx(seconds, abs=0.5), f"{rung.name} {number}"
            assert of.start / rung.scale == pytest.approx(rung.cuts[number] / rung.scale, abs=0.5)


def check_sounds(film: Whole) -> None:
    """A film's sound lasts as long as its picture, and is heard."""
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
    lines = film_of("odd titles").get("hls.m3u8").decode().split("\n")
    names = [apple_rules.attributes(line)["NAME"] for line in lines if "TYPE=AUDIO" in line]
    assert names == ["a 'b',c=d", "\U0001f600 family", "English", "English 2", "x" * 100]


def test_players_are_told_hvc1() -> None:
    """Safari plays no `hev1`."""
    for name in ("hvc1", "hev1"):
        film = film_of(name)
        assert film.plan.rung("source").codec.startswith("hvc1.")
        assert b"hvc1" in film.get("av/source-init.mp4") and b"hev1" not in film.get("av/source-init.mp4")


class Kept:
    """A film as an object of S3."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

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

    film = ours.Film(
        Kept(odd_films.film("mov", 1.4, size=size, codec="rawvideo", pixels=form, paint=paint)), odd_films.MOV
    )
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
