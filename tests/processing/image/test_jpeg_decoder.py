"""Damage that libjpeg only warns of, and what is none."""

from __future__ import annotations

import time
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image import jpeg_decoder
from chalicelib.processing.image.decode import decode
from tests import images
from tests.processing.image.checks import fault, process

SORTS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "4:4:4": {"subsampling": 0},
    "own codes": {"optimize": True},
    "progressive": {"progressive": True},
    "progressive 4:4:4": {"progressive": True, "subsampling": 0},
    "restart marks": {"restart_marker_rows": 1},
    "many restart marks": {"restart_marker_blocks": 3},
    "grey": {"mode": "L"},
    "grey, progressive": {"mode": "L", "progressive": True},
    "inks": {"mode": "CMYK"},
}
END = b"\xff\xd9"


def made(sort: str) -> bytes:
    options = dict(SORTS[sort])
    return images.encoded(images.scene(3, 317, 211).convert(options.pop("mode", "RGB")), "JPEG", quality=85, **options)


def pixels(data: bytes, scale: int = 1) -> bytes:
    found = decode(data, memory=2**31, wanted=lambda width, height: (width // scale, height // scale))
    return found.pixels.tobytes()


def plain(data: bytes, scale: int = 1) -> bytes:
    """As Pillow decodes it."""
    with Image.open(BytesIO(data)) as image:
        image.draft(None, (317 // scale, 211 // scale))
        image.load()
        return image.tobytes()


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("sort", SORTS)
def test_a_sound_file_is_decoded_as_by_pillow(sort: str, scale: int) -> None:
    assert pixels(made(sort), scale) == plain(made(sort), scale)


HARMLESS = {
    "no end": lambda data: data[:-2],
    "no end, and zeros": lambda data: data[:-2] + bytes(64),
    "no end, and a mark's beginning": lambda data: data[:-2] + b"\xff",
    "no end, and a cut segment": lambda data: data[:-2] + b"\xff\xe0\xff\xff",
    "bytes before the end": lambda data: data[:-2] + bytes(10) + END,
    "many bytes before the end": lambda data: data[:-2] + bytes(100_000) + END,
    "fill bytes before the end": lambda data: data[:-2] + b"\xff" * 5 + END,
    "junk behind the end": lambda data: data + b"junk\xff\xd8\xff\xda" * 1000,
    "another picture behind the end": lambda data: data + data,
}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("sort", SORTS)
def test_what_follows_the_picture_does_not_matter(sort: str, name: str) -> None:
    data = made(sort)
    assert pixels(HARMLESS[name](data)) == plain(data)


def first_data(data: bytes) -> int:
    return data.index(b"\xff\xda") + 40


@pytest.mark.parametrize("end", [b"", END], ids=["without", "with an end"])
@pytest.mark.parametrize("sort", SORTS)
def test_a_file_that_is_cut_anywhere_is_corrupt(sort: str, end: bytes) -> None:
    data = made(sort)
    for hundredth in range(1, 100):
        cut = len(data) * hundredth // 100
        assert fault(data[:cut] + end).code is ErrorCode.CORRUPT, hundredth


@pytest.mark.parametrize("sort", ["baseline", "restart marks", "grey", "inks"])
def test_lost_data_in_the_middle_is_corrupt(sort: str) -> None:
    """A hole may leave codes that fit by chance. Most don't."""
    data, found = made(sort), 0
    begin = first_data(data)
    for n in range(50):
        at = begin + (len(data) - begin - 900) * n // 50
        try:
            pixels(data[:at] + data[at + 700 :])
        except PermanentFault as error:
            assert error.code is ErrorCode.CORRUPT
            found += 1
    assert found >= 45


def test_a_file_that_ends_after_a_scan_needs_the_others() -> None:
    data = made("progressive")
    scans = [n for n in range(len(data)) if data[n : n + 2] == b"\xff\xda"]
    for scan in scans[1:]:
        assert fault(data[:scan]).code is ErrorCode.CORRUPT


def test_the_reason_is_said() -> None:
    data = made("baseline")
    assert "lost" in fault(data[: len(data) // 2] + END).message


def test_warnings_are_read_from_this_pillow() -> None:
    """If this fails after a new Pillow: the places in jpeg_decoder.py must be found again in its structures."""
    data = made("baseline")
    with Image.open(BytesIO(data)) as image:
        tile = image.tile[0]
        decoder = Image._getdecoder(image.mode, "jpeg", tile.args, image.decoderconfig)
        assert jpeg_decoder._warnings(decoder) == 0
        decoder.setimage(Image.core.new(image.mode, image.size), tile.extents)  # type: ignore[attr-defined]
        decoder.decode(data[: len(data) // 2] + END)
        assert jpeg_decoder._state(decoder)
        assert jpeg_decoder._warnings(decoder) >= 1
        decoder.cleanup()


def test_a_structure_that_is_not_as_expected_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = made("baseline")
    monkeypatch.setattr(jpeg_decoder, "_KNOWN", False)
    assert pixels(data) == plain(data)
    pixels(data[: len(data) // 2] + END)  # damage is not found, as without the module


@pytest.mark.parametrize(("kind", "bits"), [(0xC3, 8), (0xC5, 8), (0xC7, 8), (0xCB, 8), (0xC1, 12)])
def test_a_process_that_nobody_decodes_is_not_called_damaged(kind: int, bits: int) -> None:
    data = bytearray(made("baseline"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = kind, bits
    assert fault(bytes(data)).code is ErrorCode.UNSUPPORTED_TYPE


def test_segments_doubled_dropped_and_of_the_largest_length_end_soon() -> None:
    for sort in ("baseline", "progressive"):
        data = made(sort)
        marks = [
            n
            for n in range(2, len(data) - 4)
            if data[n] == 0xFF and data[n + 1] in (0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xE0)
        ]
        begun = time.process_time()
        for at in marks:
            length = int.from_bytes(data[at + 2 : at + 4]) + 2
            for changed in (
                data[: at + length] + data[at:],
                data[:at] + data[at + length :],
                data[: at + 2] + b"\xff\xff" + data[at + 4 :],
                data[: at + 2] + b"\0\0" + data[at + 4 :],
            ):
                try:
                    process(changed, widths=(64,))
                except PermanentFault as error:
                    assert error.code in (ErrorCode.CORRUPT, ErrorCode.UNSUPPORTED_TYPE)
        assert time.process_time() - begun < 30
