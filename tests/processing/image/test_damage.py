"""Every kind of picture, damaged in every way: bounded time and memory, a code that is right, and no crash."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image

from chalicelib.processing.image.memory import RESIDENT
from tests import avifs, bitmaps, images, pngs, tiffs
from tests.fuzzing import MAX_SECONDS, tried

OUTCOMES = ("ready", "corrupt", "too_many_pixels", "unsupported_type")


def seeds() -> dict[str, bytes]:
    scene = images.scene(3, 48, 32)
    colored = pngs.cicp(9, 16) + pngs.light(1000) + pngs.profile(images.wide_gamut_profile()) + pngs.gamma(0.5)
    return {
        "colored png": pngs.png(16, 2, lambda x, y: [x * 900, y * 900, 0], size=(48, 32), before=colored),
        "clear png": pngs.png(16, 2, lambda x, _: [x, 0, 0], size=(48, 32), before=pngs.clear(9, 0, 0)),
        "planar tiff": tiffs.tiff(tiffs.Layout(2, 16, samples=3, planar=True), lambda x, y: [x * 999, y * 999, 0]),
        "float tiff": tiffs.tiff(tiffs.Layout(2, 32, 3, 3, compression=8), lambda x, y: [x / 40, y / 40, 0.0]),
        "bit fields": bitmaps.bmp(lambda x, y: (x, y, 9, 255), (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
        "icon": bitmaps.icon((16, 24, bitmaps.dib(16, 24, lambda x, y: x * y, lambda x, _: x > 9))),
        "bright avif": avifs.avif(scene, 9, 16),
        "tables of an avif": avifs.with_tables(images.encoded(images.picture(48, 32, "RGBA"), "AVIF", speed=10)),
        "ycc jpeg 2000": images.encoded(scene.convert("YCbCr"), "JPEG2000"),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", seeds())
def test_a_file_cut_at_every_hundredth_ends_in_a_code(name: str) -> None:
    data = seeds()[name]
    for hundredth in range(1, 100):
        assert_bounded(f"{name} at {hundredth} %", data[: len(data) * hundredth // 100])
        changed = bytearray(data)
        at = len(data) * hundredth // 100
        changed[at : at + 4] = b"\xff\xff\xff\xff"[: len(data) - at]
        assert_bounded(f"{name} changed at {hundredth} %", bytes(changed))


def chunks(data: bytes) -> Iterator[tuple[int, int]]:
    at = 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4]) + 12
        yield at, at + length
        at += length


@pytest.mark.parametrize("name", ["colored png", "clear png"])
def test_chunks_doubled_dropped_moved_and_of_the_largest_length(name: str) -> None:
    data = seeds()[name]
    for begin, end in chunks(data):
        chunk = data[begin:end]
        for changed in (
            data[:end] + chunk + data[end:],
            data[:end] + chunk * 1000 + data[end:],
            data[:begin] + data[end:],
            data[:33] + chunk + data[33:begin] + data[end:],
            data[:begin] + b"\x7f\xff\xff\xff" + data[begin + 4 :],
            data[:begin] + b"\xff\xff\xff\xff" + data[begin + 4 :],
            data[:begin] + b"\0\0\0\0" + data[begin + 4 :],
        ):
            assert_bounded(name, changed)


@pytest.mark.parametrize("name", ["bright avif", "tables of an avif", "ycc jpeg 2000"])
def test_boxes_of_the_largest_length_and_doubled(name: str) -> None:
    data = seeds()[name]
    for kind in (
        b"ftyp",
        b"meta",
        b"iprp",
        b"ipco",
        b"ipma",
        b"colr",
        b"iloc",
        b"iinf",
        b"mdat",
        b"jp2h",
        b"ihdr",
        b"jp2c",
    ):
        at = data.find(kind) - 4
        if at < 0:
            continue
        length = int.from_bytes(data[at : at + 4])
        for size in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1", b"\0\0\0\x08"):
            assert_bounded(name, data[:at] + size + data[at + 4 :])
        assert_bounded(name, data[: at + length] + data[at:])
        assert_bounded(name, data[: at + length] + data[at : at + length] * 500 + data[at + length :])
        assert_bounded(name, data[:at] + data[at + length :])


def test_code_points_out_of_range_are_passed_over() -> None:
    for primaries in (0, 3, 23, 128, 255):
        for transfer in (0, 3, 19, 128, 255):
            for matrix, full in ((0, 1), (255, 255), (0, 0)):
                data = pngs.row([(0.5, 0.5, 0.5)] * 16, pngs.cicp(primaries, transfer, matrix, full))
                assert tried("points", data).outcome == "ready"
            assert (
                tried("points", avifs.avif(Image.new("RGB", (16, 16)), primaries * 257, transfer * 257)).outcome
                == "ready"
            )
    for peak in (0, 1, 202, 203, 204, 10_000, 400_000):
        bright = pngs.row([(0.5, 0.6, 0.7)] * 16, pngs.cicp(9, 16) + pngs.light(peak))
        assert tried("peak", bright).outcome == "ready"


def test_a_profile_of_ten_megabytes_is_survived_in_every_format() -> None:
    large = images.wide_gamut_profile() + bytes(10_000_000)
    picture = images.picture(32, 32)
    for format in ("PNG", "WEBP", "TIFF", "AVIF"):
        data = images.encoded(picture, format, icc_profile=large)
        assert tried(format, data, RESIDENT + 400 * 1024**2).outcome == "ready", format
    masks = (0xFF0000, 0xFF00, 0xFF, 0)
    assert tried("BMP", bitmaps.bmp(lambda *_: (9, 9, 9, 9), masks, profile=large)).outcome == "ready"


def test_a_text_bomb_in_a_png_is_skipped() -> None:
    bomb = zlib.compress(bytes(500_000_000), 9)
    data = pngs.png(8, 2, lambda *_: (9, 9, 9), before=pngs.chunk(b"zTXt", b"a\0\0" + bomb[:1_000_000]))
    assert_bounded("bomb", data)
    assert tried("bomb", data).outcome == "ready"
    assert struct.calcsize("I") == 4


def assert_bounded(name: str, data: bytes) -> None:
    case = tried(name, data)
    assert case.outcome in OUTCOMES, (name, case.outcome)
    assert case.seconds < MAX_SECONDS, name
