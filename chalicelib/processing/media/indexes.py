"""Where the index of a film or a sound is, and if it has one at all. A few bytes are read of the file.

An index says where each picture is. MP4 has it in one box, `moov`, and AVI in the chunk `idx1`; both may be at the end.
An AVI of more than 1 GB has one in each of its parts (OpenDML), and an index of these in its header.
Matroska's, the Cues, names key pictures only, and is mostly at the end. Recordings of browsers have none, fragmented
MP4 has it in pieces all over the file, MP3 has none or a rough one, and AAC and AMR alone and MPEG's transport and
program streams have none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from chalicelib.processing.media import ebml
from chalicelib.processing.media.mp4_boxes import boxes, down, tracks

# Bytes of an index, at most. It has 2 to 4 MB an hour, so this is enough for a film of 35 hours at least. Its plan then
# takes 950 MB, and the function has 1,769.
LARGEST = 128 * 1024**2

# Entries of a track's edit list, at most. FFmpeg's time grows with their square: 20,000 take 40 seconds of a processor
# in three children, and 1,000 take 1.3. A film that was cut by hand has some dozen.
MOST_EDITS = 1000

_MOST_BOXES = 64
_MOST_TRACKS = 2000  # with other boxes beside them
_MOST_SEEK_HEAD = 64 * 1024  # bytes
_MOST_SEEK_HEADS = 2  # the first may name another one
# Pieces of an index that are kept, those that one track may name, and bytes between two that are fetched together.
_MOST_PIECES, _MOST_NAMED, _GAP = 1000, 4096, 64 * 1024

_DURATION = b"\x44\x89"
_SEEK, _SEEK_NAME, _SEEK_PLACE = 0x4DBB, 0x53AB, 0x53AC


@dataclass(frozen=True)
class Index:
    """The index is the `length` bytes from `start` on; 0 if it is small or elsewhere. `more` are (start, length) of
    others, if it is in pieces.

    `missing` is True if there is none by which a moment can be found exactly: then the file must be read from its
    beginning to its end.
    """

    start: int = 0
    length: int = 0
    missing: bool = False
    more: tuple[tuple[int, int], ...] = ()


def find(data: BinaryIO, size: int, demuxer: str) -> Index:
    """`demuxer` is FFmpeg's name. A damaged file has an Index() of nothing."""
    try:
        match demuxer:
            case "mov":
                return _mov(data, size)
            case "avi":
                return _avi(data, size)
            case "matroska":
                return _matroska(data, size)
            case "mp3" | "aac" | "amr" | "flv" | "asf" | "mpegts" | "mpeg":
                return Index(missing=True)
    except (struct.error, ValueError):
        pass
    return Index()


def _mov(data: BinaryIO, size: int) -> Index:
    for kind, start, content, end in boxes(data, 0, size, most=_MOST_BOXES):
        if kind == b"moov":
            fragmented = any(each == b"mvex" for each, *_ in boxes(data, content, end, most=_MOST_BOXES))
            return _within(start, end, missing=fragmented)
        if kind == b"moof":
            break
    return Index()


def most_edits(data: BinaryIO, index: Index, demuxer: str) -> int:
    """How many entries the longest edit list of MP4 or QuickTime says it has. `data` must have the index at hand."""
    if demuxer != "mov" or not index.length:
        return 0
    try:
        return max(_edits(data, index.start, index.start + index.length), default=0)
    except struct.error:
        return 0


def _edits(data: BinaryIO, start: int, end: int) -> Iterator[int]:
    for _, first, last in tracks(data, start, end, most=_MOST_TRACKS):
        if found := down(data, first, last, b"edts", b"elst", most=_MOST_BOXES):
            data.seek(found[0] + 4)
            yield struct.unpack(">I", data.read(4))[0]


def _within(start: int, end: int, *, missing: bool = False) -> Index:
    return Index(start, end - start, missing) if end - start <= LARGEST else Index(missing=missing)


# --- AVI, and OpenDML


def _avi(data: BinaryIO, size: int) -> Index:
    for kind, start, end in _chunks(data, 12, size):
        data.seek(start + 8)
        if kind == b"LIST" and data.read(4) == b"hdrl" and (parts := _pieces(data, start + 12, end, size)):
            (first, length), *more = parts
            return Index(first, length, more=tuple(more))
        if kind == b"idx1":
            return _within(start, end)
    return Index()


