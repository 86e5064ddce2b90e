"""Fonts: family, style, how many glyphs, for which scripts, and a specimen.

TrueType, OpenType, WOFF, WOFF2 and collections are read; of a collection the first font. FreeType meets the font in a
child only (image/specimen_child.py).
"""

from __future__ import annotations

from chalicelib.facts import FontInfo
from chalicelib.model import ErrorCode, FileWarning, PermanentFault, Preview
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.names import clean
from chalicelib.processing.pictures import emit_pictures

# Bytes. A larger font is stored and described no further.
MAX_BYTES = 64 * 1024**2

LIMITS = Limits(memory=768 * 1024**2, seconds=8)

_FORMATS = {b"\0\1\0\0": "ttf", b"true": "ttf", b"OTTO": "otf", b"wOFF": "woff", b"wOF2": "woff2", b"ttcf": "ttc"}

_CHILD = "chalicelib.processing.image.specimen_child"


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt` for a font that FreeType can't open."""
    source.data.seek(0)
    if source.size > MAX_BYTES:
        info = FontInfo(format=_format(source.data.read(4), source))
        message = f"A font of more than {MAX_BYTES // 1024**2} MiB is stored, but not read."
        return Made(info, warnings=(FileWarning(code="too_large_to_read", message=message),))
    data = source.data.read()
    info = FontInfo(format=_format(data[:4], source))
    try:
        found, specimen = child.run(_CHILD, data, {}, LIMITS)
    except ChildDiedError as died:
        if str(died) == "OSError":
            raise PermanentFault(ErrorCode.CORRUPT, "The font can't be opened: it is damaged.") from None
        message = "Reading this font took too much time or memory, so it was not read."
        return Made(info, warnings=(FileWarning(code="too_costly_to_read", message=message),))
    warnings: tuple[FileWarning, ...] = ()
    preview: Preview | None = None
    if specimen:
        preview = emit_pictures(specimen, order, emit)
    else:
        message = "The font has no letters or signs that are known here, so no specimen was drawn."
        warnings = (FileWarning(code="no_preview", message=message),)
    if order.only is not None:
        return Made(preview=preview)
    info.family, info.style = clean(found["family"]), clean(found["style"])
    info.glyphs, info.scripts = found["glyphs"], found["scripts"]
    return Made(info, preview, headings=tuple(each for each in (info.family, info.style) if each), warnings=warnings)


def _format(head: bytes, source: Source) -> str:
    return _FORMATS.get(head, source.content_type.partition("/")[2][:20])
