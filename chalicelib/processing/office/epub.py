"""EPUB: what its package document says, and the text of its chapters in reading order (https://www.w3.org/TR/epub-33/)."""

from __future__ import annotations

import posixpath
from html.entities import html5

from chalicelib.processing.office.found import MAX_HEADING, DamagedError, EncryptedError, Found, UnreadableError
from chalicelib.processing.office.package import Handler, Leaves, Package, StopParsing, resolved

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
MAX_CHAPTERS = 2000

# These hide only the fonts; the book can be read.
_FONTS_ONLY = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")

_BLOCKS = frozenset(
    {"p", "div", "li", "br", "tr", "td", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "section"}
    | {"dt", "dd", "figcaption"}
)
_HEADINGS = frozenset({"h1", "h2", "h3"})
_UNWANTED = frozenset({"head", "script", "style"})


def read_book(data: bytes, found: Found) -> None:
    """A chapter that is damaged is left out: readers of books do the same."""
    package = Package(data)
    if _is_encrypted(package):
        raise EncryptedError
    root = _Attributes("rootfile", "full-path")
    package.parse(_CONTAINER, root, doctype=True)
    path = next((value for value in root.found if value in package), "")
    if not path:
        raise DamagedError("its package document is missing")
    book = _Book(posixpath.dirname(path))
    package.parse(path, book, doctype=True)
    found.facts |= {
        "title": book.values.get("title"),
        "author": book.values.get("creator"),
        "created": book.values.get("date"),
        "modified": book.modified,
    }
    found.picture = package.picture(book.cover())
    for count, chapter in enumerate(book.chapters()):
        if count >= MAX_CHAPTERS:
            found.unread = f"Only the first {MAX_CHAPTERS:,} chapters were read."
            return
        if found.full:
            return
        _read_chapter(package, chapter, found)


def _read_chapter(package: Package, path: str, found: Found) -> None:
    try:
        package.parse(path, _Chapter(found), doctype=True)
    except (DamagedError, UnreadableError) as error:
        found.unread = f"A chapter was not read to its end: {error}."
    found.say("\n")


class _Attributes(Handler):
    """Collects an attribute of all elements of a name."""

    def __init__(self, element: str, attribute: str) -> None:
        self.element, self.attribute, self.found = element, attribute, list[str]()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self.element and self.attribute in attributes:
            self.found.append(attributes[self.attribute])


def _is_encrypted(package: Package) -> bool:
    if _ENCRYPTION not in package:
        return False
    methods = _Attributes("EncryptionMethod", "Algorithm")
    package.parse(_ENCRYPTION, methods, doctype=True)
    return any(method not in _FONTS_ONLY for method in methods.found)


class _Book(Leaves):
    """The package document: its metadata, its entries by their ids, and the order in which they are read."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.modified: str | None = None
        self._folder, self._property = folder, ""
        self._cover = ""
        self._entries: dict[str, str] = {}
        self._spine: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        super().start(name, attributes)
        self._property = attributes.get("property", "") if name == "meta" else ""
        if name == "item":
            self._entries[attributes.get("id", "")] = attributes.get("href", "")
            if "cover-image" in attributes.get("properties", "").split():
                self._cover = attributes.get("id", "")
        elif name == "meta" and attributes.get("name") == "cover":  # EPUB 2
            self._cover = self._cover or attributes.get("content", "")
        elif name == "itemref":
            self._spine.append(attributes.get("idref", ""))

    def end(self, name: str) -> None:
        if self._property == "dcterms:modified":
            self.modified = "".join(self._text).strip()
        self._property = ""
        super().end(name)

    def cover(self) -> str:
        return resolved(self._folder, self._entries[self._cover]) if self._cover in self._entries else ""

    def chapters(self) -> list[str]:
        """Each once, even if the spine names it again and again."""
        paths = (resolved(self._folder, self._entries[each]) for each in self._spine if each in self._entries)
        return list(dict.fromkeys(paths))


class _Chapter(Handler):
    def __init__(self, found: Found) -> None:
        self.found = found
        self._unwanted = self._headings = 0
        self._heading, self._blank = "", True

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._unwanted += name in _UNWANTED
        self._headings += name in _HEADINGS
        if name in _BLOCKS:
            self._line()

    def end(self, name: str) -> None:
        self._unwanted -= name in _UNWANTED
        if name in _BLOCKS:
            self._line()
        if name in _HEADINGS:
            self._headings -= 1
            self.found.head(self._heading)
            self._heading = ""
        if self.found.full:
            raise StopParsing

    def text(self, data: str) -> None:
        if self._unwanted:
            return
        words = data.replace("\n", " ")
        if self._blank:
            words = words.lstrip()
        if words:
            self._blank = False
            self.found.say(words)
            if self._headings and len(self._heading) < MAX_HEADING:
                self._heading += words

    def skipped(self, entity: str) -> None:
        self.text(html5.get(f"{entity};", ""))

    def _line(self) -> None:
        if not self._blank:
            self.found.say("\n")
            self._blank = True
