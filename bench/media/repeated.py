"""A clip repeated to a film of any length, of which only the clip and the new index are in memory.

The index of an MP4 is made anew: each table is repeated as often as the clip. The bytes of packets are those of the
clip, wherever in the film they lie. So a film of hours, or of 5 GB, costs nothing to make and to store.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from bench.media.clips import SAMPLES

# Boxes that hold others, and those that only speed up seeking or describe what we repeat.
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")
_LEFT_OUT = (b"sgpd", b"sbgp", b"udta", b"btrt")

# (box, place of its 32-bit duration in version 0)
_DURATIONS = {b"mvhd": 16, b"tkhd": 20, b"mdhd": 16}


class Repeated:
    """`clip` is an MP4 with its index at the end, without reordered pictures. `seconds` is how long the film is."""

    def __init__(self, clip: bytes, times: int, seconds: float) -> None:
        self.seconds = seconds * times
        top = {kind: (start, body) for kind, start, body in _boxes(clip)}
        (_, kept), (start, self._packets) = top[b"ftyp"], top[b"mdat"]
        length = len(self._packets) * times
        self._head = _box(b"ftyp", kept) + struct.pack(">I4sQ", 1, b"mdat", length + 16)
        shift = len(self._head) - start
        self._index = _box(b"moov", _repeated(top[b"moov"][1], times, shift, len(self._packets)))
        self._end = len(self._head) + length
        self.size = self._end + len(self._index)

    def read(self, first: int, length: int) -> bytes:
        """The bytes from `first` on, as a range of the stored object."""
        last = min(first + length, self.size)
        found = bytearray(self._head[first:last])
        at = first + len(found)
        while at < min(last, self._end):
            place = (at - len(self._head)) % len(self._packets)
            found += self._packets[place : place + min(last, self._end) - at]
            at = first + len(found)
        if at < last:
            found += self._index[at - self._end : last - self._end]
        return bytes(found)


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """(kind, place of the body, body) of each box."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at + 8, data[at + 8 : at + size]
        at += size


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _repeated(boxes: bytes, times: int, shift: int, step: int, movie: int = 0) -> bytes:
    """The index's boxes for so many clips, each `step` bytes after the one before."""
    made = b""
    chunks = samples = 0
    for kind, _, body in _boxes(boxes):
        if kind == b"mvhd":
            (movie,) = struct.unpack_from(">I", body, 12)
        if kind == b"stco":
            (chunks,) = struct.unpack_from(">I", body, 4)
        if kind == b"stsz":
            (samples,) = struct.unpack_from(">I", body, 8)
    for kind, _, body in _boxes(boxes):
        assert kind != b"ctts", "pictures are not reordered"
        if kind in _LEFT_OUT:
            continue
        if kind in _CONTAINERS:
            made += _box(kind, _repeated(body, times, shift, step, movie))
        elif kind in _TABLES:
            made += _TABLES[kind](body, times, shift, step, chunks, samples)
        elif kind in _DURATIONS:
            made += _box(kind, _longer(body, _DURATIONS[kind], times))
        elif kind == b"elst":
            made += _box(kind, _edited(body, times, movie))
        else:
            made += _box(kind, body)
    return made


def _longer(body: bytes, place: int, times: int) -> bytes:
    """The box with its duration times `times`."""
    assert body[0] == 0, "a duration of 32 bits"
    (duration,) = struct.unpack_from(">I", body, place)
    return body[:place] + struct.pack(">I", duration * times) + body[place + 4 :]


def _edited(body: bytes, times: int, movie: int) -> bytes:
    """The edit list, of one edit: it leaves out the sound encoder's run-up, which only the first clip has.

    `movie` is the film's own ticks a second.
    """
    count, duration, begin = struct.unpack_from(">IIi", body, 4)
    assert (body[0], count) == (0, 1)
    run_up = begin * movie // SAMPLES  # only sound begins later than 0
    return body[:8] + struct.pack(">I", (duration + run_up) * times - run_up) + body[12:]


def _rows(body: bytes, width: int) -> list[tuple[int, ...]]:
    return list(struct.iter_unpack(f">{width}I", body[8:]))


def _table(kind: bytes, rows: list[tuple[int, ...]], code: str = "I") -> bytes:
    flat = [value for row in rows for value in row]
    return _box(kind, struct.pack(f">II{len(flat)}{code}", 0, len(rows), *flat))


def _times(body: bytes, times: int, *_: int) -> bytes:
    rows = _rows(body, 2)
    if len(rows) == 1:
        return _table(b"stts", [(rows[0][0] * times, rows[0][1])])
    return _table(b"stts", rows * times)


def _sizes(body: bytes, times: int, *_: int) -> bytes:
    size, count = struct.unpack_from(">II", body, 4)
    return _box(b"stsz", struct.pack(">III", 0, size, count * times) + body[12:] * times)


def _keys(body: bytes, times: int, _shift: int, _step: int, _chunks: int, samples: int) -> bytes:
    rows = _rows(body, 1)
    return _table(b"stss", [(each + number * samples,) for number in range(times) for (each,) in rows])


def _runs(body: bytes, times: int, _shift: int, _step: int, chunks: int, _samples: int) -> bytes:
    rows = _rows(body, 3)
    return _table(b"stsc", [(first + number * chunks, *rest) for number in range(times) for first, *rest in rows])


def _places(body: bytes, times: int, shift: int, step: int, *_: int) -> bytes:
    rows = _rows(body, 1)
    return _table(b"co64", [(each + shift + number * step,) for number in range(times) for (each,) in rows], "Q")


_TABLES: dict[bytes, Callable[[bytes, int, int, int, int, int], bytes]] = {
    b"stts": _times,
    b"stsz": _sizes,
    b"stss": _keys,
    b"stsc": _runs,
    b"stco": _places,
}
