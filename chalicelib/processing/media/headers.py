"""A small reader for stages without FFmpeg: duration and size from the headers of MP4, Matroska, WAV and FLAC.

It gives the same words as `ffmpeg_child`, as far as it knows them, and nothing for other formats and damaged files.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from chalicelib.processing.kinds import Source
from chalicelib.processing.media import ebml, mp4_boxes
from chalicelib.storage.ranged import TooMuchReadError

# Boxes or elements that are looked at, at most: a hostile file has millions.
MOST_PARTS = 2000
# Bytes of a part that is read whole.
MOST_BYTES = 64 * 1024

Found = dict[str, Any]


def read(source: Source, head: bytes) -> Found:
    """Never raises for what is in the file, nor if no more of it may be read. Errors of S3 are raised."""
    reader = _reader(head)
    if reader is None:
        return {}
    try:
        return reader(source.data, source.size)
    except (struct.error, ValueError, IndexError, ZeroDivisionError, OverflowError, TooMuchReadError):
        return {}


def _reader(head: bytes) -> Callable[[BinaryIO, int], Found] | None:
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _matroska
    if head[:4] == b"fLaC":
        return _flac
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _wav
    return _mp4 if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot") else None


# --- MP4 and QuickTime: ISO/IEC 14496-12


_boxes = partial(mp4_boxes.boxes, most=MOST_PARTS)
_box = partial(mp4_boxes.down, most=MOST_PARTS)


def _mp4(data: BinaryIO, size: int) -> Found:
    movie = _box(data, 0, size, b"moov")
    if movie is None:
        return {}
    found: Found = {}
    whole = _UPRIGHT
    if header := _box(data, *movie, b"mvhd"):
        about = _content(data, *header)
        found["duration"] = _seconds(about)
        whole = _matrix(about, 48 if about[0] == 1 else 36)
    for kind, _, start, end in _boxes(data, *movie):
        media = _box(data, start, end, b"mdia") if kind == b"trak" else None
        handler = _box(data, *media, b"hdlr") if media else None
        track = _box(data, start, end, b"tkhd")
        if handler and track and _content(data, *handler)[8:12] == b"vide":
            return {**found, "video": _shown(_content(data, *track), whole)}
    return found


def _content(data: BinaryIO, start: int, end: int) -> bytes:
    data.seek(start)
    return data.read(min(end - start, MOST_BYTES))


def _seconds(header: bytes) -> float | None:
    """Of a movie header: version 1 has times of 64 bits."""
    scale, length = struct.unpack_from(">IQ", header, 20) if header[0] == 1 else struct.unpack_from(">II", header, 12)
    return length / scale if length and length not in (2**32 - 1, 2**64 - 1) else None


# Where the picture's right side and its lower side come to lie: (right, down) each, in 1/65536.
_Matrix = tuple[int, int, int, int]
_UPRIGHT = (1 << 16, 0, 0, 1 << 16)

# (degrees clockwise, mirrored before that) by the signs of such a matrix.
_TURNS = {
    (1, 0, 0, 1): (0, False),
    (0, 1, -1, 0): (90, False),
    (-1, 0, 0, -1): (180, False),
    (0, -1, 1, 0): (270, False),
    (-1, 0, 0, 1): (0, True),
    (0, -1, -1, 0): (90, True),
    (1, 0, 0, -1): (180, True),
    (0, 1, 1, 0): (270, True),
}


def _matrix(header: bytes, at: int) -> _Matrix:
    a, b, _, c, d = struct.unpack_from(">iiiii", header, at)
    return a, b, c, d


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _shown(header: bytes, movie: _Matrix) -> Found:
    """Width, height and turn by a track's header. The matrix of the `movie` comes after that of the track."""
    at = 88 if header[0] == 1 else 76
    width, height = struct.unpack_from(">II", header, at)
    a, b, c, d = _matrix(header, at - 36)
    right, down, more_right, more_down = movie
    signs = (
        _sign(a * right + b * more_right),
        _sign(a * down + b * more_down),
        _sign(c * right + d * more_right),
        _sign(c * down + d * more_down),
    )
    rotation, mirrored = _TURNS.get(signs, (0, False))
    return {
        "width": width >> 16,
        "height": height >> 16,
        "aspect": 1.0,
        "rotation": rotation,
        "mirrored": mirrored,
    }


# --- Matroska and WebM: RFC 9559

_TRACK, _VIDEO = 0xAE, 0xE0
_SCALE, _DURATION, _WIDTH, _HEIGHT, _SHOWN_WIDTH, _SHOWN_HEIGHT = 0x2AD7B1, 0x4489, 0xB0, 0xBA, 0x54B0, 0x54BA


def _matroska(data: BinaryIO, size: int) -> Found:
    segment = ebml.segment(data, size, most=MOST_PARTS)
    found: Found = {}
    for kind, start, end in _elements(data, *segment) if segment else ():
        if kind == ebml.INFO:
            values = dict(_values(data, start, end))
            scale = int.from_bytes(values.get(_SCALE, b"")) or 1_000_000
            if length := values.get(_DURATION):
                found["duration"] = struct.unpack(">f" if len(length) == 4 else ">d", length)[0] * scale / 1e9
        elif kind == ebml.TRACKS:
            video = _matroska_video(data, start, end)
            return {**found, "video": video} if video else found
        elif kind == ebml.CLUSTER:
            break
    return found


def _matroska_video(data: BinaryIO, start: int, end: int) -> Found | None:
    for track, first, last in _elements(data, start, end):
        for kind, inner, inner_end in _elements(data, first, last) if track == _TRACK else ():
            if kind == _VIDEO:
                values = {name: int.from_bytes(value) for name, value in _values(data, inner, inner_end)}
                width, height = (
                    values.get(shown) or values.get(stored)
                    for shown, stored in ((_SHOWN_WIDTH, _WIDTH), (_SHOWN_HEIGHT, _HEIGHT))
                )
                return {"width": width, "height": height, "aspect": 1.0, "rotation": 0}
    return None


def _elements(data: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(id, first byte of the content, end) of each element between two places."""
    for each, last in ebml.elements(data, start, end, most=MOST_PARTS):
        yield each.name, each.content, last


def _values(data: BinaryIO, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    for kind, first, last in _elements(data, start, end):
        if last - first <= 8:
            yield kind, _content(data, first, last)


# --- sound


def _flac(data: BinaryIO, size: int) -> Found:
    """The block STREAMINFO comes first: RFC 9639, 8.2."""
    data.seek(8)
    bits = int.from_bytes(data.read(34)[10:18])
    rate, samples = bits >> 44, bits & (2**36 - 1)
    sound = {"codec": "flac", "channels": (bits >> 41 & 7) + 1, "sample_rate": rate}
    return {"duration": samples / rate if samples else None, "audio": [sound]}


def _wav(data: BinaryIO, size: int) -> Found:
    found: Found = {}
    at, rate = 12, 0
    for _ in range(MOST_PARTS):
        data.seek(at)
        head = data.read(8)
        if len(head) < 8:
            break
        kind, length = struct.unpack("<4sI", head)
        if kind == b"fmt ":
            _, channels, sample_rate, rate = struct.unpack("<HHII", data.read(12))
            found["audio"] = [{"channels": channels, "sample_rate": sample_rate}]
        elif kind == b"data":
            return {**found, "duration": min(length, size - at - 8) / rate}
        at += 8 + length + length % 2
    return found
