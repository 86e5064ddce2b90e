"""The content type that a file's name stands for, where nothing else tells it.

Browsers know a type by the system's own table. Windows has no entry for HEIC, so a browser there sends none.
"""

from __future__ import annotations

import mimetypes

# Python's own table, without the entries of this machine's /etc/mime.types. The types below are missing in it, or came
# with Python 3.13.
_TYPES = mimetypes.MimeTypes(filenames=()).types_map[True] | {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aifc": "audio/aiff",
    ".aiff": "audio/aiff",
    ".amr": "audio/amr",
    ".arw": "image/x-sony-arw",
    ".asf": "video/x-ms-asf",
    ".avif": "image/avif",
    ".caf": "audio/x-caf",
    ".cr2": "image/x-canon-cr2",
    ".cr3": "image/x-canon-cr3",
    ".dng": "image/x-adobe-dng",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".hif": "image/heif",
    ".jfif": "image/jpeg",
    ".jp2": "image/jp2",
    ".jxl": "image/jxl",
    ".m2t": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".mts": "video/mp2t",
    ".nef": "image/x-nikon-nef",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".orf": "image/x-olympus-orf",
    ".raf": "image/x-fuji-raf",
    ".rw2": "image/x-panasonic-rw2",
    ".wav": "audio/wav",
    ".vob": "video/mpeg",
    ".weba": "audio/webm",
    ".webp": "image/webp",
    ".wma": "audio/x-ms-wma",
    ".wmv": "video/x-ms-wmv",
    ".woff2": "font/woff2",
}


def type_of(filename: str) -> str | None:
    """The type of the name's extension; None for a name without one, or with one that is not known."""
    _, dot, extension = filename.rpartition(".")
    return _TYPES.get(f".{extension.lower()}") if dot else None
