"""Canon's CR3: boxes as in MP4. One track is the JPEG, others are raw data, and a box of Canon's has the EXIF.

Sources: ISO/IEC 14496-12, and https://github.com/lclevy/canon_cr3 for what Canon does not publish.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from chalicelib.processing.directories import Directory, Tables
from chalicelib.processing.image.boxes import Box, inside
from chalicelib.processing.raw.exif import Tags, of_any, of_first
from chalicelib.processing.raw.found import MOST_PLACES, Place, Raw

_MAX_BOXES = 200  # in one box; cameras write about twenty
_MAX_MOVIE = 4 * 1024**2  # bytes; those of cameras have 30 KB, with a small preview
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_TO_SAMPLES = (b"mdia", b"minf", b"stbl")
_ENTRIES = (b"CRAW", b"JPEG", b"jpeg")
_BOXES_AT = 78  # of a picture's sample entry; Canon has four bytes more before the boxes


def read(data: BinaryIO) -> Raw:
    movie = _movie(data)
    places, sizes, tags = list[Place](), list[tuple[int, int]](), Tags()
    for name, begin, end in _boxes(movie, 0, len(movie)):
        if name == b"uuid" and movie[begin : begin + 16] == _CANON:
            tags = _tags(movie, begin + 16, end)
        elif name == b"trak":
            place, size = _track(movie, begin, end)
            places += [place] if place else []
            sizes.append(size)
    return Raw(places[:MOST_PLACES], [*sizes, tags.size()], tags)


def _movie(data: BinaryIO) -> bytes:
    """The content of the box `moov`; b"" for none."""
    at = 0
    for _ in range(_MAX_BOXES):
        data.seek(at)
        head = data.read(16)
        size, skipped = int.from_bytes(head[:4]), 8
        if size == 1:
            size, skipped = int.from_bytes(head[8:]), 16
        if len(head) < 8 or size < skipped:
            break
        if head[4:8] == b"moov":
            data.seek(at + skipped)
            return data.read(min(size - skipped, _MAX_MOVIE))
        at += size
    return b""


def _track(movie: bytes, begin: int, end: int) -> tuple[Place | None, tuple[int, int]]:
    """The place of the track's picture, if it is a JPEG, and the width and height that it is said to have."""
    for name in _TO_SAMPLES:
        begin, end = next((box[1:] for box in _boxes(movie, begin, end) if box[0] == name), (0, 0))
    found = {name: (start, stop) for name, start, stop in _boxes(movie, begin, end)}
    start, stop = found.get(b"stsd", (0, 0))
    entry, at, until = next(_boxes(movie, start + 8, stop), (b"", 0, 0))
    if entry not in _ENTRIES:
        return None, (0, 0)
    size = _number(movie, at + 24, 2), _number(movie, at + 26, 2)
    if entry == b"CRAW" and b"JPEG" not in movie[at + _BOXES_AT : min(at + _BOXES_AT + 16, until)]:
        return None, size
    sizes, _ = found.get(b"stsz", (0, 0))
    length = (_number(movie, sizes + 4, 4) or _number(movie, sizes + 12, 4)) if sizes else 0
    place = next(
        (_number(movie, found[name][0] + 8, width) for name, width in ((b"co64", 8), (b"stco", 4)) if name in found), 0
    )
    return (Place(place, length) if place and length else None), size


def _tags(movie: bytes, begin: int, end: int) -> Tags:
    """CMT1 is the first directory of EXIF, CMT2 that of the exposure, and CMT4 that of the place."""
    blocks = {name: movie[start:stop] for name, start, stop in _boxes(movie, begin, end)}
    first = _directory(blocks.get(b"CMT1", b""))
    exposure, place = (_directory(blocks.get(name, b"")) for name in (b"CMT2", b"CMT4"))
    return Tags(of_first(*first), of_any(*exposure), of_any(*place))


def _directory(block: bytes) -> tuple[Tables, Directory]:
    tables = Tables(BytesIO(block), "little" if block[:2] == b"II" else "big")
    return tables, tables.directory(tables.number(block[4:8])) if len(block) > 8 else Directory()


def _boxes(content: bytes, at: int, end: int) -> Iterator[Box]:
    return inside(content, at, end, _MAX_BOXES)


def _number(content: bytes, at: int, width: int) -> int:
    return int.from_bytes(content[at : at + width])
