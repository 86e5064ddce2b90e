"""Posters, covers and moving previews: what they show, in which sizes, and from which bytes they are made."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import pytest
from PIL import Image

from chalicelib.facts import VideoInfo
from chalicelib.model import Rendition
from chalicelib.processing import child, pipeline
from chalicelib.processing.kinds import Made, Order, Source, processor_of
from chalicelib.processing.media import engine, posters
from chalicelib.processing.media.hls import stream
from chalicelib.processing.on_demand import render_one
from chalicelib.renditions.ladder import ladder
from chalicelib.renditions.recipes import RECIPES, Recipe
from tests import films, images
from tests.hls import is_of_stream

pytestmark = pytest.mark.usefixtures("media")

SIZE = (96, 64)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
MEMORY = 1769 * 1024**2
# The quarters' colours, from above left by rows.
RED, GREEN, BLUE, YELLOW = films.QUARTERS


@dataclass
class Result:
    made: Made
    renditions: dict[str, tuple[Rendition, bytes]] = field(default_factory=dict)

    def image(self, basename: str) -> Image.Image:
        return Image.open(io.BytesIO(self.renditions[basename][1]))

    @property
    def poster_time(self) -> float | None:
        assert isinstance(self.made.info, VideoInfo)
        return self.made.info.poster_time

    @property
    def codes(self) -> list[str]:
        return [warning.code for warning in self.made.warnings]


def processed(
    data: bytes, content_type: str = "video/mp4", recipe: Recipe = RECIPES["photo"], time: float | None = None
) -> Result:
    found: dict[str, tuple[Rendition, bytes]] = {}

    def emit(rendition: Rendition, body: bytes) -> None:
        assert rendition.basename not in found, "made twice"
        if not is_of_stream(rendition):
            found[rendition.basename] = rendition, body

    source = Source(content_type, len(data), io.BytesIO(data), "a film")
    made = processor_of(content_type).process(source, Order(recipe, MEMORY, poster_time=time), emit)
    return Result(made, found)


def quarters(_: int = 0) -> av.VideoFrame:
    return films.quarters(SIZE)


def then_quarters(first: tuple[int, int, int], until: int) -> Callable[[int], av.VideoFrame]:
    return lambda time: films.flat(SIZE, first) if time < until else quarters()


def film(paint: Callable[[int], av.VideoFrame] = quarters, *rest: Any, **more: Any) -> bytes:
    return films.film(*rest, **{"size": SIZE, "sounds": (), "paint": paint, "times": range(50), **more})


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, by rows."""
    width, height = image.size
    places = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    pixels = [image.convert("RGBA" if image.mode == "RGBA" else "RGB").getpixel(place) for place in places]
    return [tuple(pixel) for pixel in pixels if isinstance(pixel, tuple)]


def assert_shows(image: Image.Image, colors: Sequence[tuple[int, ...]], within: int = 12) -> None:
    for found, wanted in zip(corners(image), colors, strict=True):
        assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= within, (corners(image), colors)


def test_a_film_has_a_poster_in_the_recipe_s_sizes_and_a_preview() -> None:
    result = processed(film(size=(400, 300), paint=lambda _: films.quarters((400, 300)), times=range(100)))
    assert set(result.renditions) == {*("w160.webp", "w320.webp", "w320.jpg", "poster.webp", "preview.webp")}
    preview = result.made.preview
    assert preview
    assert (preview.width, preview.height, preview.has_alpha) == (400, 300, False)
    assert preview.thumbhash
    assert preview.blurhash
    for name in ("w160.webp", "w320.jpg", "poster.webp"):
        assert_shows(result.image(name), films.QUARTERS)
    assert result.image("poster.webp").size == (400, 300)
    assert (result.poster_time, result.codes) == (0.0, [])


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("color", [BLACK, WHITE, (200, 40, 40)])
def test_a_poster_is_the_first_frame_worth_showing(color: tuple[int, int, int], codec: str) -> None:
    result = processed(film(then_quarters(color, 30), codec=codec, times=range(75)))
    assert_shows(result.image("poster.webp"), films.QUARTERS)
    assert result.poster_time is not None
    assert 1.2 <= result.poster_time <= 1.8
    assert_shows(result.image("preview.webp"), films.QUARTERS, 24)


