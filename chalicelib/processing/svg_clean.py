"""A copy of an SVG that has only what an allow-list names: no scripts, no links, nothing that is fetched.

Elements, attributes, and functions in styles that are in no list are left out. An address may lead into the same
document, or be a `data:` address of a picture. What a viewer's machine would work on for minutes is refused: deep
nesting, references that multiply, and too many filters. The result is what browsers get, and what is drawn.
"""

from __future__ import annotations

import re
import xml.parsers.expat
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

SVG, XLINK, XML = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/XML/1998/namespace"

MAX_OUTPUT = 16 * 1024**2  # characters
MAX_ELEMENTS = 50_000
MAX_DEPTH = 64
MAX_FILTERS = 100  # filter primitives
# Elements that are drawn when each reference is followed.
MAX_DRAWN = 200_000
# Entities of a document, which some programs use for names of namespaces, and characters of each.
MAX_ENTITIES, MAX_ENTITY = 64, 256


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTS = _names(
    "svg g a defs symbol use title desc path rect circle ellipse line polyline polygon text tspan textPath "
    "linearGradient radialGradient stop clipPath mask pattern marker image switch style filter feBlend feColorMatrix "
    "feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow "
    "feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset fePointLight "
    "feSpecularLighting feSpotLight feTile feTurbulence"
)
ATTRIBUTES = _names(
    "id class style type media lang version baseProfile viewBox preserveAspectRatio width height x y x1 y1 x2 y2 cx "
    "cy r rx ry fx fy fr d points pathLength dx dy rotate textLength lengthAdjust startOffset method spacing side "
    "transform gradientUnits gradientTransform spreadMethod offset clipPathUnits maskUnits maskContentUnits "
    "patternUnits patternContentUnits patternTransform markerUnits markerWidth markerHeight refX refY orient "
    "filterUnits primitiveUnits in in2 result mode values operator k1 k2 k3 k4 stdDeviation edgeMode radius scale "
    "xChannelSelector yChannelSelector tableValues slope intercept amplitude exponent order kernelMatrix divisor bias "
    "targetX targetY preserveAlpha surfaceScale diffuseConstant specularConstant specularExponent azimuth elevation z "
    "pointsAtX pointsAtY pointsAtZ limitingConeAngle baseFrequency numOctaves seed stitchTiles requiredFeatures "
    "systemLanguage fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin "
    "stroke-miterlimit stroke-dasharray stroke-dashoffset color color-interpolation color-interpolation-filters "
    "color-rendering opacity display visibility overflow clip clip-path clip-rule mask filter flood-color "
    "flood-opacity lighting-color stop-color stop-opacity marker marker-start marker-mid marker-end paint-order "
    "vector-effect shape-rendering text-rendering image-rendering enable-background font font-family font-size "
    "font-size-adjust font-stretch font-style font-variant font-weight text-anchor text-decoration text-transform "
    "letter-spacing word-spacing kerning line-height direction unicode-bidi writing-mode dominant-baseline "
    "alignment-baseline baseline-shift glyph-orientation-horizontal glyph-orientation-vertical white-space "
    "inline-size mix-blend-mode isolation transform-origin transform-box role aria-label aria-labelledby "
    "aria-describedby aria-hidden"
)
_FUNCTIONS = _names(
    "url rgb rgba hsl hsla hwb lab lch oklab oklch color-mix color matrix translate translatex translatey scale "
    "scalex scaley rotate skewx skewy calc min max clamp var cubic-bezier steps not is where nth-child nth-of-type "
    "nth-last-child lang inset circle ellipse polygon path blur brightness contrast drop-shadow grayscale hue-rotate "
    "invert opacity saturate sepia"
)
# For filters: numbers above these take long, and show nothing that a smaller one would not.
_LARGEST: Mapping[str, float] = {"stdDeviation": 200, "radius": 50, "numOctaves": 8, "order": 20}

_PICTURE = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]*+")
_FUNCTION = re.compile(r"([\w-]++)\(")
_ELSEWHERE = re.compile(r"url\(\s*+['\"]?+\s*+(?!#)", re.I)
_REFERENCE = re.compile(r"url\(\s*+['\"]?+#([^'\")]*+)", re.I)
_AT_RULE = re.compile(r"@(?!(?:media|supports)\b)[\w-]*+", re.I)
_NUMBER = re.compile(r"[0-9.]++(?:[eE][+-]?+[0-9]++)?+")


class RefusedError(ValueError):
    """The document is sound XML, perhaps, but has more or other things than a picture needs. A sentence says which."""


class BrokenError(ValueError):
    """The document is not well-formed XML, or no SVG."""


@dataclass
class Clean:
    """`svg` is the copy, and `words` are the texts in it."""

    svg: str
    words: str


@dataclass
class _Group:
    """An element with what is below it: how many elements, and the ids that they refer to."""

    elements: int = 1
    uses: list[str] = field(default_factory=list)


def clean(data: bytes) -> Clean:
    """Raises RefusedError and BrokenError."""
    copy = _Copy()
    try:
        copy.parser.Parse(data, True)
    except xml.parsers.expat.ExpatError as error:
        raise BrokenError(f"The SVG is not well-formed: {xml.parsers.expat.ErrorString(error.code)}.") from None
    except (LookupError, UnicodeError):
        raise BrokenError("The SVG has an encoding that is not known.") from None
    copy.check_references()
    return Clean("".join(copy.out), " ".join(copy.words))


