"""The header Content-Disposition (RFC 6266): the name of a saved file, and which types a browser may show."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from chalicelib.model import UNPROVEN, File, Status
from chalicelib.text import has_controls

# Types that cannot carry scripts, and that a file's first bytes prove. SVG, HTML, XML and PDF can carry scripts, so
# they are not here. Nor is AAC, because processing does not know its bytes (processing/sniff.py), nor what most
# browsers do not show: AVI, and MPEG's transport and program streams.
SHOWN = frozenset(
    {
        *(f"image/{name}" for name in ("avif", "bmp", "gif", "heic", "heif", "jp2", "jpeg", "png", "tiff", "webp")),
        *(f"audio/{name}" for name in ("flac", "mp4", "mpeg", "ogg", "wav", "webm")),
        *(f"video/{name}" for name in ("mp4", "ogg", "quicktime", "webm")),
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


def proven_type(file: File) -> str:
    """The content type under which an original is served: the one that its bytes prove, or UNPROVEN.

    Never the client's word: S3 serves originals without `nosniff`, so the type and the disposition must be safe alone.
    A record from before `proven_type` has only `content_type`. For the types in SHOWN it is proven, because a file of
    such a type became `ready` only if its bytes had that type's signature.
    """
    if file.proven_type or file.status is not Status.READY:
        return file.proven_type or UNPROVEN
    return _name(file.content_type) if may_be_shown(file.content_type) else UNPROVEN


def may_be_shown(content_type: str) -> bool:
    """True if a browser may show a file of this proven type. It must save all others."""
    return _name(content_type) in SHOWN


def _name(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


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


def in_one_direction(filename: str) -> str:
    """The name without characters that change the direction of writing, for people who decide by it what to open."""
    return _DIRECTIONS.sub("", filename)


def _safe(filename: str) -> str:
    """The name without what a viewer's system may read as a path."""
    return _named("".join("_" if _separates(c) else c for c in in_one_direction(filename)))


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
