"""Markup for pages, from which a browser chooses a rendition. Pure: it is made of the record and its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from chalicelib.delivery.access import Access
from chalicelib.delivery.preview import CLEAR, data_url
from chalicelib.model import EXTENSIONS, PICTURES, File, Rendition
from chalicelib.renditions.places import in_ladder, on_demand

# Pixels. A browser that does not know `srcset` gets a picture of at most this width.
_PLAIN_WIDTH = 1280


@dataclass(frozen=True)
class Markup:
    """`srcset` by format, best first; `sizes` for all of them; `picture`, a whole `<picture>`; and `placeholder`.

    `sizes` is for a picture as wide as the page, and no wider than it has pixels. `placeholder` is a `data:` URL to
    show until the picture is there: clear where the record has no preview. Without pictures among the renditions the
    others are empty.
    """

    srcset: dict[str, str]
    sizes: str
    picture: str
    placeholder: str


@dataclass(frozen=True)
class _Picture:
    name: str
    format: str
    width: int
    height: int

    @classmethod
    def of(cls, rendition: Rendition) -> _Picture:
        return cls(rendition.name, rendition.format, rendition.width or 0, rendition.height or 0)


def markup(file: File, access: Access) -> Markup:
    """The markup of a file with renditions, at the addresses that `access` opens. Any kind of file may have them."""
    placeholder = data_url(file.picture.thumbhash) if file.picture else CLEAR
    pictures = [_Picture.of(rendition) for rendition in file.renditions if rendition.is_rung]
    if not pictures:
        return Markup({}, "", "", placeholder)
    ladder = {rendition.name: rendition for rendition in sorted(pictures, key=lambda each: each.width)}
    srcset = {
        format: ", ".join(f"{access.url(f'{name}.{EXTENSIONS[format]}')} {ladder[name].width}w" for name in names)
        for format, names in _names_by_format(file, pictures, list(ladder)).items()
    }
    widest = max(rendition.width for rendition in ladder.values())
    sizes = f"(max-width: {widest}px) 100vw, {widest}px"
    return Markup(srcset, sizes, _picture(file, access, ladder, srcset, sizes, placeholder), placeholder)


def _names_by_format(file: File, pictures: list[_Picture], names: list[str]) -> dict[str, list[str]]:
    """The renditions there are, and the formats that can be made on demand in all sizes; `names` in ascending size."""
    found: dict[str, list[str]] = {}
    for name in names:
        for rendition in pictures:
            if rendition.name == name:
                found.setdefault(rendition.format, []).append(name)
    for encoding in on_demand(file):
        if encoding.format not in found and all(_is_made(file, name, encoding.format) for name in names):
            found[encoding.format] = names
    return {format: found[format] for format in PICTURES if format in found}


def _is_made(file: File, name: str, format: str) -> bool:
    """True if this size can be had in that format, and not in another that stands in for it."""
    found = in_ladder(file, name, format)
    return found is not None and found[1].format == format


def _picture(
    file: File, access: Access, ladder: dict[str, _Picture], srcset: dict[str, str], sizes: str, placeholder: str
) -> str:
    *better, plain = srcset
    rungs = [rendition for rendition in ladder.values() if rendition.width <= _PLAIN_WIDTH] or list(ladder.values())[:1]
    top = list(ladder.values())[-1]
    attributes = {
        "src": access.url(f"{rungs[-1].name}.{EXTENSIONS[plain]}"),
        "srcset": srcset[plain],
        "sizes": sizes,
        "width": str(top.width),
        "height": str(top.height),
        "alt": _alternative(file),
        "loading": "lazy",
        "decoding": "async",
    }
    if file.picture and file.picture.has_alpha is False:  # else the placeholder would show through the picture
        attributes["style"] = f"background: url({placeholder}) 0 0 / 100% 100%"
    sources = [
        _tag("source", {"type": f"image/{format}", "srcset": srcset[format], "sizes": sizes}) for format in better
    ]
    return "\n".join(["<picture>", *(f"  {tag}" for tag in (*sources, _tag("img", attributes))), "</picture>"])


def _alternative(file: File) -> str:
    """The text for those who do not see the picture: an image's caption or title, or how the document calls itself.

    An image without both has none, because its file name would say less than silence does.
    """
    if file.image:
        return file.image.caption or file.image.title or ""
    documents = (file.video, file.audio, file.pdf, file.document, file.presentation, file.spreadsheet)
    names = [each.title for each in documents if each]
    names += [file.email.subject] if file.email else []
    names += [file.font.family] if file.font else []
    return next(filter(None, names), file.filename)


def _tag(name: str, attributes: dict[str, str]) -> str:
    return f"<{name} " + " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items()) + ">"
