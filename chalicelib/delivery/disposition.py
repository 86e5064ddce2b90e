"""Under which name a browser keeps a file, and whether it may show it (RFC 6266)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

# What no browser runs anything of. Not SVG, HTML, XML or PDF: each can carry scripts.
_SHOWN = frozenset(
    {
        *(f"image/{name}" for name in ("avif", "bmp", "gif", "heic", "heif", "jp2", "jpeg", "png", "tiff", "webp")),
        *(f"audio/{name}" for name in ("aac", "flac", "mp4", "mpeg", "ogg", "wav", "webm")),
        *(f"video/{name}" for name in ("mp4", "mpeg", "ogg", "quicktime", "webm")),
    }
)
# Of a quoted string, what would end it, or what old browsers decode (RFC 6266, appendix D).
_UNQUOTABLE = re.compile(r'[^\x20-\x7e]|["\\%]')
# Of an extended value, what needs no percent-encoding besides letters and digits (RFC 8187, attr-char).
_PLAIN = "!#$&+-.^_`|~"


def may_be_shown(content_type: str) -> bool:
    """Whether a browser may show a file of this type; all others it is to save."""
    return content_type.partition(";")[0].strip().lower() in _SHOWN


def content_disposition(filename: str, *, inline: bool) -> str:
    """The header's value, in ASCII: a name that is not has its own form in `filename*` (RFC 8187)."""
    kind = "inline" if inline else "attachment"
    base = "".join(c for c in unicodedata.normalize("NFKD", filename) if not unicodedata.combining(c))
    plain = _UNQUOTABLE.sub("_", base)
    extended = f"; filename*=UTF-8''{quote(filename, safe=_PLAIN)}" if plain != filename else ""
    return f'{kind}; filename="{plain}"{extended}'
