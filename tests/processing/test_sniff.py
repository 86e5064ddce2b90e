from __future__ import annotations

import gzip
import json
import random
import zipfile
from io import BytesIO

import pytest

from chalicelib.processing.content_types import contradicts
from chalicelib.processing.sniff import sniff
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
    ("audio/flac", b"fLaC\0\0\0\x22"),
    ("audio/ogg", b"OggS\0\x02" + bytes(22)),
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
