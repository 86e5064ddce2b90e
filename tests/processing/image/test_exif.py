from __future__ import annotations

import json
import math
import random
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base

from chalicelib.processing.image.exif import MAX_TEXT, exif, orientation, text
from tests import images
from tests.processing.image.checks import process


def read(**options: Any) -> dict[str, Any]:
    with Image.open(BytesIO(images.jpeg(16, 16, **options))) as image:
        return exif(image)


def raw(values: dict[int, Any]) -> dict[str, Any]:
    """`exif` of an image with exactly these parsed tags: Pillow may return them, but no program would write them."""
    image = Image.new("RGB", (1, 1))
    image.getexif().update(values)
    return exif(image)


def test_the_fields_of_a_camera() -> None:
    found = read(
        exif={
            Base.Make: "Canon",
            Base.Model: "EOS  6D\0",
            Base.Software: "darktable",
            Base.Artist: "Ann",
            Base.Copyright: "© Müller 2026".encode(),
        },
        more_exif={
            Base.LensModel: "EF 50mm",
            Base.ExposureTime: TiffImagePlugin.IFDRational(1, 250),
            Base.FNumber: TiffImagePlugin.IFDRational(28, 10),
            Base.ISOSpeedRatings: 400,
            Base.FocalLength: TiffImagePlugin.IFDRational(50, 1),
            Base.ExposureBiasValue: TiffImagePlugin.IFDRational(-1, 3),
            Base.DateTimeOriginal: "2026:05:30 15:56:01",
            Base.OffsetTimeOriginal: "+02:00",
        },
        orientation=6,
    )
    assert found == {
        "make": "Canon",
        "model": "EOS 6D",
        "software": "darktable",
        "artist": "Ann",
        "copyright": "© Müller 2026",
        "lens_model": "EF 50mm",
        "exposure_time": 0.004,
        "f_number": 2.8,
        "iso": 400,
        "focal_length": 50.0,
        "exposure_bias": -0.333333,
        "taken_at": "2026-05-30T15:56:01+02:00",
        "orientation": 6,
    }


def test_an_image_without_exif_has_none() -> None:
    assert read() == {}


def test_where_it_was_taken_is_not_told() -> None:
    found = read(gps=True, exif={Base.Make: "Canon"})
    assert found == {"make": "Canon"}


@pytest.mark.parametrize(
    ("date", "offset", "expected"),
    [
        ("2026:05:30 15:56:01", None, "2026-05-30T15:56:01"),
        ("2026:05:30 15:56:01", "-03:30", "2026-05-30T15:56:01-03:30"),
        ("2026:05:30 15:56:01", "CEST", "2026-05-30T15:56:01"),
        ("0000:00:00 00:00:00", "+02:00", None),
        ("    :  :     :  :  ", None, None),
        ("yesterday", None, None),
    ],
)
def test_a_date_is_iso_8601_or_absent(date: str, offset: str | None, expected: str | None) -> None:
    more = {Base.DateTimeOriginal: date} | ({Base.OffsetTimeOriginal: offset} if offset else {})
    assert read(more_exif=more).get("taken_at") == expected


def test_texts_are_one_bounded_printable_line() -> None:
    found = read(exif={Base.Make: b"A\x01\x02\x1b[31m\r\nB\xe2\x80\xae", Base.Model: "x" * 5000, Base.Artist: " \n "})
    assert found["make"] == "A [31m B"
    assert found["model"] == "x" * MAX_TEXT
    assert "artist" not in found


@pytest.mark.parametrize(
    "value",
    [
        TiffImagePlugin.IFDRational(1, 0),
        TiffImagePlugin.IFDRational(0, 0),
        math.nan,
        math.inf,
        -1,
        0,
        "fast",
        b"\0",
        (1, 2),
        (),
        None,
        10**400,
        object(),
    ],
)
def test_a_number_that_is_none_is_left_out(value: object) -> None:
    tags: dict[int, Any] = {
        Base.ExposureTime: value,
        Base.FNumber: value,
        Base.ISOSpeedRatings: value,
        Base.Orientation: value,
    }
    found = raw({**tags, Base.Make: "Canon"})
    assert {key: v for key, v in found.items() if key != "iso"} == {"make": "Canon"}
    assert found.get("iso", 1) >= 1
    json.dumps(found, allow_nan=False)


