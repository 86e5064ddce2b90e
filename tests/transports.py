"""MPEG transport streams for tests: as cameras, television and people who join files make them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests import films

PACKET = 188
WRAP = 2**33 / 90_000
"""Seconds after which times begin anew."""


def film(seconds: float = 20, *, start: float = 0.0, first: int = 0, form: str = "mpegts", **more: Any) -> bytes:
    """A film of numbered pictures, 10 a second, the first of which has the number `first`, from a second on."""
    given: dict[str, Any] = {
        "size": (96, 64),
        "times": range(round(seconds * 10)),
        "rate": 10,
        "sing": films.Chirp(),
        "draw": lambda size, pixels, time, base: films.numbered(size, pixels, time + first, base),
        "picture": lambda stream: setattr(stream, "options", {"g": "20"}),
        "sound_codec": "aac",
    }
    options = {"output_ts_offset": str(start)} if start else {}
    return films.without_index(films.film("mp4", **given | more), form, options)


def packets(data: bytes) -> Iterator[bytes]:
    return (data[at : at + PACKET] for at in range(0, len(data), PACKET))


def pid(packet: bytes) -> int:
    return int.from_bytes(packet[1:3]) & 0x1FFF


def with_times(data: bytes) -> bytes:
    """As cameras write it: four bytes before each packet."""
    return b"".join(number.to_bytes(4) + packet for number, packet in enumerate(packets(data)))


def without(data: bytes, pids: Sequence[int], until: int) -> bytes:
    """Without the packets of these PIDs among the first `until`."""
    return b"".join(each for n, each in enumerate(packets(data)) if n >= until or pid(each) not in pids)


PAT, PMT = 0, 0x1000
"""PIDs, as FFmpeg writes them; its tracks begin with 0x100."""


def both(one: bytes, other: bytes) -> bytes:
    """Two programs in one stream, packet by packet."""
    first, second = list(packets(one)), [_moved(each, 0x400) for each in packets(other) if pid(each) != PAT]
    first = [_pat() if pid(each) == PAT else each for each in first]
    mixed = [(place / len(each), packet) for each in (first, second) for place, packet in enumerate(each)]
    return b"".join(packet for _, packet in sorted(mixed, key=lambda each: each[0]))


def _pat() -> bytes:
    section = bytes.fromhex("00b011") + bytes.fromhex("0001c10000") + b"\0\1\xf0\0" + b"\0\2\xf4\0"
    return (b"G\x40\0\x10\0" + section + _crc(section)).ljust(PACKET, b"\xff")


def _moved(packet: bytes, by: int) -> bytes:
    """A packet of another program, with a PID of its own. Its PMT names the moved PIDs."""
    where = pid(packet)
    if where < 0x20 or where == 0x1FFF:
        return packet
    moved = packet[:1] + (int.from_bytes(packet[1:3]) + by).to_bytes(2) + packet[3:]
    if where != PMT:
        return moved
    section = bytearray(moved[5 : 5 + 3 + (int.from_bytes(moved[6:8]) & 0xFFF) - 4])
    section[3:5] = b"\0\2"
    section[8:10] = (int.from_bytes(section[8:10]) + by).to_bytes(2)
    at = 12 + (int.from_bytes(section[10:12]) & 0xFFF)
    while at < len(section):
        section[at + 1 : at + 3] = (int.from_bytes(section[at + 1 : at + 3]) + by).to_bytes(2)
        at += 5 + (int.from_bytes(section[at + 3 : at + 5]) & 0xFFF)
    return (moved[:5] + bytes(section) + _crc(bytes(section))).ljust(PACKET, b"\xff")


def _crc(section: bytes) -> bytes:
    found = 0xFFFFFFFF
    for byte in section:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1 ^ (0x04C11DB7 if found & 0x80000000 else 0)) & 0xFFFFFFFF
    return found.to_bytes(4)
