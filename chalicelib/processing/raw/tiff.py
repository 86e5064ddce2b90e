"""Raw files that are TIFFs, or almost: CR2, NEF, ARW, DNG, and with marks of their own ORF and RW2.

Sources: TIFF 6.0 and its technical note 2 (JPEG), DNG 1.7, and the tables of ExifTool (https://exiftool.org/TagNames)
for what makers do not publish.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.directories import Directory, Order, Tables
from chalicelib.processing.raw.exif import EXIF, Tags, tags
from chalicelib.processing.raw.found import MOST_PLACES, Place, Raw

_MAX_DIRECTORIES = 32
_KIND, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _SUB_DIRECTORIES = 254, 256, 257, 259, 262, 330
_STRIPS = ((273, 279), (324, 325))  # tags with places and lengths: of strips, and of tiles
_JPEG_AT, _JPEG_LENGTH = 513, 514
_PANASONIC_JPEG, _PANASONIC_WIDTH, _PANASONIC_HEIGHT = 0x2E, 2, 3
_JPEG_COMPRESSIONS = (6, 7)
_SMALLER = 1
_PREVIEWS = (0, _SMALLER, 0x10001)  # kinds of pictures: the main one, a preview, and one of another rendering
# Photometric interpretations of pictures that can be seen: grey, RGB, YCbCr; 0 stands for none said, as in CR2.
_VISIBLE = (0, 1, 2, 6)
_MAKER_NOTES = 37500
# The beginnings of Olympus' notes: where their directory begins, and if places in it count from the notes themselves.
_OLYMPUS = ((b"OLYMPUS\0II", 12, True), (b"OLYMPUS\0MM", 12, True), (b"OM SYSTEM\0\0\0II", 16, True))
_OLYMPUS_OLD = (b"OLYMP\0", 8)
_CAMERA_SETTINGS, _PREVIEW_AT, _PREVIEW_LENGTH = 0x2020, 0x101, 0x102
_OLD_PREVIEW_AT, _OLD_PREVIEW_LENGTH = 0x88, 0x89


@dataclass
class _Found:
    places: list[Place] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)


def read(data: BinaryIO) -> Raw:
    """Raises PermanentFault `corrupt` for a file that ends before its first directory."""
    data.seek(0)
    start = data.read(8)
    order: Order = "little" if start[:2] == b"II" else "big"
    tables = Tables(data, order)
    found, said = _Found(), Tags()
    for number, directory in enumerate(_directories(tables, tables.number(start[4:]))):
        if not directory.entries:
            continue
        _take(tables, directory, found, is_panasonic=start[2:3] == b"U")
        if number == 0:
            said = tags(tables, directory)
            exif = tables.one(directory.entries.get(EXIF))
            found.places += _of_olympus(tables, tables.directory(exif)) if exif else []
    if not (found.sizes or found.places or said.first):
        raise PermanentFault(ErrorCode.CORRUPT, "The raw file is damaged: it has no directory that can be read.")
    return Raw(found.places[:MOST_PLACES], [*found.sizes, said.size()], said)


def _directories(tables: Tables, first: int) -> Iterator[Directory]:
    """The first directory, those that it names as its parts or that follow it, and so on."""
    waiting, seen = [first], set[int]()
    while waiting and len(seen) < _MAX_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen or at == 0:
            continue
        seen.add(at)
        directory = tables.directory(at)
        yield directory
        waiting += tables.numbers(directory.entries.get(_SUB_DIRECTORIES), _MAX_DIRECTORIES)
        waiting.append(directory.next)


def _take(tables: Tables, directory: Directory, found: _Found, *, is_panasonic: bool) -> None:
    entries = directory.entries
    if is_panasonic:
        if jpeg := entries.get(_PANASONIC_JPEG):
            found.places.append(Place(tables.number(jpeg.value), jpeg.size))
        found.sizes.append((tables.one(entries.get(_PANASONIC_WIDTH)), tables.one(entries.get(_PANASONIC_HEIGHT))))
    kind = tables.one(entries.get(_KIND))
    if kind & _SMALLER == 0:
        found.sizes.append((tables.one(entries.get(_WIDTH)), tables.one(entries.get(_HEIGHT))))
    if kind not in _PREVIEWS or tables.one(entries.get(_PHOTOMETRIC)) not in _VISIBLE:
        return  # the raw data, a mask, a map of depths
    named = [(_JPEG_AT, _JPEG_LENGTH)]
    if tables.one(entries.get(_COMPRESSION)) in _JPEG_COMPRESSIONS:
        named += _STRIPS
    for pair in named:
        at, length = (tables.one(entries.get(tag)) for tag in pair)
        if at and length:
            found.places.append(Place(at, length))


def _of_olympus(tables: Tables, exif: Directory) -> list[Place]:
    """The preview that Olympus' private notes name."""
    entry = exif.entries.get(_MAKER_NOTES)
    if entry is None or entry.size < 32:
        return []
    at = tables.number(entry.value)
    tables.data.seek(at)
    name = tables.data.read(16)
    if name.startswith(_OLYMPUS_OLD[0]):
        notes = tables.directory(at + _OLYMPUS_OLD[1]).entries
        places = (tables.one(notes.get(tag)) for tag in (_OLD_PREVIEW_AT, _OLD_PREVIEW_LENGTH))
        return _place(*places, base=0)
    for beginning, skipped, _ in _OLYMPUS:
        if name.startswith(beginning):
            own = Tables(tables.data, "little" if beginning.endswith(b"II") else "big", base=at)
            settings = own.one(own.directory(skipped).entries.get(_CAMERA_SETTINGS))
            entries = own.directory(settings).entries if settings else {}
            return _place(*(own.one(entries.get(tag)) for tag in (_PREVIEW_AT, _PREVIEW_LENGTH)), base=at)
    return []


def _place(at: int, length: int, *, base: int) -> list[Place]:
    return [Place(base + at, length, sure=False)] if at and length else []