class _Copy:
    """Handlers of the parser, which write the copy."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.words: list[str] = []
        self._length = self._elements = self._filters = self._entities = self._references = 0
        self._left_out = 0  # how deep we are in an element that is left out
        self._stack: list[str] = []
        self._style: list[str] = []  # the pieces of a style sheet, which are only safe together
        self._root = _Group()
        self._groups: list[_Group] = []
        self._by_id: dict[str, _Group] = {}
        self.parser = parser = xml.parsers.expat.ParserCreate(namespace_separator="\n")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = lambda *_: 0

    def _entity(self, name: str, is_parameter: bool, value: str | None, *_: object) -> None:
        self._entities += 1
        plain = value is not None and len(value) <= MAX_ENTITY and not {*value} & {"&", "<", "%"}
        if is_parameter or not plain or self._entities > MAX_ENTITIES:
            raise RefusedError("The SVG declares entities that are no plain text.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition("\n")
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._stack) + self._left_out >= MAX_DEPTH:
            raise RefusedError("The SVG has too many elements, or they are nested too deeply.")
        if self._elements == 1 and (namespace, tag) != (SVG, "svg"):
            raise BrokenError("The document is no SVG.")
        if self._left_out or namespace != SVG or tag not in ELEMENTS:
            self._left_out += 1
            return
        self._filters += tag.startswith("fe")
        if self._filters > MAX_FILTERS:
            raise RefusedError("The SVG has too many filters.")
        kept = _attributes(tag, attributes)
        if not self._stack:
            kept = {"xmlns": SVG, **kept}
        self._note(tag, kept)
        # A link leads nowhere, but what is inside it is part of the picture.
        tag = "g" if tag == "a" else tag
        self._stack.append(tag)
        self._write(f"<{tag}{''.join(f' {name}={quoteattr(value)}' for name, value in kept.items())}>")

    def _note(self, tag: str, kept: Mapping[str, str]) -> None:
        for group in self._groups:
            group.elements += 1
        group = _Group()
        self._groups.append(group)
        if "id" in kept:
            self._by_id.setdefault(kept["id"], group)
        # A filter, a pattern or a mask is drawn once for each element that has it.
        referred = [value[1:] for name, value in kept.items() if name == "href" and value.startswith("#")]
        referred += [name for value in kept.values() for name in _REFERENCE.findall(value)]
        self._references += len(referred)
        if self._references > MAX_ELEMENTS:
            raise RefusedError("The SVG has too many references.")
        for each in self._groups:
            each.uses.extend(referred)

    def check_references(self) -> None:
        """Raises RefusedError if so many elements are drawn, when each reference is followed, that it takes long."""
        known: dict[int, int] = {}

        def drawn(group: _Group, depth: int) -> int:
            if depth > MAX_DEPTH:
                raise RefusedError("The SVG's references lead too far, or in a circle.")
            if id(group) not in known:
                targets = (self._by_id[name] for name in group.uses if name in self._by_id)
                known[id(group)] = group.elements + sum(drawn(target, depth + 1) for target in targets)
            return known[id(group)]

        if any(drawn(group, 0) > MAX_DRAWN for group in (self._root, *self._by_id.values())):
            raise RefusedError("The SVG's references multiply: too much would be drawn.")

    def _end(self, name: str) -> None:
        if self._left_out:
            self._left_out -= 1
            return
        group = self._groups.pop()
        if not self._groups:
            self._root = group
        if self._stack[-1] == "style":
            self._write(escape(_style("".join(self._style))))
            self._style.clear()
        self._write(f"</{self._stack.pop()}>")

    def _text(self, text: str) -> None:
        if self._left_out or not self._stack:
            return
        if self._stack[-1] == "style":
            self._style.append(text)
            return
        if self._stack[-1] in ("text", "tspan", "textPath", "title", "desc") and text.strip():
            self.words.append(text.strip())
        self._write(escape(text))

    def _write(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_OUTPUT:
            raise RefusedError("The SVG is too long.")
        self.out.append(text)


def _attributes(tag: str, attributes: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in attributes.items():
        namespace, _, local = name.rpartition("\n")
        if local == "href" and namespace in ("", XLINK):
            if value.startswith("#") or (tag == "image" and _PICTURE.fullmatch(value)):
                kept["href"] = value
        elif (namespace, local) == (XML, "space"):
            kept["xml:space"] = value
        elif not namespace and local in ATTRIBUTES and not _too_large(local, value):
            kept[local] = (
                _style(value) if local == "style" or ("(" in value and not local.startswith("aria-")) else value
            )
    if tag == "a":
        kept.pop("href", None)
    return kept


def _too_large(name: str, value: str) -> bool:
    if name not in _LARGEST:
        return False
    try:
        return any(float(number) > _LARGEST[name] for number in _NUMBER.findall(value))
    except ValueError:
        return True


def _style(text: str) -> str:
    """A style without escapes, which could hide the rest, without imports and without functions that are in no list."""
    text = text.replace("\\", "")
    text = _AT_RULE.sub("@none", text)
    text = _FUNCTION.sub(lambda match: match[0] if match[1].lower() in _FUNCTIONS else "none(", text)
    return _ELSEWHERE.sub("none(", text)
