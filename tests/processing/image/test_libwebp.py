"""libwebp, called by its own API, makes the pixels and the bytes that Pillow makes by it."""

from __future__ import annotations

import random
from io import BytesIO

import pytest
from PIL import Image

from chalicelib.processing.image import encoders, libwebp, webp
from chalicelib.renditions.recipes import Encoding
from tests import images

SIZES = [(1, 1), (7, 5), (317, 211), (2100, 2200)]  # the last one is more than a block of Pillow's memory


def scene(size: tuple[int, int], mode: str) -> Image.Image:
    image = images.scene(4, *size).convert(mode)
    if mode == "RGBA":
        noise = Image.frombytes("L", size, random.Random(1).randbytes(size[0] * size[1]))
        image.putalpha(noise)
    return image


def by_pillow(image: Image.Image, quality: int, effort: int, exif: bytes = b"") -> bytes:
    buffer = BytesIO()
    image.copy().save(buffer, "WEBP", quality=quality, method=effort, exif=exif)
    return buffer.getvalue()


def outcome(data: bytes, ours: bool) -> object:
    """The size, mode and pixels of a file, or that it is refused."""
    try:
        image = webp.opened(BytesIO(data)) if ours else None
        with image or Image.open(BytesIO(data), formats=["WEBP"]) as opened:
            opened.load()
            return opened.size, opened.mode, opened.tobytes()
    except Exception:
        return "refused"


def test_the_library_is_that_of_this_pillow() -> None:
    assert libwebp.features(images.encoded(images.scene(1, 40, 30), "WEBP")) == (40, 30, False)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", SIZES)
def test_encoded_bytes_are_those_of_pillow(size: tuple[int, int], mode: str) -> None:
    image = scene(size, mode)
    effort = 0 if size[0] > 1000 else 2
    assert libwebp.encoded(image, 80, effort) == by_pillow(image, 80, effort)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0odd", b"MM\0*even"])
def test_metadata_is_written_as_by_pillow(mode: str, exif: bytes) -> None:
    image = scene((33, 20), mode)
    assert libwebp.encoded(image, 60, 4, exif) == by_pillow(image, 60, 4, exif)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_without_the_library_pillow_makes_the_same_bytes(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image, encoding = scene((90, 60), mode), Encoding("webp", quality=70, effort=2)
    block = images.exif_block(orientation=1)
    ours = encoders.encode(image, encoding, block)
    monkeypatch.setattr(libwebp, "_library", lambda: None)
    assert libwebp.encoded(image.convert("RGB"), 70, 2) is None
    assert libwebp.features(ours) is None
    assert encoders.encode(image, encoding, block) == ours


def test_an_image_that_is_too_wide_is_refused_by_pillow() -> None:
    wide = Image.new("RGB", (16384, 1))
    assert libwebp.encoded(wide, 80, 2) is None
    with pytest.raises(ValueError):
        encoders.encode(wide, Encoding("webp", quality=80, effort=2))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("size", SIZES[:3])
def test_decoded_pixels_are_those_of_pillow(size: tuple[int, int], mode: str, lossless: bool) -> None:
    data = images.encoded(scene(size, mode), "WEBP", lossless=lossless, method=0)
    assert isinstance(webp.opened(BytesIO(data)), webp.StillFile)
    assert outcome(data, ours=True) == outcome(data, ours=False) != "refused"


def test_notes_are_those_of_pillow() -> None:
    notes = {"icc_profile": images.srgb_profile(), "exif": images.exif_block(orientation=6), "xmp": b"<x:xmpmeta/>"}
    data = images.encoded(scene((20, 10), "RGB"), "WEBP", **notes)
    ours = webp.opened(BytesIO(data))
    assert ours
    with Image.open(BytesIO(data)) as pillows:
        assert {name: ours.info[name] for name in notes} == {name: pillows.info[name] for name in notes}


def test_a_still_with_odd_chunks_is_left_to_pillow() -> None:
    data = images.encoded(scene((20, 10), "RGBA"), "WEBP", exif=images.exif_block(orientation=6))
    assert webp.opened(BytesIO(data))
    for flags in (0, 0x08, 0x10, 0x38, 0x98):  # not those of alpha and EXIF
        assert webp.opened(BytesIO(data[:20] + bytes([flags]) + data[21:])) is None
    assert webp.opened(BytesIO(data + b"more")) is None
    assert webp.opened(BytesIO(data[:-2])) is None


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_damaged_files_are_judged_as_by_pillow(mode: str) -> None:
    whole = images.encoded(scene((60, 40), mode), "WEBP", exif=images.exif_block(orientation=6))
    chance = random.Random(2)
    cut = [whole[: len(whole) * n // 100] for n in range(1, 100)]
    flipped = []
    for _ in range(150):
        bad = bytearray(whole)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        flipped.append(bytes(bad))
    exif = whole.index(b"EXIF")
    for bit in (*range(8 * 48), *range(8 * exif, 8 * exif + 64)):  # of the headers
        bad = bytearray(whole)
        bad[bit // 8] ^= 1 << bit % 8
        flipped.append(bytes(bad))
    for data in [*cut, *flipped, whole + b"more", whole * 2]:
        assert outcome(data, ours=True) == outcome(data, ours=False), data[:40]


def test_an_animation_is_not_taken_for_a_still() -> None:
    source = BytesIO(images.moving("WEBP"))
    source.seek(3)
    assert webp.opened(source) is None
    assert source.tell() == 3
