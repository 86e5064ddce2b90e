"""Segments of an interlaced film: each is made alone, and all together are what one pass over the film gives."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import av.filter
import pytest

from chalicelib.processing.media.hls import cuts, video_segment
from tests import apple_rules, films, hls, interlaced

pytestmark = pytest.mark.usefixtures("in_process")

SORTS = interlaced.SORTS
WHOLE = 1.0  # as in media/test_interlaced.py


class Given:
    """The pictures that encoders were given: (tick, pixels)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pictures: list[tuple[int, bytes]] = []
        given = self

        class Noting(video_segment._Encoding):
            def add(self, time: int, frame: Any) -> None:
                given.pictures.append((time, pixels(frame)))
                super().add(time, frame)

        monkeypatch.setattr(video_segment, "_Encoding", Noting)


def pixels(frame: Any) -> bytes:
    return b"".join(bytes(plane) for plane in frame.planes)


def in_one_pass(data: bytes, form: str) -> list[bytes]:
    """Whole pictures of all frames, by FFmpeg's filter alone."""
    found: list[bytes] = []
    container: Any
    with av.open(io.BytesIO(data), "r", format=form) as container:
        graph = av.filter.Graph()
        stream = container.streams.video[0]
        source, sink = graph.add_buffer(template=stream), graph.add("buffersink")
        graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), sink).configure()
        for frame in [*container.decode(stream), None]:
            source.push(frame)
            while True:
                try:
                    found.append(pixels(sink.pull()))
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
    return found


CASES: list[tuple[str, Mapping[str, str], str]] = [
    *((name, {}, sort.form) for name, sort in SORTS.items()),
    ("camcorder", films.PIECES, "mp4"),
    ("television", films.LIVE, "matroska"),
]


@pytest.mark.parametrize(("name", "options", "form"), CASES)
def test_segments_are_those_of_one_pass(
    name: str, options: Mapping[str, str], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "TARGET", 1)
    sort = SORTS[name]
    data = interlaced.film(sort, count=60, noisy=True)
    data = films.without_index(data, form, options) if options else data
    stream = hls.Stream(data, sort.content_type)
    assert not stream.warnings
    assert not stream.plan.of("copy"), "browsers would show its combs"
    apple_rules.check_master(stream.get)
    wanted = in_one_pass(data, form)
    rung = stream.plan.of("picture")[0]
    assert rung.count >= 2
    given = Given(monkeypatch)
    segments = [stream.segment(rung.name, number) for number in range(rung.count)]
    assert len(given.pictures) == len(wanted) == 60
    for number, ((time, found), expected) in enumerate(zip(given.pictures, wanted, strict=True)):
        assert Fraction(time, rung.scale) == pytest.approx(number / 25, abs=0.002)
        assert found == expected, f"picture {number} at {time}"
    again = [stream.segment(rung.name, number) for number in reversed(range(rung.count))]
    assert again[::-1] == segments, "in whatever order they are made"


@pytest.mark.parametrize("name", ["camcorder", "television"])
def test_key_pictures_are_those_of_one_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sort = SORTS[name]
    data = interlaced.film(sort, count=150, noisy=True)
    stream = hls.Stream(data, sort.content_type)
    (rung,) = stream.plan.of("key")
    given = Given(monkeypatch)
    for number in range(rung.count):
        stream.segment(rung.name, number)
    wanted = in_one_pass(data, sort.form)
    assert [found for _, found in given.pictures] == wanted[::50]


def test_a_rung_has_no_combs() -> None:
    stream = hls.Stream(interlaced.film(SORTS["camcorder"], count=160))
    rung = stream.plan.of("picture")[0]
    container: Any
    with av.open(io.BytesIO(stream.joined(rung.name))) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 160
    assert max(interlaced.combed(frame.to_image()) for frame in frames) < WHOLE
    assert not any(frame.interlaced_frame for frame in frames)


def test_a_plan_that_says_nothing_of_fields_goes_on_as_it_began() -> None:
    """The release before wrote it: some of its segments are stored already."""
    data = interlaced.film(SORTS["camcorder"], count=20)
    stream = hls.Stream(data)
    plan = stream.made["av/plan.json"]
    assert plan.count(b'"interlaced":true,') == 2
    stream.made["av/plan.json"] = plan.replace(b'"interlaced":true,', b"")
    container: Any
    with av.open(io.BytesIO(stream.joined(stream.plan.of("picture")[0].name))) as container:
        assert interlaced.combed(next(container.decode(video=0)).to_image()) > 5


def test_a_gap_repeats_a_whole_picture() -> None:
    sort = SORTS["recording"]
    data = interlaced.film(sort, count=50)
    # The second half is 20 seconds later.
    out = io.BytesIO()
    source: Any
    target: Any
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format=sort.form) as target:
        track = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                late = 20_000 if packet.pts >= 1000 else 0
                packet.pts, packet.dts, packet.stream = packet.pts + late, packet.dts + late, track
                target.mux(packet)
    stream = hls.Stream(out.getvalue(), sort.content_type)
    rung = stream.plan.of("picture")[0]
    assert rung.count >= 3
    with av.open(io.BytesIO(stream.joined(rung.name)), "r") as source:
        frames = list(source.decode(video=0))
    assert len(frames) >= 50 + rung.count - 2
    assert max(interlaced.combed(frame.to_image()) for frame in frames) < WHOLE
