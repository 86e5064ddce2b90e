"""The header Content-Disposition (RFC 6266): the name of a saved file, and which types a browser may show."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from chalicelib.text import has_controls

# Types that cannot carry scripts. SVG, HTML, XML and PDF can, so they are not here.
_SHOWN = frozenset(
    {
        *(f"image/{name}" for name in ("avif", "bmp", "gif", "heic", "heif", "jp2", "jpeg", "png", "tiff", "webp")),
        *(f"audio/{name}" for name in ("aac", "flac", "mp4", "mpeg", "ogg", "wav", "webm")),
        *(f"video/{name}" for name in ("mp4", "mpeg", "ogg", "quicktime", "webm")),
    }
)
# Bytes of UTF-8. In a signed address each byte that is not plain becomes five characters (%25E7), and CloudFront, API
# Gateway and browsers take 8 KB for all headers of an answer.
MAX_NAME = 512
MAX_FALLBACK = 255
MAX_EXTENSION = 32

# Characters that would end a quoted string, or that old browsers decode in it (RFC 6266, appendix D), and the slash.
_UNQUOTABLE = re.compile(r'[^\x20-\x7e]|["\\%/]')
# Characters that change the direction of what follows, so that `exe.jpg` is read where `gpj.exe` stands: Unicode's
# property Bidi_Control. https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
_DIRECTIONS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Slashes that systems without Unicode names turn into / or \. Compatibility decomposition finds the others.
_SLASHES = frozenset("/\\\u2044\u2215\u29f5\u29f8")
# Characters of an extended value that need no percent-encoding, besides letters and digits (RFC 8187, attr-char).
_PLAIN = "!#$&+-.^_`|~"


def may_be_shown(content_type: str) -> bool:
    """True if a browser may show a file of this type. It must save all others."""
    return content_type.partition(";")[0].strip().lower() in _SHOWN


def content_disposition(filename: str, *, inline: bool) -> str:
    """The header's value, in ASCII and below 2 KB. A name with other characters is added as `filename*` (RFC 8187).

    The record keeps any name. Here it must name one file in the viewer's folder: so it has no slash in any form, does
    not consist of dots, does not change the direction of writing, and is cut if it is long. It keeps its extension.
    """
    kind = "inline" if inline else "attachment"
    name = _cut(_safe(filename), MAX_NAME)
    base = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    plain = _named(_cut(_UNQUOTABLE.sub("_", base), MAX_FALLBACK))
    extended = f"; filename*=UTF-8''{quote(name, safe=_PLAIN)}" if plain != name else ""
    return f'{kind}; filename="{plain}"{extended}'


def _safe(filename: str) -> str:
    """The name without what a viewer's system may read as a path."""
    return _named("".join("_" if _separates(c) else c for c in _DIRECTIONS.sub("", filename)))


def _separates(character: str) -> bool:
    return has_controls(character) or not _SLASHES.isdisjoint(unicodedata.normalize("NFKD", character))


def _named(name: str) -> str:
    """The name, or `file` for one that consists of dots and spaces in any form."""
    return name if unicodedata.normalize("NFKC", name).strip(" .") else "file"


def _cut(name: str, most: int) -> str:
    """The name in at most that many bytes of UTF-8: whole characters, and the extension is kept."""
    if len(name.encode()) <= most:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension
    if not stem or len(ending.encode()) > MAX_EXTENSION:
        stem, ending = name, ""
    return stem.encode()[: most - len(ending.encode())].decode(errors="ignore") + ending
