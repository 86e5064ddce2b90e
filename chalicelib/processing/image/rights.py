"""Reads whose picture it is and what it shows: the only words of its metadata that a rendition may keep."""

from __future__ import annotations

import html
from contextlib import suppress

from PIL import Image, ImageFile, IptcImagePlugin
from PIL.ExifTags import Base

from chalicelib.processing.image.exif import directory, text

MAX_TEXT = 1000
"""Longest text, in characters; a longer one is cut."""

_MAX_XMP = 256 * 1024  # bytes that are read; packets have a few KiB
# Where each word is stored: EXIF tag, XMP property, IPTC-IIM record and data set.
_PLACES = {
    "artist": (Base.Artist, "<dc:creator", (2, 80)),
    "copyright": (Base.Copyright, "<dc:rights", (2, 116)),
    "caption": (Base.ImageDescription, "<dc:description", (2, 120)),
}
RIGHTS = ("artist", "copyright")
"""The words that a rendition keeps unless its recipe says otherwise."""


def credit(image: Image.Image) -> dict[str, str]:
    """The image's `artist`, `copyright` and `caption`, as far as it has them: from EXIF, or else XMP, or else IPTC.

    Call it after decoding: reading the EXIF of a PNG loads its pixels. Hostile metadata raises nothing.
    """
    found: dict[str, str] = {}
    iptc: dict[tuple[int, int], object] = {}
    with suppress(Exception):
        iptc = dict(IptcImagePlugin.getiptcinfo(image) or {}) if isinstance(image, ImageFile.ImageFile) else {}
    packet = _packet(image)
    for name, (tag, prop, place) in _PLACES.items():
        value = None
        with suppress(Exception):  # hostile EXIF
            value = text(directory(image).get(tag), MAX_TEXT)
        several = iptc.get(place)
        single = several[0] if isinstance(several, list) and several else several
        if value := value or _from_xmp(packet, prop) or text(single, MAX_TEXT):
            found[name] = value
    return found


def rights_block(words: dict[str, str], keep: tuple[str, ...] = RIGHTS) -> bytes:
    """An EXIF block with the words of `credit` that are to be kept; b"" when there are none."""
    block = Image.Exif()
    for name, (tag, _, _) in _PLACES.items():
        if name in keep and name in words:
            block[tag] = words[name].encode()  # UTF-8, as all software writes it; Pillow itself would make it ASCII
    return block.tobytes() if len(block) else b""


def _packet(image: Image.Image) -> str:
    packet = image.info.get("xmp")
    if isinstance(packet, bytes):
        packet = packet[:_MAX_XMP].decode("utf-8", "replace")
    return packet[:_MAX_XMP] if isinstance(packet, str) else ""


def _from_xmp(packet: str, prop: str) -> str | None:
    """A property's first list item. A regular expression would take quadratic time on hostile packets."""
    at = packet.find(prop)
    item = packet.find("<rdf:li", at) if at >= 0 else -1
    begin = packet.find(">", item) + 1 if item >= 0 else 0
    end = packet.find("<", begin) if begin else -1
    return text(html.unescape(packet[begin:end]), MAX_TEXT) if end >= 0 else None
