"""Content types by their many names, and whether the type that a client declared can be true."""

from __future__ import annotations

import re
from collections.abc import Collection

from chalicelib.media_types import GENERIC, OCTETS, is_wildcard, own_name, says_nothing
from chalicelib.processing.sniff import DETECTABLE, ENCRYPTED, INSIDE, RAW, families, is_text, may_be, sniff

# Synonyms of a type, and subtypes whose files are files of the other type, too. The values are `sniff`'s names.
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-jpeg": "image/jpeg",
    "image/x-jpg": "image/jpeg",
    "image/jpe": "image/jpeg",
    "image/pjpg": "image/jpeg",
    "image/x-citrix-jpeg": "image/jpeg",
    "application/jpeg": "image/jpeg",
    "application/jpg": "image/jpeg",
    "application/x-jpeg": "image/jpeg",
    "application/x-jpg": "image/jpeg",
    "image/mpo": "image/jpeg",
    "image/jfif": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-citrix-png": "image/png",
    "application/png": "image/png",
    "application/x-png": "image/png",
    "image/apng": "image/png",
    "image/vnd.mozilla.apng": "image/png",
    "image/x-gif": "image/gif",
    "image/x-citrix-gif": "image/gif",
    "application/gif": "image/gif",
    "image/x-webp": "image/webp",
    "image/x-avif": "image/avif",
    "image/avif-sequence": "image/avif",
    "image/heif": "image/heic",
    "image/x-heic": "image/heic",
    "image/x-heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
    "image/tif": "image/tiff",
    "image/x-tiff": "image/tiff",
    "image/x-tif": "image/tiff",
    "application/tif": "image/tiff",
    "application/tiff": "image/tiff",
    "application/x-tiff": "image/tiff",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
    "image/ms-bmp": "image/bmp",
    "image/x-windows-bmp": "image/bmp",
    "image/x-win-bitmap": "image/bmp",
    "application/bmp": "image/bmp",
    "application/x-bmp": "image/bmp",
    "image/vnd.microsoft.icon": "image/x-icon",
    "image/ico": "image/x-icon",
    "image/icon": "image/x-icon",
    "image/x-ico": "image/x-icon",
    "text/ico": "image/x-icon",
    "application/ico": "image/x-icon",
    "application/x-ico": "image/x-icon",
    "image/jpx": "image/jp2",
    "image/jpm": "image/jp2",
    "image/j2c": "image/jp2",
    "image/j2k": "image/jp2",
    "image/x-jp2": "image/jp2",
    "image/jpeg2000": "image/jp2",
    "image/dng": "image/x-adobe-dng",
    "image/x-dng": "image/x-adobe-dng",
    "image/cr2": "image/x-canon-cr2",
    "image/x-cr2": "image/x-canon-cr2",
    "image/cr3": "image/x-canon-cr3",
    "image/x-cr3": "image/x-canon-cr3",
    "image/nef": "image/x-nikon-nef",
    "image/x-nef": "image/x-nikon-nef",
    "image/x-nikon-nrw": "image/x-nikon-nef",
    "image/arw": "image/x-sony-arw",
    "image/x-arw": "image/x-sony-arw",
    "image/x-sony-sr2": "image/x-sony-arw",
    "image/x-sony-srf": "image/x-sony-arw",
    "image/raf": "image/x-fuji-raf",
    "image/x-raf": "image/x-fuji-raf",
    "image/x-fujifilm-raf": "image/x-fuji-raf",
    "image/orf": "image/x-olympus-orf",
    "image/x-orf": "image/x-olympus-orf",
    "image/rw2": "image/x-panasonic-rw2",
    "image/x-rw2": "image/x-panasonic-rw2",
    "image/x-panasonic-raw": "image/x-panasonic-rw2",
    "image/x-panasonic-raw2": "image/x-panasonic-rw2",
    "image/x-panasonic-rw": "image/x-panasonic-rw2",
    "image/x-leica-rwl": "image/x-panasonic-rw2",
    "image/x-dcraw": "image/x-raw",
    "image/raw": "image/x-raw",
    "image/svg": "image/svg+xml",
    "image/x-emf": "image/emf",
    "application/x-emf": "image/emf",
    "windows/metafile": "image/emf",
    "image/psd": "image/vnd.adobe.photoshop",
    "image/x-psd": "image/vnd.adobe.photoshop",
    "application/x-pdf": "application/pdf",
    "text/rtf": "application/rtf",
    "text/richtext": "application/rtf",
    "application/x-rtf": "application/rtf",
    "application/excel": "application/vnd.ms-excel",
    "application/x-msexcel": "application/vnd.ms-excel",
    "application/mspowerpoint": "application/vnd.ms-powerpoint",
    "application/x-mspowerpoint": "application/vnd.ms-powerpoint",
    "application/x-msword": "application/msword",
    "application/vnd.ms-word": "application/msword",
    "text/xml": "application/xml",
    "text/json": "application/json",
    "application/jsonl": "application/x-ndjson",
    "application/jsonlines": "application/x-ndjson",
    "application/x-jsonlines": "application/x-ndjson",
    "application/ndjson": "application/x-ndjson",
    "application/csv": "text/csv",
    "application/x-csv": "text/csv",
    "text/x-csv": "text/csv",
    "text/comma-separated-values": "text/csv",
    "text/tsv": "text/tab-separated-values",
    "application/javascript": "text/javascript",
    "application/x-javascript": "text/javascript",
    "application/ecmascript": "text/javascript",
    "text/x-markdown": "text/markdown",
    "text/srt": "application/x-subrip",
    "application/x-java-archive": "application/java-archive",
    "application/x-gtar": "application/x-tar",
    "application/tar": "application/x-tar",
    "application/bzip2": "application/x-bzip2",
    "application/x-bzip": "application/x-bzip2",
    "application/xz": "application/x-xz",
    "application/x-zstd": "application/zstd",
    "application/x-zstandard": "application/zstd",
    "message/global": "message/rfc822",
    "application/x-font-ttf": "font/ttf",
    "application/x-font-truetype": "font/ttf",
    "application/font-ttf": "font/ttf",
    "font/truetype": "font/ttf",
    "font/sfnt": "font/ttf",
    "application/font-sfnt": "font/ttf",
    "application/x-font-otf": "font/otf",
    "application/x-font-opentype": "font/otf",
    "application/vnd.ms-opentype": "font/otf",
    "font/opentype": "font/otf",
    "application/font-woff": "font/woff",
    "application/x-font-woff": "font/woff",
    "application/font-woff2": "font/woff2",
    "application/x-font-woff2": "font/woff2",
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
    "audio/x-aiff": "audio/aiff",
    "audio/aifc": "audio/aiff",
    "audio/x-aifc": "audio/aiff",
    "audio/x-aac": "audio/aac",
    "audio/aacp": "audio/aac",
    "audio/x-hx-aac-adts": "audio/aac",
    "audio/vnd.dlna.adts": "audio/aac",
    "audio/amr-wb": "audio/amr",
    "audio/amr-nb": "audio/amr",
    "audio/x-amr": "audio/amr",
    "audio/caf": "audio/x-caf",
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
    "video/flv": "video/x-flv",
    "video/x-ms-wmv": "video/x-ms-asf",
    "video/x-ms-wm": "video/x-ms-asf",
    "audio/x-ms-wma": "video/x-ms-asf",
    "audio/wma": "video/x-ms-asf",
    "application/vnd.ms-asf": "video/x-ms-asf",
    "video/msvideo": "video/x-msvideo",
    "video/mpg": "video/mpeg",
    "video/x-mpg": "video/mpeg",
    "video/x-mpeg": "video/mpeg",
    "video/mpeg2": "video/mpeg",
    "video/x-mpeg2": "video/mpeg",
    "video/mp2p": "video/mpeg",
    "video/vnd.dlna.mpeg-tts": "video/mp2t",
    "video/x-mpegts": "video/mp2t",
    "video/mpegts": "video/mp2t",
    "video/mp2ts": "video/mp2t",
    "video/m2ts": "video/mp2t",
    "video/quicktime": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/3gpp": "video/mp4",
    "video/3gpp2": "video/mp4",
    "audio/3gpp": "video/mp4",
    "audio/3gpp2": "video/mp4",
    "audio/mp4": "video/mp4",
    "audio/m4a": "video/mp4",
    "audio/x-m4a": "video/mp4",
    "audio/x-m4b": "video/mp4",
    "application/mp4": "video/mp4",
}

