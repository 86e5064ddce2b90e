"""In the child: reads a file without an index from its beginning to its end, and makes one.

Such are the recordings of browsers (WebM without Cues and Duration), fragmented MP4, MP3, AAC and AMR alone, MPEG's
transport and program streams, Flash and Windows Media, whose indexes know key pictures only, where they have one.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, BinaryIO

import av

from chalicelib.processing.media import transport
from chalicelib.processing.media.followed import Followed
from chalicelib.processing.media.hls import repacked
from chalicelib.processing.media.hls.jumps import Jumps
from chalicelib.processing.media.hls.opening import FLASH, PROGRAM, STREAMS, TRANSPORT, opened, shown
from chalicelib.processing.media.hls.plan import Rung
from chalicelib.processing.media.hls.tables import MOST_SAMPLES, Table
from chalicelib.processing.media.hls.tracks import NoStreamError

# Seconds before a segment's sound at which reading begins: decoders need what came before. In a program stream few
# pictures have times of their own, so they are counted from one before.
_SOUND_RUN_UP = 2

_MOST_TRACKS = 20


@dataclass
class Scan:
    """`tables` by the track's index, and where each sample is in the file. `marks` are the places at which reading may
    begin, sorted; empty if it may at each sample. `head` is how many bytes at the beginning tell of the tracks.

    Tracks of MPEG's streams have PIDs or the like (`ids`), and their times may jump. `packets` are those of its
    program's tables, or AMR's first line, and `configs` what decoders need before the first packet, which may not come
    again.
    """

    tables: dict[int, Table]
    places: dict[int, Sequence[int]]
    bases: dict[int, Fraction]
    marks: list[int]
    head: int
    ids: dict[int, int]
    jumps: dict[int, list[tuple[int, int]]]
    is_program: bool = False
    packets: bytes = b""
    configs: dict[int, bytes] = field(default_factory=dict)

    def table(self, index: int) -> Table | None:
        return self.tables.get(index)

    def restarts(self, rung: Rung, zero: Fraction) -> dict[str, Any]:
        """For each segment the byte `at` which reading begins, and the time of what is there (`since`, in ticks).

        Raises NoStreamError for an MP4 whose samples stand before the fragments that tell of them, and for a track
        whose packets have no place.
        """
        if rung.stream not in self.tables:
            raise NoStreamError("nobody knows where the packets of a track are in the file")
        table, places, base = self.tables[rung.stream], self.places[rung.stream], self.bases[rung.stream]
        pairs = sorted((time, number) for number, time in enumerate(table.shown) if table.keys[number])
        times = [time for time, _ in pairs]
        back = _SOUND_RUN_UP if rung.sort == "sound" or self.is_program else 0
        # The pictures of an interlaced film need the one before.
        ticks = 1 if rung.settings.get("interlaced") else 0
        at, since = [], []
        for cut in rung.cuts[:-1]:
            time = round((Fraction(cut, rung.scale) - back + zero) / base) - ticks
            found = max(0, bisect_right(times, time) - 1)
            place = places[pairs[found][1]]
            if self.marks:
                if place < self.marks[0]:
                    raise NoStreamError("its samples stand before their index")
                place = self.marks[max(0, bisect_right(self.marks, place) - 1)]
            at.append(place)
            since.append(times[found])
        more: dict[str, Any] = {}
        if self.ids:
            config = repacked.settings(self.configs.get(rung.stream, b""))
            more = {"id": self.ids[rung.stream], "jumps": self.jumps.get(rung.stream, []), **config}
        return {"at": at, "since": since, **more}


def scan(data: BinaryIO, demuxer: Sequence[str]) -> Scan:
    """Raises av.error.FFmpegError."""
    is_mov, is_mpeg = demuxer[0] == "mov", demuxer[0] in STREAMS
    seen = Boxes(data) if is_mov else Tags(data) if demuxer[0] == FLASH else None
    given: Any = seen or data
    with opened(given, demuxer, unindexed=True) as container:
        tracks = shown([*container.streams.video, *container.streams.audio])[:_MOST_TRACKS]
        found = {track.index: _Samples() for track in tracks}
        jumps = Jumps() if is_mpeg else None
        _read(container, tracks, found, jumps, cut=is_mov)
        if is_mpeg:
            for track in tracks:
                if track.type == "video":
                    found[track.index].begin_with_a_key()
        marks = seen.fragments if seen else []
        head = seen.head if seen else 0
        if demuxer[0] == "asf":
            head = _asf_head(data)
        if demuxer[0] == "matroska":
            marks = sorted({entry.pos for track in tracks for entry in track.index_entries})
            head = next(iter(marks), 0)
        return Scan(
            tables={index: samples.table(is_mov) for index, samples in found.items() if samples.shown},
            places={index: samples.places for index, samples in found.items()},
            bases={each.index: Fraction(each.time_base.numerator, each.time_base.denominator) for each in tracks},
            marks=marks,
            head=head,
            ids={track.index: track.id for track in tracks} if is_mpeg else {},
            jumps=jumps.of if jumps else {},
            is_program=demuxer[0] == PROGRAM,
            packets=_before_all(data, demuxer),
            configs={track.index: repacked.config(track) for track in tracks if track.codec_context},
        )


def _before_all(data: BinaryIO, demuxer: Sequence[str]) -> bytes:
    """The bytes that must come before those of any place: packets of a program's tables, and AMR's first line."""
    if demuxer[0] == TRANSPORT:
        program = transport.program(data)
        return program.packets if program else b""
    if demuxer[0] == "amr":
        data.seek(0)
        return data.read(9).partition(b"\n")[0] + b"\n"
    return b""


class _Samples:
    def __init__(self) -> None:
        self.shown, self.decoded, self.sizes, self.places = array("q"), array("q"), array("q"), array("q")
        self.keys: list[bool] = []
        self.left_out: list[bool] = []
        self._ends: int | None = None
        self._has_one_header = True

    def add(self, packet: Any, jumps: Jumps | None = None) -> None:
        time = packet.pts if packet.pts is not None else packet.dts
        place = packet.pos
        if jumps and place is None and self.places:  # it begins in the packet in which the one before does
            place = self.places[-1]
        if time is None or place is None or place < 0 or len(self.keys) >= MOST_SAMPLES:
            return
        if jumps:
            decoded = packet.dts if packet.dts is not None else time
            time += jumps.shift(packet.stream.index, place, decoded, packet.duration or 0)
        self.shown.append(time)
        if packet.dts is not None:
            self.decoded.append(packet.dts)
        self.sizes.append(packet.size)
        self.places.append(place)
        self.keys.append(packet.is_keyframe)
        self.left_out.append(packet.is_discard)
        self._has_one_header &= not packet.has_sidedata("new_extradata")
        end = time + (packet.duration or 0)
        self._ends = end if self._ends is None else max(self._ends, end)

    def begin_with_a_key(self) -> None:
        """Leaves out what can't be decoded: pictures before the first key, and those that are shown before it."""
        if True not in self.keys:
            return
        first = self.keys.index(True)
        kept = [n for n in range(first, len(self.keys)) if self.shown[n] >= self.shown[first]]
        self.shown, self.sizes, self.places = (
            array("q", (row[n] for n in kept)) for row in (self.shown, self.sizes, self.places)
        )
        self.keys, self.left_out = [self.keys[n] for n in kept], [self.left_out[n] for n in kept]

    def table(self, is_mov: bool) -> Table:
        """Other formats than MP4 keep no times of decoding: those are only known where nothing is reordered."""
        known = len(self.decoded) == len(self.shown) and (is_mov or self.decoded == self.shown)
        decoded = self.decoded if known else array("q")
        one = self._has_one_header
        return Table(decoded, self.shown, self.sizes, self.keys, self.left_out, self._ends, has_one_header=one)


