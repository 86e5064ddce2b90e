"""Finds out the type of a file from its first bytes.

The table is our own. Two libraries were tried first (2026-11). `filetype` 1.2 (last release 2022) takes plain text that
begins with "BM" or "GIF" for an image, and does not know SVG. `puremagic` 2.2 takes HEIC for MP4, JPEG 2000 for JPEG
and every ZIP for a Word document, and its import takes longer than Pillow's. The signatures come from each format's
specification and from https://mimesniff.spec.whatwg.org/.
"""

from __future__ import annotations

import re

SNIFF_BYTES = 4096
"""`sniff` needs at most this many of a file's first bytes."""

# Each format's first bytes, and its type.
_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0\x08\0", "image/tiff"),  # BigTIFF
    (b"MM\0+\0\x08", "image/tiff"),
    (b"\0\0\x01\0", "image/x-icon"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),  # a bare code stream
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
    (b"8BPS\0\x02", "image/vnd.adobe.photoshop"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),  # an empty archive
    (b"PK\x07\x08", "application/zip"),  # an archive in several files
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"fLaC", "audio/flac"),
    (b"OggS\0", "audio/ogg"),
    (
        b"\x1aE\xdf\xa3",
        "video/webm",
    ),  # any Matroska file: WebM is Matroska, and the DocType that tells them apart may come late
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

# ISO base media files: the major brand decides. Where it only says "any HEIF", the compatible brands decide.
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"qt  ": "video/quicktime",
    b"jp2 ": "image/jp2",
    b"jpx ": "image/jp2",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
}
_ANY_HEIF = (b"mif1", b"mif2", b"msf1", b"miaf")
_OLD_QUICKTIME_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)

DETECTABLE = frozenset(
    (
        *(content_type for _, content_type in _SIGNATURES),
        *_RIFF.values(),
        *_BRANDS.values(),
        *("application/pdf", "image/bmp", "audio/mpeg", "video/mp4", "image/svg+xml"),
    )
)
"""Every type that `sniff` can find."""


def sniff(head: bytes) -> str | None:
    """The content type that the first bytes prove. None for text of any kind, and for bytes that are not known.

    Looks at `SNIFF_BYTES` bytes at most. Never raises, and allocates no more than a copy of them.
    """
    head = head[:SNIFF_BYTES]
    for magic, content_type in _SIGNATURES:
        if head.startswith(magic):
            return content_type
    if head.startswith(b"RIFF") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if b"%PDF-" in head[:1024]:  # ISO 32000: within the first 1024 bytes
        return None if _has_words(head.partition(b"%PDF-")[0].strip()) else "application/pdf"
    return _iso_media(head) or _bmp(head) or _mp3(head) or _svg(head)


def _iso_media(head: bytes) -> str | None:
    """MP4, QuickTime, AVIF, HEIC …: boxes of size, type and content (ISO/IEC 14496-12), since 2001 `ftyp` first."""
    box = head[4:8]
    if box in _OLD_QUICKTIME_BOXES:  # a word of text would have letters before it, too
        return "video/quicktime" if head[0] < 9 or b"\0" in head[:64] else None
    if box == b"styp":
        return "video/mp4" if head[0] == 0 else None
    if box != b"ftyp" or head[:2] != b"\0\0":
        return None
    size = int.from_bytes(head[:4])
    major, compatible = head[8:12], [head[n : n + 4] for n in range(16, min(size, len(head)) - 3, 4)]
    brands = compatible if major in _ANY_HEIF else [major]
    known = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return known or ("image/heic" if major in _ANY_HEIF else "video/mp4")


def _bmp(head: bytes) -> str | None:
    """Many texts begin with "BM", so the header's own size, at byte 14, must be one that exists."""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "image/bmp"
    return None


def _mp3(head: bytes) -> str | None:
    """MP3 begins with an ID3v2 tag, or has two MPEG audio frames (layer II or III) one exactly after the other."""
    if head[:3] == b"ID3" and head[3:4] in (b"\2", b"\3", b"\4") and max(head[6:10], default=255) < 128:
        return "audio/mpeg"
    at = head.find(b"\xff")
    while at >= 0:
        length = _mpeg_frame(head[at : at + 4])
        following = head[at + length : at + length + 4]
        # All frames have one version and one layer; bit rate and padding may change.
        if length and following[:2] == head[at : at + 2] and _mpeg_frame(following):
            return "audio/mpeg"
        at = head.find(b"\xff", at + 1)
    return None


