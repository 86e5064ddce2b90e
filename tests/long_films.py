"""Films of hours that nobody stores: an index of hours over the samples of a short film, again and again."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from tests import films

SECONDS = 8
"""How long one round is: 200 pictures, or 375 frames of sound, so that both go on for hours side by side."""

_COUNTS = {b"vide": SECONDS * 25, b"soun": SECONDS * 48_000 // 1024}


def round_of(**more: Any) -> bytes:
    """The short film whose samples are repeated."""
    given: dict[str, Any] = {
        "size": (96, 64),
        "times": range(SECONDS * 25 + 25),
        "draw": films.numbered,
        "picture": lambda stream: setattr(stream, "options", {"g": "50", "x264-params": "scenecut=0"}),
    }
    return films.film(**given | more)


class Long:
    """An MP4 of `rounds` rounds, its index at the end. `read` stands for `ranged.read_range`, and counts."""

    def __init__(self, film: bytes, rounds: int, *, index_first: bool = False) -> None:
        boxes = dict(_boxes(film))
        self._payload, self._rounds = boxes[b"mdat"], rounds
        start = film.index(b"mdat") + 4
        self._head = _box(b"ftyp", boxes[b"ftyp"])
        length = len(self._payload) * rounds
        data = struct.pack(">I4sQ", 1, b"mdat", 16 + length)
        if index_first:
            size = len(_index(boxes[b"moov"], rounds, len(self._payload), 0))
            index = _index(boxes[b"moov"], rounds, len(self._payload), len(self._head) + size + 16 - start)
            self._head += index + data
            self._tail = b""
        else:
            self._head += data
            index = self._tail = _index(boxes[b"moov"], rounds, len(self._payload), len(self._head) - start)
        self.index_size = len(index)
        self.size = len(self._head) + length + len(self._tail)
        self.seconds = rounds * SECONDS
        self.requests: list[tuple[int, int]] = []

    def read(self, key: str, version_id: str, first: int, length: int) -> bytes:
        self.requests.append((first, length))
        found = bytearray()
        while len(found) < length:
            piece = self._at(first + len(found), length - len(found))
            if not piece:
                break
            found += piece
        return bytes(found)

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.requests)

    def _at(self, place: int, length: int) -> bytes:
        if place < len(self._head):
            return self._head[place : place + length]
        place -= len(self._head)
        if place < len(self._payload) * self._rounds:
            return self._payload[place % len(self._payload) :][:length]
        place -= len(self._payload) * self._rounds
        return self._tail[place : place + length]


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size]
        at += size


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _index(moov: bytes, rounds: int, length: int, shift: int) -> bytes:
    """`length` is that of a round's bytes, and `shift` how far those of the first round lie behind the short film's."""
    made = b""
    for kind, body in _boxes(moov):
        if kind == b"mvhd":
            body = body[:16] + struct.pack(">I", rounds * SECONDS * struct.unpack_from(">I", body, 12)[0]) + body[20:]
        made += _box(kind, _track(body, rounds, length, shift) if kind == b"trak" else body)
    return _box(b"moov", made)


def _track(trak: bytes, rounds: int, length: int, shift: int) -> bytes:
    parts = dict(_boxes(trak))
    media = dict(_boxes(parts[b"mdia"]))
    info = dict(_boxes(media[b"minf"]))
    head = media[b"mdhd"]
    count = _COUNTS[media[b"hdlr"][8:12]]
    media[b"mdhd"] = head[:16] + struct.pack(">I", rounds * SECONDS * struct.unpack_from(">I", head, 12)[0]) + head[20:]
    info[b"stbl"] = _table(dict(_boxes(info[b"stbl"])), count, rounds, length, shift)
    media[b"minf"] = b"".join(_box(kind, info[kind]) for kind in info)
    parts[b"mdia"] = b"".join(_box(kind, media[kind]) for kind in media)
    return b"".join(_box(kind, parts[kind]) for kind in parts if kind != b"edts")


def _table(table: dict[bytes, bytes], count: int, rounds: int, length: int, shift: int) -> bytes:
    sizes = list(struct.unpack_from(f">{count}I", table[b"stsz"], 12))
    step = struct.unpack_from(">I", table[b"stts"], 12)[0]
    places = [place + shift for place in _places(table, sizes)]
    made = {
        b"stsd": table[b"stsd"],
        b"stts": struct.pack(">IIII", 0, 1, count * rounds, step),
        b"stsc": struct.pack(">IIIII", 0, 1, 1, 1, 1),
        b"stsz": struct.pack(">III", 0, 0, count * rounds) + struct.pack(f">{count}I", *sizes) * rounds,
        b"co64": struct.pack(">II", 0, count * rounds)
        + b"".join(struct.pack(f">{count}Q", *(place + each * length for place in places)) for each in range(rounds)),
    }
    if b"ctts" in table:
        offsets = [offset for times, offset in struct.iter_unpack(">II", table[b"ctts"][8:]) for _ in range(times)]
        rows = b"".join(struct.pack(">II", 1, offset) for offset in offsets[:count])
        made[b"ctts"] = struct.pack(">II", 0, count * rounds) + rows * rounds
    if b"stss" in table:
        keys = [key for (key,) in struct.iter_unpack(">I", table[b"stss"][8:]) if key <= count]
        made[b"stss"] = struct.pack(">II", 0, len(keys) * rounds) + b"".join(
            struct.pack(f">{len(keys)}I", *(key + each * count for key in keys)) for each in range(rounds)
        )
    return b"".join(_box(kind, made[kind]) for kind in made)


def _places(table: dict[bytes, bytes], sizes: list[int]) -> list[int]:
    """Where each sample is."""
    chunks = [chunk for (chunk,) in struct.iter_unpack(">I", table[b"stco"][8:])]
    rows = [row[:2] for row in struct.iter_unpack(">III", table[b"stsc"][8:])]
    found: list[int] = []
    for number, place in enumerate(chunks, 1):
        for _ in range(next(many for first, many in reversed(rows) if first <= number)):
            if len(found) < len(sizes):
                found.append(place)
                place += sizes[len(found) - 1]
    return found
