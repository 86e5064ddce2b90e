"""The processors' side of Office files: calls the child, and turns its findings into what a record has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.model import ErrorCode, FileWarning, PermanentFault, Preview, Rendition
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.content_types import one_name
from chalicelib.processing.kinds import Emit, Order, Source
from chalicelib.processing.names import clean, moment
from chalicelib.processing.office.formats import FORMATS
from chalicelib.processing.pictures import emit_pictures

# Bytes. A larger file is stored and described no further.
MAX_BYTES = 100 * 1024**2

# The file stands in the child's memory, and calamine needs about 100 bytes for a cell.
LIMITS = Limits(memory=1024**3, seconds=10)

# Pixels of the longer side. Some programs keep a thumbnail of a single pixel.
LEAST_PICTURE = 64

_CHILD = "chalicelib.processing.office.child"


@dataclass
class Look:
    """The child's findings. `facts` are as the child names them; `common` has what all kinds' objects share."""

    format: str
    facts: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    picture: bytes = b""
    headings: tuple[str, ...] = ()
    encrypted: bool = False
    warnings: list[FileWarning] = field(default_factory=list)

    def common(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "title": clean(self.facts.get("title")),
            "author": clean(self.facts.get("author")),
            "created_at": _time(self.facts.get("created")),
            "modified_at": _time(self.facts.get("modified")),
            "encrypted": self.encrypted,
        }

    def words(self) -> int | None:
        """Words of the whole text; of a text that was not read whole, as many as the file itself says."""
        if self.warnings or self.encrypted:
            said: int | None = self.facts.get("said_words")
            return said
        return len(self.text.split())

    def all_headings(self) -> tuple[str, ...]:
        found = (self.facts.get("title"), self.facts.get("author"), *self.headings)
        return tuple(filter(None, map(clean, found)))

    def warn(self, code: str, message: str) -> None:
        self.warnings.append(FileWarning(code=code, message=message))


def look(source: Source) -> Look:
    """Reads a file in a child. Raises PermanentFault `corrupt` for one that breaks the rules of its format."""
    format_, reader = FORMATS[one_name(source.content_type)]
    looked = Look(format_)
    if source.size > MAX_BYTES:
        message = f"A file of this kind of more than {MAX_BYTES // 1024**2} MiB is stored, but not read."
        looked.warn("too_large_to_read", message)
        return looked
    source.data.seek(0)
    data = source.data.read()
    try:
        found, body = child.run(_CHILD, data, {"reader": reader, "cells": True}, LIMITS)
    except ChildDiedError:
        looked.warn("too_costly_to_read", "Reading this file took too much time or memory, so it was not read.")
        found, body = _properties(data, reader)
    if "damaged" in found:
        raise PermanentFault(ErrorCode.CORRUPT, f"The file can't be opened: {found['damaged']}.")
    looked.facts, looked.headings = found["facts"], tuple(found["headings"])
    looked.text, looked.picture = body[: found["text"]].decode().strip(), body[found["text"] :]
    looked.encrypted = found.get("encrypted", False)
    if found["unread"] and not looked.warnings:
        looked.warn("text_cut" if looked.text else "text_not_read", found["unread"])
    return looked


def _properties(data: bytes, reader: str) -> tuple[dict[str, Any], bytes]:
    """A workbook's properties and the names of its sheets, where the cells were too many."""
    nothing: dict[str, Any] = {"facts": {}, "headings": [], "unread": None, "text": 0}
    if reader not in ("xlsx", "xlsb", "ods", "xls"):
        return nothing, b""
    try:
        return child.run(_CHILD, data, {"reader": reader, "cells": False}, LIMITS)
    except ChildDiedError:
        return nothing, b""


def pictured(looked: Look, card: Callable[[], bytes | None], order: Order, emit: Emit) -> Preview | None:
    """The recipe's pictures of the file's own picture, or else of a drawn card.

    A file of which nothing was read has none, and its other warning says so.
    """
    if looked.picture and (preview := _own(looked.picture, order, emit)):
        return preview
    if drawn := card():
        return emit_pictures(drawn, order, emit)
    if looked.text:
        message = "The first lines have letters for which there is no font here, so no picture was drawn."
        looked.warn("no_preview", message)
    elif not looked.warnings and not looked.encrypted:
        looked.warn("no_preview", "The file has no words that a picture could show.")
    return None


def _own(picture: bytes, order: Order, emit: Emit) -> Preview | None:
    """Renditions are given on only when all are made: a damaged picture has none, nor has a tiny one.

    Programs save some thumbnails as black letters on clear ground. They are to be seen on paper.
    """
    made: list[tuple[Rendition, bytes]] = []
    try:
        preview = emit_pictures(picture, order, lambda rendition, body: made.append((rendition, body)), paper=True)
    except PermanentFault:
        return None
    if max(preview.width, preview.height) < LEAST_PICTURE:
        return None
    for rendition, body in made:
        emit(rendition, body)
    return preview


def _time(text: str | None) -> str | None:
    """RFC 3339 of a time in ISO 8601, or of a year or month alone; None for anything else."""
    if not text:
        return None
    text = text.strip()[:40]
    if text.replace("-", "").isdigit() and len(text) in (4, 7):
        text = f"{text}-01-01"[:10]
    try:
        return moment(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