def test_a_fade_is_waited_for() -> None:
    def fade(time: int) -> av.VideoFrame:
        part = min(1.0, time / 40)
        return films.quarters(SIZE, [tuple(round(255 - (255 - v) * part) for v in c) for c in films.QUARTERS])

    result = processed(film(fade, times=range(75)))
    assert result.poster_time
    see = max(images_deviation(result.image("poster.webp")))
    assert see > 6


def images_deviation(image: Image.Image) -> list[float]:
    from PIL import ImageStat

    return ImageStat.Stat(image.convert("RGB")).stddev


def test_a_later_key_frame_is_found_without_decoding_what_is_between() -> None:
    """100 s of black, then a picture: the places that are looked at are key frames."""
    result = processed(film(then_quarters(BLACK, 400), times=range(500), rate=5, picture=_keys_every(50)))
    assert_shows(result.image("poster.webp"), films.QUARTERS)
    assert result.poster_time == 90.0


def _keys_every(frames: int) -> Callable[[Any], None]:
    def change(stream: Any) -> None:
        stream.codec_context.gop_size = frames

    return change


def test_a_film_with_nothing_to_see_shows_what_there_is() -> None:
    result = processed(film(lambda _: films.flat(SIZE, BLACK)))
    assert_shows(result.image("poster.webp"), [BLACK] * 4)
    assert result.codes == []


@pytest.mark.parametrize(
    ("degrees", "shown"),
    [
        (0, (RED, GREEN, BLUE, YELLOW)),
        (-90, (BLUE, RED, YELLOW, GREEN)),
        (180, (YELLOW, BLUE, GREEN, RED)),
        (90, (GREEN, YELLOW, RED, BLUE)),
    ],
)
def test_the_poster_is_turned(degrees: int, shown: Sequence[tuple[int, ...]]) -> None:
    result = processed(film(picture=lambda stream: stream.set_display_rotation(degrees)))
    size = SIZE if degrees in (0, 180) else SIZE[::-1]
    assert isinstance(result.made.info, VideoInfo)
    assert (result.made.info.width, result.made.info.height) == size
    for name in ("poster.webp", "preview.webp"):
        assert result.image(name).size == size
        assert_shows(result.image(name), shown, 20)


@pytest.mark.parametrize("matrix", films.ORIENTATIONS)
def test_the_poster_and_the_preview_are_turned_and_mirrored(matrix: films.Matrix) -> None:
    result = processed(films.oriented(film(), matrix))
    size = SIZE[::-1] if films.ORIENTATIONS[matrix][0] in (90, 270) else SIZE
    for name in ("poster.webp", "preview.webp"):
        assert result.image(name).size == size
        assert_shows(result.image(name), [films.QUARTERS[number] for number in films.shown_at(matrix)], 20)


def test_pixels_become_squares() -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)

    result = processed(film(picture=wide))
    assert result.image("poster.webp").size == result.image("preview.webp").size == (144, 64)
    assert_shows(result.image("poster.webp"), films.QUARTERS)


@pytest.mark.parametrize(
    ("form", "content_type", "codec"),
    [
        ("mov", "video/quicktime", "mpeg4"),
        ("avi", "video/x-msvideo", "mpeg4"),
        ("webm", "video/webm", "libvpx-vp9"),
        ("webm", "video/webm", "libsvtav1"),
        ("mp4", "video/mp4", "libx265"),
    ],
)
def test_films_of_each_format_are_shown(form: str, content_type: str, codec: str) -> None:
    result = processed(film(then_quarters(BLACK, 10), form, codec=codec, times=range(60)), content_type)
    assert_shows(result.image("poster.webp"), films.QUARTERS, 16)
    assert "preview.webp" in result.renditions
    assert result.codes == []