def _chunks(data: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where the chunk begins, where it ends)."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        data.seek(start)
        kind, length = struct.unpack("<4sI", data.read(8))
        yield kind, start, min(end, start + 8 + length)
        start += 8 + length + length % 2


def _pieces(data: BinaryIO, start: int, end: int, size: int) -> list[tuple[int, int]]:
    """Where the indexes of all tracks are, as each track's index of indexes (`indx`) says. Neighbours become one.

    None if it says nonsense, or if they are too many or too large to be kept.
    """
    found: list[tuple[int, int]] = []
    for kind, first, last in _chunks(data, start, end):
        data.seek(first + 8)
        if kind == b"LIST" and data.read(4) == b"strl":
            for each, inner, inner_end in _chunks(data, first + 12, last):
                found += _named(data, inner + 8, inner_end) if each == b"indx" else ()
    joined: list[tuple[int, int]] = []
    for place, length in sorted(set(found)):
        if length < 8 or place + length > size:
            return []
        length = min(length + 8, size - place)  # some programs do not count its head
        if joined and place - sum(joined[-1]) <= _GAP:
            place, length = joined[-1][0], max(sum(joined[-1]), place + length) - joined.pop()[0]
        joined.append((place, length))
    fits = len(joined) <= _MOST_PIECES and sum(length for _, length in joined) <= LARGEST
    return joined if fits else []


def _named(data: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(place, length) of each index that an index of indexes names; nothing for an index of packets."""
    data.seek(start)
    width, _, kind, count = struct.unpack("<HBBI", data.read(8))
    if (width, kind) == (4, 0):
        for number in range(min(count, (end - start - 24) // 16, _MOST_NAMED)):
            data.seek(start + 24 + 16 * number)
            place, length = struct.unpack("<QI", data.read(12))
            if place:
                yield place, length


# --- Matroska (RFC 9559)


def _matroska(data: BinaryIO, size: int) -> Index:
    """It is missing if there is no duration, or no Cues: so do programs write that can't go back to the beginning."""
    segment = ebml.segment(data, size, most=_MOST_BOXES)
    if segment is None:
        return Index()
    has_duration, places, heads = False, list[int](), list[int]()
    for each, end in ebml.elements(data, *segment, most=_MOST_BOXES):
        match each.name:
            case ebml.CLUSTER:
                break
            case ebml.CUES:
                places.append(each.start)
            case ebml.SEEK_HEAD:
                heads.append(each.start)
            case ebml.INFO:
                data.seek(each.content)
                has_duration |= _DURATION in data.read(min(end - each.content, _MOST_SEEK_HEAD))
    else:
        return Index()
    places += _sought(data, heads, *segment)
    return _cues(data, places, segment[1]) if has_duration and places else Index(missing=True)


def _sought(data: BinaryIO, heads: list[int], base: int, end: int) -> Iterator[int]:
    """Where the Cues are, as these elements SeekHead say, and those that they name. Places count from `base` on."""
    for place in islice(heads, _MOST_SEEK_HEADS):
        found = ebml.element(data, place) if place < end else None
        if found is None or found.name != ebml.SEEK_HEAD or found.end is None:
            continue
        data.seek(found.content)
        body = data.read(min(found.end - found.content, _MOST_SEEK_HEAD))
        for name, seek in ebml.parts(body, most=_MOST_TRACKS):
            fields = dict(ebml.parts(seek, most=_MOST_BOXES)) if name == _SEEK else {}
            at = base + int.from_bytes(fields.get(_SEEK_PLACE, b"")[:8])
            match int.from_bytes(fields.get(_SEEK_NAME, b"")[:8]):
                case ebml.CUES:
                    yield at
                case ebml.SEEK_HEAD if at not in heads:
                    heads.append(at)


def _cues(data: BinaryIO, places: list[int], end: int) -> Index:
    """Nothing where they are not in the file, as in one that is cut off."""
    for place in places:
        found = ebml.element(data, place) if place < end else None
        if found and found.name == ebml.CUES and found.end is not None and found.end <= end:
            return _within(place, found.end)
    return Index()
