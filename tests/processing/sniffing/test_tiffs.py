from __future__ import annotations

import random
from io import BytesIO

import pytest

from chalicelib.processing.sniffing.tiffs import RAW, inside_tiff
from tests import images, tiffs


def found(data: bytes) -> str | None:
    return inside_tiff(data[:4096], BytesIO(data))


MAKERS = {
    b"NIKON CORPORATION": "image/x-nikon-nef",
    b"SONY": "image/x-sony-arw",
    b"PENTAX": "image/x-pentax-pef",
    b"OLYMPUS IMAGING CORP.": "image/x-olympus-orf",
    b"Hasselblad": "image/x-hasselblad-3fr",
    b"Somebody else": "image/x-raw",
}


@pytest.mark.parametrize("maker", MAKERS)
def test_a_raw_file_is_known_by_its_color_filters_and_its_maker(maker: bytes) -> None:
    assert found(tiffs.raw(maker)) == MAKERS[maker]
    assert MAKERS[maker] in RAW


@pytest.mark.parametrize("compression", [1, 7, 32767, 34713, 65535])
def test_its_compression_does_not_matter(compression: int) -> None:
    assert found(tiffs.raw(compression=compression)) == "image/x-nikon-nef"


def test_a_dng_says_so_itself() -> None:
    assert found(tiffs.raw(dng=True)) == "image/x-adobe-dng"


def test_a_cr2_has_a_mark() -> None:
    data = bytearray(images.encoded(images.picture(20, 20), "TIFF"))
    data[8:10] = b"CR"
    assert found(bytes(data)) == "image/x-canon-cr2"


def test_other_tiffs_are_none() -> None:
    for mode in ("L", "RGB", "CMYK"):
        assert found(images.encoded(images.picture(20, 20).convert(mode), "TIFF")) is None
    assert (
        found(tiffs.tiff(tiffs.Layout(2, samples=3, little=False, more={271: b"NIKON\0"}), lambda *_: [1, 2, 3]))
        is None
    )
    assert found(b"II+\0\x08\0\0\0" + bytes(8)) is None


def test_hostile_directories_end_soon() -> None:
    generator = random.Random(4)
    for data in (tiffs.raw(), tiffs.raw(dng=True)):
        for length in range(8, len(data), 9):
            found(data[:length])
        for _ in range(500):
            changed = bytearray(data)
            for _ in range(4):
                changed[generator.randrange(4, len(changed))] = generator.randrange(256)
            found(bytes(changed))
    endless = bytearray(tiffs.raw())
    endless[4:8] = b"\x08\0\0\0"  # a directory that begins in the pixels
    found(bytes(endless))
