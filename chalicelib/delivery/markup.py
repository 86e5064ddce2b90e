"""For pages: what a browser chooses a rendition from. Pure text; nothing here asks anyone."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from chalicelib.delivery.access import Access
from chalicelib.delivery.preview import data_url
from chalicelib.model import EXTENSIONS, File, Rendition
from chalicelib.renditions.ladder import rendition_of
from chalicelib.renditions.places import served_recipe

# A browser takes the first of the formats that it can show.
_BEST_FIRST = ("avif", "webp", "png", "jpeg")

# Pixels: as wide at most is what a browser gets that knows no `srcset`.
_PLAIN_WIDTH = 1280


@dataclass(frozen=True)
class Markup:
    """`srcset` by format, best first; `sizes` for all of them; a whole `<picture>`; what to show until it is there.

    `sizes` is for a picture as wide as the page, and no wider than it has pixels. `placeholder` is a `data:` URL.
    """

    srcset: dict[str, str]
    sizes: str
    picture: str
    placeholder: str


def markup(file: File, access: Access) -> Markup:
    """Of an image that has renditions, at the addresses that `access` opens."""
    assert file.image
    ladder = {rendition.name: rendition for rendition in sorted(file.renditions, key=lambda each: each.width)}
    srcset = {
        format: ", ".join(f"{access.url(f'{name}.{EXTENSIONS[format]}')} {ladder[name].width}w" for name in names)
        for format, names in _names_by_format(file, ladder).items()
    }
    widest = max(rendition.width for rendition in ladder.values())
    sizes = f"(max-width: {widest}px) 100vw, {widest}px"
    placeholder = data_url(file.image.thumbhash)
    return Markup(srcset, sizes, _picture(file, access, ladder, srcset, sizes, placeholder), placeholder)


def _names_by_format(file: File, ladder: dict[str, Rendition]) -> dict[str, list[str]]:
    """What there is, and formats that there will be, in all sizes, when they are first asked for."""
    names: dict[str, list[str]] = {}
    for name in ladder:
        for rendition in file.renditions:
            if rendition.name == name:
                names.setdefault(rendition.format, []).append(name)
    for encoding in served_recipe(file).on_demand:
        if encoding.format not in names and all(_is_made(file, name, encoding.format) for name in ladder):
            names[encoding.format] = list(ladder)
    return {format: names[format] for format in _BEST_FIRST if format in names}


def _is_made(file: File, name: str, format: str) -> bool:
    """Whether there is that format at this size, and no other that stands in."""
    assert file.image
    width, height, animated = file.image.width, file.image.height, file.image.frames > 1
    found = rendition_of(served_recipe(file), width, height, name=name, format=format, animated=animated)
    return found is not None and found[1].format == format


def _picture(
    file: File, access: Access, ladder: dict[str, Rendition], srcset: dict[str, str], sizes: str, placeholder: str
) -> str:
    assert file.image
    *better, plain = srcset
    rungs = [rendition for rendition in ladder.values() if rendition.width <= _PLAIN_WIDTH] or list(ladder.values())[:1]
    top = list(ladder.values())[-1]
    attributes = {
        "src": access.url(f"{rungs[-1].name}.{EXTENSIONS[plain]}"),
        "srcset": srcset[plain],
        "sizes": sizes,
        "width": str(top.width),
        "height": str(top.height),
        "alt": file.image.caption or "",
        "loading": "lazy",
        "decoding": "async",
    }
    if file.image.has_alpha is False:  # else it would show through
        attributes["style"] = f"background: url({placeholder}) 0 0 / 100% 100%"
    sources = [
        _tag("source", {"type": f"image/{format}", "srcset": srcset[format], "sizes": sizes}) for format in better
    ]
    return "\n".join(["<picture>", *(f"  {tag}" for tag in (*sources, _tag("img", attributes))), "</picture>"])


def _tag(name: str, attributes: dict[str, str]) -> str:
    return f"<{name} " + " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items()) + ">"
