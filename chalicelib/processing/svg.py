"""SVG: an image that is drawn from a clean copy of it. The copy is a rendition, `clean.svg`.

The original is never shown. The copy has only what svg_clean.py allows. It is stored only if it could be drawn within
the bounds: what takes a renderer minutes takes a browser as long.
"""

from __future__ import annotations

import zlib

from chalicelib.model import ErrorCode, FileWarning, PermanentFault, Rendition
from chalicelib.processing import child, svg_clean
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.svg_clean import BrokenError, Clean, RefusedError

# Bytes, also of what a compressed SVG unpacks to. A larger one is stored and described no further.
MAX_BYTES = 8 * 1024**2

LIMITS = Limits(memory=1024**3, seconds=5)

# Pixels of the longer side. An SVG has no size of its own, so it is drawn as large as the recipe needs it.
MAX_SIDE = 2560

_CHILD = "chalicelib.processing.svg_child"
_TYPE = "image/svg+xml"


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt` for a document that is not well-formed, or no SVG."""
    # Pillow is imported only when a picture is made.
    from chalicelib.processing.image import drawing
    from chalicelib.processing.image.cascade import process_image

    try:
        copy = _cleaned(source)
    except RefusedError as refused:
        return _left("not_cleaned", f"{refused} So it is not shown.")
    path, family = drawing.font_file()
    side = min(MAX_SIDE, max(order.recipe.widths, default=MAX_SIDE))
    try:
        _, picture = child.run(_CHILD, copy.svg.encode(), {"side": side, "font": path, "family": family}, LIMITS)
    except ChildDiedError as died:
        if str(died) == "ValueError":  # resvg's word for a drawing without a size, for example
            return _left("no_preview", "This SVG can't be drawn, because it has no size, for example: it is not shown.")
        return _left("too_costly_to_read", "Drawing this SVG failed, or took too much time or memory: it is not shown.")
    info = process_image(picture, order.recipe, memory=order.memory, emit=emit, only=order.only)
    if order.only is not None:
        return Made()
    body = copy.svg.encode()
    emit(Rendition(name="clean", format="svg", content_type=_TYPE, size=len(body)), body)
    warnings = []
    if not drawing.can_draw(copy.words):
        message = "The SVG has letters for which there is no font here: its pictures lack them."
        warnings.append(FileWarning(code="letters_missing", message=message))
    return Made(info.model_copy(update={"format": "svg"}), text=copy.words, warnings=tuple(warnings))


def _cleaned(source: Source) -> Clean:
    """Raises RefusedError, and PermanentFault `corrupt`."""
    if source.size > MAX_BYTES:
        raise RefusedError(f"The SVG has more than {MAX_BYTES // 1024**2} MiB.")
    source.data.seek(0)
    data = source.data.read()
    try:
        return svg_clean.clean(_unpacked(data) if data.startswith(b"\x1f\x8b") else data)
    except BrokenError as broken:
        raise PermanentFault(ErrorCode.CORRUPT, str(broken)) from None


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(31)
    try:
        found = unpacker.decompress(data, MAX_BYTES + 1)
    except zlib.error:
        raise BrokenError("The compressed SVG is damaged.") from None
    if len(found) > MAX_BYTES:
        raise RefusedError(f"The SVG unpacks to more than {MAX_BYTES // 1024**2} MiB.")
    return found


def _left(code: str, message: str) -> Made:
    return Made(warnings=(FileWarning(code=code, message=message),))