# kbit/s by four bits of the header. Keys: whether it is MPEG-1 (else MPEG-2 or 2.5), and the layer.
_BIT_RATES = {
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _mpeg_frame(header: bytes) -> int:
    """Length in bytes of the MPEG audio frame with this header (ISO/IEC 11172-3); 0 when this is no such header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate = header[2] >> 2 & 3
    if version not in _SAMPLE_RATES or layer not in (2, 3) or rate == 3:
        return 0
    bits = _BIT_RATES[version == 3, layer][header[2] >> 4] * 1000
    samples = 72 if version != 3 and layer == 3 else 144
    return samples * bits // _SAMPLE_RATES[version][rate] + (header[2] >> 1 & 1) if bits else 0


_SVG_ROOT = re.compile(rb"<!DOCTYPE\s+svg\b|<([a-z]+:)?svg[\s>/]", re.I)


def _svg(head: bytes) -> str | None:
    """An XML document whose root element or DOCTYPE is `svg`; in UTF-8, or in UTF-16 with a byte order mark.

    Declarations and comments are skipped one by one. A single regular expression for all of it would take exponential
    time on comments that never end.
    """
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "ignore").encode()
    rest = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while rest.startswith((b"<?", b"<!--")):
        rest = rest.partition(b"?>" if rest.startswith(b"<?") else b"-->")[2].lstrip()
    return "image/svg+xml" if _SVG_ROOT.match(rest) else None


def _has_words(head: bytes) -> bool:
    """True if these bytes are words. Then a "%PDF-" after them belongs to a text about PDF."""
    return bool(head) and all(byte >= 32 or byte in b"\t\n\r" for byte in head) and b" " in head


# First bytes of formats of which only the family is known: nobody looks into such files, but a token may allow them.
_FAMILIES = (
    (b"MThd", "audio"),
    (b"#!AMR", "audio"),
    (b"caff", "audio"),
    (b".snd", "audio"),
    (b"wvpk", "audio"),
    (b"MAC ", "audio"),
    (b"\xff\xf1", "audio"),  # AAC in ADTS frames, MPEG-4
    (b"\xff\xf9", "audio"),  # the same, MPEG-2
    (b"\0\0\x01\xba", "video"),  # MPEG program stream
    (b"\0\0\x01\xb3", "video"),  # MPEG video
    (b"FLV\x01", "video"),
    (b"wOFF", "font"),
    (b"wOF2", "font"),
    (b"OTTO", "font"),
    (b"ttcf", "font"),
    (b"\0\x01\0\0", "font"),  # TrueType
    (b"true\0", "font"),
    (b"#?RADIANCE", "image"),
    (b"v/1\x01", "image"),  # OpenEXR
    (b"qoif", "image"),
    (b"gimp xcf", "image"),
    (b"icns", "image"),
    (b"DDS ", "image"),
    (b"AT&TFORM", "image"),  # DjVu
)
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_TS_PACKET = 188  # bytes, each packet begins with 0x47


def families(head: bytes) -> frozenset[str]:
    """`image`, `audio`, `video` or `font` for first bytes of such a format, also of formats that `sniff` can't name."""
    found = {family for magic, family in _FAMILIES if head.startswith(magic)}
    if detected := sniff(head):
        found.add(detected.partition("/")[0])
    if head.startswith(_ASF):  # Windows Media
        found |= {"audio", "video"}
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        found.add("audio")
    if head[:1] == b"G" and head[_TS_PACKET : _TS_PACKET + 1] == b"G" and head[2 * _TS_PACKET :][:1] == b"G":
        found.add("video")
    return frozenset(found)


# Bytes that no text has: https://mimesniff.spec.whatwg.org/#binary-data-byte
_BINARY = bytes({*range(0x20)} - {0x09, 0x0A, 0x0C, 0x0D, 0x1B})
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def is_text(head: bytes) -> bool:
    """True if a file may be text: it begins with UTF-16's mark, or has no byte that only binary files have."""
    return head.startswith(_UTF16) or head == head.translate(None, _BINARY)
