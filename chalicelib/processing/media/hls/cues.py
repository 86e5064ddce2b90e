"""In the child: the key pictures that the index of a Matroska or WebM file (Cues) names, and where they are.

All that is needed of the film's head and of its Cues is read here; of the film itself nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from av.container import InputContainer

from chalicelib.processing.media import ebml
from chalicelib.processing.media.hls import opening
from chalicelib.processing.media.hls.samples import exactly

# Entries of the Cues, of all tracks. A film of 24 hours has one each second, and a few for its subtitles.
MOST_CUES = 150_000
# Bytes of the element that tells of the tracks.
_MOST_TRACK_BYTES = 1024**2
_MOST_TRACKS, _MOST_PARTS = 1000, 64
# Bytes at the beginning of each picture that the file keeps once for all of them.
_LONGEST_PREFIX = 64

_SCALE = 0x2AD7B1
_TRACK, _NUMBER, _TYPE, _CODEC, _OWN_SCALE, _DELAY, _PICTURE = 0xAE, 0xD7, 0x83, 0x86, 0x23314F, 0x56AA, 0xE0
_CROPS = (0x54AA, 0x54BB, 0x54CC, 0x54DD)
_ENCODINGS, _ENCODING, _SCOPE, _SORT, _COMPRESSION, _METHOD, _PREFIX = (
    *(0x6D80, 0x6240, 0x5032, 0x5033),
    *(0x5034, 0x4254, 0x4255),
)
_POINT, _TIME, _PLACES, _OF_TRACK, _OF_CLUSTER, _INSIDE = 0xBB, 0xB3, 0xB7, 0xF7, 0xF1, 0xF0


@dataclass(frozen=True, slots=True)
class Cue:
    """A key picture: when it is shown, in the file's ticks; the byte at which its cluster begins; and how many bytes
    `inside` the cluster's content its block begins. -1 if the file does not say that."""

    time: int
    cluster: int
    inside: int

    @property
    def place(self) -> int:
        """A byte that is not behind the block."""
        return self.cluster + max(0, self.inside)


@dataclass(frozen=True)
class Cued:
    """The `cues` of a track, sorted by time and place. `number` is the track's in its blocks, and `prefix` the bytes
    that stand before each of its pictures, and that the file has once.

    `nanoseconds` are those of a tick. `first` is the byte of the first cluster, and `end` one behind the last.
    """

    number: int
    prefix: bytes
    nanoseconds: int
    cues: list[Cue]
    first: int
    end: int


def look(container: InputContainer, stream: Any, data: BinaryIO, size: int, index: tuple[int, int]) -> Cued | None:
    """`index` says where the Cues are, and their length. None if they can't tell where the track is cut."""
    at = data.tell()
    try:
        return _look(container, stream, data, size, index)
    except ValueError:
        return None
    finally:
        data.seek(at)  # FFmpeg reads on from there


def _look(container: InputContainer, stream: Any, data: BinaryIO, size: int, index: tuple[int, int]) -> Cued | None:
    head = _head(data, size)
    track = _track(head.tracks, container, stream) if head else None
    if head is None or track is None or _is_unusual(track):
        return None
    number, prefix = _whole(track, _NUMBER), _prefix(track)
    body = ebml.element(data, index[0])
    if prefix is None or body is None or body.name != ebml.CUES:
        return None
    found = _sorted(_cues(_read(data, body.content, index[0] + index[1]), number, head.base), head.first, size)
    if not found:
        return None
    end = index[0] if index[0] > found[-1].cluster else size
    return Cued(number, prefix, head.nanoseconds, found, head.first, end)


def _read(data: BinaryIO, start: int, end: int) -> bytes:
    """Raises ValueError if the file ends before."""
    data.seek(start)
    return exactly(data, end - start)


# --- the head


@dataclass(frozen=True)
class _Head:
    """`base` is where places count from."""

    base: int
    nanoseconds: int
    tracks: bytes
    first: int


