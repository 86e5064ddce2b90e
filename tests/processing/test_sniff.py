from __future__ import annotations

import gzip
import json
import random
import time
import zipfile
from io import BytesIO

import pytest

from chalicelib.processing.content_types import contradicts
from chalicelib.processing.sniff import DETECTABLE, SNIFF_BYTES, sniff
from tests import images


def zipped(*names: str) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


def iso_media(major: bytes, *compatible: bytes) -> bytes:
    size = 16 + 4 * len(compatible)
    return size.to_bytes(4) + b"ftyp" + major + bytes(4) + b"".join(compatible) + b"\0\0\0\x08free"


MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes
PICTURE = images.picture(20, 20)

SAMPLES = [
    ("image/jpeg", images.jpeg(20, 20)),
    ("image/jpeg", images.jpeg(20, 20, progressive=True, orientation=6)),
    ("image/png", images.png(20, 20)),
    ("image/gif", images.encoded(PICTURE, "GIF")),
    ("image/webp", images.encoded(PICTURE, "WEBP")),
    ("image/avif", images.encoded(PICTURE, "AVIF")),
    ("image/avif", iso_media(b"mif1", b"mif1", b"avif", b"miaf")),
    ("image/avif", iso_media(b"avis", b"msf1")),
    ("image/tiff", images.encoded(PICTURE, "TIFF")),
    ("image/tiff", b"MM\0*\0\0\0\x08"),
    ("image/bmp", images.encoded(PICTURE, "BMP")),
    ("image/x-icon", images.encoded(PICTURE, "ICO")),
    ("image/jp2", images.encoded(PICTURE, "JPEG2000")),
    ("image/heic", iso_media(b"heic", b"mif1", b"heic")),
    ("image/heic", iso_media(b"mif1", b"mif1", b"heic")),
    ("image/jxl", b"\0\0\0\x0cJXL \r\n\x87\n"),
    ("image/jxl", b"\xff\x0a\xfa\x1fA\x91\x08\x06\x01"),
    ("image/avci", iso_media(b"avci", b"avci", b"mif1")),
    ("image/hej2k", iso_media(b"j2ki", b"j2ki", b"mif1")),
    ("image/heif", iso_media(b"mif1", b"mif1", b"jpeg")),
    ("image/heic", iso_media(b"newb", b"newb", b"mif1", b"heic")),
    ("image/x-canon-cr3", iso_media(b"crx ", b"crx ", b"isom")),
    ("image/x-icon", b"\0\0\2\0\1\0" + bytes(12) + b"\x16\0\0\0"),
    ("image/svg+xml", b'<ns0:svg xmlns:ns0="http://www.w3.org/2000/svg" width="10"/>'),
    ("image/svg+xml", b"<!DOCTYPE s_v-1.0:svg><s_v-1.0:svg/>"),
    ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"></svg>'),
    ("image/svg+xml", b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- Inkscape -->\n<svg width="1"></svg>'),
    ("image/svg+xml", b'<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x"><svg/>'),
    ("image/svg+xml", '<?xml version="1.0"?><svg></svg>'.encode("utf-16")),
    ("application/pdf", b"%PDF-1.7\n"),
    ("application/pdf", b"\0" * 100 + b"%PDF-1.4\n"),
    ("application/zip", zipped("a.txt")),
    ("application/zip", zipped()),
    ("application/gzip", gzip.compress(b"x")),
    ("video/mp4", iso_media(b"isom", b"isom", b"mp41")),
    ("video/mp4", iso_media(b"M4A ", b"M4A ", b"mp42")),
    ("video/quicktime", iso_media(b"qt  ")),
    ("video/quicktime", b"\0\0\0\x08wide\0\x12\x34\x56mdat"),
    ("video/webm", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm"),
    ("audio/mpeg", b"ID3\x04\0\0\0\0\x00\x23TSSE"),
    ("audio/mpeg", MP3_FRAME * 2),
    ("audio/mpeg", bytes(300) + MP3_FRAME * 3),
    ("audio/wav", b"RIFF\x24\0\0\0WAVEfmt "),
    ("audio/wav", b"RF64\xff\xff\xff\xffWAVEds64"),
    ("audio/wav", b"BW64\xff\xff\xff\xffWAVEds64"),
    ("video/mp4", b"\0\0\0\x10moof" + bytes(8)),
    ("audio/flac", b"fLaC\0\0\0\x22"),
    ("audio/aiff", b"FORM\0\0\x01\0AIFFCOMM"),
    ("audio/aiff", b"FORM\0\0\x01\0AIFCFVER"),
    ("audio/x-caf", b"caff\0\x01\0\0desc"),
    ("audio/amr", b"#!AMR\n\x3c" + bytes(31)),
    ("audio/amr", b"#!AMR-WB\n\x44" + bytes(60)),
    ("audio/aac", bytes.fromhex("fff14c8001bffc210049900219") * 30),
    ("audio/ogg", b"OggS\0\x02" + bytes(22)),
    ("video/x-flv", b"FLV\x01\x05\0\0\0\x09"),
    ("video/x-ms-asf", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(14)),
]

TEXTS = [
    b"",
    b"a",
    b"id,name,price\n1,apple,2.50\n" * 40,
    json.dumps({"a": [1, 2, 3]}).encode(),
    "Naïve café — ünïcode".encode(),
    "Dear all".encode("utf-16"),
    b"BM is a company that sells things.",
    b"GIF images are older than most of us.",
    b"II. The second chapter",
    b"PK is short for Peter Kay",
    b"ID3 tags are great to have",
    b"RIFF is a format",
    b"Get free stuff, skip the queue",
    b"The wide road",
    b"A PDF begins with %PDF-1.7, mostly.",
    b"<!DOCTYPE html><html><body><svg></svg></body></html>",
    b'<?xml version="1.0"?><root/>',
    b"#!/usr/bin/env python\n",
    bytes(4096),
]


@pytest.mark.parametrize(("content_type", "head"), SAMPLES, ids=[f"{t}-{n}" for n, (t, _) in enumerate(SAMPLES)])
def test_a_format_is_known_by_its_first_bytes_and_may_be_declared(content_type: str, head: bytes) -> None:
    assert sniff(head) == content_type
    assert sniff(head.ljust(5000, b"\0")[:4096]) == content_type
    assert not contradicts(content_type, content_type)


@pytest.mark.parametrize("head", TEXTS)
def test_text_is_not_taken_for_anything(head: bytes) -> None:
    assert sniff(head) is None


def test_noise_never_raises_and_is_nothing() -> None:
    generator = random.Random(1)
    assert {sniff(generator.randbytes(n % 600 + 1)) for n in range(2000)} == {None}
    for _, head in SAMPLES:
        for length in range(min(len(head), 40)):
            sniff(head[:length])


@pytest.mark.parametrize("size", [12, 16, 40, 52, 56, 64, 108, 124])
def test_a_bitmap_has_a_header_of_a_size_that_exists(size: int) -> None:
    start = b"BM" + bytes(12)
    assert sniff(start + size.to_bytes(4, "little")) == "image/bmp"
    assert sniff(start + (size + 1).to_bytes(4, "little")) is None
    assert sniff(b"MB" + bytes(12) + size.to_bytes(4, "little")) is None


# MPEG audio headers by version, layer, kbit/s and Hz; and the frame's length in bytes by ISO/IEC 11172-3 and 13818-3.
FRAMES = {
    "MPEG-1 layer III, 128, 44100": (b"\xff\xfb\x90\x00", 417),
    "MPEG-1 layer III, 128, 44100, padded": (b"\xff\xfb\x92\x00", 418),
    "MPEG-1 layer III, 320, 48000": (b"\xff\xfb\xe4\x00", 960),
    "MPEG-1 layer III, 32, 32000, with a checksum": (b"\xff\xfa\x18\x00", 144),
    "MPEG-1 layer II, 192, 44100": (b"\xff\xfd\xa0\x00", 626),
    "MPEG-2 layer III, 64, 22050": (b"\xff\xf3\x80\x00", 208),
    "MPEG-2 layer III, 64, 16000": (b"\xff\xf3\x88\x00", 288),
    "MPEG-2 layer II, 64, 24000": (b"\xff\xf5\x84\x00", 384),
    "MPEG-2.5 layer III, 64, 12000": (b"\xff\xe3\x84\x00", 384),
    "MPEG-2.5 layer III, 64, 8000": (b"\xff\xe3\x88\x00", 576),
    "MPEG-2.5 layer III, 16, 11025": (b"\xff\xe3\x20\x00", 104),
}


@pytest.mark.parametrize(("header", "length"), FRAMES.values(), ids=FRAMES)
def test_two_frames_of_sound_are_known_by_the_length_of_the_first(header: bytes, length: int) -> None:
    frame = header + bytes(length - 4)
    assert sniff(frame + header) == "audio/mpeg"
    assert sniff(b"junk" + frame + header) == "audio/mpeg"
    assert sniff(frame) is None, "one alone"
    assert sniff(frame + b"\0" + header) is None, "the second comes late"
    assert sniff(frame[:-1] + header) is None, "the second comes early"
    other = bytes([0xFF, header[1] ^ 0x08])
    assert sniff(frame + other + header[2:]) is None, "the second is of another version"
    assert sniff(header[:3] + b"\0" + b"x" * (length - 4) + header[:3]) is None, "the second is cut off"


@pytest.mark.parametrize(
    "header",
    [
        b"\xff\xfb\x00\x00",  # a free bit rate
        b"\xff\xfb\xf0\x00",  # no bit rate
        b"\xff\xfb\x9c\x00",  # no sample rate
        b"\xff\xff\x90\x00",  # layer I
        b"\xff\xf9\x90\x00",  # no layer
        b"\xff\xeb\x90\x00",  # no version
        b"\xff\xdb\x90\x00",  # no frame sync
        b"\xff\xff\xff\xff",
    ],
)
def test_headers_that_cannot_be_are_no_sound(header: bytes) -> None:
    assert all(sniff((header + bytes(length - 4)) * 3) is None for length in (4, 417, 418))


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"ID3\x02\0\0\0\0\x00\x23", "audio/mpeg"),
        (b"ID3\x03\0\0\x7f\x7f\x7f\x7f", "audio/mpeg"),
        (b"ID3\x03\0\0\x80\0\0\0", None),
        (b"ID3\x03\0\0\0\0\0\x80", None),
        (b"ID3\x05\0\0\0\0\0\x23", None),
        (b"ID3\x03", None),
    ],
)
def test_an_id3_tag_has_a_version_and_a_size_of_seven_bits_a_byte(head: bytes, content_type: str | None) -> None:
    assert sniff(head) == content_type


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"abcdftypisom is a brand of files", None),
        (b"\0abcftypisom", None),
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"\0\0\0\x18stypmsdh", "video/mp4"),
        (b"a\0\0\x18stypmsdh", None),
        (b"\x08\0\0\0moov", "video/quicktime"),
        (b"\x08\x01\x01\x01moov" + b"x" * 60, "video/quicktime"),
        (b"\x09\x01\x01\x01moov" + b"x" * 60, None),
        (b"a\0\0\0mdat" + b"\0" * 10, "video/quicktime"),
        (b"the wide and open road, on and on and on and on and on and on ..." + b"\0", None),
        (b"\0\0\0\x18ftypmif1\0\0\0\0abcdavif", "image/avif"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0abcdavif", "image/heic"),  # `avif` stands outside of the box
        (b"\0\0\0\x14ftypmif1\0\0\0\0avif", "image/avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifheic", "image/avif"),  # the first one that is known
        (b"\0\0\0\x18ftypmsf1\0\0\0\0mif1miaf", "image/heic"),
        (b"\0\0\0\x18ftypisom\0\0\0\0avifheic", "video/mp4"),  # the major brand decides
    ],
)
def test_iso_media_is_known_by_its_first_box_and_its_brands(head: bytes, content_type: str | None) -> None:
    assert sniff(head) == content_type


