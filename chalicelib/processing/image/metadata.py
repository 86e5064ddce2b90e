"""The words that a file says of its picture, by the precedence of the Metadata Working Group (Guidelines 2.0, 2010).

EXIF comes first. Of XMP and IPTC the newer one counts, which is XMP unless a checksum shows that IPTC was changed
later. Behind these are the texts of PNG, and what Windows writes. docs/images.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image
from PIL.ExifTags import Base

from chalicelib.processing.image import dates, exif, iptc, packets
from chalicelib.processing.image.charset import commented, wide
from chalicelib.processing.image.iptc import Iptc

MAX_TEXT = 1000
"""Longest text, in characters; a longer one is cut."""
MAX_KEYWORD = 100
MAX_KEYWORDS = 100
MAX_ALL_KEYWORDS = 2000
"""Characters of all keywords together."""

_MAX_BYTES = 64 * 1024  # of one text, before it is decoded
# Numbers of a program, as telephones write them where a comment should be: `filter: 0; intensity: 0.5`.
_SETTINGS = re.compile(r"\w\s*+[:=][^\S\n]*+[-0-9.]*+[^\S\n]*+[;,&|\n]")
_QUOTED = re.compile(r'\s*+(?:"((?:[^"]|"")*+)"\s*+|([^;]*+))(?:;|$)')
_SEVERAL = re.compile("[,;]")


@dataclass(frozen=True)
class Said:
    """The words of the sources: EXIF by its tags, XMP by its properties, PNG's texts by their keywords."""

    tags: Mapping[int, Any] = field(default_factory=dict)
    xmp: Mapping[str, list[str]] = field(default_factory=dict)
    iptc: Iptc = field(default_factory=Iptc)
    texts: Mapping[str, bytes | str] = field(default_factory=dict)

    def exif_text(self, tag: int) -> str | None:
        return exif.text(self.tags.get(tag), MAX_TEXT)

    def windows_text(self, tag: int) -> str | None:
        """A text that only Windows writes: UTF-16, as bytes."""
        value = self.tags.get(tag)
        value = bytes(value) if isinstance(value, tuple) and all(n in range(256) for n in value) else value
        return exif.line(wide(value, little=True) or "", MAX_TEXT) if isinstance(value, bytes) else None

    def png_text(self, keyword: str) -> str | None:
        value = self.texts.get(keyword)
        if isinstance(value, bytes):
            return exif.text(value[:_MAX_BYTES], MAX_TEXT)
        return exif.line(value or "", MAX_TEXT)

    def standard(self, names: tuple[str, ...], number: int) -> list[str]:
        """The texts of XMP's first property that has some, or those of IPTC's field."""
        found = (_lines(self.xmp.get(name, ())) for name in names)
        ours = next(filter(None, found), [])
        older = _lines(self.iptc.texts(number))
        if ours and (not older or not self.iptc.is_newer):
            return ours
        return _restored(older, ours, iptc.LIMITS.get(number, 0))


def read(image: Image.Image, source: BinaryIO | None = None) -> Said:
    """The words in a loaded image. `source` is its file. Hostile metadata raises nothing."""
    blocks = packets.of_image(image, source)
    found = dict[str, list[str]]()
    if blocks.xmp:
        from chalicelib.processing.image import xmp

        for packet in reversed(blocks.xmp):
            found |= xmp.read(packet)
    fields = iptc.with_digest(blocks.iptc, blocks.resources) if blocks.iptc or blocks.resources else Iptc()
    if blocks.exif:
        image = Image.new("L", (1, 1))
        image.info["exif"] = blocks.exif
    return Said(exif.tags_of(image), found, fields, blocks.texts)


def words(said: Said) -> dict[str, Any]:
    """The picture's `title`, `artist`, `copyright`, `caption` and `keywords`, as far as it has them."""
    found = {
        "title": _title(said),
        "artist": _artist(said),
        "copyright": _copyright(said),
        "caption": _caption(said),
        "keywords": _keywords(said),
    }
    return {name: value for name, value in found.items() if value}


def taken_at(said: Said) -> str | None:
    """When the picture was taken, or else digitized, in ISO 8601. Never when it was last edited."""
    return (
        exif.original(said.tags)
        or _date(said, ("photoshop:DateCreated", "exif:DateTimeOriginal"), iptc.DATE, iptc.TIME)
        or exif.digitized(said.tags)
        or _date(said, ("xmp:CreateDate", "exif:DateTimeDigitized"), iptc.SCAN_DATE, iptc.SCAN_TIME)
        or dates.mail(said.png_text("creation time") or "")
    )