@pytest.mark.parametrize(("transfer", "level"), [(16, 0.5794), (18, 0.7471)])
def test_bright_colors_become_those_of_ordinary_screens(transfer: int, level: float) -> None:
    """A white of 200 cd/m². Where the brightest level is 1,000, half of it is shown, as for images (ST 2094-50)."""

    def graded(stream: Any) -> None:
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, 9, 9

    def paint(_: int) -> av.VideoFrame:
        frame = av.VideoFrame(*SIZE, "yuv420p10le")
        for plane, sample in zip(frame.planes, (round(64 + 876 * level), 512, 512), strict=True):
            plane.update(sample.to_bytes(2, "little") * (plane.buffer_size // 2))
        return frame

    result = processed(film(paint, codec="libx265", pixels="yuv420p10le", times=range(3), picture=graded))
    linear = 200 / 203 / 2
    white = round(255 * (1.055 * linear ** (1 / 2.4) - 0.055))
    assert_shows(result.image("poster.webp"), [(white,) * 3] * 4, 4)


def test_odd_sizes_are_kept() -> None:
    result = processed(film(size=(97, 61), pixels="yuv444p", paint=lambda _: films.quarters((97, 61))))
    assert result.image("poster.webp").size == (97, 61)
    assert_shows(result.image("poster.webp"), films.QUARTERS)


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_clear_pixels_stay_clear(codec: str) -> None:
    colors = [(*RED, 0), (*GREEN, 255), (*BLUE, 255), (*YELLOW, 255)]

    def plain(stream: Any) -> None:
        stream.options = {"auto-alt-ref": "0"}  # VP8 has no alpha with it

    paint = lambda _: films.quarters(SIZE, colors, "rgba")  # noqa: E731
    data = film(paint, "webm", codec=codec, pixels="yuva420p", picture=plain)
    result = processed(data, "video/webm")
    poster = result.image("poster.webp")
    assert (poster.mode, corners(poster)[0][3], corners(poster)[1][3]) == ("RGBA", 0, 255)
    assert result.made.preview
    assert result.made.preview.has_alpha
    assert result.image("preview.webp").convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_a_film_of_one_frame_has_a_poster_and_nothing_that_moves() -> None:
    result = processed(film(times=[0]))
    assert_shows(result.image("poster.webp"), films.QUARTERS)
    assert "preview.webp" not in result.renditions
    assert result.codes == []


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_what_is_there_of_a_film_that_ends_early_is_shown(part: float) -> None:
    whole = film(form="matroska", times=range(200))
    result = processed(whole[: int(len(whole) * part)], "video/webm")
    assert_shows(result.image("poster.webp"), films.QUARTERS)


def test_a_huge_claim_is_not_decoded() -> None:
    data = bytearray(film())
    at = data.index(b"avc1", data.index(b"stsd")) + 28
    data[at : at + 4] = (8192).to_bytes(2) * 2
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)  # so that nobody learns another size from the pictures
    result = processed(bytes(data))
    assert "no_preview" in result.codes
    assert not result.renditions


def test_a_child_that_dies_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posters, "_CHILD", "tests.processing.media.endless")
    monkeypatch.setattr(posters, "LIMITS", child.Limits(seconds=1))
    result = processed(film())
    assert (result.codes, result.renditions, result.made.preview) == (["no_preview"], {}, None)
    assert isinstance(result.made.info, VideoInfo)
    assert result.made.info.width == SIZE[0], "the facts are there"


def test_all_children_end_before_the_claim_of_their_worker() -> None:
    seconds = 2 * (engine.LIMITS.seconds + posters.LIMITS.seconds) + 2 * child.READING
    assert seconds < pipeline.MEDIA_LEASE.total_seconds() / 2, "there is time left for what is made of a film otherwise"
    plan = 2 * stream.LIMITS.seconds + child.READING + stream.LARGE_SECONDS
    assert seconds + plan < pipeline.MEDIA_LEASE.total_seconds()


def test_the_same_film_gives_the_same_bytes() -> None:
    data = film(then_quarters(BLACK, 20), times=range(75))
    first, second = processed(data), processed(data)
    assert first.renditions == second.renditions
    assert first.made == second.made


# --- the time that somebody wished for


@pytest.mark.parametrize("time", [0.0, 0.04, 1.0, 1.99, 7.5])
def test_the_frame_at_a_time_is_taken(time: float) -> None:
    """Frame n has the grey 20 + n in its lower half."""

    def numbered(number: int) -> av.VideoFrame:
        grey = (20 + number,) * 3
        return films.quarters(SIZE, [RED, GREEN, grey, grey])

    result = processed(film(numbered, times=range(200)), time=time)
    expected = int(time * films.RATE + 0.001)
    assert result.poster_time == pytest.approx(expected / films.RATE, abs=0.001)
    assert abs(corners(result.image("poster.webp"))[2][0] - (20 + expected)) <= 2


def test_a_wish_for_a_black_frame_is_followed() -> None:
    result = processed(film(then_quarters(BLACK, 30)), time=0.5)
    assert_shows(result.image("poster.webp"), [BLACK] * 4)


# --- recipes, and what is made later


def test_a_recipe_without_pictures_has_only_facts() -> None:
    result = processed(film(), recipe=RECIPES["original-only"])
    assert not result.renditions
    assert result.made.preview
    assert result.made.preview.thumbhash


