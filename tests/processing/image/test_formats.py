"""Formats of phones and old desktops: HEIC, JPEG 2000, icons."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from io import BytesIO

import pytest

from chalicelib.model import ErrorCode
from chalicelib.processing.image.heif import claimed_pixels
from chalicelib.processing.sniff import sniff
from tests import images
from tests.heic import HEIC, claiming
from tests.processing.image.checks import assert_upright, close, fault, opened, process


@pytest.mark.parametrize("name", ["upright", "turned", "mirrored"])
def test_a_heic_comes_out_upright_and_is_turned_once(name: str) -> None:
    info, out = process(HEIC[name])
    assert (info.width, info.height, info.format) == (64, 48, "heic")
    for rendition, encoded in out.values():
        assert (rendition.width, rendition.height) == (64, 48)
        assert_upright(opened(encoded))


def test_a_heics_exif_is_told_and_its_place_is_not() -> None:
    info, out = process(HEIC["turned"])
    assert info.exif["make"] == "Canon"
    assert "gps" not in json.dumps(info.exif).lower()
    assert not any(b"EIFFEL" in encoded or b"Canon" in encoded for _, encoded in out.values())


def test_a_heics_alpha_is_kept() -> None:
    webp = opened(process(HEIC["alpha"])[1]["w64", "webp"][1])
    assert webp.mode == "RGBA"
    assert close((webp.getchannel("A").getpixel((16, 12)), webp.getchannel("A").getpixel((48, 36))), (0, 255))


def test_a_heics_wide_gamut_is_converted() -> None:
    for _, encoded in process(HEIC["wide"])[1].values():
        assert close(opened(encoded).convert("RGB").getpixel((32, 24)), (216, 93, 24), 6)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_heic_is_corrupt(part: float) -> None:
    assert fault(images.truncated(HEIC["upright"], part)).code is ErrorCode.CORRUPT


def test_a_heic_bomb_is_refused() -> None:
    assert fault(claiming("upright", 30_000, 30_000)).code is ErrorCode.TOO_MANY_PIXELS
    assert fault(claiming("upright", 2**31, 2**31)).code is ErrorCode.TOO_MANY_PIXELS
    assert fault(claiming("upright", 4000, 3000)).code is ErrorCode.CORRUPT


@pytest.mark.parametrize(
    ("brand", "codec"),
    [(b"jpeg", b"jpeg"), (b"jpgs", b"jpeg"), (b"avci", b"avc1"), (b"j2ki", b"j2k1"), (b"heic", b"unci")],
)
def test_a_heif_of_another_codec_is_not_supported(brand: bytes, codec: bytes) -> None:
    data = HEIC["upright"].replace(b"ftypheic", b"ftyp" + brand).replace(b"hvc1", codec)
    assert fault(data).code is ErrorCode.UNSUPPORTED_TYPE


@pytest.mark.parametrize("codec", [b"heic", b"avif"])
def test_a_picture_in_a_mini_box_is_known_and_not_supported(codec: bytes) -> None:
    data = b"\0\0\0\x10ftypmif3" + codec + b"\0\0\0\x59mini" + bytes(81)
    assert sniff(data) == "image/" + codec.decode()
    assert fault(data).code is ErrorCode.UNSUPPORTED_TYPE


@pytest.mark.parametrize("name", HEIC)
def test_what_a_heic_decodes_is_read_from_its_stream_too(name: str) -> None:
    """The boxes with the size are made useless, so only the header of the stream has it (64 x 48, in whole blocks)."""
    spoilt = HEIC[name].replace(b"ispe", b"spoi")
    assert 64 * 48 <= claimed_pixels(BytesIO(spoilt)) <= 64 * 64
    assert claimed_pixels(BytesIO(images.jpeg(20, 20))) == 0


def test_the_heif_decoder_stays_out_of_the_function() -> None:
    code = """
