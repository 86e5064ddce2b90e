from __future__ import annotations

import pytest

from chalicelib.media_types import GENERIC, says_nothing
from chalicelib.processing.content_types import (
    contradicts,
    is_one_of,
    is_text_type,
    one_name,
    settled,
)


@pytest.mark.parametrize(
    ("declared", "detected"),
    [
        ("image/jpeg", "image/png"),
        ("image/jpeg", None),
        ("IMAGE/JPEG; q=1", None),
        ("application/pdf", None),
        ("application/zip", None),
        ("video/mp4", None),
        ("image/avif", "image/heic"),
        ("image/png", "application/zip"),
        ("application/pdf", "image/png"),
        ("text/csv", "image/png"),
        ("text/plain", "application/zip"),
        ("application/json", "image/jpeg"),
        ("application/ld+json", "image/jpeg"),
        ("application/atom+xml", "application/zip"),
        ("video/mp4", "image/jpeg"),
        ("image/x-something", "video/mp4"),
        ("video/webm", "video/mp4"),
        ("audio/mpeg", "video/mp4"),
        ("text/html", "image/gif"),
        ("video/x-flv", "image/jpeg"),
        ("audio/midi", "image/png"),
    ],
)
def test_what_cannot_both_be_true_contradicts(declared: str, detected: str | None) -> None:
    assert contradicts(declared, detected)


