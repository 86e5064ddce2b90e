"""A JPEG inside another file: what its header says, and its bytes with the EXIF of the file around it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from chalicelib.processing.image.jpeg import FRAMES
from chalicelib.processing.raw.exif import Tags, block, of_block
from chalicelib.processing.raw.found import Place

_MAX_SEGMENTS = 200  # before the picture; large profiles and previews take about twenty
_SHOWN = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive. The raw data itself may be lossless JPEG
_APP1, _APP2 = 0xE1, 0xE2
_EXIF, _XMP, _MORE_PICTURES = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"


@dataclass(frozen=True)
class Head:
    """`size` is width and height, (0, 0) if the header ends before. `is_picture` for JPEG as browsers know it.

    `components` are those of a pixel. `tags` is the JPEG's own EXIF. `segments` are the places of that, of its XMP,
    and of the list of further pictures: name, first byte and end, from the JPEG's first byte on.
    """

    size: tuple[int, int]
    is_picture: bool
    components: int
    tags: Tags
    segments: list[tuple[bytes, int, int]]


def head(data: BinaryIO, place: Place) -> Head | None:
    """None if no JPEG begins there."""
    data.seek(place.at)
    if data.read(3) != b"\xff\xd8\xff":
        return None
    tags, segments, at = None, list[tuple[bytes, int, int]](), 2
    for _ in range(_MAX_SEGMENTS):
        data.seek(place.at + at)
        start = data.read(4)
        if len(start) < 4 or start[0] != 0xFF:
            break
        if start[1] == 0xFF:  # padding
            at += 1
            continue
        code, length = start[1], int.from_bytes(start[2:])
        end = at + 2 + length
        if code in FRAMES:
            frame = data.read(6)
            if len(frame) < 6:
                break
            size = int.from_bytes(frame[3:5]), int.from_bytes(frame[1:3])
            return Head(size, code in _SHOWN and frame[0] == 8, frame[5], tags or Tags(), segments)
        if code in (_APP1, _APP2):
            content = data.read(length - 2 if code == _APP1 else 4) if length > 2 else b""
            if content.startswith(_EXIF) and tags is None:
                tags = of_block(content[len(_EXIF) :])
            segments += [(name, at, end) for name in (_EXIF, _XMP, _MORE_PICTURES) if content.startswith(name)]
        at = end
    return Head((0, 0), is_picture=False, components=0, tags=tags or Tags(), segments=segments)


def with_tags(jpeg: bytes, found: Head, tags: Tags) -> BytesIO:
    """The JPEG with this EXIF in place of its own, and with this XMP if there is any."""
    made = BytesIO()
    made.write(jpeg[:2])
    if exif := block(tags):
        _segment(made, _EXIF + exif)
    if tags.xmp:
        _segment(made, _XMP + tags.xmp)
    at = 2
    for name, begin, end in [*found.segments, (b"", len(jpeg), len(jpeg))]:
        if name != _XMP or tags.xmp:
            made.write(memoryview(jpeg)[at:begin])
            at = end
    made.seek(0)
    return made


def _segment(made: BytesIO, content: bytes) -> None:
    made.write(bytes([0xFF, _APP1]) + (len(content) + 2).to_bytes(2) + content)
