"""E-mail: sender, recipients, subject, date, text, and what is attached. The list of attachments is `entries.json`.

The picture is a drawn sheet with the first lines. Nothing that a message refers to is fetched, its HTML is only read
for its words, and no attachment is opened.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

from chalicelib.facts import MAX_BYTES as MAX_FACTS
from chalicelib.facts import EmailInfo
from chalicelib.model import FileWarning, Preview
from chalicelib.processing import child, entries
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.entries import Entry
from chalicelib.processing.entry_bytes import EntryRefusedError
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.names import clean, moment
from chalicelib.processing.pictures import emit_pictures

# Bytes of a message that are read whole. Of a larger one only the beginning is: its header, and mostly its text.
MAX_BYTES = 48 * 1024**2
HEAD = 256 * 1024

# The library takes about six times a message's size.
LIMITS = Limits(memory=1024**3, seconds=20)
# For the beginning of a message that was too much.
LIMITS_OF_HEAD = Limits(memory=512 * 1024**2, seconds=5)

# Characters of an address with its name.
MAX_ADDRESS = 320

_CHILD = "chalicelib.processing.email_child"


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Never fails for what the message says."""
    found, warnings = _read(source)
    info, trimmed = _info(found)
    text = str(found["text"])
    preview, undrawn = _picture(info, text, order, emit)
    if order.only is not None:
        return Made(preview=preview)
    listed = [_entry(*each) for each in found["attachments"]]
    if listed:
        rendition, body, count = entries.rendition(listed)
        emit(rendition, body)
        if count < len(listed):
            warnings.append(FileWarning(code="entries_cut", message=f"Only the first {count} attachments were listed."))
    names = (entry.name for entry in listed[:20])
    headings = tuple(each for each in (info.subject, info.from_, *info.to[:5], *names) if each)
    return Made(info, preview, text, headings, (*warnings, *trimmed, *undrawn))


def attachment(message: bytes, number: int) -> tuple[str, bytes]:
    """(name, decoded bytes) of one attachment, numbered as in the list. Raises EntryRefusedError."""
    try:
        found, body = child.run(_CHILD, message, {"attachment": number}, LIMITS)
    except ChildDiedError:
        raise EntryRefusedError("too_costly", "Reading this message takes too much time or memory.") from None
    if found["name"] is None:
        raise EntryRefusedError("no_entry", f"The message has no attachment {number} with bytes of its own.")
    return found["name"], body


def _read(source: Source) -> tuple[dict[str, Any], list[FileWarning]]:
    """The child's findings, of the whole message if it is not too much, of its beginning otherwise."""
    source.data.seek(0)
    code, message = "too_large_to_read", f"Only the beginning of more than {MAX_BYTES // 1024**2} MiB was read."
    if source.size <= MAX_BYTES:
        try:
            return child.run(_CHILD, source.data.read(), {}, LIMITS)[0], []
        except ChildDiedError:
            code, message = "too_costly_to_read", "Reading all of this message took too much time or memory."
            source.data.seek(0)
    try:
        found, _ = child.run(_CHILD, source.data.read(HEAD), {}, LIMITS_OF_HEAD)
    except ChildDiedError:
        found = {"subject": None, "from": None, "to": [], "date": "", "text": "", "attachments": []}
    return found, [FileWarning(code=code, message=message)]


def _info(found: dict[str, Any]) -> tuple[EmailInfo, list[FileWarning]]:
    """The facts, with as many recipients as there is room for."""
    addresses = [clean(each, MAX_ADDRESS) for each in found["to"]]
    info = EmailInfo(
        subject=clean(found["subject"]),
        to=[each for each in addresses if each],
        date=_date(found["date"]),
        attachments=len(found["attachments"]),
    )
    info.from_ = clean(found["from"], MAX_ADDRESS)
    warnings = []
    if len(info.model_dump_json().encode()) > MAX_FACTS:
        warnings.append(FileWarning(code="facts_trimmed", message="The record names only the first recipients."))
    while len(info.model_dump_json().encode()) > MAX_FACTS and info.to:
        info.to.pop()
    return info, warnings


def _date(text: str) -> str | None:
    try:
        return moment(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _entry(name: str, size: int | None, packed_size: int | None) -> Entry:
    shown = entries.shown_name(name.encode("utf-8", "replace").decode())
    return Entry(shown, size, packed_size, flags=tuple(entries.flags_of_name(name)))


def _picture(info: EmailInfo, text: str, order: Order, emit: Emit) -> tuple[Preview | None, list[FileWarning]]:
    # Pillow is imported only when a picture is drawn.
    from chalicelib.processing.image.drawing import page_of_text

    lines = [f"{name}: {value}" for name, value in _shown(info) if value]
    drawn = page_of_text("\n".join([*lines, "", text]))
    if drawn is None:
        message = "The message has letters for which there is no font here, so no picture was drawn."
        return None, [FileWarning(code="no_preview", message=message)]
    return emit_pictures(drawn, order, emit), []


def _shown(info: EmailInfo) -> list[tuple[str, str | None]]:
    return [("From", info.from_), ("To", ", ".join(info.to[:3])), ("Date", info.date), ("Subject", info.subject)]