_COMPRESSED = ("application/gzip", "application/x-bzip2", "application/x-xz", "application/zstd")
_SFNT = ("font/ttf", "font/otf", "font/collection")  # one format, whose names are often mixed up

# Files that are often declared as the first one, and are the second one.
_BETTER = {
    ("video/mpeg", "video/mp2t"),
    ("video/mp2t", "video/mpeg"),
    ("video/mpeg", "video/mpv"),
    ("model/vnd.mts", "video/mp2t"),  # `.mts` is also the name of a camera's film
}
_HEIFS = ("image/avif", "image/avci", "image/avcs", "image/hej2k")
# (declared, detected) pairs that can both be true: an AVIF is a HEIF, and a compressed SVG is an SVG in gzip.
_ALSO = {
    *(("image/heic", other) for other in _HEIFS),
    *(("image/tiff", raw) for raw in RAW),
    *((raw, "image/tiff") for raw in RAW),  # of a camera that nobody here knows
    *((raw, other) for raw in RAW for other in RAW if raw != other),
    ("image/svg+xml", "application/gzip"),
    ("audio/flac", "audio/ogg"),
    # Recorders call a container AAC or AMR by the sound that is in it, and AAC with a tag begins as MP3 does.
    *((sound, "video/mp4") for sound in ("audio/aac", "audio/amr")),
    ("audio/aac", "audio/mpeg"),
    ("audio/mpeg", "audio/aac"),
    *_BETTER,
    *(("application/x-tar", compressed) for compressed in _COMPRESSED),
    *((one, other) for one in _SFNT for other in _SFNT),
}
# Names that are no standard are those of Debian's mime-support and of freedesktop.org.
_TEXT_APPLICATIONS = re.compile(
    r"application/(json|xml|javascript|x-javascript|x-ndjson|yaml|x-yaml|toml|x-subrip|x-tex|x-latex|x-texinfo|"
    r"x-troff(-man|-me|-ms)?|x-desktop|x-cue|pgp-keys|pgp-signature|(x-)?sql|graphql|(x-)?typescript|"
    r"(x-)?(awk|csh|dart|gnuplot|httpd-php|lua|m4|perl|php|powershell|python|ruby|sh|shellscript|tcl))"
)