def test_a_number_where_a_text_should_be_is_left_out() -> None:
    assert raw({Base.Make: 5, Base.Model: (1, 2), Base.Software: "x"}) == {"software": "x"}


@pytest.mark.parametrize("value", [0, 9, -1, "6", (6,), 6.0, None, b"\6"])
def test_an_orientation_that_makes_no_sense_is_upright(value: object) -> None:
    image = Image.new("RGB", (1, 1))
    image.getexif()[Base.Orientation] = value
    assert orientation(image) == 1


@pytest.mark.filterwarnings("ignore")  # Pillow's, of what it reads; decode.py silences them
def test_damaged_exif_raises_nothing_and_stays_json() -> None:
    block = images.exif_block(
        {Base.Make: "Canon", Base.Copyright: "me"},
        orientation=3,
        gps=True,
        more={Base.FNumber: 2.8, Base.LensModel: "EF"},
    )
    generator = random.Random(1)
    for _ in range(400):
        damaged = bytearray(block)
        for _ in range(generator.randint(1, 12)):
            damaged[generator.randrange(6, len(damaged))] = generator.randrange(256)
        image = Image.new("RGB", (1, 1))
        image.info["exif"] = bytes(damaged[: generator.randint(8, len(damaged))])
        found = exif(image)
        assert 1 <= orientation(image) <= 8
        assert len(json.dumps(found, allow_nan=False)) < 5000


def test_an_orientation_is_that_of_exif_and_never_of_xmp() -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for format in ("JPEG", "PNG", "WEBP", "TIFF"):
        info, _ = process(images.encoded(images.picture(30, 20), format, xmp=packet))
        assert (info.width, info.height) == (30, 20), format
        assert "orientation" not in info.exif
    both = images.encoded(images.turned(30, 20, 8), "JPEG", xmp=packet, exif=images.exif_block(orientation=8))
    assert (process(both)[0].width, process(both)[0].exif) == (30, {"orientation": 8})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"X100\0junk7\0", "X100"),
        (b"\0\0late\0", "late"),
        ("Ann\0Bob", "Ann"),
        (b"\0\0\0", None),
        (b"\x8eR\x93c\x91\xbe\x98Y\0", "山田太郎"),
        ("\x8eR\x93c\x91\xbe\x98Y", "山田太郎"),
        ("Èâàí", None),
        ("Müller", "Müller"),
        ("Иван", "Иван"),
    ],
)
def test_a_text_ends_at_its_nul_and_garbage_is_none(value: object, expected: str | None) -> None:
    assert text(value) == expected


SOS, REI, SPEED = Base.StandardOutputSensitivity, Base.RecommendedExposureIndex, Base.ISOSpeed


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({Base.ISOSpeedRatings: 400, REI: 800}, 400),
        ({Base.ISOSpeedRatings: 65535, Base.SensitivityType: 2, REI: 102_400}, 102_400),
        ({Base.ISOSpeedRatings: 65535, Base.SensitivityType: 1, SOS: 204_800, REI: 102_400}, 204_800),
        ({Base.ISOSpeedRatings: 65535, Base.SensitivityType: 3, SPEED: 409_600, REI: 102_400}, 409_600),
        ({Base.ISOSpeedRatings: 65535, Base.SensitivityType: 2, SOS: 204_800}, 204_800),
        ({Base.ISOSpeedRatings: 65535, SPEED: 409_600}, 409_600),
        ({Base.ISOSpeedRatings: 65535}, 65535),
        ({Base.SensitivityType: 2, REI: 3200}, 3200),
        ({Base.SensitivityType: 99, REI: 3200}, 3200),
        ({REI: 0}, None),
    ],
)
def test_the_sensitivity_is_in_another_tag_where_16_bits_are_too_few(
    tags: dict[int, int], expected: int | None
) -> None:
    assert raw(tags).get("iso") == expected
