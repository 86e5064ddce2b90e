"""Markup for pages, from which a browser chooses a rendition. Pure: it is made of the record and its addresses."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.delivery import players
from chalicelib.delivery.access import Access
from chalicelib.delivery.preview import CLEAR, data_url
from chalicelib.delivery.tags import tag
from chalicelib.model import EXTENSIONS, PICTURES, File, Rendition
from chalicelib.renditions.ladder import Size, up_to
from chalicelib.renditions.places import in_ladder, on_demand
from chalicelib.renditions.recipes import PREVIEW_WIDTH


@dataclass(frozen=True)
class Markup:
    """`srcset` by format, best first; `sizes` for all of them; `picture`, a whole `<picture>`; and `placeholder`.

    `sizes` is for a picture as wide as the page, and no wider than it has pixels. `placeholder` is a `data:` URL to
    show until the picture is there: clear where the record has no preview. Without pictures among the renditions the
    others are empty. `video`, `audio` and `hls` play a film or a sound (players.py), and are empty for all else.
    """

    srcset: dict[str, str]
    sizes: str
    picture: str
    placeholder: str
    video: str = ""
    audio: str = ""
    hls: str = ""


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
    label = _alternative(file)
    sounds = players.audio(file, access, label=label), players.script(file, access)
    if not pictures:
        video = players.video(file, access, poster="", width=0, height=0, label=label)
        return Markup({}, "", "", placeholder, video, *sounds)
    ladder = {rendition.name: rendition for rendition in sorted(pictures, key=lambda each: each.width)}
    found = _names_by_format(file, pictures, list(ladder))
    srcset = {
        format: ", ".join(f"{access.url(f'{name}.{EXTENSIONS[format]}')} {ladder[name].width}w" for name in names)
        for format, names in found.items()
    }
    format, names = list(found.items())[-1]  # the one that all programs can show
    plain = _plain(access, [ladder[name] for name in names], format)
    widest = max(rendition.width for rendition in ladder.values())
    sizes = f"(max-width: {widest}px) 100vw, {widest}px"
    top = list(ladder.values())[-1]
    picture = _picture(file, top, plain, srcset, sizes, placeholder)
    video = players.video(file, access, poster=plain, width=top.width, height=top.height, label=label)
    return Markup(srcset, sizes, picture, placeholder, video, *sounds)


def _plain(access: Access, pictures: list[_Picture], format: str) -> str:
    """The address of the picture for programs that do not choose: one of these, of a moderate width.

    By the recipe `photo` it is the one JPEG that is stored from the beginning.
    """
    size = up_to([Size(each.name, each.width, each.height) for each in pictures], PREVIEW_WIDTH)
    return access.url(f"{size.name}.{EXTENSIONS[format]}")


def _names_by_format(file: File, pictures: list[_Picture], names: list[str]) -> dict[str, list[str]]:
    """The renditions there are, and the formats that can be made on demand in all sizes; `names` in ascending size."""
    found: dict[str, list[str]] = {}
    for name in names:
        for rendition in pictures:
            if rendition.name == name:
                found.setdefault(rendition.format, []).append(name)
    for encoding in on_demand(file):
        stored = found.get(encoding.format, [])
        if all(name in stored or _is_made(file, name, encoding.format) for name in names):
            found[encoding.format] = names
    return {format: found[format] for format in PICTURES if format in found}


def _is_made(file: File, name: str, format: str) -> bool:
    """True if this size can be had in that format, and not in another that stands in for it."""
    found = in_ladder(file, name, format)
    return found is not None and found[1].format == format


def _picture(file: File, top: _Picture, plain: str, srcset: dict[str, str], sizes: str, placeholder: str) -> str:
    *better, last = srcset
    attributes: dict[str, str | None] = {
        "src": plain,
        "srcset": srcset[last],
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
        tag("source", {"type": f"image/{format}", "srcset": srcset[format], "sizes": sizes}) for format in better
    ]
    return "\n".join(["<picture>", *(f"  {each}" for each in (*sources, tag("img", attributes))), "</picture>"])


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
