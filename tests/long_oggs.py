"""Ogg sounds of hours that nobody stores: the pages of a short one again and again, with times of their own."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate

from tests import films

SECONDS = 10
"""How long one round is."""

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


OPUS = 960
"""Samples of a packet, at 48,000 a second."""


def short(sing: films.Chirp | None = None) -> bytes:
    """A sound in Opus, a second a page. Noise, which no codec makes small, if nothing else is given."""
    return films.sound("ogg", "libopus", seconds=SECONDS, sing=sing or films.Noise())


def pages(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        count = data[at + 26]
        end = at + 27 + count + sum(data[at + 27 : at + 27 + count])
        yield data[at:end]
        at = end


def with_checksum(page: bytes) -> bytes:
    """RFC 3533, 6: CRC-32 without reflection, which begins with 0. zlib has the reflected one."""
    blank = page[:22] + bytes(4) + page[26:]
    found = zlib.crc32(blank.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return page[:22] + struct.pack("<I", int(f"{found:032b}"[::-1], 2)) + page[26:]


class Long:
    """`rounds` times the sound. `read` stands for `ranged.read_range`, and counts."""

    def __init__(self, sound: bytes, rounds: int) -> None:
        found = list(pages(sound))
        first = next(number for number, page in enumerate(found) if struct.unpack_from("<q", page, 6)[0] > 0)
        self._head = b"".join(found[:first])
        self._round = found[first:]
        # The encoder says of the last packet that it is not to be heard to its end; in the middle of a sound it is.
        self._times = list(
            accumulate(OPUS * sum(each < 255 for each in page[27 : 27 + page[26]]) for page in self._round)
        )
        self._places = [0]
        for page in self._round:
            self._places.append(self._places[-1] + len(page))
        self.ticks = self._times[-1]
        self.seconds = rounds * self.ticks / 48_000
        self.rounds, self.size = rounds, len(self._head) + rounds * self._places[-1]
        self.requests: list[tuple[int, int]] = []

    def read(self, key: str, version_id: str, first: int, length: int) -> bytes:
        self.requests.append((first, length))
        end = min(first + length, self.size)
        found = bytearray(self._head[first:end])
        at = first + len(found)
        while at < end:
            number, inside = divmod(at - len(self._head), self._places[-1])
            page = next(n for n in range(len(self._round)) if self._places[n + 1] > inside)
            piece = self._page(number, page)[inside - self._places[page] :][: end - at]
            found += piece
            at += len(piece)
        return bytes(found)

    def _page(self, number: int, page: int) -> bytes:
        body = self._round[page]
        last = number == self.rounds - 1 and page == len(self._round) - 1
        flags = (body[5] & 1) | (4 if last else 0)
        order = struct.unpack_from("<I", body, 18)[0] + number * len(self._round)
        time = self._times[page] + number * self.ticks
        return with_checksum(
            body[:5] + struct.pack("<Bq", flags, time) + body[14:18] + struct.pack("<I", order) + body[22:]
        )

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.requests)
