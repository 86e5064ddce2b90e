"""Where the index of a film or a sound is, and if it has one at all. A few bytes are read of the file.

An index says where each picture is. MP4 has it in one box, `moov`, and AVI in the chunk `idx1`; both may be at the end.
An AVI of more than 1 GB has one in each of its parts (OpenDML), and an index of these in its header.
Matroska's is small, and FFmpeg reads it when it looks for a moment. Recordings of browsers have none, fragmented MP4
has it in pieces all over the file, MP3 has none or a rough one, and MPEG's transport and program streams have none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from chalicelib.processing.media.mp4_boxes import boxes, down

# Bytes of an index, at most: it has about 2 MB an hour, and no stream lasts longer than 24 hours.
LARGEST = 64 * 1024**2

# Entries of a track's edit list, at most. FFmpeg's time grows with their square: 20,000 take 40 seconds of a processor
# in three children, and 1,000 take 1.3. A film that was cut by hand has some dozen.
MOST_EDITS = 1000

_MOST_BOXES = 64
_MOST_TRACKS = 2000  # with other boxes beside them
# Pieces of an index that are kept, those that one track may name, and bytes between two that are fetched together.
_MOST_PIECES, _MOST_NAMED, _GAP = 1000, 4096, 64 * 1024
_MOST_HEAD = 1024**2  # bytes before Matroska's first cluster, where covers and fonts do not stand

_SEEK_HEAD, _INFO, _CUES, _CLUSTER = 0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1F43B675
_SEGMENT, _DURATION = 0x18538067, b"\x44\x89"
_CUES_ARE_NAMED = b"\x53\xab\x84\x1c\x53\xbb\x6b"  # the element SeekID of Cues


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
                return Index(missing=_is_live(data, size))
            case "mp3" | "mpegts" | "mpeg":
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
    inside = partial(boxes, data, most=_MOST_TRACKS)
    content = next((content for kind, _, content, _ in inside(start=start, end=end) if kind == b"moov"), end)
    for kind, _, first, last in inside(start=content, end=end):
        found = down(data, first, last, b"edts", b"elst", most=_MOST_BOXES) if kind == b"trak" else None
        if found:
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


def _is_live(data: BinaryIO, size: int) -> bool:
    """True if it has no duration, or names no Cues: so do programs write it that can't go back to the beginning."""
    data.seek(0)
    head = data.read(min(size, _MOST_HEAD))
    _, length, content = _element(head, 0)
    if length is None:
        return False
    name, _, at = _element(head, content + length)
    if name != _SEGMENT:
        return False
    has_duration = has_cues = False
    while at < len(head):
        name, length, content = _element(head, at)
        if name == _CLUSTER:
            return not (has_cues and has_duration)
        if length is None:
            return False
        body = head[content : content + length]
        has_cues |= name == _CUES or (name == _SEEK_HEAD and _CUES_ARE_NAMED in body)
        has_duration |= name == _INFO and _DURATION in body
        at = content + length
    return False


def _element(head: bytes, at: int) -> tuple[int, int | None, int]:
    """(name, length or None if it is unknown, where the content begins)."""
    wide = _width(head, at)
    name = int.from_bytes(head[at : at + wide])
    long = _width(head, at + wide)
    length = int.from_bytes(head[at + wide : at + wide + long]) & ((1 << 7 * long) - 1)
    return name, None if length == (1 << 7 * long) - 1 else length, at + wide + long


def _width(head: bytes, at: int) -> int:
    if at >= len(head) or not head[at]:
        raise ValueError("no element is here")
    return 9 - head[at].bit_length()
