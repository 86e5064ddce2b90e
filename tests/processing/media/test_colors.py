"""Colours are those that were filmed, whatever a film says of them, or does not, and however it stores them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import pytest
from PIL import Image

from chalicelib.processing import child
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.renditions.recipes import RECIPES
from tests import films, hls

pytestmark = pytest.mark.usefixtures("media")

SD, HD = (96, 64), (1280, 720)
Color = tuple[int, ...]

# ITU-T H.273: the share of red and of blue in the light of a grey.
BT709, BT470BG, BT601 = 1, 5, 6
SHARES = {BT709: (0.2126, 0.0722), BT470BG: (0.299, 0.114), BT601: (0.299, 0.114)}


@dataclass(frozen=True)
class Film:
    """`says` is True if the film names its matrix and its range."""

    pixels: str
    matrix: int = BT601
    full: bool = False
    says: bool = False
    size: tuple[int, int] = SD
    codec: str = "libx264"
    form: str = "mp4"
    content_type: str = "video/mp4"
    aspect: Fraction = Fraction(1)
    rotation: int = 0


_MOV, _AVI, _WEBM = ("mov", "video/quicktime"), ("avi", "video/x-msvideo"), ("webm", "video/webm")

FILMS = {
    **{f"h264 {pixels}": Film(pixels) for pixels in ("yuv420p", "yuv422p", "yuv444p")},
    **{f"h264 {pixels}": Film(pixels) for pixels in ("yuv420p10le", "yuv422p10le", "yuv444p10le")},
    "h264 of HD": Film("yuv420p", BT709, size=HD),
    "SD with the matrix of HD": Film("yuv420p", BT709, says=True),
    "HD with the matrix of SD": Film("yuv420p", BT601, says=True, size=HD),
    "HD with the matrix of PAL": Film("yuv420p", BT470BG, says=True, size=HD),
    "full range": Film("yuvj420p", full=True, says=True),
    "full range in HD": Film("yuvj420p", BT709, full=True, says=True, size=HD),
    "full range of 10 bits": Film("yuv420p10le", full=True, says=True),
    "mjpeg": Film("yuvj422p", full=True, codec="mjpeg", form=_AVI[0], content_type=_AVI[1]),
    "mjpeg of a camera": Film("yuvj420p", full=True, size=HD, codec="mjpeg", form=_MOV[0], content_type=_MOV[1]),
    "prores": Film("yuv422p10le", BT709, says=True, codec="prores_ks", form=_MOV[0], content_type=_MOV[1]),
    "vp9 yuv444p": Film("yuv444p", codec="libvpx-vp9", form=_WEBM[0], content_type=_WEBM[1]),
    "PAL held upright": Film("yuv420p", size=(72, 64), aspect=Fraction(64, 45), rotation=90),
}


def samples(color: Color, film: Film) -> list[int]:
    """Y, Cb and Cr (ITU-T H.273, 8.3)."""
    red, green, blue = (value / 255 for value in color)
    of_red, of_blue = SHARES[film.matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    chroma = ((blue - luma) / 2 / (1 - of_blue), (red - luma) / 2 / (1 - of_red))
    bits = 10 if "10" in film.pixels else 8
    if film.full:
        return [round(luma * (2**bits - 1)), *(round(each * (2**bits - 1)) + 2 ** (bits - 1) for each in chroma)]
    step = 2 ** (bits - 8)
    return [round((16 + 219 * luma) * step), *(round((128 + 224 * each) * step) for each in chroma)]


def painted(film: Film) -> av.VideoFrame:
    """`films.QUARTERS`, in the film's own samples."""
    frame = av.VideoFrame(*film.size, film.pixels)
    length = 2 if "10" in film.pixels else 1
    for number, plane in enumerate(frame.planes):
        values = [samples(color, film)[number].to_bytes(length, "little") for color in films.QUARTERS]
        half = plane.width // 2
        upper, lower = (
            (values[at] * half + values[at + 1] * (plane.width - half)).ljust(plane.line_size, b"\0") for at in (0, 2)
        )
        plane.update(upper * (plane.height // 2) + lower * (plane.height - plane.height // 2))
    return frame


def made(film: Film) -> bytes:
    def picture(stream: Any) -> None:
        own = stream.codec_context
        own.sample_aspect_ratio = film.aspect
        if film.says:
            own.colorspace, own.color_range = film.matrix, 2 if film.full else 1
        if film.rotation:
            stream.set_display_rotation(-film.rotation)

    def touch(frame: Any) -> None:
        if film.says:
            frame.colorspace, frame.color_range = film.matrix, 2 if film.full else 1

    return films.film(
        film.form,
        size=film.size,
        pixels=film.pixels,
        codec=film.codec,
        times=range(3),
        sounds=(),
        picture=picture,
        paint=lambda _: painted(film),
        touch=touch,
    )


def corners(width: int, height: int) -> list[tuple[int, int]]:
    return [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]


def of_hd(frame: Any) -> list[Color]:
    """The colours of a frame that says that it is BT.709 of limited range."""
    assert (frame.format.name, frame.colorspace, frame.color_range) == ("yuv420p", BT709, 1)
    luma, blues, reds = frame.planes
    found: list[Color] = []
    for x, y in corners(frame.width, frame.height):
        light = (bytes(luma)[y * luma.line_size + x] - 16) / 219
        blue = light + 1.8556 * (bytes(blues)[y // 2 * blues.line_size + x // 2] - 128) / 224
        red = light + 1.5748 * (bytes(reds)[y // 2 * reds.line_size + x // 2] - 128) / 224
        green = (light - 0.2126 * red - 0.0722 * blue) / 0.7152
        found.append(tuple(round(255 * value) for value in (red, green, blue)))
    return found


def assert_same(found: Sequence[Color], rotation: int) -> None:
    red, green, blue, yellow = films.QUARTERS
    wanted = {0: (red, green, blue, yellow), 90: (blue, red, yellow, green)}[rotation]
    for one, other in zip(found, wanted, strict=True):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 6, (found, wanted)


@pytest.mark.parametrize("name", FILMS)
def test_posters_and_streams_have_the_colors_that_were_filmed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "run_on", hls.here)
    film = FILMS[name]
    data = made(film)
    pictures: dict[str, bytes] = {}
    order = Order(RECIPES["photo"], 1024**3)
    source = Source(film.content_type, len(data), io.BytesIO(data), "a film")
    processor_of(film.content_type).process(source, order, lambda each, body: pictures.update({each.basename: body}))
    poster = Image.open(io.BytesIO(pictures["poster.webp"])).convert("RGB")
    shown = (round(film.size[0] * film.aspect), film.size[1])
    assert poster.size == (shown[::-1] if film.rotation else shown)
    assert_same([poster.getpixel(place) for place in corners(*poster.size)], film.rotation)  # type: ignore[misc]
    stream = hls.Stream(data, film.content_type)
    for rung in stream.plan.of("picture", "key"):
        container: Any
        with av.open(io.BytesIO(stream.joined(rung.name))) as container:
            assert_same(of_hd(next(container.decode(video=0))), film.rotation)
