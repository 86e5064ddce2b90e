"""Pictures are shown as players show the film: turned, with square pixels, in the colours of a common screen."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from typing import Any

import av
import pytest

from chalicelib.processing.media.hls.rungs import ladder
from tests import apple_rules, films, hls

pytestmark = pytest.mark.usefixtures("in_process")


def film(**more: Any) -> bytes:
    given: dict[str, Any] = {"size": (192, 64), "times": range(20), "rate": 10, "sounds": (), "draw": films.numbered}
    return films.film(**given | more)


def first_picture(stream: hls.Stream, name: str = "") -> Any:
    container: Any
    with av.open(io.BytesIO(stream.joined(name or stream.plan.of("picture")[0].name))) as container:
        return next(container.decode(video=0))


def corners(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
    """Bright at the upper left, dark elsewhere."""
    frame = films.numbered(size, pixels, time, base)
    luma = frame.planes[0]
    bright = bytes([200] * (luma.width // 2) + [40] * (luma.line_size - luma.width // 2))
    dark = bytes([40] * luma.line_size)
    luma.update(bright * (luma.height // 2) + dark * (luma.height - luma.height // 2))
    return frame


def lit(frame: Any) -> list[bool]:
    """Upper left, upper right, lower left, lower right."""
    luma = frame.reformat(format="gray").planes[0]
    row = bytes(luma)
    places = [(x, y) for y in (luma.height // 4, luma.height * 3 // 4) for x in (luma.width // 4, luma.width * 3 // 4)]
    return [row[y * luma.line_size + x] > 120 for x, y in places]


@pytest.mark.parametrize("matrix", films.ORIENTATIONS)
def test_a_film_is_turned_and_mirrored(matrix: films.Matrix) -> None:
    stream = hls.Stream(films.oriented(film(draw=corners), matrix))
    turn, mirrored = films.ORIENTATIONS[matrix]
    for rung in stream.plan.of("picture", "key"):
        frame = first_picture(stream, rung.name)
        assert (frame.width, frame.height) == ((64, 192) if turn in (90, 270) else (192, 64))
        assert lit(frame) == [number == 0 for number in films.shown_at(matrix)]
        assert (rung.settings["turn"], rung.settings.get("mirrored", False)) == (turn, mirrored)
    assert bool(stream.plan.of("copy")) == (matrix == (1, 0, 0, 1)), "players neither turn nor mirror"
    apple_rules.check_master(stream.get)


def test_plans_of_the_release_before_and_of_this_one_can_be_read_by_both() -> None:
    """The release before knows no mirroring: it reads the same plan, and makes its pictures without."""
    stream = hls.Stream(films.oriented(film(draw=corners), (-1, 0, 0, 1)))
    plan = json.loads(stream.made["av/plan.json"])
    assert plan["version"] == 2
    for rung in plan["rungs"]:
        assert rung["settings"].pop("mirrored") is True
        assert set(rung["settings"]) == {"rate", "level", "turn", "slack", "frame_rate", "track"}
    before = json.dumps(plan).encode()
    stream.made["av/plan.json"] = before
    assert lit(first_picture(stream)) == [True, False, False, False]
    plain = json.loads(hls.Stream(film(draw=corners)).made["av/plan.json"])
    encoded = [rung["settings"] for rung in plain["rungs"] if rung["sort"] in ("picture", "key")]
    assert all(set(each) == {"rate", "level", "turn", "slack", "frame_rate", "track"} for each in encoded)


def test_pixels_that_are_not_square() -> None:
    def wide(stream: Any) -> None:
        stream.sample_aspect_ratio = Fraction(4, 3)

    stream = hls.Stream(film(size=(144, 64), picture=wide))
    frame = first_picture(stream)
    assert (frame.width, frame.height) == (192, 64) and not stream.plan.of("copy")


def test_a_high_dynamic_range_becomes_a_common_one() -> None:
    def white(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
        frame = films.numbered(size, pixels, time, base)
        for place, plane in enumerate(frame.planes):
            plane.update((580 if place == 0 else 512).to_bytes(2, "little") * (plane.buffer_size // 2))
        return frame

    def graded(transfer: int) -> Any:
        def grade(stream: Any) -> None:
            context = stream.codec_context
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, transfer, 9, 1
            stream.options = {"x265-params": f"log-level=none:colorprim=9:transfer={transfer}:colormatrix=9"}

        return grade

    levels = {}
    for transfer, name in ((16, "PQ"), (18, "HLG")):
        data = film(form="mov", codec="libx265", pixels="yuv420p10le", draw=white, picture=graded(transfer))
        stream = hls.Stream(data)
        frame = first_picture(stream)
        assert frame.format.name == "yuv420p" and (frame.color_trc, frame.colorspace, frame.color_primaries) == (
            1,
            1,
            1,
        )
        levels[name] = bytes(frame.planes[0])[0]
        (source,) = stream.plan.of("copy")
        assert source.video_range == name and source.codec.startswith("hvc1.2.")
        assert f"VIDEO-RANGE={name}" in stream.get("hls.m3u8").decode()
    # 580 of 10 bits is white paper in PQ (203 cd/m2), and a little darker in HLG; without tone mapping it would be 143.
    assert 146 <= levels["PQ"] <= 210 and 120 <= levels["HLG"] <= 140


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1920, 1080), [(426, 240), (640, 360), (854, 480), (1280, 720), (1920, 1080)]),
        ((1080, 1920), [(240, 426), (360, 640), (480, 854), (720, 1280), (1080, 1920)]),
        ((3840, 2160), [(426, 240), (640, 360), (854, 480), (1280, 720), (1920, 1080)]),
        ((720, 576), [(300, 240), (450, 360), (600, 480), (720, 576)]),
        ((101, 51), [(100, 50)]),
        ((64, 48), [(64, 48)]),
    ],
)
def test_the_ladder(size: tuple[int, int], wanted: list[tuple[int, int]]) -> None:
    rungs = ladder(*size, Fraction(30))
    assert [(rung.width, rung.height) for rung in rungs] == wanted
    assert [rung.rate for rung in rungs] == sorted(rung.rate for rung in rungs)
    # Six seconds at the bound, and what the encoder may have saved up, are far below what one answer may have.
    assert all((rung.rate * 6.1 + rung.rate * 2 / 3) / 8 < 4_000_000 for rung in rungs)
