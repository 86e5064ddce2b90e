"""Content types by their many names, and whether the type that a client declared can be true."""

from __future__ import annotations

import re

from chalicelib.processing.sniff import DETECTABLE

GENERIC = frozenset(
    {
        "",
        "application/octet-stream",
        "application/unknown",
        "application/x-binary",
        "application/x-unknown",
        "binary/octet-stream",
        "unknown/unknown",
    }
)
"""Declared types that say nothing, and so contradict nothing."""

# Synonyms of a type, and subtypes whose files are files of the other type, too. The values are `sniff`'s names.
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/mpo": "image/jpeg",
    "image/jfif": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/vnd.mozilla.apng": "image/png",
    "image/avif-sequence": "image/avif",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
    "image/tif": "image/tiff",
    "image/x-tiff": "image/tiff",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
    "image/vnd.microsoft.icon": "image/x-icon",
    "image/ico": "image/x-icon",
    "image/jpx": "image/jp2",
    "image/jpm": "image/jp2",
    "image/j2c": "image/jp2",
    "image/jpeg2000": "image/jp2",
    "image/svg": "image/svg+xml",
    "image/psd": "image/vnd.adobe.photoshop",
    "image/x-psd": "image/vnd.adobe.photoshop",
    "application/x-pdf": "application/pdf",
    "application/x-zip": "application/zip",
    "application/x-zip-compressed": "application/zip",
    "application/x-gzip": "application/gzip",
    "application/x-7z": "application/x-7z-compressed",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-rar": "application/vnd.rar",
    "audio/mp3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/mpa": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-pn-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/opus": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "audio/x-ogg": "audio/ogg",
    "video/ogg": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/webm": "video/webm",
    "video/x-matroska": "video/webm",
    "video/matroska": "video/webm",
    "audio/x-matroska": "video/webm",
    "audio/matroska": "video/webm",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "video/quicktime": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/3gpp": "video/mp4",
    "video/3gpp2": "video/mp4",
    "audio/3gpp": "video/mp4",
    "audio/mp4": "video/mp4",
    "audio/m4a": "video/mp4",
    "audio/x-m4a": "video/mp4",
    "audio/x-m4b": "video/mp4",
    "application/mp4": "video/mp4",
}

# (declared, detected) pairs that can both be true: an AVIF is a HEIF, and a compressed SVG is an SVG in gzip.
_ALSO = {
    ("image/heic", "image/avif"),
    ("image/svg+xml", "application/gzip"),
    ("audio/flac", "audio/ogg"),
}
_TEXT_APPLICATIONS = re.compile(r"application/(json|xml|javascript|x-javascript|x-ndjson|yaml|x-yaml|toml|sql)")


def one_name(content_type: str) -> str:
    """The name that `sniff` uses for this type, without parameters and in lower case."""
    name = content_type.partition(";")[0].strip().lower()
    return _ALIASES.get(name, name)


_DETECTABLE = frozenset(map(one_name, DETECTABLE))


def contradicts(declared: str, detected: str | None) -> bool:
    """True if a file with the declared Content-Type cannot have bytes that `sniff` found to be `detected`.

    In doubt the declared type is kept: only what is surely wrong is a contradiction. That is the case when

    - the declared type is one that `sniff` can find, and it found another type, or none;
    - text was declared, and the bytes are a known binary format (but not gzip: the transfer may have added that);
    - one of them is an image, and the other is sound or film.
    """
    wanted = one_name(declared)
    if wanted in GENERIC:
        return False
    if detected is None:
        return wanted in _DETECTABLE
    found = one_name(detected)
    if wanted == found or (wanted, found) in _ALSO:
        return False
    if wanted in _DETECTABLE:
        return True
    if wanted.startswith("text/") or wanted.endswith(("+json", "+xml")) or _TEXT_APPLICATIONS.fullmatch(wanted):
        return found not in ("image/svg+xml", "application/gzip")
    return _is_image_against_media(wanted, found) or _is_image_against_media(found, wanted)


def _is_image_against_media(one: str, other: str) -> bool:
    return one.startswith("image/") and other.startswith(("audio/", "video/"))


def settled(declared: str, detected: str | None) -> str:
    """The type for the record: the declared one, unless it says nothing and the bytes say something."""
    return declared if detected is None or declared not in GENERIC else detected