def _title(said: Said) -> str | None:
    return _first(said.standard(("dc:title",), iptc.TITLE)) or said.png_text("title") or said.windows_text(Base.XPTitle)


def _artist(said: Said) -> str | None:
    several = _several(said.exif_text(Base.Artist) or "")
    several = several or said.standard(("dc:creator", "tiff:Artist"), iptc.ARTIST)
    joined = "; ".join(several)[:MAX_TEXT].rstrip("; ")
    return joined or said.png_text("author") or said.windows_text(Base.XPAuthor)


def _copyright(said: Said) -> str | None:
    return (
        _notice(said.tags.get(Base.Copyright))
        or _first(said.standard(("dc:rights", "tiff:Copyright"), iptc.COPYRIGHT))
        or said.png_text("copyright")
    )


def _caption(said: Said) -> str | None:
    return (
        said.exif_text(Base.ImageDescription)
        or _first(said.standard(("dc:description", "tiff:ImageDescription"), iptc.CAPTION))
        or said.png_text("description")
        or said.windows_text(Base.XPComment)
        or _comment(said)
        or said.windows_text(Base.XPSubject)
    )


def _keywords(said: Said) -> list[str]:
    found = said.standard(("dc:subject",), iptc.KEYWORDS)
    if not found:
        found = (said.windows_text(Base.XPKeywords) or "").split(";")
    # Longer than any keyword is a list of them that a program has taken for one.
    found = [part for word in found for part in (_SEVERAL.split(word) if len(word) > MAX_KEYWORD else [word])]
    kept, room = dict[str, str](), MAX_ALL_KEYWORDS
    for word in found:
        word = word.strip()[:MAX_KEYWORD].rstrip()
        if not word or word.casefold() in kept:
            continue
        room -= len(word)
        if room < 0 or len(kept) == MAX_KEYWORDS:
            break
        kept[word.casefold()] = word
    return list(kept.values())


def _date(said: Said, names: tuple[str, ...], date: int, time: int) -> str | None:
    found = (dates.iso(value) for name in names for value in said.xmp.get(name, ())[:1])
    ours = next(filter(None, found), None)
    parts = [_first(said.iptc.texts(number)) or "" for number in (date, time)]
    older = dates.iptc(*parts)
    return older if older and (not ours or said.iptc.is_newer) else ours


def _notice(value: object) -> str | None:
    """EXIF's copyright: the photographer's, or else the editor's, which stands behind a NUL."""
    if first := exif.text(value, MAX_TEXT):
        return first
    editors = value.partition("\0")[2] if isinstance(value, str) else None
    return exif.text(editors, MAX_TEXT)


def _comment(said: Said) -> str | None:
    """EXIF's comment, if it reads as if a person wrote it: of several words, and no list of a program's settings."""
    value = said.tags.get(Base.UserComment)
    if isinstance(value, str):
        value = value.encode("latin-1", "ignore")
    text = commented(value[:_MAX_BYTES]) if isinstance(value, bytes) else None
    if not text or len(_SETTINGS.findall(text[:MAX_TEXT])) > 1:
        return None
    found = exif.line(text, MAX_TEXT)
    return found if found and (" " in found or not found.isascii()) else None


def _several(value: str) -> list[str]:
    """The names in EXIF's one text. Semicolons part them, except in quotes, which are doubled inside (MWG 2.0)."""
    if ";" not in value:
        return [value] if value else []
    names = (quoted.replace('""', '"') or plain for quoted, plain in _QUOTED.findall(value))
    return [name.strip() for name in names if name.strip()]


def _lines(values: Iterable[str]) -> list[str]:
    found = (exif.line(value, MAX_TEXT) for value in values)
    return [value for value in found if value]


def _restored(older: list[str], ours: list[str], limit: int) -> list[str]:
    """IPTC's texts, but XMP's where these are the same and IPTC had no room for the end (MWG 2.0, 3.3)."""
    longer = dict(enumerate(ours))
    return [
        whole if limit - 4 < len(text.encode()) <= limit and (whole := longer.get(n, "")).startswith(text) else text
        for n, text in enumerate(older)
    ]


def _first(values: Iterable[str]) -> str | None:
    return next(iter(values), None)