def one_name(content_type: str) -> str:
    """The name that `sniff` uses for this type, without parameters and in lower case."""
    name = own_name(content_type)
    return _ALIASES.get(name, name)


def is_text_type(content_type: str) -> bool:
    """True if files of this type are text: words, tables, data or source code."""
    name = one_name(content_type)
    if name.startswith("text/"):
        return True
    return name != "image/svg+xml" and bool(name.endswith(("+json", "+xml")) or _TEXT_APPLICATIONS.fullmatch(name))


_DETECTABLE = frozenset(map(one_name, DETECTABLE))
_ZIP, _OLE, _RTF = "application/zip", "application/x-ole-storage", "application/rtf"
# Word, Excel and PowerPoint of before 2007. People and browsers on Windows give these names also to newer files, and to
# texts and web pages that these programs open: a CSV file, for one.
_OLD_OFFICE = frozenset({"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"})
_INSIDE = frozenset(map(one_name, INSIDE))
_OFFICE = frozenset(name for name in _INSIDE if not name.startswith(("application/java", "application/vnd.android")))
_OFFICE -= {ENCRYPTED}


def contradicts(declared: str, detected: str | None, head: bytes | None = None) -> bool:
    """True if a file with the declared Content-Type cannot have bytes that were found to be `detected`.

    `head` are the first bytes. They can show that a format which no bytes prove may yet be there (`sniff.may_be`).

    In doubt the declared type is kept: only what is surely wrong is a contradiction. That is the case when

    - the declared type is one that `sniff` can find, and it found another type, or none. A zip archive, or an OLE file,
      may be declared of a file that is more than that, such as a Word document;
    - an Office document, OpenDocument or EPUB was declared, and the bytes are neither such a document nor a container
      that may be one. An encrypted document is an OLE file, whatever it is inside;
    - text was declared, and the bytes are a known binary format (but not compressed: the transfer may have done that);
    - one of them is an image, and the other is sound or film.
    """
    wanted = one_name(declared)
    if wanted in GENERIC:
        return False
    if wanted in _OFFICE:
        return not _may_be_office(wanted, detected)
    if detected is None:
        return wanted in _DETECTABLE and not (head is not None and may_be(wanted, head))
    found = one_name(detected)
    if wanted == found or (wanted, found) in _ALSO or (wanted in (_ZIP, _OLE) and found in _INSIDE):
        return False
    if wanted in _DETECTABLE:
        return True
    if is_text_type(wanted) or wanted == "message/rfc822":
        return found not in ("image/svg+xml", _RTF, *_COMPRESSED)
    return _is_image_against_media(wanted, found) or _is_image_against_media(found, wanted)


