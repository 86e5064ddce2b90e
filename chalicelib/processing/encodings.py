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
_DECLARABLE = re.compile(r"(windows|iso|cp|koi8|shift|euc|gb|big5|utf-?(16|32)|mac)[a-z0-9_-]*")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([a-z0-9_.:-]{1,40})", re.IGNORECASE)
_NAMED = re.compile(rb"""\b(?:charset|encoding)\s*=\s*["']?([a-z0-9_.:-]{1,40})""", re.IGNORECASE)
_FALLBACK = "windows-1252"

# Python's names of encodings that browsers take for windows-1252: https://encoding.spec.whatwg.org/#names-and-labels
_PARTS = frozenset({"iso8859-1", "cp1252"})


def encoding_of(head: bytes, content_type: str, *, whole: bool) -> str:
    """IANA's name of the encoding of a text that begins with `head`; `whole` if that is all of it.

    The mark decides, then whether the bytes are UTF-8. Where both say nothing, the type's `charset` is believed, then
    what HTML and XML say of themselves.
    """
    return _marked(head) or _unmarked(head, declared(content_type) or _inside(head), whole=whole)


def _marked(head: bytes) -> str | None:
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def _unmarked(piece: bytes, declared: str | None, *, whole: bool) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(piece, final=whole)
    except UnicodeDecodeError:
        text = piece.decode("utf-8", "replace")
        wrong = text.count("\N{REPLACEMENT CHARACTER}")
        right = len(text) - len(text.encode("ascii", "ignore")) - wrong
        # Damaged bytes among more characters that are right do not make it another encoding.
        return "utf-8" if right > wrong else declared or _FALLBACK
    return "utf-8"


class Decoder:
    """Decodes a text piece by piece, and replaces what is wrong. A mark at the beginning is left out.

    `encoding` is IANA's name of the encoding. It is settled by the first piece that is not all ASCII, and is `utf-8`
    until then.
    """

    def __init__(self, content_type: str) -> None:
        self.encoding = "utf-8"
        self._declared = declared(content_type)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begun = False
        self._held = b""

    def decode(self, piece: bytes, *, final: bool) -> str:
        """The text of a piece. A character that is cut off at its end comes with the next one, unless it is `final`."""
        if self._decoder is None:
            piece, self._held = self._held + piece, b""
            if not final and piece[:-3].isascii():
                # The beginning of a character says nothing, so it waits for the rest. So does that of a mark.
                piece, self._held = piece[:-3], piece[-3:]
            if not self._begun:
                self._declared = self._declared or _inside(piece)
            if piece.isascii():
                self._begun = self._begun or bool(piece)
                return piece.decode("ascii")
            marked = None if self._begun else _marked(piece)
            self.encoding = marked or _unmarked(piece, self._declared, whole=final)
            self._decoder = codecs.getincrementaldecoder(self.encoding)("replace")
            if marked == "utf-8":
                piece = piece.removeprefix(codecs.BOM_UTF8)
        return self._decoder.decode(piece, final)


def declared(content_type: str) -> str | None:
    """The `charset` of a content type, if Python can decode it, and it is not UTF-8: that is tried anyway."""
    match = _CHARSET.search(content_type)
    return _known(match[1]) if match else None


def _inside(head: bytes) -> str | None:
    """The encoding that HTML or XML names in its first bytes, under the same conditions."""
    match = _NAMED.search(head, 0, 1024) if head.lstrip().startswith(b"<") else None
    return _known(match[1].decode("ascii")) if match else None


def _known(name: str) -> str | None:
    name = name.lower()
    if not _DECLARABLE.fullmatch(name):
        return None
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    if codec in ("utf-16", "utf-32"):  # without a mark; as browsers have it
        return f"{codec}-le"
    return _FALLBACK if codec in _PARTS else name
