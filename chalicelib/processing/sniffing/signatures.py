"""Formats that their first bytes alone tell, from each format's specification."""

from __future__ import annotations

# Cameras' raw files that are no TIFFs, though some are almost.
_RAW = (
    (b"FUJIFILMCCD-RAW ", "image/x-fuji-raf"),
    (b"IIU\0", "image/x-panasonic-rw2"),
    (b"IIRO", "image/x-olympus-orf"),
    (b"IIRS", "image/x-olympus-orf"),
    (b"MMOR", "image/x-olympus-orf"),
)
RAW_SIGNATURES = frozenset(content_type for _, content_type in _RAW)

# Each format's first bytes, and its type.
SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0\x08\0", "image/tiff"),  # BigTIFF
    (b"MM\0+\0\x08", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),  # a bare code stream
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\xff\x0a", "image/jxl"),  # a bare code stream
    *_RAW,
    (b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
    (b"8BPS\0\x02", "image/vnd.adobe.photoshop"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),  # an empty archive
    (b"PK\x07\x08", "application/zip"),  # an archive in several files
    (b"\x1f\x8b\x08", "application/gzip"),
    *((b"BZh%d1AY&SY" % level, "application/x-bzip2") for level in range(1, 10)),
    *((b"BZh%d\x17rE8P\x90" % level, "application/x-bzip2") for level in range(1, 10)),  # of nothing
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"fLaC", "audio/flac"),
    (b"OggS\0", "audio/ogg"),
    (b"FLV\x01", "video/x-flv"),
    # Any Windows Media file: the GUID of its header. The declared type tells if it is a film or a sound.
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "video/x-ms-asf"),
    (b"caff\0\x01\0\0", "audio/x-caf"),  # Apple's Core Audio Format
    (b"#!AMR\n", "audio/amr"),  # RFC 4867, 5
    (b"#!AMR-WB\n", "audio/amr"),
    # Any Matroska file: WebM is Matroska, and the DocType that tells them apart may come late.
    (b"\x1aE\xdf\xa3", "video/webm"),
)


def signature(head: bytes) -> str | None:
    return next((content_type for magic, content_type in SIGNATURES if head.startswith(magic)), None)
