"""Names of files: those that Filemill takes, and those that every disk takes."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

MAX_CHARACTERS = 255
MAX_BYTES = 1024
_DISK_BYTES = 240  # file systems take 255; there must be room for the name of a part that is being downloaded

_WINDOWS_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)")
_NOT_ON_WINDOWS = re.compile(r'[<>:"/\\|?*]')
_SURROGATES = re.compile("[\ud800-\udfff]")
_OVERRIDES = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Types that older Pythons or some systems do not know.
_TYPES = {
    ".avif": "image/avif",
    ".csv": "text/csv",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def content_type(filename: str) -> str:
    """The type that a name's extension stands for. The bytes decide in the end."""
    dot = filename.rfind(".")
    known = _TYPES.get(filename[dot:].lower()) if dot >= 0 else None
    return known or mimetypes.guess_type(filename, strict=False)[0] or "application/octet-stream"


def sendable(name: str) -> str:
    """A name that Filemill takes, made of a file's name on this disk."""
    text = _SURROGATES.sub("\ufffd", name)  # a byte that is no UTF-8, or half of a character
    text = "".join("_" if _is_control(each) or each in "/\\" else each for each in text)
    return _shortened(text, MAX_CHARACTERS, MAX_BYTES) if text.strip(".") else "file"


def safe_filename(name: str) -> str:
    """A name under which a file can be saved on Linux, macOS and Windows. Never a path, never a device.

    >>> safe_filename("../../etc/passwd"), safe_filename("CON.txt"), safe_filename("a:b?.jpg")
    ('_.._etc_passwd', '_CON.txt', 'a_b_.jpg')
    """
    text = _OVERRIDES.sub("", _NOT_ON_WINDOWS.sub("_", _SURROGATES.sub("\ufffd", name)))
    text = "".join("_" if _is_control(each) else each for each in text).lstrip(". ").rstrip(". ")
    if _WINDOWS_DEVICES.match(text):
        text = f"_{text}"
    return _shortened(text, MAX_CHARACTERS, _DISK_BYTES).rstrip(". ") or "file"


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _shortened(name: str, characters: int, size: int) -> str:
    """The name with its extension, cut in the middle if it is too long."""
    if len(name) <= characters and len(name.encode()) <= size:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 20:
        stem, dot, extension = name, "", ""
    tail = dot + extension
    while stem and (len(stem + tail) > characters or len((stem + tail).encode()) > size):
        stem = stem[:-1]
    return stem + tail
