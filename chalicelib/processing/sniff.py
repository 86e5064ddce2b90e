"""Finds out the type of a file from its bytes. The parts are in `sniffing`, one module for each sort of proof.

The tables are our own. Two libraries were tried first (2026-11). `filetype` 1.2 (last release 2022) takes plain text
that begins with "BM" or "GIF" for an image, and does not know SVG. `puremagic` 2.2 takes HEIC for MP4, JPEG 2000 for
JPEG and every ZIP for a Word document, and its import takes longer than Pillow's. The signatures come from each
format's specification and from https://mimesniff.spec.whatwg.org/.
"""

from __future__ import annotations

from typing import BinaryIO

from chalicelib.processing.sniffing import fonts, media, ole, tiffs, zips
from chalicelib.processing.sniffing.families import further
from chalicelib.processing.sniffing.fonts import font
from chalicelib.processing.sniffing.markup import may_be_svg, svg
from chalicelib.processing.sniffing.ole import ENCRYPTED
from chalicelib.processing.sniffing.signatures import RAW_SIGNATURES, SIGNATURES, signature
from chalicelib.processing.sniffing.tar import tar
from chalicelib.processing.sniffing.text import is_text, text_type

__all__ = [
    "CONTAINERS",
    "DETECTABLE",
    "ENCRYPTED",
    "INSIDE",
    "RAW",
    "SNIFF_BYTES",
    "TRANSPORT",
    "families",
    "inside",
    "is_text",
    "may_be",
    "sniff",
    "text_type",
]

SNIFF_BYTES = 4096
"""`sniff` needs at most this many of a file's first bytes."""

DETECTABLE = frozenset(
    (
        *(content_type for _, content_type in SIGNATURES),
        *media.RIFF.values(),
        *media.BRANDS.values(),
        *fonts.TYPES,
        *("application/pdf", "application/x-tar", "audio/mpeg", "video/mp4", "image/svg+xml"),
        *(media.TRANSPORT, media.PROGRAM, media.PICTURES),
        *(media.AIFF, media.AAC),
        *("image/bmp", "image/emf", "image/x-icon"),
    )
)
"""Every type that `sniff` can find."""

INSIDE = frozenset((*zips.TYPES, *ole.TYPES))
"""Every type that `inside` can find in a zip archive, or in OLE's compound file."""

RAW = tiffs.RAW | RAW_SIGNATURES | {media.CR3}
"""Every type of a camera's raw file that `sniff` can find, and `inside` in a TIFF."""

TRANSPORT = media.TRANSPORT
"""The type of MPEG transport streams."""

CONTAINERS = frozenset({"application/zip", "application/x-ole-storage", "image/tiff"})
"""Types of `sniff` for which `inside` needs more of the file than its first bytes."""


def sniff(head: bytes) -> str | None:
    """The content type that the first bytes prove. None for text of any kind, and for bytes that are not known.

    Looks at `SNIFF_BYTES` bytes at most. Never raises, and allocates no more than a copy of them.
    """
    head = head[:SNIFF_BYTES]
    # A tar comes first, because its first bytes are the name of a file, and others follow at once.
    if found := tar(head) or signature(head) or font(head) or media.riff(head) or media.ico(head) or media.emf(head):
        return found
    if b"%PDF-" in head[:1024]:  # ISO 32000: within the first 1024 bytes
        return None if _has_words(head.partition(b"%PDF-")[0].strip()) else "application/pdf"
    return (
        media.iso_media(head)
        or media.bmp(head)
        or media.transport(head)
        or media.program(head)
        or media.aiff(head)
        or media.adts(head)
        or media.mp3(head)
        or svg(head)
    )


def inside(found: str | None, head: bytes, data: BinaryIO) -> str | None:
    """A more exact type than `sniff` found, by what is inside the container; `found` itself where there is none.

    `data` is the file, seekable. It is read only for types of `CONTAINERS`. It may raise OSError for bytes that it does
    not give.
    """
    match found:
        case "application/zip":
            return zips.inside_zip(head, data) or found
        case "application/x-ole-storage":
            return ole.inside_ole(data) or found
        case "image/tiff":
            return tiffs.inside_tiff(head, data) or found
        case "video/mp4" if head[8:12] in (b"M4A ", b"M4B "):
            return "audio/mp4"
        case _:
            return found


def may_be(content_type: str, head: bytes) -> bool:
    """True if a file may have this type though `sniff` found none in its first bytes.

    Most formats begin with bytes of their own. An SVG may begin with a comment of any length, and MP3 and AAC with
    anything.
    """
    if content_type == "image/svg+xml":
        return may_be_svg(head)
    return content_type in ("audio/mpeg", media.AAC) and media.has_frame_sync(head) and not is_text(head)


def families(head: bytes) -> frozenset[str]:
    """`image`, `audio`, `video` or `font` for first bytes of such a format, also of formats that `sniff` can't name."""
    detected = sniff(head)
    return frozenset({*further(head), *([detected.partition("/")[0]] if detected else [])})


def _has_words(head: bytes) -> bool:
    """True if these bytes are words. Then a "%PDF-" after them belongs to a text about PDF."""
    return bool(head) and all(byte >= 32 or byte in b"\t\n\r" for byte in head) and b" " in head
