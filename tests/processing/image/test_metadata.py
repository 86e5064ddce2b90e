"""What the record says of an image."""

from __future__ import annotations

import json
import struct
import time
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.ExifTags import Base

from chalicelib.model import ImageInfo
from chalicelib.processing.image import compositor, metadata
from chalicelib.processing.image.cascade import process_image
from tests import images
from tests.processing.image.checks import MEMORY, PHOTO, process

XMP = """<x:xmpmeta><rdf:RDF><dc:rights><rdf:Alt><rdf:li xml:lang="x-default">CC BY 4.0</rdf:li></rdf:Alt></dc:rights>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">A &lt;b&gt; door</rdf:li></rdf:Alt></dc:description></rdf:RDF>"""


def with_iptc(data: bytes, fields: dict[int, bytes]) -> bytes:
    """A JPEG with IPTC-IIM record 2 in Photoshop's segment."""
    records = b"".join(struct.pack(">BBBH", 0x1C, 2, field, len(value)) + value for field, value in fields.items())
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(records)) + records + bytes(len(records) % 2)
    segment = b"Photoshop 3.0\0" + resource
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def animation(format: str, count: int, **options: Any) -> bytes:
    frames = [Image.new("RGB", (24, 16), (n * 9 % 256, 0, 255 - n % 256)) for n in range(count)]
    return images.encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=50, **options)


def test_the_record_says_what_kind_of_pixels_the_image_has() -> None:
    info = process(images.jpeg(1500, 1000))[0]
    assert (info.megapixels, info.color_space, info.has_alpha, info.frames) == (1.5, "sRGB", False, 1)
    assert process(images.jpeg(50, 50, icc=images.wide_gamut_profile()))[0].color_space == "Wide test profile"
    assert process(images.jpeg(50, 50, mode="CMYK"))[0].color_space == "CMYK"
    assert process(images.png(50, 50, mode="L"))[0].color_space == "Gray"
    assert process(images.png(50, 50, mode="LA"))[0].has_alpha is True
    assert process(images.png(50, 50, icc_profile=b"none"))[0].color_space == "sRGB"


def test_the_record_says_what_the_image_looks_like() -> None:
    info = process(images.jpeg(700, 500))[0]
    assert info.blurhash
    assert len(info.blurhash) == 28
    assert len(info.phash or "") == 16
    assert len(info.palette) >= 4
    assert info.sharpness
    again = process(images.png(350, 250))[0]
    assert (int(info.phash or "", 16) ^ int(again.phash or "", 16)).bit_count() <= 6


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_frames_are_counted(format: str) -> None:
    assert process(animation(format, 7))[0].frames == 7


def test_a_cameras_second_picture_is_no_frame() -> None:
    data = images.encoded(images.picture(50, 50), "MPO", save_all=True, append_images=[images.picture(50, 50)])
    assert process(data)[0].frames == 1


def test_the_frames_of_a_gif_are_counted_as_pillow_does() -> None:
    for options in ({}, {"optimize": True}, {"disposal": 2, "comment": b"x" * 700}):
        data = animation("GIF", 12, **options)
        found, _ = compositor.read(BytesIO(data))
        assert found
        with Image.open(BytesIO(data)) as image:
            assert found.count == image.n_frames == 12  # type: ignore[attr-defined]


def test_credit_is_found_in_xmp_and_iptc() -> None:
    info = process(images.encoded(images.picture(50, 50), "JPEG", xmp=XMP.encode()))[0]
    assert (info.copyright, info.caption, info.artist) == ("CC BY 4.0", "A <b> door", None)
    data = with_iptc(images.jpeg(50, 50), {116: b"(c) Ann", 120: "Grüße".encode(), 80: b"Ann"})
    info = process(data)[0]
    assert (info.copyright, info.caption, info.artist) == ("(c) Ann", "Grüße", "Ann")


def test_a_caption_stays_in_the_record() -> None:
    data = images.jpeg(50, 50, exif={Base.ImageDescription: "At home", Base.Copyright: "me"})
    info, out = process(data)
    assert (info.caption, info.copyright) == ("At home", "me")
    assert not any(b"At home" in encoded for _, encoded in out.values())


def test_where_it_was_taken_is_told_only_if_the_recipe_asks_and_never_in_a_rendition() -> None:
    data, out = images.jpeg(50, 50, gps=True), []
    asked = process_image(data, replace(PHOTO, keep_gps=True), memory=MEMORY, emit=lambda _, e: out.append(e))
    assert asked.exif["gps"] == {"lat": 48.8584, "lon": 2.2945}
    assert "gps" not in process(data)[0].exif
    assert sorted(out) == sorted(encoded for _, encoded in process(data)[1].values())


def test_hostile_words_are_bounded_and_quick() -> None:
    image = Image.new("RGB", (1, 1))
    begun = time.process_time()
    for packet in (b"<dc:creator " * 30_000, b"<dc:rights><rdf:li " * 20_000, b"<dc:rights><rdf:li>" + b"x" * 10**6):
        image.info["xmp"] = packet
        assert all(len(value) <= 1000 for value in metadata.words(metadata.read(image)).values())
    assert time.process_time() - begun < 1


def test_a_record_is_json_and_an_older_one_still_loads() -> None:
    info = process(images.jpeg(50, 50))[0]
    assert ImageInfo.model_validate_json(json.dumps(info.model_dump(mode="json"), allow_nan=False)) == info
    old = {"width": 1, "height": 1, "format": "png", "thumbhash": "", "dominant_color": "#ffffff"}
    assert ImageInfo.model_validate(old).frames == 1


def test_only_an_animation_has_a_duration_in_its_record() -> None:
    """Else the answers of all older records would change, and with them their tags."""
    assert "duration" not in process(images.jpeg(50, 50))[0].model_dump(mode="json")
    moving = process(animation("GIF", 3))[0]
    assert moving.model_dump(mode="json")["duration"] == moving.duration == 0.15
    assert ImageInfo.model_validate(moving.model_dump(mode="json")) == moving
