"""The header Content-Disposition (RFC 6266): the name of a saved file, and which types a browser may show."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from chalicelib.model import UNPROVEN, File, Status

# Types that cannot carry scripts, and that a file's first bytes prove. SVG, HTML, XML and PDF can carry scripts, so
# they are not here. Nor are AAC and MPEG-1 video, because processing does not know their bytes (processing/sniff.py).
SHOWN = frozenset(
    {
        *(f"image/{name}" for name in ("avif", "bmp", "gif", "heic", "heif", "jp2", "jpeg", "png", "tiff", "webp")),
        *(f"audio/{name}" for name in ("flac", "mp4", "mpeg", "ogg", "wav", "webm")),
        *(f"video/{name}" for name in ("mp4", "ogg", "quicktime", "webm")),
    }
)
# Characters that would end a quoted string, or that old browsers decode in it (RFC 6266, appendix D).
_UNQUOTABLE = re.compile(r'[^\x20-\x7e]|["\\%]')
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
    """The header's value, in ASCII. A name with other characters is added as `filename*` (RFC 8187)."""
    kind = "inline" if inline else "attachment"
    base = "".join(c for c in unicodedata.normalize("NFKD", filename) if not unicodedata.combining(c))
    plain = _UNQUOTABLE.sub("_", base)
    extended = f"; filename*=UTF-8''{quote(filename, safe=_PLAIN)}" if plain != filename else ""
    return f'{kind}; filename="{plain}"{extended}'
