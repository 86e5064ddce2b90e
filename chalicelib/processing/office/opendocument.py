"""OpenDocument: odt and odp, and what is said of every such file (ISO/IEC 26300)."""

from __future__ import annotations

from chalicelib.processing.office.found import MAX_HEADING, SHOWN, EncryptedError, Found
from chalicelib.processing.office.package import Handler, Leaves, Package, StopParsing, number

_MANIFEST = "META-INF/manifest.xml"
# Programs draw it of the document itself whenever they save it.
_THUMBNAIL = "Thumbnails/thumbnail.png"

# Elements whose words nobody sees: what was deleted, and descriptions of pictures.
_UNWANTED = frozenset(
    {"tracked-changes", "desc", "title", "script", "scripts", "styles", "automatic-styles", "page-number"}
)
_MOST_SPACES = 1000


def opened(data: bytes, found: Found) -> Package:
    """The package, with the facts of meta.xml in `found`. Raises EncryptedError, and what `Package` raises."""
    package = Package(data)
    if is_encrypted(package):
        raise EncryptedError
    meta = _Meta()
    package.glance("meta.xml", meta, doctype=True)
    found.facts |= {
        "title": meta.values.get("title"),
        "author": meta.values.get("initial-creator") or meta.values.get("creator"),
        "created": meta.values.get("creation-date"),
        "modified": meta.values.get("date"),
        "pages": number(meta.statistic.get("page-count")),
        "said_words": number(meta.statistic.get("word-count")),
    }
    found.picture = package.picture(_THUMBNAIL)
    return package


class _Meta(Leaves):
    def __init__(self) -> None:
        super().__init__()
        self.statistic: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        super().start(name, attributes)
        if name == "document-statistic":
            self.statistic = attributes


class _Encryption(Handler):
    found = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "encryption-data":
            self.found = True
            raise StopParsing


def is_encrypted(package: Package) -> bool:
    """True if the manifest says how an entry is encrypted."""
    handler = _Encryption()
    if _MANIFEST in package:
        package.parse(_MANIFEST, handler, doctype=True)
    return handler.found


def read_document(data: bytes, found: Found) -> None:
    package = opened(data, found)
    package.parse("content.xml", Content(found), doctype=True)


def read_deck(data: bytes, found: Found) -> None:
    """The text has the slides in their order, with form feeds between. The speaker's notes follow their slide."""
    package = opened(data, found)
    content = Content(found)
    package.parse("content.xml", content, doctype=True)
    found.facts["slides"] = content.slides


class Content(Handler):
    """The text of content.xml, a line for each paragraph. `slides` counts a deck's pages."""

    def __init__(self, found: Found) -> None:
        self.found, self.slides = found, 0
        self._paragraphs = self._unwanted = self._titles = 0
        self._heading: list[str] = []
        self._frames: list[bool] = []
        self._began: int | None = None  # where the slide's words begin

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._unwanted or name in _UNWANTED:
            self._unwanted += 1
            return
        match name:
            case "page":
                self.slides += 1
                if self.slides > 1:
                    self.found.say("\f")
                self._began = len(self.found)
            case "notes":  # the speaker's
                self._keep_slide()
            case "frame" | "custom-shape":
                self._frames.append(attributes.get("class") == "title")
                self._titles += self._frames[-1]
            case "p" | "h":
                self._paragraphs += 1
                self._titles += name == "h"
            case "s":
                self._say(" " * min(_MOST_SPACES, number(attributes.get("c")) or 1))
            case "tab":
                self._say("\t")
            case "line-break":
                self._say("\n")
            case _:
                pass

    def end(self, name: str) -> None:
        if self._unwanted:
            self._unwanted -= 1
            return
        match name:
            case "page":
                self._keep_slide()
            case "frame" | "custom-shape":
                self._titles -= self._frames.pop()
            case "p" | "h":
                self._paragraphs -= 1
                self._titles -= name == "h"
                self._end_of_line()
            case _:
                return
        if self.found.full and not self.slides:  # slides are counted to the end
            raise StopParsing

    def text(self, data: str) -> None:
        """Spaces and line breaks of the XML count as one space."""
        if self._paragraphs and not self._unwanted:
            self._say(data.replace("\n", " "))

    def _say(self, piece: str) -> None:
        if self._paragraphs:
            self.found.say(piece)
            if self._titles and len(self._heading) < MAX_HEADING:
                self._heading.append(piece)

    def _keep_slide(self) -> None:
        """Keeps the words of the first slide that has any. Its notes are not among them."""
        if self._began is not None and not self.found.facts.get("slide"):
            self.found.facts["slide"] = self.found.text[self._began : self._began + SHOWN].strip()
        self._began = None

    def _end_of_line(self) -> None:
        self.found.say("\n")
        if self._heading and not self._paragraphs:
            self.found.head("".join(self._heading))
            self._heading = []
