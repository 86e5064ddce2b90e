"""Large AVI files in the form of OpenDML, of which nobody stores more than a short film and its index.

Cameras and capture programs write them: several chunks RIFF of up to 1 GB, an index `ix..` for each track in each of
them, and an index of these, `indx`, in the track's header. (OpenDML AVI File Format Extensions, 1996)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests import films

SECONDS = 8


def short(seconds: int = SECONDS, **more: object) -> bytes:
    """The film that is repeated: numbered pictures, 25 a second, each a key."""
    given: dict[str, object] = {
        "codec": "mpeg4",
        "sound_codec": "pcm_s16le",
        "size": (96, 64),
        "times": range(seconds * 25),
        "draw": films.numbered,
        "picture": lambda stream: setattr(stream, "options", {"g": "10"}),
    }
    return films.film("avi", **given | more)  # type: ignore[arg-type]


@dataclass
class Chunk:
    kind: bytes
    body: bytes

    def whole(self) -> bytes:
        return self.kind + struct.pack("<I", len(self.body)) + self.body + bytes(len(self.body) % 2)


def chunks(data: bytes, start: int = 0) -> Iterator[Chunk]:
    while start + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, start)
        yield Chunk(kind, data[start + 8 : start + 8 + length])
        start += 8 + length + length % 2


def _list(kind: bytes, inside: bytes, outer: bytes = b"LIST") -> bytes:
    return outer + struct.pack("<I", len(inside) + 4) + kind + inside


@dataclass
class Long:
    """`parts` RIFF chunks, each with the film's packets `rounds` times. `read` stands for `ranged.read_range`."""

    film: bytes
    parts: int
    rounds: int
    requests: list[tuple[int, int]] = field(default_factory=list)
    entries: int = 0
    """How many packets the first index of each track names; the true number if it is 0."""

    def __post_init__(self) -> None:
        top = list(chunks(self.film[12:]))
        self._header = next(each.body for each in top if each.kind == b"LIST" and each.body[:4] == b"hdrl")
        movi = next(each.body for each in top if each.kind == b"LIST" and each.body[:4] == b"movi")
        interleaved = list(chunks(movi, 4))
        self._streams = sorted({each.kind for each in interleaved})
        self._payload = b"".join(each.whole() for each in interleaved)
        at, self._places = 0, dict[bytes, list[tuple[int, int, bool]]]()
        for each in interleaved:
            is_key = each.kind[2:] == b"wb" or b"\0\0\1\xb0" in each.body[:64] or b"\0\0\1\xb6" not in each.body[:64]
            is_key |= bool(each.body[4] >> 6 == 0) if each.body[:4] == b"\0\0\1\xb6" else False
            self._places.setdefault(each.kind, []).append((at + 8, len(each.body), is_key))
            at += len(each.whole())
        self._build()

    def _build(self) -> None:
        length = len(self._payload) * self.rounds
        ix_size = {kind: 32 + 8 * len(places) * self.rounds for kind, places in self._places.items()}
        head_size = len(self._head({kind: [(0, 0, 0)] * self.parts for kind in self._streams}))
        self._pieces: list[tuple[int, bytes, int]] = []  # (where, bytes, how often)
        supers: dict[bytes, list[tuple[int, int, int]]] = {kind: [] for kind in self._streams}
        at = 12 + head_size
        for number in range(self.parts):
            riff = 0 if number == 0 else at
            at += 0 if number == 0 else 12
            inside = 4 + length + sum(ix_size.values())
            self._pieces.append((at, struct.pack("<4sI4s", b"LIST", inside, b"movi"), 1))
            base = at + 12
            self._pieces.append((base, self._payload, self.rounds))
            at = base + length
            for kind in self._streams:
                body = self._standard(kind, base)
                supers[kind].append((at, len(body), len(self._places[kind]) * self.rounds))
                self._pieces.append((at, body, 1))
                at += len(body)
            form = b"AVI " if number == 0 else b"AVIX"
            self._pieces.append((riff, struct.pack("<4sI4s", b"RIFF", at - riff - 8, form), 1))
        self._pieces.append((12, self._head(supers), 1))
        self.size = at
        self.index_size = self.parts * sum(ix_size.values())
        self._pieces.sort(key=lambda each: each[0])

    def _standard(self, kind: bytes, base: int) -> bytes:
        places = self._places[kind]
        count = len(places) * self.rounds
        rows = (
            (start + turn * len(self._payload), size | (0 if key else 1 << 31))
            for turn in range(self.rounds)
            for start, size, key in places
        )
        body = struct.pack("<HBBI4sQI", 2, 0, 1, self.entries or count, kind, base, 0)
        return Chunk(b"ix" + kind[:2], body + b"".join(struct.pack("<II", *row) for row in rows)).whole()

    def _head(self, supers: dict[bytes, list[tuple[int, int, int]]]) -> bytes:
        made = b""
        number = 0
        for each in chunks(self._header, 4):
            if each.kind == b"LIST" and each.body[:4] == b"strl":
                kind = next(one for one in self._streams if int(one[:2]) == number)
                made += _list(b"strl", self._track(each.body, supers[kind], kind))
                number += 1
            elif each.kind == b"avih":
                made += Chunk(b"avih", each.body[:16] + struct.pack("<I", self._frames()) + each.body[20:]).whole()
        return _list(b"hdrl", made + _list(b"odml", Chunk(b"dmlh", struct.pack("<I", self._frames())).whole()))

    def seconds(self, short: int) -> int:
        """How long it lasts, if the film lasts so many seconds."""
        return short * self.parts * self.rounds

    def _frames(self) -> int:
        return self.parts * self.rounds * len(self._places[self._streams[0]])

    def _track(self, body: bytes, rows: list[tuple[int, int, int]], kind: bytes) -> bytes:
        made = b""
        for each in chunks(body, 4):
            if each.kind == b"strh":
                (length,) = struct.unpack_from("<I", each.body, 32)
                changed = struct.pack("<I", length * self.rounds * self.parts)
                made += Chunk(b"strh", each.body[:32] + changed + each.body[36:]).whole()
            elif each.kind == b"strf":
                made += each.whole()
        table = struct.pack("<HBBI4s12x", 4, 0, 0, len(rows), kind)
        return made + Chunk(b"indx", table + b"".join(struct.pack("<QII", *row) for row in rows)).whole()

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.requests)

    def read(self, key: str, version_id: str, first: int, length: int) -> bytes:
        self.requests.append((first, length))
        found = bytearray(max(0, min(length, self.size - first)))
        for start, body, times in self._pieces:
            end = start + len(body) * times
            place = max(start, first)
            while place < min(end, first + len(found)):
                inside = (place - start) % len(body)
                piece = body[inside : inside + min(end, first + len(found)) - place]
                found[place - first : place - first + len(piece)] = piece
                place += len(piece)
        return bytes(found)

    def whole(self) -> bytes:
        return self.read("", "", 0, self.size)
