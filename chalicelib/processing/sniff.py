"""What a file really is, by its first bytes; whether that can be true of what the client declared.

A table of our own, weighed against two libraries (2026-11): `filetype` 1.2 (last release 2022) takes plain text that
begins with "BM" or "GIF" for an image, and knows no SVG; `puremagic` 2.2 takes HEIC for MP4, JPEG 2000 for JPEG and
every ZIP for a Word document, and costs more to import than Pillow. Sources of the signatures: each format's
specification, and https://mimesniff.spec.whatwg.org/.
"""

from __future__ import annotations

import re

from chalicelib.model import Kind

SNIFF_BYTES = 4096
"""How many of a file's first bytes `sniff` wants, at most."""

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
"""Declarations that say nothing, and so contradict nothing."""

_IMAGES = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "avif", "heic", "tiff", "bmp", "jp2", "x-icon")
)

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (  # offset, bytes there, type
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0\x08\0", "image/tiff"),  # BigTIFF
    (0, b"MM\0+\0\x08", "image/tiff"),
    (0, b"\0\0\x01\0", "image/x-icon"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),  # a bare code stream
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
    (0, b"8BPS\0\x02", "image/vnd.adobe.photoshop"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),  # an empty one
    (0, b"PK\x07\x08", "application/zip"),  # a spanned one
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS\0", "audio/ogg"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),  # any Matroska: WebM is one, and its DocType may come late
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

# ISO base media: the major brand decides; `mif1`/`msf1`/`miaf` (any HEIF) leave it to the compatible brands.
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

# Synonyms, and types whose files are files of the other type too, each to the one name that `sniff` uses.
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

# Declared (one name) → detected that can be true as well: an AVIF is a HEIF, and a packed SVG an SVG in gzip.
_ALSO = {
    ("image/heic", "image/avif"),
    ("image/svg+xml", "application/gzip"),
    ("audio/flac", "audio/ogg"),
}
_TEXT_APPLICATIONS = re.compile(r"application/(json|xml|javascript|x-javascript|x-ndjson|yaml|x-yaml|toml|sql)")


def sniff(head: bytes) -> str | None:
    """The type that the first bytes prove (`SNIFF_BYTES` of them suffice), or None: text of any kind, or unknown.

    Never raises, and allocates nothing beyond the head.
    """
    head = head[:SNIFF_BYTES]
    for offset, magic, content_type in _SIGNATURES:
        if head.startswith(magic, offset):
            return content_type
    if head.startswith(b"RIFF") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if b"%PDF-" in head[:1024]:  # ISO 32000: within the first 1024 bytes
        return None if _is_text(head.partition(b"%PDF-")[0].strip()) else "application/pdf"
    return _iso_media(head) or _bmp(head) or _mp3(head) or _svg(head)


def contradicts(declared: str, detected: str | None) -> bool:
    """Whether a file of the declared Content-Type cannot have bytes of which `sniff` said `detected`.

    In doubt they do not: what we can neither prove nor rule out is kept as declared. They do when

    - we know the declared type by its bytes, and the bytes are another type's, or no type's that we know;
    - text was declared, and the bytes are a known binary format (gzip aside: it may be the transfer's doing);
    - one is an image and the other sound or film.
    """
    wanted = _one_name(declared)
    if wanted in GENERIC:
        return False
    if detected is None:
        return wanted in _DETECTABLE
    found = _one_name(detected)
    if wanted == found or (wanted, found) in _ALSO:
        return False
    if wanted in _DETECTABLE:
        return True
    if wanted.startswith("text/") or wanted.endswith(("+json", "+xml")) or _TEXT_APPLICATIONS.fullmatch(wanted):
        return found not in ("image/svg+xml", "application/gzip")
    return (wanted.startswith("image/") and found.startswith(("audio/", "video/"))) or (
        wanted.startswith(("audio/", "video/")) and found.startswith("image/")
    )


def kind_of(content_type: str) -> Kind:
    """IMAGE for what `image.process_image` can decode, OTHER for all else: SVG too (docs/images.md says why)."""
    return Kind.IMAGE if _one_name(content_type) in _IMAGES else Kind.OTHER


def _one_name(content_type: str) -> str:
    """Without parameters, in lower case, by the name that `sniff` uses for it."""
    name = content_type.partition(";")[0].strip().lower()
    return _ALIASES.get(name, name)


def _iso_media(head: bytes) -> str | None:
    """Boxes of `size, type, …` (ISO/IEC 14496-12), the first of them `ftyp` since 2001."""
    box = head[4:8]
    if box in _OLD_QUICKTIME_BOXES:  # plain letters: in text the four bytes before them are letters too
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
    """ "BM" alone begins many a text: the header's own size, at 14, has to be one that exists."""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "image/bmp"
    return None


def _mp3(head: bytes) -> str | None:
    """An ID3v2 tag, or two MPEG audio frames of layer II or III, one exactly behind the other."""
    if head[:3] == b"ID3" and head[3:4] in (b"\2", b"\3", b"\4") and max(head[6:10], default=255) < 128:
        return "audio/mpeg"
    at = head.find(b"\xff")
    while at >= 0:
        length = _mpeg_frame(head[at : at + 4])
        following = head[at + length : at + length + 4]
        # Version and layer stay the same from frame to frame; bit rate and padding may change.
        if length and following[:2] == head[at : at + 2] and _mpeg_frame(following):
            return "audio/mpeg"
        at = head.find(b"\xff", at + 1)
    return None


# kbit/s by the header's four bits, for (MPEG-1, layer II), (MPEG-1, layer III) and (MPEG-2 and 2.5, both).
_BIT_RATES = {
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _mpeg_frame(header: bytes) -> int:
    """Length in bytes of the MPEG audio frame with this header (ISO/IEC 11172-3), 0 when it is none."""
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
    """An XML document whose root is `svg`, or says so in its DOCTYPE; in UTF-8 or, with its mark, UTF-16.

    Declaration and comments are skipped step by step: one expression for all of it would take exponential time on
    comments that never end.
    """
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "ignore").encode()
    rest = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while rest.startswith((b"<?", b"<!--")):
        rest = rest.partition(b"?>" if rest.startswith(b"<?") else b"-->")[2].lstrip()
    return "image/svg+xml" if _SVG_ROOT.match(rest) else None


def _is_text(head: bytes) -> bool:
    """Whether these bytes are words: then a later "%PDF-" is talked about, not begun."""
    return bool(head) and all(byte >= 32 or byte in b"\t\n\r" for byte in head) and b" " in head


_DETECTABLE = frozenset(
    {_one_name(name) for _, _, name in _SIGNATURES}
    | {_one_name(name) for name in (*_RIFF.values(), *_BRANDS.values())}
    | {"application/pdf", "image/bmp", "audio/mpeg", "video/mp4", "image/svg+xml"}
)
