"""Files that are made to harm end in a rendition or a fault, soon and in bounded memory."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from PIL import Image

from chalicelib.model import ErrorCode
from tests import images
from tests.fuzzing import fuzz
from tests.processing.image.checks import fault, process


@pytest.mark.filterwarnings("ignore")
def test_random_changes_end_in_a_rendition_or_a_fault() -> None:
    outcomes, bad = fuzz(seed=20_261_122, count=200)
    assert not bad, [(case.name, case.outcome, case.seconds) for case in bad]
    assert outcomes["ready"] > 5
    assert outcomes["corrupt"] > 5


def test_a_gif_of_a_hundred_thousand_frames_is_a_poster() -> None:
    data = images.encoded(Image.new("P", (8, 8)), "GIF")
    frame = data[data.index(b"\x2c") : -1]
    begun = time.process_time()
    info, out = process(data[:-1] + frame * 100_000 + b";")
    assert info.frames == 100_001
    assert len(out) == 2
    assert time.process_time() - begun < 5


def test_a_png_with_endless_chunks_ends() -> None:
    data = images.png(32, 32)
    chunk = struct.pack(">I", 1) + b"teSt" + b"x" + struct.pack(">I", zlib.crc32(b"teStx"))
    begun = time.process_time()
    assert process(data[:33] + chunk * 100_000 + data[33:])[0].width == 32
    assert time.process_time() - begun < 10


def test_a_huge_profile_is_survived() -> None:
    data = images.jpeg(32, 32, icc=images.wide_gamut_profile() + bytes(8_000_000))
    assert process(data)[0].width == 32


def test_a_polyglot_is_the_image_alone() -> None:
    data = images.jpeg(32, 32) + b"PK\x03\x04<script>alert(1)</script>"
    assert not any(b"script" in encoded or b"PK\x03" in encoded for _, encoded in process(data)[1].values())
    assert fault(b"<script>" + data).code is ErrorCode.CORRUPT


def bomb(format: str) -> bytes:
    """A small file that claims to be 30,000 pixels wide and high."""
    data = bytearray(images.encoded(images.picture(48, 32), format))
    if format == "GIF":
        data[6:10] = struct.pack("<HH", 30_000, 30_000)
    elif format == "BMP":
        data[18:26] = struct.pack("<ii", 30_000, 30_000)
    elif format == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 30_000, 30_000)
    elif format == "TIFF":
        for tag in (256, 257):
            at = data.index(struct.pack("<HHI", tag, 4, 1)) + 8
            data[at : at + 4] = struct.pack("<I", 30_000)
    elif format == "JPEG2000":
        at = data.index(b"\xff\x51") + 6  # SIZ: its length and capabilities come first
        data[at : at + 8] = struct.pack(">II", 30_000, 30_000)
        at = data.index(b"ihdr") + 4
        data[at : at + 8] = struct.pack(">II", 30_000, 30_000)
    elif format == "AVIF":
        at = data.index(b"ispe") + 8  # after version and flags
        data[at : at + 8] = struct.pack(">II", 30_000, 30_000)
    return bytes(data)


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "JPEG2000"])
def test_a_bomb_is_refused_by_its_header(format: str) -> None:
    begun = time.process_time()
    assert fault(bomb(format)).code is ErrorCode.TOO_MANY_PIXELS
    assert time.process_time() - begun < 1


def test_an_avif_bomb_is_refused_before_its_pixels() -> None:
    """libavif has its own bound on the size in a header, and compares it with the coded frame."""
    begun = time.process_time()
    assert fault(bomb("AVIF")).code in (ErrorCode.TOO_MANY_PIXELS, ErrorCode.CORRUPT)
    assert time.process_time() - begun < 1


def test_a_jpeg_that_cannot_hold_what_it_claims_is_refused() -> None:
    begun = time.process_time()
    assert fault(bomb("JPEG")).code is ErrorCode.CORRUPT
    assert time.process_time() - begun < 1


def test_the_smallest_jpeg_of_a_size_is_no_lie() -> None:
    for options in ({"quality": 1}, {"quality": 1, "progressive": True}, {"quality": 1, "subsampling": "4:2:0"}):
        blank = images.encoded(Image.new("RGB", (4000, 3000)), "JPEG", optimize=True, **options)
        assert process(blank)[0].width == 4000
        assert process(images.encoded(Image.new("L", (4000, 3000)), "JPEG", optimize=True, quality=1))[0].width == 4000