def test_a_crop_gets_all_of_its_widths() -> None:
    size = (640, 360)
    result = processed(film(size=size, paint=lambda _: films.quarters(size), times=[0]), recipe=RECIPES["avatar"])
    assert {"w64.webp", "w128.webp", "w256.webp"} <= set(result.renditions)
    assert result.image("w256.webp").size == (256, 256)


@pytest.mark.parametrize("name", ["photo", "avatar", "document"])
def test_pictures_that_are_made_later_have_the_same_bytes(name: str) -> None:
    """AVIF is made by a function without FFmpeg: of the master alone, and with exactly the same pixels."""
    size = (400, 300)
    data = film(size=size, paint=lambda _: films.quarters(size), times=range(3))
    recipe = RECIPES[name]
    everything = tuple(replace(each, up_to=None) for each in (*recipe.encodings, *recipe.on_demand))
    at_once = processed(data, recipe=replace(recipe, encodings=everything, on_demand=()))
    master = processed(data, recipe=recipe).renditions["poster.webp"][1]
    assert at_once.renditions["poster.webp"][1] == master
    assert at_once.made.preview
    sizes = ladder(recipe, at_once.made.preview.width, at_once.made.preview.height)
    assert sizes
    for rung in sizes:
        for encoding in (*recipe.encodings, *recipe.on_demand):
            source = Source("image/webp", len(master), io.BytesIO(master))
            rendition, body = render_one(processor_of("image/webp"), source, recipe, rung, encoding)
            assert body == at_once.renditions[rendition.basename][1], rendition.basename


def test_the_master_has_no_more_pixels_than_are_needed() -> None:
    size = (2800, 40)
    result = processed(film(size=size, paint=lambda _: films.quarters(size), times=[0]))
    assert result.image("poster.webp").size == (1920, 27)
    assert result.image("w1920.webp").size == (1920, 27)


# --- covers

COVER = images.png(64, 64)
SOUNDS = [
    ("mp3", "audio/mpeg", "libmp3lame"),
    ("flac", "audio/flac", "flac"),
    ("mp4", "audio/mp4", "aac"),
]


@pytest.mark.parametrize(("form", "content_type", "codec"), SOUNDS)
def test_a_cover_is_shown(form: str, content_type: str, codec: str) -> None:
    result = processed(films.sound(form, codec, cover=COVER), content_type)
    assert set(result.renditions) - {"waveform.json"} == {"w64.webp", "w64.jpg", "poster.webp"}
    assert result.image("poster.webp").convert("RGB").tobytes() == Image.open(io.BytesIO(COVER)).tobytes()
    assert result.made.preview
    assert result.codes == []


@pytest.mark.parametrize("codec", ["libopus", "flac"])
def test_a_cover_in_ogg_is_shown(codec: str) -> None:
    tags = {"METADATA_BLOCK_PICTURE": films.flac_picture(COVER)}
    result = processed(films.sound("ogg", codec, tags=tags), "audio/ogg")
    assert result.image("poster.webp").size == (64, 64)


def test_a_sound_without_a_cover_has_no_picture_of_its_own() -> None:
    result = processed(films.sound("mp3", "libmp3lame"), "audio/mpeg")
    assert "w64.webp" not in result.renditions
    assert result.codes == []


def test_a_film_without_a_picture_shows_its_cover() -> None:
    result = processed(films.sound("mp4", "aac", cover=COVER))
    assert result.image("poster.webp").size == (64, 64)


def test_a_photo_s_place_does_not_get_out() -> None:
    cover = images.jpeg(64, 48, orientation=6, gps=True)
    assert b"EIFFELTOWER" in cover
    result = processed(films.sound("mp3", "libmp3lame", cover=cover), "audio/mpeg")
    assert result.image("poster.webp").size == (64, 48)
    assert all(b"EIFFELTOWER" not in body and b"EXIF" not in body for _, body in result.renditions.values())


@pytest.mark.parametrize("cover", [b"\x89PNG\r\n\x1a\n no picture", images.truncated(COVER), images.huge_png()])
def test_a_broken_cover_is_no_failure(cover: bytes) -> None:
    result = processed(films.sound("mp3", "libmp3lame", cover=cover), "audio/mpeg")
    assert {"waveform.json", "poster.webp"} <= set(result.renditions), "its waveform is shown"
    assert result.made.preview
    assert result.made.info