def _read(container: Any, tracks: Sequence[Any], found: dict[int, _Samples], jumps: Jumps | None, *, cut: bool) -> None:
    """All packets. Behind damage that FFmpeg does not get over, nothing is found.

    With `cut`, a packet that FFmpeg calls damaged is one in which the file ends: no segment may begin with it.
    """
    try:
        for packet in container.demux(*tracks):
            # A damaged Flash film may have tracks of which its beginning says nothing.
            if packet.size and packet.stream.index in found and not (cut and packet.is_corrupt):
                found[packet.stream.index].add(packet, jumps)
    except (av.error.InvalidDataError, av.error.EOFError):
        return


def _asf_head(data: BinaryIO) -> int:
    """Where the packets of a Windows Media file begin: behind its header object, and the head of its data object."""
    data.seek(16)
    return int.from_bytes(data.read(8), "little") + 50


class Boxes(Followed):
    """The file object, which notes where MP4's fragments begin, and where its box `moov` ends, as they are read."""

    _first = 0

    def __init__(self, data: BinaryIO) -> None:
        super().__init__(data)
        self._next = self._first
        self._rest = b""  # the beginning of a header, of which not all was read yet
        self.fragments: list[int] = []
        self.head = 0

    def read(self, size: int = -1) -> bytes:
        found = self._data.read(size)
        self._look(found)
        self._at += len(found)
        return found

    def _look(self, found: bytes) -> None:
        while True:
            if self._rest and self._at == self._next + len(self._rest):
                header = self._rest + found[: 16 - len(self._rest)]
            elif self._at <= self._next < self._at + len(found):
                header = found[self._next - self._at :][:16]
            else:
                return
            if len(header) < 16:
                self._rest = header
                return
            self._rest = b""
            self._note(header)

    def _note(self, header: bytes) -> None:
        length, kind, long = struct.unpack(">I4sQ", header)
        length = long if length == 1 else length
        if kind == b"moof":
            self.fragments.append(self._next)
        self._next += max(8, length)
        if kind == b"moov":
            self.head = self._next


# Tags at the beginning of a Flash film among which its codecs' headers are. Each of them may come again later.
_HEAD_TAGS = 64


class Tags(Boxes):
    """The same for Flash (FLV): where its tags begin, and where those end that tell of its tracks.

    Adobe Flash Video File Format Specification 10.1, annex E.
    """

    _first = 13

    def _note(self, header: bytes) -> None:
        kind, length = header[0] & 31, int.from_bytes(header[1:4])
        # AAC and H.264 have a tag with the codec's header, whose second byte is 0. So have newer codecs (Enhanced RTMP,
        # v1): the highest bit tells of them, and the low four are 0.
        has_header = (kind == 8 and header[11] >> 4 == 10) or (kind == 9 and header[11] & 0x8F == 7)
        is_told = kind == 18 or (has_header and header[12] == 0) or (kind == 9 and header[11] & 0x8F == 0x80)
        if not is_told:
            self.fragments.append(self._next)
        self._next += 11 + length + 4
        if is_told and len(self.fragments) < _HEAD_TAGS:
            self.head = self._next
