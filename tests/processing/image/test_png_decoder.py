"""A PNG that is decoded in two threads has the pixels, and the faults, that it has with Pillow alone."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageFile

from chalicelib.processing.image import png_decoder
from tests import images, pngs

needs_isal = pytest.mark.skipif(png_decoder.zlib is None, reason="isal is not installed")
pytestmark = needs_isal
SIDE = 520


def made(mode: str, side: int = SIDE, **options: object) -> bytes:
    image = images.scene(5, side, side).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(image.getchannel(0))
    return images.encoded(image, "PNG", **options)


def in_chunks(data: bytes, packed: bytes, length: int) -> bytes:
    """The PNG with other content in its IDAT chunks, each of this length."""
    begin, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    chunks = [pngs.chunk(b"IDAT", packed[at : at + length]) for at in range(0, len(packed), length)]
    return data[:begin] + b"".join(chunks) + data[end:]


def content(data: bytes) -> bytes:
    """The content of all IDAT chunks."""
    at, found = 8, b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        found += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    return found


def opened(data: bytes, ours: bool = True) -> ImageFile.ImageFile:
    image = Image.open(BytesIO(data), formats=["PNG"])
    if ours:
        png_decoder.watch(image)
    return image


def outcome(data: bytes, ours: bool) -> object:
    try:
        with opened(data, ours) as image:
            image.load()
            return image.size, image.mode, image.tobytes(), dict(image.info)
    except (OSError, SyntaxError, ValueError):
        return "refused"


def is_watched(data: bytes) -> bool:
    return opened(data).tile[0].codec_name == png_decoder.NAME


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("length", [1, 1000, 65536, 10**9])
def test_pixels_are_those_of_pillow(mode: str, length: int) -> None:
    data = made(mode)
    packed = content(data)
    if length == 1:
        data, length = made(mode, compress_level=0), 20_011
        packed = content(data)
    data = in_chunks(data, packed, length)
    assert is_watched(data)
    assert outcome(data, ours=True) == outcome(data, ours=False) != "refused"


@pytest.mark.parametrize(
    "data", [made("P"), made("RGB", 500), made("1"), pngs.png(16, 2, lambda x, y: (x, y, 9), size=(520, 505))]
)
def test_other_files_are_left_to_pillow(data: bytes) -> None:
    assert not is_watched(data)


def test_an_interlaced_file_is_left_to_pillow() -> None:
    data = bytearray(made("RGB"))
    data[28] = 1
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    assert not is_watched(bytes(data))


def test_a_cut_file_is_refused() -> None:
    data = made("RGB")
    for percent in range(2, 99, 4):
        cut = data[: len(data) * percent // 100]
        assert outcome(cut, ours=True) == outcome(cut, ours=False), percent


def test_damaged_files_are_judged_as_by_pillow() -> None:
    data = made("RGB")
    packed, chance, kinds = content(data), random.Random(3), set()
    for _ in range(25):
        bad = bytearray(packed)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        damaged = in_chunks(data, bytes(bad), 8192)
        ours = outcome(damaged, ours=True)
        kinds.add(ours == "refused")
        assert ours == outcome(damaged, ours=False)
    assert True in kinds


@pytest.mark.parametrize(
    "change",
    [
        lambda packed: packed + b"more",
        lambda packed: packed[:-4] + b"\1\2\3\4",  # another checksum
        lambda packed: packed[:-4],
        lambda packed: zlib.compress(zlib.decompress(packed) + bytes(70_000)),  # too many rows
        lambda packed: zlib.compress(zlib.decompress(packed)[:-5000]),  # too few
        lambda packed: zlib.compress(b"\x09" + zlib.decompress(packed)[1:]),  # an unknown filter
        lambda packed: b"",
        lambda packed: b"\0" * 500,
    ],
    ids=["junk", "checksum", "no checksum", "more rows", "fewer rows", "filter", "nothing", "no zlib"],
)
def test_odd_streams_are_judged_as_by_pillow(change: object) -> None:
    data = made("RGB")
    odd = in_chunks(data, change(content(data)), 5000)  # type: ignore[operator]
    assert outcome(odd, ours=True) == outcome(odd, ours=False)
