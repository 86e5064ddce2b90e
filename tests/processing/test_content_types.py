from __future__ import annotations

import pytest

from chalicelib.processing.content_types import GENERIC, contradicts, one_name, settled


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
    ],
)
def test_a_record_keeps_the_declared_type_unless_it_says_nothing_and_the_bytes_do(
    declared: str, detected: str | None, settled_on: str
) -> None:
    assert settled(declared, detected) == settled_on


# The names of one format each: the one that the bytes are known by first, then what clients call it.
FAMILIES = [
    ("image/jpeg", "image/jpg", "image/pjpeg", "image/mpo", "image/jfif"),
    ("image/png", "image/x-png", "image/apng", "image/vnd.mozilla.apng"),
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
    ("audio/ogg", "audio/opus", "audio/vorbis", "audio/x-ogg", "video/ogg", "application/ogg"),
    ("video/webm", "audio/webm", "video/x-matroska", "video/matroska", "audio/x-matroska", "audio/matroska"),
    ("video/x-msvideo", "video/avi", "video/msvideo"),
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
