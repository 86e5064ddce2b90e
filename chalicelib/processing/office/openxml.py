"""Open XML: docx and pptx, and what is said of every such file (ECMA-376, ISO/IEC 29500).

Elements are told by their local names: the strict and the transitional form have different namespaces.
"""

from __future__ import annotations

from chalicelib.processing.office.found import MAX_HEADING, SHOWN, DamagedError, Found, UnreadableError
from chalicelib.processing.office.package import Handler, Leaves, Package, Relation, StopParsing, number, relations

MAX_SLIDES = 1000

# Types of DrawingML's fields that a program fills in: the number of the slide, and the date of the day.
_FILLED_IN = ("slidenum", "datetime")


def properties(package: Package, found: Found) -> dict[str, str]:
    """Fills in the facts that docProps/core.xml has. Returns the properties of docProps/app.xml, which has counts."""
    named = {relation.kind: relation.target for relation in relations(package, "")}
    core, app = Leaves(), Leaves()
    package.glance(named.get("core-properties", "docProps/core.xml"), core)
    package.glance(named.get("extended-properties", "docProps/app.xml"), app)
    found.facts |= {
        "title": core.values.get("title"),
        "author": core.values.get("creator"),
        "created": core.values.get("created"),
        "modified": core.values.get("modified"),
    }
    return app.values


def main_part(package: Package, usual: str) -> str:
    """The part that the others hang on. Raises DamagedError if there is none."""
    named = next((each.target for each in relations(package, "") if each.kind == "officeDocument"), usual)
    if named not in package:
        raise DamagedError("its main part is missing")
    return named


# --- Word


def read_document(data: bytes, found: Found) -> None:
    package = Package(data)
    said = properties(package, found)
    found.facts |= {"pages": number(said.get("Pages")), "said_words": number(said.get("Words"))}
    main = main_part(package, "word/document.xml")
    named = relations(package, main)
    package.parse(main, Paragraphs(found, _heading_styles(package, named)))
    for kind in ("footnotes", "endnotes"):
        for relation in named:
            if relation.kind == kind and relation.target in package and not found.full:
                package.parse(relation.target, Paragraphs(found, frozenset()))


class _Styles(Handler):
    """Finds the styles of headings. Their ids are in the writer's language, but their names are in English."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._id = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "style":
            self._id = attributes.get("styleId", "")
        elif name == "name" and attributes.get("val", "").lower().startswith(("heading", "title")):
            self.found.add(self._id)


def _heading_styles(package: Package, named: list[Relation]) -> frozenset[str]:
    handler = _Styles()
    package.glance(next((relation.target for relation in named if relation.kind == "styles"), ""), handler)
    return frozenset(handler.found)


class Paragraphs(Handler):
    """The text of WordprocessingML and DrawingML, a line for each paragraph. What was deleted is left out."""

    # True where the paragraphs of a shape are one heading.
    one_title = False

    def __init__(self, found: Found, headings: frozenset[str]) -> None:
        self.found, self.headings = found, headings
        self._runs = self._texts = self._unwanted = 0
        self._heading, self._is_heading = "", False
        self._fields: list[bool] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "Fallback":  # the same once more, for older programs
                self._unwanted += 1
            case "fld":
                self._fields.append(attributes.get("type", "").startswith(_FILLED_IN))
                self._unwanted += self._fields[-1]
            case "t":
                self._texts += 1
            case "r":
                self._runs += 1
            case "tab" if self._runs:  # others are tab stops
                self._say("\t")
            case "br" | "cr":
                self._say("\n")
            case "pStyle":
                self._is_heading = attributes.get("val") in self.headings
            case "ph" if attributes.get("type") in ("title", "ctrTitle"):
                self._is_heading = True
            case _:
                pass

    def end(self, name: str) -> None:
        match name:
            case "Fallback":
                self._unwanted -= 1
            case "fld":
                self._unwanted -= self._fields.pop()
            case "t":
                self._texts -= 1
            case "r":
                self._runs -= 1
            case "p":
                self._say("\n")
                self._is_heading = self.one_title and self._is_heading
            case "sp":
                self._is_heading = False
            case _:
                return
        if not self._is_heading and self._heading:
            self.found.head(self._heading)
            self._heading = ""
        if self.found.full:
            raise StopParsing

    def text(self, data: str) -> None:
        if self._texts:
            self._say(data)

    def _say(self, piece: str) -> None:
        if not self._unwanted:
            self.found.say(piece)
            if self._is_heading and len(self._heading) < MAX_HEADING:
                self._heading += piece


# --- PowerPoint


class _Slides(Handler):
    def __init__(self) -> None:
        self.ids: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sldId":
            self.ids.append(next((value for key, value in attributes.items() if key.endswith(" id")), ""))


class SlideText(Paragraphs):
    one_title = True


def read_deck(data: bytes, found: Found) -> None:
    """The text has the slides in their order, with form feeds between. The speaker's notes follow their slide."""
    package = Package(data)
    said = properties(package, found)
    found.facts["said_words"] = number(said.get("Words"))
    main = main_part(package, "ppt/presentation.xml")
    slides = _Slides()
    package.parse(main, slides)
    found.facts["slides"] = len(slides.ids)
    targets = {relation.id: relation.target for relation in relations(package, main)}
    for count, slide in enumerate(slides.ids):
        if count >= MAX_SLIDES:
            found.unread = f"Only the first {MAX_SLIDES:,} slides were read."
        if count >= MAX_SLIDES or found.full:
            return
        if count:
            found.say("\f")
        _read_slide(package, targets.get(slide, ""), found)


def _read_slide(package: Package, path: str, found: Found) -> None:
    """One slide that is damaged is no reason to lose the others. The first one with words is kept without its notes."""
    before = len(found)
    try:
        package.parse(path, SlideText(found, frozenset()))
        if not found.facts.get("slide"):
            found.facts["slide"] = found.text[before : before + SHOWN].strip()
        for relation in relations(package, path):
            if relation.kind == "notesSlide" and relation.target in package and not found.full:
                package.parse(relation.target, Paragraphs(found, frozenset()))
    except (DamagedError, UnreadableError) as error:
        found.unread = f"A slide was not read: {error}."
