"""Interlaced films are shown as whole pictures, as many as there are frames. Films of whole frames stay as they are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import pytest
from PIL import Image

from chalicelib.facts import VideoInfo
from chalicelib.model import File, Kind
from chalicelib.processing import child
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import conversions, fields
from chalicelib.renditions import conversions as promised
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from tests import hls, interlaced, making

pytestmark = pytest.mark.usefixtures("media")

# Mean difference of a line from its neighbours, in levels: the films themselves have more than 5.
COMBED, WHOLE = 5.0, 1.0


def source(data: bytes, sort: interlaced.Sort) -> Source:
    return Source(sort.content_type, len(data), io.BytesIO(data), "a film")


def processed(data: bytes, sort: interlaced.Sort) -> tuple[VideoInfo, dict[str, bytes]]:
    made: dict[str, bytes] = {}
    order = Order(RECIPES["photo"], 1024**3)
    info = (
        processor_of(sort.content_type)
        .process(source(data, sort), order, lambda rendition, body: made.update({rendition.basename: body}))
        .info
    )
    assert isinstance(info, VideoInfo)
    return info, made


def record(data: bytes, sort: interlaced.Sort, info: VideoInfo) -> File:
    return making.file(1, kind=Kind.VIDEO, content_type=sort.content_type, size=len(data), video=info)


def conversion(data: bytes, sort: interlaced.Sort, file: File, name: str) -> bytes:
    part = media_names.read(name)
    assert part
    return conversions.make(source(data, sort), file, part)[0]


def pictures(data: bytes, form: str | None = None) -> Iterator[Any]:
    with av.open(io.BytesIO(data), "r", format=form) as container:
        yield from container.decode(video=0)


@pytest.mark.parametrize("name", interlaced.SORTS)
def test_the_films_of_these_tests_have_combs(name: str) -> None:
    sort = interlaced.SORTS[name]
    frames = list(pictures(interlaced.film(sort, count=10), sort.form))
    assert len(frames) == 10 and all(frame.interlaced_frame for frame in frames)
    assert min(interlaced.combed(frame.to_image()) for frame in frames) > COMBED


@pytest.mark.parametrize("name", interlaced.SORTS)
def test_an_interlaced_film_has_whole_pictures(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "run_on", hls.here)
    sort = interlaced.SORTS[name]
    data = interlaced.film(sort)
    info, made = processed(data, sort)
    assert info.interlaced
    poster = Image.open(io.BytesIO(made["poster.webp"]))
    assert poster.size == (info.width, info.height)
    assert interlaced.combed(poster) < WHOLE
    file = record(data, sort, info)
    clip = promised.clips(file)[0]
    found = list(pictures(conversion(data, sort, file, f"{clip}.mp4")))
    assert [round(float(frame.time), 2) for frame in found] == [number / 25 for number in range(50)]
    assert max(interlaced.combed(frame.to_image()) for frame in found) < WHOLE
    if (info.width or 0) < 160:  # the small pictures have the film's own height
        preview: Any = Image.open(io.BytesIO(made["preview.webp"]))
        assert preview.n_frames > 10
        for number in range(preview.n_frames):
            preview.seek(number)
            assert interlaced.combed(preview) < WHOLE
        sheet = Image.open(io.BytesIO(conversion(data, sort, file, "sprite-0.jpg")))
        assert interlaced.combed(sheet) < 2 * WHOLE, "of the JPEG's own making"


@pytest.mark.parametrize("name", ["camcorder", "television", "divx"])
def test_a_film_of_whole_frames_is_not_touched(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Any) -> None:
        raise AssertionError("it would be deinterlaced")

    monkeypatch.setattr(child, "run_on", hls.here)
    monkeypatch.setattr(fields.Deinterlacer, "__init__", refused)
    sort = interlaced.SORTS[name]
    plain = interlaced.Sort(sort.form, sort.content_type, sort.codec, {"g": "12"})
    data = interlaced.film(plain, order="prog")
    info, made = processed(data, plain)
    assert not info.interlaced
    assert {"poster.webp", "preview.webp"} <= made.keys()
    file = record(data, plain, info)
    for conversion_name in (f"{promised.clips(file)[0]}.mp4", "sprite-0.jpg"):
        assert conversion(data, plain, file, conversion_name)


def test_a_film_that_becomes_interlaced_later_is_seen_by_what_its_file_says() -> None:
    """Its first frames are whole. Only a file that speaks of fields is decoded further."""

    class Stream:
        class codec_context:  # noqa: N801
            name = "h264"
            field_order = 2

    class Frame:
        def __init__(self, interlaced_frame: bool) -> None:
            self.interlaced_frame = interlaced_frame

    whole, woven = Frame(False), Frame(True)
    stream: Any = Stream()
    assert fields.are_in(stream, whole, iter([whole, whole, woven]))
    assert not fields.are_in(stream, whole, iter([whole] * 100))
    stream.codec_context.field_order = 1

    def more() -> Iterator[Any]:
        raise AssertionError("no more is decoded")
        yield

    assert not fields.are_in(stream, whole, more())


def test_pictures_before_an_error_are_not_lost() -> None:
    def failing() -> Iterator[tuple[int, Any]]:
        for number in range(5):
            frame = interlaced.frame((96, 64), number, "tff")
            frame.pts = number
            yield number, frame
        raise OSError("no more bytes")

    found = []
    with pytest.raises(OSError, match="no more bytes"):
        for number, frame in fields.whole(failing()):
            found.append((number, frame.pts))
    assert found == [(number, number) for number in range(5)]


def test_a_film_may_change_its_size() -> None:
    """No picture is lost where it does."""
    sizes = [(96, 64)] * 3 + [(64, 48)] * 3 + [(96, 64)]
    frames = [(number, interlaced.frame(size, number, "tff")) for number, size in enumerate(sizes)]
    found = [(number, (frame.width, frame.height)) for number, frame in fields.whole(frames)]
    assert found == list(enumerate(sizes))
