"""Fragmented MP4 of gigabytes that nobody stores: the fragments of a short film again and again, with room between."""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Any

from tests import films
from tests.hostile_films import Box, parsed

SECONDS = 8
"""How long one round is: 200 pictures, or 375 frames of sound."""


def short(**more: Any) -> bytes:
    """The short film in fragments of two seconds."""
    given: dict[str, Any] = {
        "size": (96, 64),
        "times": range(SECONDS * 25),
        "draw": films.numbered,
        "picture": lambda stream: setattr(stream, "options", {"g": "50", "x264-params": "scenecut=0"}),
        "sing": films.Chirp(),
    }
    return films.without_index(films.film(**given | more), "mp4", films.PIECES)


class Long:
    """`rounds` times the fragments, each with `room` bytes more that no track has. `read` stands for
    `ranged.read_range`."""

    def __init__(self, film: bytes, rounds: int, room: int, *, listed: bool = True) -> None:
        boxes = parsed(film).boxes or []
        scales = [struct.unpack_from(">I", each.body, 12)[0] for box in boxes for each in box.all(b"mdhd")]
        self._pieces: list[tuple[int, bytes]] = []
        self._starts: list[int] = []
        self.size = 0
        self.fragments: list[int] = []
        for box in boxes:
            if box.kind in (b"ftyp", b"moov"):
                self._add(box.whole())
        parts = [box for box in boxes if box.kind in (b"moof", b"mdat")]
        begun = [[struct.unpack_from(">Q", each.body, 4)[0] for each in box.all(b"tfdt")] for box in parts]
        for number in range(rounds):
            for box, times in zip(parts, begun, strict=True):
                if box.kind == b"mdat":
                    self._add(struct.pack(">I4sQ", 1, b"mdat", 16 + len(box.body) + room))
                    self._add(box.body)
                    self.size += room
                    continue
                for traf in box.all(b"traf"):
                    (track,) = struct.unpack_from(">I", traf.one(b"tfhd").body, 4)
                    time = times[[*box.all(b"traf")].index(traf)] + number * SECONDS * scales[track - 1]
                    traf.one(b"tfdt").body = struct.pack(">IQ", 1 << 24, time)
                    if number == 0:
                        run = traf.one(b"trun")  # the head of `mdat` is 8 bytes longer
                        (offset,) = struct.unpack_from(">i", run.body, 8)
                        run.body = run.body[:8] + struct.pack(">i", offset + 8) + run.body[12:]
                self.fragments.append(self.size)
                self._add(box.whole())
        if listed:
            rows = b"".join(struct.pack(">QQBBB", 0, place, 1, 1, 1) for place in self.fragments)
            table = Box(b"tfra", struct.pack(">IIII", 1 << 24, 1, 0, len(self.fragments)) + rows).whole()
            end = struct.pack(">I4sII", 16, b"mfro", 0, len(table) + 24)
            self._add(struct.pack(">I4s", len(table) + 24, b"mfra") + table + end)
        self.seconds = rounds * SECONDS
        self.requests: list[tuple[int, int]] = []

    def _add(self, body: bytes) -> None:
        self._starts.append(self.size)
        self._pieces.append((self.size, body))
        self.size += len(body)

    def read(self, key: str, version_id: str, first: int, length: int) -> bytes:
        self.requests.append((first, length))
        found = bytearray(max(0, min(length, self.size - first)))
        number = max(0, bisect_right(self._starts, first) - 1)
        while number < len(self._pieces) and self._starts[number] < first + len(found):
            start, body = self._pieces[number]
            begin, end = max(start, first), min(start + len(body), first + len(found))
            if begin < end:
                found[begin - first : end - first] = body[begin - start : end - start]
            number += 1
        return bytes(found)

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.requests)