def _may_be_office(wanted: str, detected: str | None) -> bool:
    """True if the document of the wanted type may have these bytes. They decide then which document it is."""
    if detected is None:
        return wanted in _OLD_OFFICE
    found = one_name(detected)
    return found in (*_OFFICE, ENCRYPTED, _ZIP, _OLE) or (wanted in _OLD_OFFICE and found == _RTF)


def _is_image_against_media(one: str, other: str) -> bool:
    return one.startswith("image/") and other.startswith(("audio/", "video/"))


# Images whose first bytes no other format has. A TIFF, in contrast, may be a camera's raw file.
_SHARED_BY_NONE = frozenset(f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "avif", "bmp"))


def _is_well_named(name: str) -> bool:
    """True for an image type whose name may stay in a record. Programs invent others, such as `image/x-citrix-jpeg`."""
    return name.startswith("image/") and not name.startswith("image/x-")


def _is_unknown_image(name: str) -> bool:
    """True for an image type that nobody here knows, such as a browser's own name of JPEG."""
    return name.startswith("image/") and name not in _DETECTABLE and name not in RAW


def _family(content_type: str) -> str:
    return content_type.partition("/")[0]


# Formats that others are made of: a Word document is a ZIP archive, and a camera's raw file is a TIFF.
_CONTAINERS = frozenset(
    map(
        one_name,
        (
            *_COMPRESSED,
            *_SFNT,
            *(_OLE, _RTF, _ZIP),
            "application/x-tar",
            "application/pdf",
            "audio/ogg",
            "image/svg+xml",
            "image/tiff",
            "video/mp4",
            "video/webm",
        ),
    )
)
# Families whose members can be told by their first bytes. A browser shows them, so a name alone opens nothing here.
_PROVEN_FAMILIES = frozenset({"audio", "font", "image", "video"})


def is_one_of(allowed: Collection[str], declared: str, head: bytes, exact: str | None = None) -> bool:
    """True if a file's bytes prove one of these types, which are such as `image/png` or `image/*`.

    `exact` is what `sniff.inside` found in the container, or the container's own type. Then a document in it is proven
    only if it was found; the container itself is proven in any case.

    `declared` must not contradict the bytes. It decides only where bytes can't: a type that is allowed by its own name
    and that no bytes tell, and a type that shares its bytes with others (DOCX with ZIP). Below `image/*`, `audio/*`,
    `video/*` and `font/*` a file must have the first bytes of such a format, and below `text/*` it must be text.
    """
    named, detected = {one_name(each) for each in allowed if not each.endswith("/*")}, sniff(head)
    any_of = {each.removesuffix("/*") for each in allowed if each.endswith("/*")}
    wanted, family = one_name(declared), _family(declared)
    if detected is not None:
        found = {one_name(each) for each in (detected, exact) if each}
        if not named.isdisjoint(found) or not any_of.isdisjoint(map(_family, (detected, exact or detected))):
            return True
        if wanted in found:  # two names of one format: video/ogg and audio/ogg
            return family in any_of
        if exact and wanted in _INSIDE:  # nobody sees what an encrypted document is inside
            return wanted in named and wanted in _OFFICE and one_name(exact) == ENCRYPTED
        return wanted in named and one_name(detected) in _CONTAINERS
    if wanted in named:
        return True
    if family not in any_of:
        return False
    if family in _PROVEN_FAMILIES:
        return family in families(head)
    return family != "text" or is_text(head)


def settled(declared: str, detected: str | None, text: str | None = None) -> str:
    """The type for the record: the declared one, unless it says nothing, or less than the bytes do. Never a wildcard.

    `text` is the sort of text that the bytes look like, None if they are none. It decides where the declared type says
    nothing, and for a text that was declared as a document of an old Office program.
    """
    wanted = one_name(declared)
    if says_nothing(declared):
        return detected or text or (OCTETS if is_wildcard(declared) else declared)
    if detected is None:
        return text if text and wanted in _OLD_OFFICE else declared
    found = one_name(detected)
    if found == ENCRYPTED and wanted in _OFFICE:
        return declared
    more = wanted in (_ZIP, _OLE, *_OFFICE) and found in (*_INSIDE, _RTF)
    more = more or ((wanted, found) in _ALSO and found in (*RAW, *_HEIFS[1:]) and wanted not in RAW)
    more = more or (wanted, found) in _BETTER
    more = more or (_is_unknown_image(wanted) and found in (*_SHARED_BY_NONE, *RAW))
    if wanted == found and found in _SHARED_BY_NONE and not _is_well_named(own_name(declared)):
        return detected
    return detected if found != wanted and (more or (wanted in _SFNT and found in _SFNT)) else declared
