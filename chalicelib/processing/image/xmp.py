"""The few properties of an XMP packet (ISO 16684-1) that the record tells. All else in it is passed over.

That is also for privacy: the place, and the names of faces, are never looked at.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from xml.parsers import expat

from chalicelib.processing.image.charset import decoded

_MAX_ELEMENTS = 20_000
_MAX_DEPTH = 60
_MAX_NAMESPACES = 500
_MAX_ITEMS = 500
_MAX_TEXT = 64 * 1024  # characters of one item

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# Names of namespaces as they are used here, which are also those that nearly all packets use.
_PREFIXES = {
    _RDF: "rdf",
    "adobe:ns:meta/": "x",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://www.w3.org/XML/1998/namespace": "xml",
}
_KNOWN = {prefix: prefix for prefix in _PREFIXES.values()} | {"xap": "xmp"}
_WANTED = frozenset(
    {
        "dc:creator",
        "dc:description",
        "dc:rights",
        "dc:subject",
        "dc:title",
        "exif:DateTimeDigitized",
        "exif:DateTimeOriginal",
        "photoshop:DateCreated",
        "tiff:Artist",
        "tiff:Copyright",
        "tiff:ImageDescription",
        "xmp:CreateDate",
    }
)
_WRAPPERS = ("x:xmpmeta", "x:xapmeta")
# The beginning of a packet by its encoding: a mark, or else a bracket.
_WIDE = (
    *((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
    *((b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")),
)
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f]")
_DECLARATION = re.compile(r"<\?xml[^>]*\?>")


def read(packet: bytes) -> dict[str, list[str]]:
    """The texts of each property that has some; of those in several languages, the default one's first.

    A damaged packet gives the properties before the damage. One with a document type gives none: its entities could
    grow without end.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(_as_text(packet), True)
    except _RefusedError:
        return {}
    except (expat.ExpatError, _EnoughError, ValueError):
        pass
    return reader.found


class _RefusedError(Exception):
    pass


class _EnoughError(Exception):
    pass


def _as_text(packet: bytes) -> str:
    text = _CONTROLS.sub("", _decoded(packet))
    text = text[max(text.find("<"), 0) :]
    return _DECLARATION.sub("", text, count=1)  # its encoding is known, and not always the one that it names


def _decoded(packet: bytes) -> str:
    for head, name in _WIDE:
        if packet.startswith(head):
            return packet.decode(name, "ignore")
    try:
        return packet.decode()
    except UnicodeError:
        # A letter in another encoding is lost as U+FFFD, and the text with it, if not all of them are western.
        return (decoded(packet) if len(packet) < _MAX_TEXT else None) or packet.decode("utf-8", "replace")


class _Reader:
    """Handlers of the parser. `found` has the properties that are complete.

    Only those of the picture itself count: children of RDF's outermost nodes. A packet may hold those of other files.
    """

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._stack: list[str] = []
        self._scopes: list[Mapping[str, str]] = [_KNOWN]
        self._elements = self._namespaces = 0
        self._property = ""  # the one that we are in
        self._depth = 0  # of its element
        self._items: list[tuple[str, list[str]]] = []  # language and pieces of text
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise _RefusedError

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        depth = len(self._stack)
        if self._elements > _MAX_ELEMENTS or depth >= _MAX_DEPTH:
            raise _EnoughError
        self._scopes.append(self._scope(attributes))
        name = self._named(name)
        self._stack.append(name)
        if self._property:
            if name == "rdf:li" and depth == self._depth + 2:
                self._items.append((self._language(attributes), []))
            return
        if "rdf:RDF" not in self._stack[:-1]:
            return
        if self._is_outer(depth - 1) and attributes:
            self._take_attributes(attributes)
        # Programs that write no rdf:Description are rare, but what they mean is clear.
        if name in _WANTED and (self._is_outer(depth - 1) or self._is_outer(depth - 2)):
            self._property, self._depth, self._items = name, depth, [("", [])]

    def _is_outer(self, depth: int) -> bool:
        """True if the element at this depth is the RDF of the packet itself."""
        return (depth == 0 or (depth == 1 and self._stack[0] in _WRAPPERS)) and self._stack[depth] == "rdf:RDF"

    def _end(self, _: str) -> None:
        self._stack.pop()
        self._scopes.pop()
        if self._property and len(self._stack) == self._depth:
            items = [(language, "".join(pieces)) for language, pieces in self._items]
            items.sort(key=lambda item: item[0] != "x-default")  # stable, so others keep their order
            self._add(self._property, [text for _, text in items if text.strip()])
            self._property = ""

    def _text(self, text: str) -> None:
        if not self._property or len(self._stack) > self._depth + 5:
            return
        pieces = self._items[-1][1]
        # Qualified values have their text in rdf:value, beside other things.
        if self._stack[-1] in ("rdf:li", "rdf:value", self._property) and len(pieces) < _MAX_ITEMS:
            pieces.append(text[:_MAX_TEXT])

    def _take_attributes(self, attributes: Mapping[str, str]) -> None:
        for key, value in attributes.items():
            if (name := self._named(key)) in _WANTED and value.strip():
                self._add(name, [value[:_MAX_TEXT]])

    def _add(self, name: str, texts: list[str]) -> None:
        if texts:
            self.found.setdefault(name, texts[:_MAX_ITEMS])

    def _language(self, attributes: Mapping[str, str]) -> str:
        return next((value for key, value in attributes.items() if self._named(key) == "xml:lang"), "").lower()

    def _scope(self, attributes: Mapping[str, str]) -> Mapping[str, str]:
        """Our names of the namespaces, by their prefixes here. Undeclared prefixes mean what they mean elsewhere."""
        declared = [key for key in attributes if key == "xmlns" or key.startswith("xmlns:")]
        if not declared:
            return self._scopes[-1]
        self._namespaces += len(declared)
        if self._namespaces > _MAX_NAMESPACES:
            raise _EnoughError
        own = {key.partition(":")[2]: _PREFIXES.get(attributes[key].strip(), "?") for key in declared}
        return {**self._scopes[-1], **own}

    def _named(self, name: str) -> str:
        prefix, colon, local = name.rpartition(":")
        return f"{self._scopes[-1].get(prefix, '?')}:{local}" if colon or "" in self._scopes[-1] else name
