"""Whose picture it is: the one piece of metadata that a rendition keeps."""

from __future__ import annotations

import html
import re
from contextlib import suppress

from PIL import Image
from PIL.ExifTags import Base

from chalicelib.processing.exif import text

MAX_TEXT = 1000
"""Characters of each text that are kept."""

_MAX_XMP = 256 * 1024  # bytes looked at; packets are a few KiB
_XMP_VALUE = {
    Base.Artist: re.compile(r"<dc:creator\b.*?<rdf:li\b[^>]*>([^<]*)<", re.S),
    Base.Copyright: re.compile(r"<dc:rights\b.*?<rdf:li\b[^>]*>([^<]*)<", re.S),
}


def rights_block(image: Image.Image) -> bytes:
    """An EXIF block with Artist and Copyright alone (from EXIF, else XMP), or b"" when the image names neither.

    Reads EXIF: on a PNG that loads the pixels, so call it after decoding.
    """
    block = Image.Exif()
    for tag, pattern in _XMP_VALUE.items():
        value = None
        with suppress(Exception):  # hostile EXIF
            value = text(image.getexif().get(tag), MAX_TEXT)
        if value := value or _from_xmp(image.info.get("xmp"), pattern):
            block[tag] = value.encode()  # UTF-8, as everyone writes it; Pillow itself would reduce it to ASCII
    return block.tobytes() if len(block) else b""


def _from_xmp(packet: object, pattern: re.Pattern[str]) -> str | None:
    if isinstance(packet, bytes):
        packet = packet[:_MAX_XMP].decode("utf-8", "replace")
    if not isinstance(packet, str):
        return None
    match = pattern.search(packet[:_MAX_XMP])
    return text(html.unescape(match[1]), MAX_TEXT) if match else None
