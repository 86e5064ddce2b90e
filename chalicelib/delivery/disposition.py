"""The header Content-Disposition (RFC 6266): the name of a saved file, and which types a browser may show."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

# Types that cannot carry scripts. SVG, HTML, XML and PDF can, so they are not here.
_SHOWN = frozenset(
    {
        *(f"image/{name}" for name in ("avif", "bmp", "gif", "heic", "heif", "jp2", "jpeg", "png", "tiff", "webp")),
        *(f"audio/{name}" for name in ("aac", "flac", "mp4", "mpeg", "ogg", "wav", "webm")),
        *(f"video/{name}" for name in ("mp4", "mpeg", "ogg", "quicktime", "webm")),
    }
)
# Characters that would end a quoted string, or that old browsers decode in it (RFC 6266, appendix D).
_UNQUOTABLE = re.compile(r'[^\x20-\x7e]|["\\%]')
# Characters of an extended value that need no percent-encoding, besides letters and digits (RFC 8187, attr-char).
_PLAIN = "!#$&+-.^_`|~"


def may_be_shown(content_type: str) -> bool:
    """True if a browser may show a file of this type. It must save all others."""
    return content_type.partition(";")[0].strip().lower() in _SHOWN


def content_disposition(filename: str, *, inline: bool) -> str:
    """The header's value, in ASCII. A name with other characters is added as `filename*` (RFC 8187)."""
    kind = "inline" if inline else "attachment"
    base = "".join(c for c in unicodedata.normalize("NFKD", filename) if not unicodedata.combining(c))
    plain = _UNQUOTABLE.sub("_", base)
    extended = f"; filename*=UTF-8''{quote(filename, safe=_PLAIN)}" if plain != filename else ""
    return f'{kind}; filename="{plain}"{extended}'
