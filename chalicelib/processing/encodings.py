"""The encoding of a text: its mark, then UTF-8, then the declared one, then windows-1252, as browsers fall back.

Guessing by statistics is no help: charset-normalizer 3.4 takes a German CSV in windows-1252 for cp775.
"""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Single-byte encodings that people still declare, and East Asia's.
_DECLARABLE = re.compile(r"(windows|iso|cp|koi8|shift|euc|gb|big5|utf|us-ascii|mac)[a-z0-9_-]*")
_FALLBACK = "windows-1252"


def encoding_of(head: bytes, content_type: str, *, whole: bool) -> str:
    """IANA's name of the encoding of a text that begins with `head`; `whole` if that is all of it.

    The mark decides, then whether the bytes are UTF-8. The type's `charset` is believed where both say nothing.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head, final=whole)
    except UnicodeDecodeError:
        return declared(content_type) or _FALLBACK
    return "utf-8"


def declared(content_type: str) -> str | None:
    """The `charset` of a content type, if Python can decode it."""
    match = re.search(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})", content_type)
    if not match or not _DECLARABLE.fullmatch(match[1].lower()):
        return None
    try:
        codecs.lookup(match[1])
    except LookupError:
        return None
    return match[1].lower()


def decoder_of(encoding: str) -> codecs.IncrementalDecoder:
    """A decoder that takes the text in pieces and replaces what is wrong. A mark at the beginning is left out."""
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    return codecs.getincrementaldecoder(name)("replace")
