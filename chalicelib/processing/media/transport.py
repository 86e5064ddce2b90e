"""In the child: MPEG transport streams (ISO/IEC 13818-1): which tracks are those of one program.

A recording of a whole channel of television has several programs, whose tracks FFmpeg mixes. Their tables come again
and again: a PAT lists the programs, and a PMT the tracks of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from chalicelib.processing.sniffing.media import packets_of

# Bytes in which the tables are looked for. They come some times a second. All of several programs are waited for within
# fewer bytes.
_MOST, _ENOUGH = 4 * 1024**2, 1024**2
_BLOCK = 64 * 1024
_MOST_PROGRAMS = 64
_MOST_LOST = 10_000  # bytes that begin no packet

_PACKET = 188
_PAT, _PMT = 0, 2  # table ids; the PAT's packets have the PID 0, too
_LONGEST_SECTION = 1024

# Types of streams of pictures: MPEG-1, MPEG-2, MPEG-4, H.264, JPEG 2000, HEVC, VVC, AVS, Dirac and VC-1.
_PICTURES = frozenset((0x01, 0x02, 0x10, 0x1B, 0x20, 0x21, 0x24, 0x33, 0x42, 0xD1, 0xEA))


@dataclass(frozen=True)
class Program:
    """The program that is shown. `tracks` are its tracks' PIDs, which FFmpeg calls `id`. `packets` are those of its
    tables, as the file has them."""

    tracks: tuple[int, ...]
    packets: bytes


@dataclass
class _Section:
    """One table on its way: its bytes so far, and the packets that they came in."""

    body: bytes = b""
    packets: bytes = b""

    def whole(self) -> bytes | None:
        if len(self.body) < 3:
            return None
        length = 3 + (int.from_bytes(self.body[1:3]) & 0xFFF)
        return self.body[:length] if length <= min(_LONGEST_SECTION, len(self.body)) else None


@dataclass
class _Search:
    """The tables that were found so far. `programs` has each program's PMT by its PID, in the order of the PAT."""

    pat: bytes = b""
    programs: dict[int, tuple[dict[int, int], bytes] | None] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    _sections: dict[int, _Section] = field(default_factory=dict)

    def add(self, packet: bytes, start: int) -> None:
        """`start` is where the sync byte is."""
        flags, pid = packet[start + 3], int.from_bytes(packet[start + 1 : start + 3]) & 0x1FFF
        begins = bool(packet[start + 1] & 0x40)
        if begins:
            self.seen.add(pid)
        if not flags & 0x10 or (pid != 0 and pid not in self.programs):
            return
        at = start + 4 + (1 + packet[start + 4] if flags & 0x20 else 0)
        payload = packet[at : start + _PACKET]
        if begins and payload:
            self._sections[pid] = _Section(payload[1 + payload[0] :], packet)
        elif pid in self._sections:
            section = self._sections[pid]
            self._sections[pid] = _Section(section.body + payload, section.packets + packet)
        if found := pid in self._sections and self._sections[pid].whole():
            self._read(pid, found, self._sections.pop(pid).packets)

    def _read(self, pid: int, section: bytes, packets: bytes) -> None:
        if pid == 0 and section[0] == _PAT and not self.programs:
            self.pat = packets
            for at in range(8, len(section) - 7, 4):
                number, where = int.from_bytes(section[at : at + 2]), int.from_bytes(section[at + 2 : at + 4]) & 0x1FFF
                if number and len(self.programs) < _MOST_PROGRAMS:
                    self.programs[where] = None
        elif pid in self.programs and section[0] == _PMT and self.programs[pid] is None:
            self.programs[pid] = dict(_tracks(section)), packets

    def best(self, *, final: bool) -> Program | None:
        """The first program with a picture that is there, or else with anything that is. None if that is not known."""
        known = [found for found in self.programs.values() if found]
        if not final and len(known) < len(self.programs):
            return None
        for wanted in (_PICTURES, None):
            for tracks, packets in known:
                if any(pid in self.seen for pid, sort in tracks.items() if wanted is None or sort in wanted):
                    return Program(tuple(tracks), self.pat + packets)
            if not final:
                break
        return None


def program(data: BinaryIO) -> Program | None:
    """The program that is shown, by the first megabytes; None where no table says which tracks it has."""
    search, read = _Search(), 0
    for packet, start, read in _packets(data):
        search.add(packet, start)
        if read > _ENOUGH and any(search.programs.values()):
            break
        if search.programs and (found := search.best(final=False)):
            return found
    return search.best(final=True)


def _packets(data: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(packet, where in it the sync byte is, how many bytes were read)."""
    data.seek(0)
    found = data.read(_BLOCK)
    packets = packets_of(found[:4096])
    if packets is None:
        return
    length, sync = packets
    start = 4 if length == 192 else 0
    at, lost, read = max(0, sync - start), 0, len(found)
    while True:
        if at + length > len(found):
            more = data.read(_BLOCK) if read < _MOST else b""
            if not more:
                return
            found, at, read = found[at:] + more, 0, read + len(more)
            continue
        if found[at + start] == 0x47:
            yield found[at : at + length], start, read
            at += length
        elif (lost := lost + 1) > _MOST_LOST:
            return
        else:
            at += 1


def _tracks(section: bytes) -> Iterator[tuple[int, int]]:
    """(PID, type) of each track in a PMT, before its checksum."""
    at = 12 + (int.from_bytes(section[10:12]) & 0xFFF)
    while at + 5 <= len(section) - 4:
        yield int.from_bytes(section[at + 1 : at + 3]) & 0x1FFF, section[at]
        at += 5 + (int.from_bytes(section[at + 3 : at + 5]) & 0xFFF)