@pytest.mark.parametrize(("at", "content_type"), [(0, "application/pdf"), (1019, "application/pdf"), (1020, None)])
def test_a_pdf_begins_within_the_first_1024_bytes(at: int, content_type: str | None) -> None:
    assert sniff(b"\0" * at + b"%PDF-1.7\n") == content_type
    assert sniff(b"x" * at + b"%PDF-1.7\n") == content_type, "one long word is no text"


@pytest.mark.parametrize(
    "words", [b"a text about ", b"a\ttext\nabout all\r\n ", b"two words", "Über allem ".encode(), b"  and \n again  "]
)
def test_a_text_about_pdf_is_none(words: bytes) -> None:
    assert sniff(words + b"%PDF-1.7") is None


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"  \n<svg>", "image/svg+xml"),
        (b"<SVG/>", "image/svg+xml"),
        (b"<svg:svg xmlns:svg='http://www.w3.org/2000/svg'>", "image/svg+xml"),
        (b"<!-- a --><!-- b --><?xml version='1.0'?><svg\n", "image/svg+xml"),
        ("<svg></svg>".encode("utf-16-be").join([b"\xfe\xff", b""]), "image/svg+xml"),
        (b"<!-- never closed <svg>", None),
        (b"<svgx>", None),
        (b"<p>text about <svg></p>", None),
        (b"<!DOCTYPE html><svg>", None),
        (b"<!DOCTYPE svgs>", None),
    ],
)
def test_an_svg_is_known_by_its_root(head: bytes, content_type: str | None) -> None:
    assert sniff(head) == content_type