def _head(data: BinaryIO, size: int) -> _Head | None:
    """None if there is no cluster, or none that comes after what tells of the tracks."""
    segment = ebml.segment(data, size, most=_MOST_PARTS)
    nanoseconds, tracks = 1_000_000, b""
    for each, end in ebml.elements(data, *segment, most=_MOST_PARTS) if segment else ():
        if each.name == ebml.CLUSTER and segment:
            return _Head(segment[0], nanoseconds, tracks, each.start)
        if each.name == ebml.INFO:
            fields = _fields(_read(data, each.content, min(end, each.content + _MOST_TRACK_BYTES)))
            nanoseconds = _whole(fields, _SCALE) or nanoseconds
        elif each.name == ebml.TRACKS and end - each.content <= _MOST_TRACK_BYTES:
            tracks = _read(data, each.content, end)
    return None


def _fields(body: bytes) -> dict[int, bytes]:
    return dict(ebml.parts(body, most=_MOST_PARTS))


def _whole(fields: Mapping[int, bytes], name: int, usual: int = 0) -> int:
    """A whole number."""
    return int.from_bytes(fields[name][:8]) if name in fields else usual


def _track(tracks: bytes, container: InputContainer, stream: Any) -> dict[int, bytes] | None:
    """The entry of FFmpeg's track of pictures; None if it does not count the same tracks as we do."""
    own = opening.pictures(container)
    entries = [_fields(body) for name, body in ebml.parts(tracks, most=_MOST_TRACKS) if name == _TRACK]
    pictures = [entry for entry in entries if _whole(entry, _TYPE) == 1 and entry.get(_CODEC)]
    numbers = {_whole(entry, _NUMBER) for entry in entries}
    if len(own) != len(pictures) or len(numbers) != len(entries):
        return None
    return next((entry for each, entry in zip(own, pictures, strict=True) if each.index == stream.index), None)


def _is_unusual(track: Mapping[int, bytes]) -> bool:
    """True if its times are no ticks of the file, or if players leave out a part of each picture."""
    picture = _fields(track.get(_PICTURE, b""))
    delayed = any(track.get(_DELAY, b""))
    return _OWN_SCALE in track or delayed or any(any(picture.get(name, b"")) for name in _CROPS)


def _prefix(track: Mapping[int, bytes]) -> bytes | None:
    """The bytes that each picture lacks at its beginning; None if pictures are stored in another way.

    mkvmerge wrote so for years ("header removal").
    """
    encodings = [body for name, body in ebml.parts(track.get(_ENCODINGS, b""), most=_MOST_PARTS) if name == _ENCODING]
    if not encodings:
        return b""
    fields = _fields(encodings[0])
    how = _fields(fields.get(_COMPRESSION, b""))
    prefix = how.get(_PREFIX, b"")
    is_prefix = _whole(fields, _SORT) == 0 and _whole(how, _METHOD) == 3 and len(prefix) <= _LONGEST_PREFIX
    return prefix if len(encodings) == 1 and _whole(fields, _SCOPE, usual=1) & 1 and is_prefix else None


# --- the cues


def _cues(body: bytes, track: int, base: int) -> list[Cue]:
    """Those of the track, as they stand there. Raises ValueError if there are too many of all tracks."""
    found: list[Cue] = []
    for count, (name, point) in enumerate(ebml.parts(body, most=MOST_CUES + 1)):
        if count == MOST_CUES:
            raise ValueError("there are too many cues")
        if name != _POINT:
            continue
        inside = [*ebml.parts(point, most=_MOST_PARTS)]
        time = next((int.from_bytes(value[:8]) for name, value in inside if name == _TIME), None)
        for name, value in inside:
            fields = _fields(value) if name == _PLACES and time is not None else {}
            if time is not None and _whole(fields, _OF_TRACK) == track and _OF_CLUSTER in fields:
                found.append(Cue(time, base + _whole(fields, _OF_CLUSTER), _whole(fields, _INSIDE, usual=-1)))
    return found


def _sorted(cues: list[Cue], first: int, size: int) -> list[Cue]:
    """By their times, each time once, and only those in the file; none if one is stored before an earlier one."""
    found: list[Cue] = []
    for cue in sorted(cues, key=lambda each: (each.time, each.cluster, each.inside)):
        if not first <= cue.place < size or (found and cue.time == found[-1].time):
            continue
        if found and (cue.cluster < found[-1].cluster or _is_before(cue, found[-1])):
            return []
        found.append(cue)
    return found


def _is_before(cue: Cue, other: Cue) -> bool:
    """True if both say where they are in one cluster, and the first is not behind the other."""
    return cue.cluster == other.cluster and min(cue.inside, other.inside) >= 0 and cue.inside <= other.inside