import sys
import zlib
from io import BytesIO
from tests.heic import HEIC
from tests.images import jpeg
from chalicelib.renditions.recipes import RECIPES
from chalicelib.processing.image.cascade import process_image
for data in (jpeg(20, 20), HEIC["upright"]):
    process_image(data, RECIPES["photo"], memory=1769 * 1024**2, emit=lambda *_: None)
    print("pi_heif" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("options", [{}, {"irreversible": True, "quality_layers": [8]}, {"tile_size": (64, 64)}])
def test_a_jpeg_2000_is_decoded(options: dict[str, object]) -> None:
    info, out = process(images.encoded(images.picture(120, 90), "JPEG2000", **options), widths=(60,))
    assert (info.width, info.height, info.format) == (120, 90, "jp2")
    for _, encoded in out.values():
        assert_upright(opened(encoded))


def test_a_jpeg_2000_may_have_alpha_or_be_a_bare_code_stream() -> None:
    _, out = process(images.encoded(images.picture(120, 120, "RGBA"), "JPEG2000"), widths=(60,))
    assert opened(out["w60", "webp"][1]).getchannel("A").getpixel((15, 15)) == 0
    assert process(images.encoded(images.picture(120, 90), "JPEG2000", no_jp2=True))[0].width == 120


def test_a_jpeg_2000_bomb_is_refused() -> None:
    data = bytearray(images.encoded(images.picture(64, 64), "JPEG2000"))
    header, size = data.index(b"ihdr") + 4, data.index(b"\xff\x51") + 6
    data[header : header + 8] = struct.pack(">II", 40_000, 40_000)
    data[size : size + 8] = struct.pack(">II", 40_000, 40_000)
    assert fault(bytes(data)).code is ErrorCode.TOO_MANY_PIXELS


@pytest.mark.parametrize("kind", ["bmp", "png"])
def test_an_icon_gives_its_largest_image(kind: str) -> None:
    data = images.encoded(images.picture(128, 128), "ICO", sizes=[(16, 16), (128, 128), (48, 48)], bitmap_format=kind)
    info, out = process(data)
    assert (info.width, info.height, info.format) == (128, 128, "ico")
    assert_upright(opened(out["w128", "webp"][1]))


@pytest.mark.parametrize("kind", ["bmp", "png"])
def test_an_icon_that_hides_a_bomb_is_refused(kind: str) -> None:
    data = bytearray(images.encoded(images.picture(64, 64), "ICO", sizes=[(64, 64)], bitmap_format=kind))
    if kind == "png":
        at = data.index(b"IHDR")
        data[at + 4 : at + 12] = struct.pack(">II", 30_000, 30_000)
        data[at + 17 : at + 21] = struct.pack(">I", zlib.crc32(data[at : at + 17]))
    else:
        data[26:34] = struct.pack("<ii", 30_000, -60_000)
    assert fault(bytes(data)).code is ErrorCode.TOO_MANY_PIXELS


def test_an_icon_that_points_nowhere_is_corrupt() -> None:
    data = bytearray(images.encoded(images.picture(64, 64), "ICO", sizes=[(64, 64)]))
    data[18:22] = struct.pack("<I", 2**32 - 1)
    assert fault(bytes(data)).code is ErrorCode.CORRUPT
    assert fault(b"\0\0\1\0\0\0").code is ErrorCode.CORRUPT


def test_a_heic_that_crashes_the_decoder_is_corrupt() -> None:
    """Fuzzing found this file: pi-heif 1.4.0 ends with a segmentation fault."""
    crashing = bytearray(HEIC["turned"])
    crashing[175:179] = bytes((0o72, 0o24, 0o277, 0o37))
    assert fault(bytes(crashing)).code is ErrorCode.CORRUPT


@pytest.mark.parametrize("codec", [b"avc1", b"av01", b"jpeg", b"unci", b"vvc1", b"j2k1", b"abcd"])
def test_a_heif_of_another_codec_is_not_called_damaged(codec: bytes) -> None:
    assert fault(HEIC["upright"].replace(b"hvc1", codec)).code is ErrorCode.UNSUPPORTED_TYPE


def test_a_heif_with_features_that_nobody_knows_is_not_called_damaged() -> None:
    assert fault(HEIC["upright"].replace(b"clap", b"zzzz")).code is ErrorCode.UNSUPPORTED_TYPE
    assert fault(HEIC["upright"].replace(b"iloc", b"xxxx")).code is ErrorCode.CORRUPT
