"""The child's part of the PDF processor: pdfium looks at the file here, where it may crash or hang (child.py).

The header that `main` returns has the facts as `facts.PdfInfo` names them, `texts` (the pages' text), `cut` (True if
there was more text than the bounds allow) and `picture` (True if the body is a picture of the page that was asked for).
"""

from __future__ import annotations

import struct
import time
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
from pypdfium2 import raw

# Pages whose text is read and that can be shown, and whose sizes stand in the record.
MAX_PAGES = 500
MAX_SIZES = 20

# Characters of all pages' text, and seconds of CPU for reading it: a busy machine reads as much, later.
MAX_CHARACTERS = 2_000_000
TEXT_SECONDS = 5.0

# A picture has at most so many pixels, whatever a page's size is.
MAX_PIXELS = 4_000_000
# Pixels of its longer side at least, if the page is not as long and thin that it has fewer.
MIN_SIDE = 16

_METADATA = ("Title", "Author", "Subject", "Keywords", "CreationDate", "ModDate")


def main(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """`arguments`: the `page` to draw, from 1 on; `width` of its picture in pixels; `facts`, true to read the rest."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        # FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY: https://pdfium.googlesource.com/pdfium/+/refs/heads/main/public/fpdfview.h
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            return {"encrypted": True, "texts": [], "picture": False}, b""
        raise
    header: dict[str, Any] = {"pages": len(document), "texts": [], "picture": False}
    if arguments["facts"]:
        header |= _facts(document)
        header["texts"], header["cut"] = _texts(document)
    body = _picture(document, arguments["page"], arguments["width"])
    return header | {"picture": bool(body)}, body


def _facts(document: pypdfium2.PdfDocument) -> dict[str, Any]:
    metadata = {name: document.get_metadata_value(name) for name in _METADATA}
    return {
        "sizes": [document.get_page_size(number) for number in range(min(len(document), MAX_SIZES))],
        "metadata": {name: value for name, value in metadata.items() if value},
        # A file that opens without a password may be encrypted all the same, with rights of its own.
        "encrypted": raw.FPDF_GetSecurityHandlerRevision(document) != -1,
        "forms": document.get_formtype() != raw.FORMTYPE_NONE,
        "signatures": max(0, raw.FPDF_GetSignatureCount(document)),
        "attachments": max(0, document.count_attachments()),
        "scripts": max(0, raw.FPDFDoc_GetJavaScriptActionCount(document)),
    }


def _texts(document: pypdfium2.PdfDocument) -> tuple[list[str], bool]:
    """The pages' text, as far as the bounds allow, and True if there was more."""
    texts: list[str] = []
    left, until = MAX_CHARACTERS, time.process_time() + TEXT_SECONDS
    for number in range(len(document)):
        if number >= MAX_PAGES or left <= 0 or time.process_time() > until:
            return texts, True
        try:
            page = document[number]
            text_page = page.get_textpage()
            text = text_page.get_text_range(0, min(text_page.count_chars(), left)) if text_page.count_chars() else ""
            text_page.close()
            page.close()
        except pypdfium2.PdfiumError:
            text = ""  # this page is damaged; the others may be sound
        left -= len(text)
        texts.append(text)
    return texts, False


def _picture(document: pypdfium2.PdfDocument, number: int, width: int) -> bytes:
    """A page as a BMP of at most `width` pixels across; empty if it can't be drawn."""
    if not 1 <= number <= len(document):
        return b""
    try:
        page = document[number - 1]
        across, down = page.get_size()
        if across <= 0 or down <= 0:
            return b""
        scale = min(width / across, (MAX_PIXELS / (across * down)) ** 0.5)
        scale = max(scale, MIN_SIDE / max(across, down))
        if (across * scale) * (down * scale) > 2 * MAX_PIXELS or min(across, down) * scale < 1:
            return b""
        # No forms are drawn: for them pdfium would run the document's own scripts.
        bitmap = page.render(scale=scale, may_draw_forms=False, rev_byteorder=False)
    except pypdfium2.PdfiumError:
        return b""
    return _bmp(bitmap.width, bitmap.height, bitmap.n_channels, bitmap.stride, bytes(bitmap.buffer))


def _bmp(width: int, height: int, channels: int, stride: int, pixels: bytes) -> bytes:
    """pdfium's pixels (blue, green, red, row by row from the top) as a BMP, which stores them in the same way."""
    if channels == 1:
        pixels = b"".join(bytes((value,)) * 3 for value in pixels)
        channels, stride = 3, stride * 3
    row = -(-width * channels // 4) * 4
    if stride != row:
        padding = bytes(row - width * channels)
        pixels = b"".join(pixels[at * stride : at * stride + width * channels] + padding for at in range(height))
    # A negative height says that the first row is the top one.
    info = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, channels * 8, 0, len(pixels), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54) + info + pixels