def test_endless_comments_take_no_time() -> None:
    begun = time.process_time()
    assert sniff(b"<!--" * 1024) is None
    assert sniff(b"<?x?>" * 819 + b"<") is None
    assert time.process_time() - begun < 0.1


def test_only_the_first_bytes_decide() -> None:
    assert sniff(b"\0" * (SNIFF_BYTES - 417) + MP3_FRAME + MP3_FRAME) is None
    assert sniff(b"\0" * (SNIFF_BYTES - 421) + MP3_FRAME + MP3_FRAME) == "audio/mpeg"


def test_every_type_that_is_found_may_be_declared_and_every_other_then_contradicts() -> None:
    assert {sniff(head) for _, head in SAMPLES} <= DETECTABLE
    for declared in DETECTABLE - {"video/quicktime"}:
        assert not contradicts(declared, declared)
        assert contradicts(declared, None), declared


@pytest.mark.parametrize(
    ("second_byte", "lengths"),
    [  # of every bit rate, lowest first, in bytes; at 44,100 Hz for MPEG-1 and 22,050 Hz for MPEG-2
        (0xFB, (104, 130, 156, 182, 208, 261, 313, 365, 417, 522, 626, 731, 835, 1044)),
        (0xFD, (104, 156, 182, 208, 261, 313, 365, 417, 522, 626, 731, 835, 1044, 1253)),
        (0xF3, (26, 52, 78, 104, 130, 156, 182, 208, 261, 313, 365, 417, 470, 522)),
        (0xF5, (52, 104, 156, 208, 261, 313, 365, 417, 522, 626, 731, 835, 940, 1044)),
    ],
    ids=["MPEG-1 layer III", "MPEG-1 layer II", "MPEG-2 layer III", "MPEG-2 layer II"],
)
def test_sound_is_known_at_every_bit_rate(second_byte: int, lengths: tuple[int, ...]) -> None:
    for index, length in enumerate(lengths, 1):
        header = bytes([0xFF, second_byte, index << 4, 0])
        assert sniff(header + bytes(length - 4) + header) == "audio/mpeg", (index, length)
