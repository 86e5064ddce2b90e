"""Which picture a raw file has: the full-size JPEG that the camera put in, turned and described by the raw file."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from chalicelib.model import ErrorCode, ImageInfo, Kind, PermanentFault
from chalicelib.processing import kinds, sniff
from chalicelib.processing.content_types import contradicts, settled
from chalicelib.processing.kinds import OfNoKindError, Order, Source
from chalicelib.processing.raw.processor import embedded
from chalicelib.renditions.recipes import RECIPES
from tests import images, raws
from tests.processing.image.checks import MEMORY, assert_upright, opened
from tests.raws import FORMATS, RAW_SIZE

FULL = raws.jpeg()


def process(data: bytes, content_type: str = "image/x-raw") -> tuple[ImageInfo, dict[tuple[str, str], bytes]]:
    out: dict[tuple[str, str], bytes] = {}
    source, order = Source(content_type, len(data), BytesIO(data)), Order(RECIPES["photo"], MEMORY)
    made = kinds.processor_of(content_type).process(
        source, order, lambda rendition, encoded: out.update({(rendition.name, rendition.format): encoded})
    )
    assert isinstance(made.info, ImageInfo)
    return made.info, out


def found(data: bytes) -> str | None:
    head = data[: sniff.SNIFF_BYTES]
    return sniff.inside(sniff.sniff(head), head, BytesIO(data))


def has_none(data: bytes) -> bool:
    with pytest.raises(OfNoKindError):
        embedded(BytesIO(data), len(data))
    return True


@pytest.mark.parametrize("name", FORMATS)
def test_its_bytes_tell_it(name: str) -> None:
    assert found(FORMATS[name].make(FULL)) == FORMATS[name].content_type
    assert kinds.processor_of(FORMATS[name].content_type).kind is Kind.IMAGE


@pytest.mark.parametrize("name", FORMATS)
def test_the_full_size_jpeg_is_the_picture(name: str) -> None:
    info, out = process(FORMATS[name].make(FULL))
    assert (info.width, info.height, info.format) == (*RAW_SIZE, "raw")
    assert opened(out["w640", "webp"]).size == RAW_SIZE
    assert_upright(opened(out["w640", "jpeg"]))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("orientation", [3, 6, 7])
def test_the_raw_file_says_how_it_is_turned(name: str, orientation: int) -> None:
    info, out = process(FORMATS[name].make(raws.jpeg(*RAW_SIZE, orientation), orientation))
    assert (info.width, info.height) == (RAW_SIZE if orientation == 3 else RAW_SIZE[::-1])
    assert info.exif["orientation"] == orientation
    for encoded in out.values():
        assert_upright(opened(encoded))


@pytest.mark.parametrize("name", FORMATS)
def test_the_raw_file_tells_camera_and_lens(name: str) -> None:
    exif = process(FORMATS[name].make(FULL))[0].exif
    assert (exif["model"], exif["lens_model"]) == ("Model 7", "EF 50mm f/1.8")
    assert exif["taken_at"] == "2024-05-06T07:08:09"


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "raf"])
def test_the_jpegs_own_exif_stands_where_the_raw_file_says_nothing(name: str) -> None:
    block = images.exif_block({271: "Jpeg", 305: "Inside"}, orientation=6, more={0x829D: 2.8}, gps=True)
    stored = raws.jpeg(*RAW_SIZE, 6, block)
    info, out = process(FORMATS[name].make(stored))
    assert (info.exif["software"], info.exif["f_number"], info.exif["model"]) == ("Inside", 2.8, "Model 7")
    assert info.exif["make"] != "Jpeg"
    assert_upright(opened(out["w320", "jpeg"]))
    assert process(FORMATS[name].make(stored, 1))[0].exif["orientation"] == 1, "the raw file's word counts more"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(160, 120), (300, 225), (640, 200), (200, 480)])
def test_a_smaller_jpeg_is_never_the_picture(name: str, size: tuple[int, int]) -> None:
    assert has_none(FORMATS[name].make(raws.jpeg(*size)))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(320, 240), (600, 400), (660, 490), (480, 640)])
def test_a_jpeg_of_half_the_width_and_height_is_full_size_however_it_is_turned(
    name: str, size: tuple[int, int]
) -> None:
    assert opened(embedded(BytesIO(data := FORMATS[name].make(raws.jpeg(*size))), len(data)).read()).size == size


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("components", "bits"), [(1, 14), (3, 14), (1, 8), (3, 8)])
def test_lossless_jpeg_is_never_the_picture(name: str, components: int, bits: int) -> None:
    assert has_none(FORMATS[name].make(raws.lossless_jpeg(components=components, bits=bits)))


@pytest.mark.parametrize("name", FORMATS)
def test_a_jpeg_of_12_bits_is_never_the_picture(name: str) -> None:
    changed = bytearray(FULL)
    changed[changed.index(b"\xff\xc0") + 4] = 12
    assert has_none(FORMATS[name].make(bytes(changed)))


def test_masks_and_linear_pictures_of_a_dng_are_never_the_picture() -> None:
    data = raws.dng(raws.thumbnail())
    assert data.count(raws.jpeg(*RAW_SIZE)) == 2, "both are JPEGs of full size"
    assert has_none(data)


@pytest.mark.parametrize(
    ("kind", "photometric"),
    [(4, 1), (8, 1), (16, 6), (0x10004, 6), (0, 4), (0, 32803), (1, 34892), (1, 51177), (1, 52527)],
)
def test_what_is_no_picture_by_its_kind_or_its_colors(kind: int, photometric: int) -> None:
    writer = raws.Writer(b"II*\0\0\0\0\0")
    other: raws.Tags = {254: kind, 259: 7, 262: photometric, 273: writer.add(FULL), 279: len(FULL)}
    sensor: raws.Tags = {254: 0, 256: RAW_SIZE[0], 257: RAW_SIZE[1], 262: 32803}
    below = [writer.directory(other), writer.directory(sensor)]
    assert has_none(writer.done(writer.directory({330: below, 50706: b"\1\4\0\0"})))


@pytest.mark.parametrize("name", [b"OLYMPUS\0II\3\0", b"OM SYSTEM\0\0\0II\4\0"])
def test_the_notes_of_olympus_name_the_jpeg(name: bytes) -> None:
    assert process(raws.orf(FULL, name=name))[0].width == RAW_SIZE[0]


def test_old_notes_of_olympus_count_from_the_beginning_of_the_file() -> None:
    writer = raws.Writer(b"MMOR\0\0\0\0", ">")
    preview: raws.Tags = {0x88: writer.add(FULL), 0x89: len(FULL)}
    notes = raws.Writer(b"OLYMP\0\1\0", ">")
    assert notes.directory(preview) == 8
    exif = writer.directory({37500: bytes(notes.data) + b"\1"})
    data = writer.done(writer.directory({256: RAW_SIZE[0], 257: RAW_SIZE[1], 34665: exif}))
    assert found(data) == "image/x-olympus-orf"
    assert process(data)[0].width == RAW_SIZE[0]


def test_one_tile_of_a_dng_is_a_jpeg_too() -> None:
    assert process(raws.dng(FULL, tiles=True))[0].width == RAW_SIZE[0]


def test_the_largest_jpeg_is_taken() -> None:
    writer = raws.Writer(b"II*\0\0\0\0\0")
    below = [
        writer.directory({254: 1, 259: 6, 513: writer.add(each), 514: len(each)})
        for each in (raws.jpeg(320, 240), FULL, raws.jpeg(400, 300))
    ]
    sensor: raws.Tags = {254: 0, 256: RAW_SIZE[0], 257: RAW_SIZE[1], 262: 32803}
    data = writer.done(writer.directory({271: b"PENTAX\0", 330: [*below, writer.directory(sensor)]}))
    assert found(data) == "image/x-pentax-pef"
    assert process(data)[0].width == RAW_SIZE[0]


def test_words_of_xmp_come_from_the_raw_file() -> None:
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>raw</x:xmpmeta>\n"
    writer = raws.Writer(b"II*\0\0\0\0\0")
    shown: raws.Tags = {254: 1, 259: 7, 262: 6, 273: writer.add(FULL), 279: len(FULL)}
    sensor: raws.Tags = {254: 0, 256: RAW_SIZE[0], 257: RAW_SIZE[1], 262: 32803}
    below = [writer.directory(shown), writer.directory(sensor)]
    data = writer.done(writer.directory({330: below, 700: packet, 50706: b"\1\4\0\0"}))
    assert opened(embedded(BytesIO(data), len(data)).read()).info["xmp"] == packet


def test_the_sensors_data_may_be_cut_off() -> None:
    data = raws.cr3(FULL)
    assert process(data[: data.index(raws.SENSOR) + 999])[0].width == RAW_SIZE[0]


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_file_is_corrupt_or_has_no_picture(name: str) -> None:
    data = FORMATS[name].make(FULL)
    at = data.index(FULL[-1000:])
    for length in (at, at - 1500, at - 4000):
        try:
            process(data[: max(length, 40)])
        except PermanentFault as fault:
            assert fault.code is ErrorCode.CORRUPT
        except OfNoKindError:
            assert name == "orf", "the maker's notes are no proof"


@pytest.mark.parametrize("name", ["cr3", "raf", "rw2"])
def test_a_file_that_ends_within_its_jpeg_is_corrupt(name: str) -> None:
    data = FORMATS[name].make(FULL)
    start = data.rindex(FULL[200:400])
    for length in (start - 190, start + 100, start + 2000):
        with pytest.raises(PermanentFault) as caught:
            process(data[:length])
        assert caught.value.code is ErrorCode.CORRUPT


@pytest.mark.parametrize(
    ("declared", "detected", "kept"),
    [
        ("image/x-canon-cr2", "image/x-canon-cr2", "image/x-canon-cr2"),
        ("image/x-nikon-nrw", "image/x-nikon-nef", "image/x-nikon-nrw"),
        ("image/tiff", "image/x-adobe-dng", "image/x-adobe-dng"),
        ("application/octet-stream", "image/x-fuji-raf", "image/x-fuji-raf"),
        ("image/*", "image/x-panasonic-rw2", "image/x-panasonic-rw2"),
        ("image/x-photo", "image/x-canon-cr3", "image/x-canon-cr3"),
        ("image/x-dcraw", "image/x-nikon-nef", "image/x-dcraw"),
        ("image/x-canon-cr3", "image/x-canon-cr2", "image/x-canon-cr3"),
        ("image/x-olympus-orf", "image/tiff", "image/x-olympus-orf"),
    ],
)
def test_declared_types_of_raw_files(declared: str, detected: str, kept: str) -> None:
    assert not contradicts(declared, detected)
    assert settled(declared, detected) == kept
    assert kinds.processor_of(kept).module == "chalicelib.processing.raw.processor"


def test_what_is_certainly_no_raw_file_is_a_mismatch() -> None:
    wrong: list[tuple[str, Any]] = [
        ("image/x-fuji-raf", "image/jpeg"),
        ("image/jpeg", "image/x-fuji-raf"),
        ("image/x-panasonic-rw2", None),
        ("image/heic", "image/x-canon-cr3"),
    ]
    assert all(contradicts(*each) for each in wrong)
