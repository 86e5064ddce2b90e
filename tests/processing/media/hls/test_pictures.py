"""No picture is lost or doubled, and each is shown when the film shows it, whatever the film's times are like."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import pytest

from tests import apple_rules, films, hls

pytestmark = pytest.mark.usefixtures("in_process")

SIZE = (96, 64)


def film(form: str = "mp4", **more: Any) -> bytes:
    given: dict[str, Any] = {"size": SIZE, "draw": films.numbered, "sounds": (), "times": range(8 * 10)} | more
    return films.film(form, **given)


def rungs(stream: hls.Stream) -> list[str]:
    return [rung.name for rung in stream.plan.of("picture", "copy")]


def check(data: bytes, form: str = "mp4", content_type: str = "video/mp4", within: Fraction | float = 0) -> hls.Stream:
    """Each rung has the film's pictures, at its times from the first one on, `within` so many seconds."""
    stream = hls.Stream(data, content_type)
    assert not stream.warnings
    wanted = hls.pictures(data, form)
    begin = Fraction(*stream.plan.zero)
    for rung in rungs(stream):
        found = stream.pictures(rung)
        assert [number for _, number in found] == [number for _, number in wanted], rung
        for (time, _), (expected, _) in zip(found, wanted, strict=True):
            assert abs(time - (expected - begin)) <= within, rung
    return stream


RATES = [Fraction(8), Fraction(10), Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60)]


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_every_rate_keeps_its_pictures_and_their_times(rate: Fraction) -> None:
    count = round(13 * rate)
    stream = check(film(rate=rate, times=range(count), options={"video_track_timescale": str(rate.numerator)}))
    (encoded,) = stream.plan.of("picture")
    assert len(stream.playlist(encoded.name).segments) == encoded.count == 3
    lengths = [seconds for seconds, _ in stream.playlist(encoded.name).segments]
    assert sum(lengths) == pytest.approx(float(count / rate), abs=1e-5)
    of = apple_rules.timing(stream.segment(encoded.name, 1))
    assert (of.end - of.start) / encoded.scale == pytest.approx(lengths[1], abs=1e-5), "the list says the truth"


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001)], ids=str)
@pytest.mark.parametrize("more", [-1, 0, 1, 2])
def test_a_film_that_ends_near_a_boundary_has_as_many_segments_as_its_list(rate: Fraction, more: int) -> None:
    """Whole seconds and pictures of 1001/30000 s never meet: a list by seconds has one segment too many or too few."""
    count = ceil(12 * rate) + more
    for form, content_type in (("mp4", "video/mp4"), ("matroska", "video/webm")):
        data = film(form, rate=rate, times=range(count), options={"video_track_timescale": str(rate.numerator)})
        stream = check(data, form, content_type, within=0.002)
        (encoded,) = stream.plan.of("picture")
        segments = stream.playlist(encoded.name).segments
        assert len(segments) == encoded.count
        assert sum(seconds for seconds, _ in segments) == pytest.approx(float(count / rate), abs=0.002)
        with pytest.raises(LookupError):
            stream.segment(encoded.name, encoded.count)


def test_pictures_between_others_and_open_groups() -> None:
    for options in (
        {"bf": "3", "g": "12"},
        {"x264-params": "bframes=3:open-gop=1:keyint=12:min-keyint=12:scenecut=0"},
        {"bf": "0", "g": "8"},
    ):
        check(film(picture=lambda stream, given=options: setattr(stream, "options", given)))


def test_a_film_of_uneven_pictures() -> None:
    times = [number * 125 + (number * 37) % 90 for number in range(100)]
    stream = check(film(rate=1000, times=times))
    for rung in rungs(stream):
        for number, (seconds, _) in enumerate(stream.playlist(rung).segments):
            of = apple_rules.timing(stream.segment(rung, number))
            assert (of.end - of.start) / stream.plan.rung(rung).scale == pytest.approx(seconds, abs=1e-4)


@pytest.mark.parametrize(
    ("form", "content_type", "codec"),
    [
        ("matroska", "video/webm", "libx264"),
        ("webm", "video/webm", "libvpx"),
        ("avi", "video/x-msvideo", "mpeg4"),
        ("mov", "video/quicktime", "libx265"),
    ],
)
def test_other_formats(form: str, content_type: str, codec: str) -> None:
    check(film(form, codec=codec), form, content_type, within=0.002)


def test_a_film_that_begins_late_or_before_its_zero() -> None:
    late = check(film(times=range(200, 290)))
    assert late.plan.zero == (8, 1)
    check(film("matroska", times=range(200, 290)), "matroska", "video/webm", within=0.002)


def test_a_gap_longer_than_a_segment() -> None:
    times = [*range(20), *range(220, 240)]
    data = film(times=times)
    stream = hls.Stream(data)
    for rung in stream.plan.of("picture"):
        found = stream.pictures(rung.name)
        # The picture before the gap is repeated in it, so that each segment has one.
        assert list(dict.fromkeys(number for _, number in found)) == times
        assert {number: time for time, number in reversed(found)} == {
            time: Fraction(time, films.RATE) for time in times
        }
        assert max(seconds for seconds, _ in stream.playlist(rung.name).segments) <= 9
    apple_rules.check_master(stream.get)