@pytest.mark.parametrize(
    ("declared", "detected"),
    [
        *((generic, detected) for generic in sorted(GENERIC) for detected in (None, "image/png", "application/zip")),
        ("image/jpg", "image/jpeg"),
        ("image/jpeg; charset=binary", "image/jpeg"),
        ("Image/PNG", "image/png"),
        ("image/heif", "image/heic"),
        ("image/heif", "image/avif"),
        ("audio/x-wav", "audio/wav"),
        ("video/quicktime", "video/mp4"),
        ("video/mp4", "video/quicktime"),
        ("audio/mp4", "video/mp4"),
        ("audio/x-m4a", "video/mp4"),
        ("video/x-matroska", "video/webm"),
        ("video/ogg", "audio/ogg"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"),
        ("application/epub+zip", "application/zip"),
        ("model/vnd.usdz+zip", "application/zip"),
        ("application/x-tar", "application/gzip"),
        ("application/x-gzip", "application/gzip"),
        ("text/csv", "application/gzip"),
        ("image/svg+xml", "application/gzip"),
        ("image/x-adobe-dng", "image/tiff"),
        ("text/xml", "image/svg+xml"),
        ("text/plain", None),
        ("text/csv", None),
        ("application/json", None),
        ("application/x-invented", "image/png"),
        ("application/x-invented", None),
        ("application/x-invented", "video/mp4"),
        ("audio/midi", "audio/wav"),
        ("image/x-something", "application/zip"),
        ("video/mpeg", "video/mp2t"),
        ("video/mp2t", "video/mpeg"),
        ("video/mpeg", "video/mpv"),
        ("model/vnd.mts", "video/mp2t"),
        ("audio/aac", "audio/mp4"),
        ("audio/aac", "audio/mpeg"),
        ("audio/mpeg", "audio/aac"),
        ("audio/amr", "video/mp4"),
    ],
)
def test_what_can_be_true_does_not_contradict(declared: str, detected: str | None) -> None:
    assert not contradicts(declared, detected)


@pytest.mark.parametrize(
    ("declared", "detected", "settled_on"),
    [
        ("application/octet-stream", "image/png", "image/png"),
        ("", "image/png", "image/png"),
        ("application/octet-stream", None, "application/octet-stream"),
        ("text/csv", None, "text/csv"),
        ("image/jpg", "image/jpeg", "image/jpg"),
        ("application/epub+zip", "application/zip", "application/epub+zip"),
        ("video/mpeg", "video/mp2t", "video/mp2t"),
        ("video/mp2t", "video/mpeg", "video/mpeg"),
        ("video/mpeg", "video/mpv", "video/mpv"),
        ("model/vnd.mts", "video/mp2t", "video/mp2t"),
    ],
)
def test_a_record_keeps_the_declared_type_unless_it_says_nothing_and_the_bytes_do(
    declared: str, detected: str | None, settled_on: str
) -> None:
    assert settled(declared, detected) == settled_on


# The names of one format each: the one that the bytes are known by first, then what clients call it.
FAMILIES = [
    ("image/jpeg", "image/jpg", "image/pjpeg", "image/mpo", "image/jfif", "image/x-jpeg", "image/x-citrix-jpeg"),
    ("image/png", "image/x-png", "image/apng", "image/vnd.mozilla.apng", "image/x-citrix-png"),
    ("image/gif", "image/x-gif", "image/x-citrix-gif"),
    ("image/avif", "image/avif-sequence"),
    ("image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"),
    ("image/tiff", "image/tif", "image/x-tiff"),
    ("image/bmp", "image/x-bmp", "image/x-ms-bmp"),
    ("image/x-icon", "image/vnd.microsoft.icon", "image/ico"),
    ("image/jp2", "image/jpx", "image/jpm", "image/j2c", "image/jpeg2000"),
    ("image/svg+xml", "image/svg"),
    ("image/vnd.adobe.photoshop", "image/psd", "image/x-psd"),
    ("application/pdf", "application/x-pdf"),
    ("application/zip", "application/x-zip", "application/x-zip-compressed"),
    ("application/gzip", "application/x-gzip"),
    ("application/x-7z-compressed", "application/x-7z"),
    ("application/vnd.rar", "application/x-rar-compressed", "application/x-rar"),
    ("audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/x-mpeg", "audio/mpeg3", "audio/mpa"),
    ("audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave", "audio/x-pn-wav"),
    ("audio/flac", "audio/x-flac"),
    ("audio/aiff", "audio/x-aiff", "audio/aifc", "audio/x-aifc"),
    ("audio/aac", "audio/x-aac", "audio/aacp", "audio/x-hx-aac-adts", "audio/vnd.dlna.adts"),
    ("audio/amr", "audio/amr-wb", "audio/amr-nb", "audio/x-amr"),
    ("audio/x-caf", "audio/caf"),
    ("audio/ogg", "audio/opus", "audio/vorbis", "audio/x-ogg", "video/ogg", "application/ogg"),
    ("video/webm", "audio/webm", "video/x-matroska", "video/matroska", "audio/x-matroska", "audio/matroska"),
    ("video/x-msvideo", "video/avi", "video/msvideo"),
    ("video/x-flv", "video/flv"),
    (
        "video/x-ms-asf",
        *("video/x-ms-wmv", "video/x-ms-wm", "audio/x-ms-wma", "audio/wma", "application/vnd.ms-asf"),
    ),
    ("video/mpeg", "video/mpg", "video/x-mpg", "video/x-mpeg", "video/mpeg2", "video/x-mpeg2", "video/mp2p"),
    ("video/mp2t", "video/vnd.dlna.mpeg-tts", "video/x-mpegts", "video/mpegts", "video/mp2ts", "video/m2ts"),
    (
        "video/mp4",
        "video/quicktime",
        "video/x-m4v",
        "video/3gpp",
        "video/3gpp2",
        "audio/3gpp",
        "audio/mp4",
        "audio/m4a",
        "audio/x-m4a",
        "audio/x-m4b",
        "application/mp4",
    ),
]


@pytest.mark.parametrize("names", FAMILIES, ids=lambda names: names[0])
def test_every_name_of_a_format_means_the_same(names: tuple[str, ...]) -> None:
    assert {one_name(name) for name in names} == {names[0]}
    assert not any(contradicts(name, names[0]) for name in names)


# --- The types that an upload token allows

EXE, HTML, TEXT = b"MZ\x90\0\x03\0\0\0", b"<!doctype html>", "Zwölf, 12\n".encode()
PNG, ZIP, GZIP, OGG = b"\x89PNG\r\n\x1a\n", b"PK\x03\x04\x14\0", b"\x1f\x8b\x08\0", b"OggS\0\x02"
MP4, TIFF, SVG = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", b"II*\0\x08\0\0\0", b"<svg xmlns='x'>"
ADTS, WMV = b"\xff\xf1\x50\x80", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
TRANSPORT = (b"G\0\0\x10" + bytes(184)) * 5


@pytest.mark.parametrize(
    ("allowed", "declared", "head"),
    [
        ("image/*", "image/png", PNG),
        ("image/*", "image/foo", PNG),
        ("image/png", "image/x-png", PNG),
        ("image/x-png", "image/png", PNG),
        ("image/*", "image/x-nikon-nef", TIFF),
        ("image/x-nikon-nef", "image/x-nikon-nef", TIFF),
        ("image/*", "image/svg+xml", SVG),
        ("image/*", "image/x-exr", b"v/1\x01\2\0\0\0"),
        ("video/*", "video/ogg", OGG),
        ("audio/*", "audio/mp4", MP4),
        ("audio/mp4", "audio/mp4", MP4),
        ("video/*", "video/x-ms-wmv", WMV),
        ("video/*", "video/mp2t", TRANSPORT),
        ("audio/*", "audio/aac", ADTS),
        ("audio/*", "audio/midi", b"MThd\0\0\0\6"),
        ("font/*", "font/woff2", b"wOF2\0\1\0\0"),
        ("application/*", "application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("application/*", "application/x-docx", ZIP),
        ("application/x-docx", "application/x-docx", ZIP),
        ("application/json", "application/json", b"{}"),
        ("application/octet-stream", "application/octet-stream", EXE),
        ("text/csv", "text/csv", TEXT),
        ("text/*", "text/csv", TEXT),
        ("text/*", "text/html", HTML),
        ("text/*", "text/plain", b"\xff\xfea\0b\0"),
        ("model/*", "model/stl", b"solid a"),
    ],
)
def test_bytes_of_an_allowed_type_are_taken(allowed: str, declared: str, head: bytes) -> None:
    assert is_one_of(["x-other/x", allowed], declared, head)


@pytest.mark.parametrize(
    ("allowed", "declared", "head"),
    [
        ("image/*", "image/foo", EXE),
        ("image/*", "image/foo", HTML),
        ("image/*", "image/foo", ZIP),
        ("image/*", "image/foo", TEXT),
        ("image/*", "image/foo", MP4),
        ("image/*", "image/svg+xml", GZIP),
        ("image/*", "application/octet-stream", EXE),
        ("image/png", "image/png", b"\xff\xd8\xff"),
        ("image/jpeg", "image/jpeg", PNG),
        ("application/msword", "application/msword", PNG),
        ("video/*", "video/foo", EXE),
        ("video/*", "video/foo", PNG),
        ("audio/*", "audio/foo", HTML),
        ("audio/*", "audio/foo", MP4),
        ("font/*", "font/foo", EXE),
        ("text/*", "text/foo", EXE),
        ("text/*", "text/foo", PNG),
        ("application/*", "application/foo", PNG),
        ("text/csv", "application/octet-stream", EXE),
    ],
)
def test_bytes_that_prove_another_type_or_none_are_not(allowed: str, declared: str, head: bytes) -> None:
    assert not is_one_of(["x-other/x", allowed], declared, head)


# --- Documents inside containers

OOXML = "application/vnd.openxmlformats-officedocument."
DOCX, XLSX = f"{OOXML}wordprocessingml.document", f"{OOXML}spreadsheetml.sheet"
WORD, EXCEL, RTF = "application/msword", "application/vnd.ms-excel", "application/rtf"
ODT, EPUB, OLE_ANY = "application/vnd.oasis.opendocument.text", "application/epub+zip", "application/x-ole-storage"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("declared", "detected"),
    [
        (DOCX, None),
        (DOCX, "image/png"),
        (DOCX, "application/pdf"),
        (DOCX, "application/java-archive"),
        (EPUB, None),
        (ODT, "application/gzip"),
        (WORD, "image/png"),
        (EXCEL, "application/java-archive"),
        ("application/zip", "application/gzip"),
        ("application/x-tar", None),
        ("application/x-tar", "application/zip"),
        ("font/ttf", None),
        ("font/woff", "font/woff2"),
        ("font/ttf", "application/zip"),
        ("text/plain", DOCX),
        ("text/csv", "application/x-tar"),
        ("text/html", "font/woff"),
        ("message/rfc822", "application/pdf"),
    ],
)
def test_a_document_that_cannot_be_contradicts(declared: str, detected: str | None) -> None:
    assert contradicts(declared, detected)


@pytest.mark.parametrize(
    ("declared", "detected"),
    [
        (DOCX, DOCX),
        (DOCX, XLSX),
        (DOCX, WORD),
        (DOCX, OLE_ANY),
        (DOCX, "application/encrypted"),
        (WORD, "application/encrypted"),
        ("application/octet-stream", "application/encrypted"),
        ("application/encrypted", "application/encrypted"),
        (WORD, DOCX),
        (WORD, RTF),
        (WORD, None),
        (EXCEL, None),
        ("application/zip", DOCX),
        ("application/zip", "application/java-archive"),
        (OLE_ANY, WORD),
        (OLE_ANY, "application/encrypted"),
        ("application/x-tar", "application/zstd"),
        ("application/x-gtar", "application/x-tar"),
        ("font/otf", "font/ttf"),
        ("font/ttf", "font/collection"),
        ("application/x-font-ttf", "font/ttf"),
        ("text/plain", RTF),
        ("text/rtf", RTF),
        ("text/csv", "application/zstd"),
        ("message/rfc822", None),
        ("application/x-hwp", OLE_ANY),
        ("application/x-virtualbox-ova", "application/x-tar"),
    ],
)
def test_a_document_that_can_be_does_not_contradict(declared: str, detected: str | None) -> None:
    assert not contradicts(declared, detected)


@pytest.mark.parametrize(
    ("declared", "detected", "text", "settled_on"),
    [
        ("", None, "text/csv", "text/csv"),
        ("application/octet-stream", None, "text/html", "text/html"),
        ("application/octet-stream", DOCX, None, DOCX),
        ("text/plain", None, "text/html", "text/plain"),
        ("text/csv", None, "text/plain", "text/csv"),
        (EXCEL, None, "text/csv", "text/csv"),
        (EXCEL, None, None, EXCEL),
        (EXCEL, XLSX, None, XLSX),
        (WORD, RTF, "text/plain", RTF),
        (DOCX, XLSX, None, XLSX),
        (DOCX, OLE_ANY, None, DOCX),
        (DOCX, "application/encrypted", None, DOCX),
        (EXCEL, "application/encrypted", None, EXCEL),
        ("application/octet-stream", "application/encrypted", None, "application/encrypted"),
        ("application/x-ole-storage", "application/encrypted", None, "application/encrypted"),
        ("application/zip", "application/encrypted", None, "application/encrypted"),
        (DOCX, "application/zip", None, DOCX),
        ("application/zip", DOCX, None, DOCX),
        ("application/x-zip-compressed", "application/java-archive", None, "application/java-archive"),
        ("application/zip", "application/zip", None, "application/zip"),
        ("application/x-invented", DOCX, None, "application/x-invented"),
        ("font/ttf", "font/otf", None, "font/otf"),
        ("application/x-font-ttf", "font/ttf", None, "application/x-font-ttf"),
        ("text/plain", RTF, "text/plain", "text/plain"),
    ],
)
def test_the_bytes_say_more_than_the_name_of_a_container(
    declared: str, detected: str | None, text: str | None, settled_on: str
) -> None:
    assert settled(declared, detected, text) == settled_on


@pytest.mark.parametrize(
    ("allowed", "declared", "head", "exact", "taken"),
    [
        (DOCX, DOCX, ZIP, DOCX, True),
        (DOCX, "application/zip", ZIP, DOCX, True),
        (DOCX, DOCX, ZIP, XLSX, False),
        (DOCX, DOCX, ZIP, "application/zip", False),
        (DOCX, DOCX, ZIP, "application/java-archive", False),
        (DOCX, DOCX, OLE, "application/encrypted", True),
        (DOCX, DOCX, OLE, OLE_ANY, False),
        (XLSX, DOCX, OLE, "application/encrypted", False),
        ("application/java-archive", "application/java-archive", OLE, "application/encrypted", False),
        (DOCX, DOCX, OLE, WORD, False),
        ("application/zip", DOCX, ZIP, DOCX, True),
        ("application/*", DOCX, ZIP, DOCX, True),
        ("image/*", DOCX, ZIP, DOCX, False),
        ("text/*", DOCX, ZIP, DOCX, False),
        ("application/x-thing", "application/x-thing", ZIP, "application/java-archive", True),
        (WORD, WORD, OLE, EXCEL, False),
        ("audio/*", "audio/mp4", MP4, "audio/mp4", True),
        ("video/*", "video/mp4", MP4, "audio/mp4", True),
    ],
)
def test_a_token_for_documents_takes_those_that_are_proven(
    allowed: str, declared: str, head: bytes, exact: str, taken: bool
) -> None:
    assert is_one_of(["x-other/x", allowed], declared, head, exact) is taken


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/x-y", "application/ld+json", "a/b+xml", "application/csv"]
)
def test_types_of_texts_are_known(content_type: str) -> None:
    assert is_text_type(content_type)


@pytest.mark.parametrize(
    "content_type", ["image/svg+xml", "application/pdf", "text", "", "application/rtf", "text/rtf"]
)
def test_other_types_are_none_of_texts(content_type: str) -> None:
    assert not is_text_type(content_type)


VAGUE = (
    "image/*",
    "image/unknown",
    "application/x-download",
    "application/force-download",
    "application/octetstream",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "*/*",
)


@pytest.mark.parametrize("declared", [*VAGUE, "image/x-jpeg", "image/x-citrix-jpeg", "application/jpg", "image/x-foo"])
def test_a_vague_type_gives_way_to_what_the_bytes_prove(declared: str) -> None:
    assert not contradicts(declared, "image/jpeg")
    assert settled(declared, "image/jpeg") == "image/jpeg"


def test_a_well_known_name_stays_and_so_does_a_raw_files_own() -> None:
    assert settled("image/jpg", "image/jpeg") == "image/jpg"
    assert settled("image/x-kodak-kdc", "image/tiff") == "image/x-kodak-kdc"
    assert settled("image/x-nikon-nef", "image/x-nikon-nef") == "image/x-nikon-nef"
    assert settled("image/tiff", "image/x-nikon-nef") == "image/x-nikon-nef"
    assert settled("image/heif", "image/avci") == "image/avci"
    assert says_nothing("image/*")
    assert not says_nothing("image/tiff")


@pytest.mark.parametrize("declared", ["image/*", "text/*", "message/*", "*/*", "model/*; a=b"])
def test_a_wildcard_stays_in_no_record(declared: str) -> None:
    assert settled(declared, None) == "application/octet-stream"
    assert settled(declared, None, "text/csv") == "text/csv"
    assert settled(declared, "image/tiff") == "image/tiff"


@pytest.mark.parametrize("declared", ["image/x-citrix-jpeg", "image/X-Jpeg", "application/jpg"])
def test_an_invented_name_gives_way_and_a_plain_one_stays(declared: str) -> None:
    assert settled(declared, "image/jpeg") == "image/jpeg"
    assert settled("image/pjpeg", "image/jpeg") == "image/pjpeg"


def test_a_family_still_contradicts_another_one() -> None:
    assert contradicts("image/*", "video/mp4")
    assert contradicts("audio/*", "image/png")
    assert not contradicts("image/*", None)


@pytest.mark.parametrize(
    ("declared", "head", "wrong"),
    [
        ("image/svg+xml", b"<?xml version='1.0'?><!-- " + b"licence " * 600, False),
        ("image/svg+xml", b"<!-- a --> <!-- b", False),
        ("image/svg+xml", b"<html><svg/></html>", True),
        ("image/svg+xml", b"<?xml version='1.0'?><!-- a --><html>", True),
        ("image/svg+xml", bytes(4096), True),
        ("audio/mpeg", bytes(2000) + b"\xff\xfb\x00\x00" + bytes(2000), False),
        ("audio/mpeg", b"words, and nothing else", True),
        ("audio/mpeg", bytes(4096), True),
        ("image/png", b"\xff\xfb" * 999, True),
    ],
)
def test_only_what_is_certainly_something_else_is_a_mismatch(declared: str, head: bytes, wrong: bool) -> None:
    assert contradicts(declared, None, head) is wrong
