"""Colours of a high dynamic range on ordinary screens, against a reference that is computed here."""

from __future__ import annotations

import io
import struct
from itertools import pairwise
from math import log, sqrt
from typing import Any

import av
import pytest

from chalicelib.processing.image.colorimetry import PRIMARIES, inverse, product, times, to_xyz
from chalicelib.processing.media import tone
from tests import films

Color = tuple[float, float, float]

PQ, HLG = 16, 18
_TO_2020 = product(inverse(to_xyz(PRIMARIES[9])), to_xyz(PRIMARIES[1]))


def pq(light: float) -> float:
    """The level of a light in cd/m² (SMPTE ST 2084)."""
    y = (light / 10_000) ** (2610 / 16384)
    return float(((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32))


def hlg(light: Color) -> Color:
    """The levels of a light in cd/m² on a screen of 1,000 cd/m² (ITU-R BT.2100)."""
    luma = sum(weight * value for weight, value in zip((0.2627, 0.678, 0.0593), light, strict=True)) / 1000
    scene = [value / 1000 * luma ** (1 / 1.2 - 1) if luma else 0.0 for value in light]
    red, green, blue = (
        sqrt(3 * e) if e <= 1 / 12 else 0.17883277 * log(12 * e - 0.28466892) + 0.55991073 for e in scene
    )
    return red, green, blue


def shown(light: Color, transfer: int, *, said: bool = True) -> Color:
    """What comes out for a patch of this light, in cd/m² of the primaries of BT.709: levels of 0 to 1."""
    wide = times(_TO_2020, light)
    red, green, blue = hlg(wide) if transfer == HLG else tuple(pq(max(0.0, value)) for value in wide)
    y = 0.2627 * red + 0.678 * green + 0.0593 * blue
    samples = (64 + 876 * y, 512 + 896 * (blue - y) / 1.8814, 512 + 896 * (red - y) / 1.4746)
    frame = av.VideoFrame(32, 32, "yuv420p10le")
    for plane, sample in zip(frame.planes, samples, strict=True):
        plane.update(struct.pack("<H", round(sample)) * (plane.buffer_size // 2))
    frame.color_trc, frame.color_range = transfer, 1
    if said:
        frame.colorspace, frame.color_primaries = tone.BT2020, tone.BT2020
    out = bytes(tone.Converter((8, 8), "rgb24")(frame).planes[0])
    return out[0] / 255, out[1] / 255, out[2] / 255


def reference(light: Color, gain: float = 0.5) -> Color:
    """sRGB of a light below that of paper (203 cd/m²): ST 2094-50 makes it darker by one factor for all.

    It is 1/2 for a film whose brightest level is 1,000 cd/m² or more.
    """
    red, green, blue = (value / 203 * gain for value in light)
    return _srgb(red), _srgb(green), _srgb(blue)


def _srgb(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * float(light ** (1 / 2.4)) - 0.055


def far(found: Color, wanted: Color) -> float:
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize(
    "color",
    [
        *((1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (0.1, 0.1, 0.1), (0.0, 0.0, 0.0)),
        *((1.0, 0.2, 0.2), (0.2, 1.0, 0.2), (0.2, 0.2, 1.0), (0.9, 0.7, 0.5), (0.3, 0.6, 0.7)),
    ],
)
def test_colors_are_those_of_the_reference(transfer: int, color: Color) -> None:
    light = (color[0] * 200, color[1] * 200, color[2] * 200)
    assert far(shown(light, transfer), reference(light)) <= 0.02


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_brighter_than_paper_is_still_told_apart(transfer: int) -> None:
    greys = [shown((light,) * 3, transfer) for light in (100.0, 203.0, 300.0, 450.0, 650.0, 1000.0)]
    assert all(max(grey) - min(grey) <= 2 / 255 for grey in greys)
    assert all(brighter[0] - darker[0] >= 0.015 for darker, brighter in pairwise(greys))
    assert greys[-1][0] >= 0.98


def test_without_tone_mapping_it_would_be_another_picture() -> None:
    """That is: these tests can fail."""
    light = (180.0, 36.0, 36.0)
    assert far((pq(180), pq(36), pq(36)), reference(light)) > 0.1


def test_the_brightest_level_is_the_one_that_the_film_says() -> None:
    dark = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(4000000,50):max-cll=400,100"

    def graded(stream: Any) -> None:
        stream.codec_context.color_trc, stream.codec_context.color_primaries = PQ, tone.BT2020
        stream.codec_context.colorspace = tone.BT2020
        stream.options = {"x265-params": f"{dark}:log-level=none"}

    data = films.film(codec="libx265", pixels="yuv420p10le", times=range(2), sounds=(), picture=graded)
    with av.open(io.BytesIO(data), "r") as container:
        frame = next(container.decode(video=0))
    assert tone.peak_of(frame) == 400
    assert tone.peak_of(av.VideoFrame(16, 16, "yuv420p10le")) == 1000, "of one that says nothing"


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_colors_that_nobody_named_are_those_of_rec_2020(transfer: int) -> None:
    light = (60.0, 12.0, 12.0)
    assert shown(light, transfer, said=False) == shown(light, transfer)


@pytest.mark.parametrize(("height", "green"), [(480, (0, 255, 1)), (720, (0, 255, 1))])
def test_a_film_that_does_not_say_its_matrix_has_that_of_its_size(height: int, green: tuple[int, int, int]) -> None:
    """Green in the matrix of SD and of HD."""
    y, cb, cr = (145, 54, 34) if height < 720 else (173, 42, 26)
    frame = av.VideoFrame(16, height, "yuv420p")
    for plane, sample in zip(frame.planes, (y, cb, cr), strict=True):
        plane.update(bytes([sample]) * plane.buffer_size)
    out = bytes(tone.Converter((8, 8), "rgb24")(frame).planes[0])[:3]
    assert max(abs(a - b) for a, b in zip(out, green, strict=True)) <= 4


def test_the_curve_of_hlg_is_right() -> None:
    assert hlg((1000.0,) * 3) == pytest.approx((1.0, 1.0, 1.0), abs=0.001)
    assert hlg((203.0,) * 3)[0] == pytest.approx(0.75, abs=0.01)
    assert pq(203) == pytest.approx(0.581, abs=0.001)
