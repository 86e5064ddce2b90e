"""PDF: what the document says of itself, the text of its pages, and pictures of them.

The picture of the first page is made at once, in the recipe's widths and formats. Pictures of other pages are made when
they are first asked for, at `p12-w640.webp` and the like. `text.json` has the text page by page.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from chalicelib.facts import PdfInfo
from chalicelib.model import ErrorCode, FileWarning, PermanentFault, Preview, Rendition
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.names import clean, moment
from chalicelib.processing.pictures import emit_pictures

# Bytes. A larger file is stored and described no further.
MAX_BYTES = 100 * 1024**2

# pdfium itself takes about 60 MB, a picture of 4 megapixels 16 MB, and the file stands in memory once more.
LIMITS = Limits(memory=1024**3, seconds=10)

# Pixels across of a picture, if the recipe asks for no less. A4 has 1,682 at 4 megapixels.
MAX_WIDTH = 2560

_CHILD = "chalicelib.processing.pdf_child"


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt` for a file that pdfium can't open at all."""
    if source.size > MAX_BYTES:
        message = f"A PDF of more than {MAX_BYTES // 1024**2} MiB is stored, but not read."
        return Made(PdfInfo(), warnings=(FileWarning(code="too_large_to_read", message=message),))
    wanted = {"page": order.page, "width": _width(order), "facts": order.only is None}
    try:
        found, picture = child.run(_CHILD, source.data.read(), wanted, LIMITS)
    except ChildDiedError as died:
        return _died(str(died))
    warnings = []
    preview: Preview | None = None
    if picture:
        preview = emit_pictures(picture, order, emit)
    elif not found.get("encrypted"):
        warnings.append(FileWarning(code="no_preview", message="The first page can't be drawn."))
    if order.only is not None:
        return Made(preview=preview)
    if found.get("cut"):
        warnings.append(FileWarning(code="text_cut", message=f"Only the first {len(found['texts'])} pages were read."))
    info = _info(found)
    if any(text.strip() for text in found["texts"]):
        emit(*_text_json(found["texts"]))
    headings = tuple(text for text in (info.title, info.author) if text)
    return Made(info, preview, "\f".join(found["texts"]).strip("\f"), headings, tuple(warnings))


def _width(order: Order) -> int:
    return min(MAX_WIDTH, max(order.recipe.widths, default=MAX_WIDTH))


def _died(why: str) -> Made:
    """A file that pdfium refuses is damaged. One that is too much for it, in time or memory, may be sound."""
    if why == "PdfiumError":
        raise PermanentFault(ErrorCode.CORRUPT, "The PDF can't be opened: it is damaged.")
    message = "Reading this PDF took too much time or memory, so it was not read."
    return Made(PdfInfo(), warnings=(FileWarning(code="too_costly_to_read", message=message),))


def _info(found: dict[str, Any]) -> PdfInfo:
    metadata = found.get("metadata", {})
    return PdfInfo(
        pages=found.get("pages"),
        sizes=[[round(width, 1), round(height, 1)] for width, height in found.get("sizes", [])],
        title=clean(metadata.get("Title")),
        author=clean(metadata.get("Author")),
        created_at=_date(metadata.get("CreationDate")),
        modified_at=_date(metadata.get("ModDate")),
        encrypted=found.get("encrypted", False),
        forms=found.get("forms", False),
        signatures=found.get("signatures", 0),
        attachments=found.get("attachments", 0),
        scripts=found.get("scripts", 0),
    )


def _text_json(texts: list[str]) -> tuple[Rendition, bytes]:
    pages = [{"page": number, "text": text} for number, text in enumerate(texts, 1) if text.strip()]
    body = json.dumps({"pages": pages}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Rendition(name="text", format="json", content_type="application/json", size=len(body)), body


def _date(text: str | None) -> str | None:
    """A PDF's date, `D:20261122130000+01'00'`, as records have it; None for anything else (ISO 32000-1, 7.9.4)."""
    if not text:
        return None
    digits = text.removeprefix("D:").replace("'", "")
    stamp, sign, zone = digits, "", ""
    for mark in ("+", "-", "Z"):
        if mark in digits:
            stamp, _, zone = digits.partition(mark)
            sign = mark
            break
    full = stamp + "00000101000000"[len(stamp) :] if len(stamp) < 14 else stamp[:14]
    try:
        value = datetime.strptime(full, "%Y%m%d%H%M%S")
        minutes = int(zone[:2] or 0) * 60 + int(zone[2:4] or 0) if sign in ("+", "-") else 0
        offset = timedelta(minutes=-minutes if sign == "-" else minutes)
        return moment(value.replace(tzinfo=timezone(offset)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None
