"""Matroska files as other programs than FFmpeg write them, and as none should: a film's packets in other elements."""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import av

SEGMENT, SEEK_HEAD, INFO, TRACKS, CUES, CLUSTER = 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1F43B675

PICTURE, SOUND = 1, 2  # the numbers of the tracks


def element(name: int, *parts: bytes, unknown: bool = False) -> bytes:
    """Lengths have eight bytes, so that a changed number changes no place."""
    body = b"".join(parts)
    length = (1 << 56) - 1 if unknown else len(body)
    return name.to_bytes(-(-name.bit_length() // 8)) + struct.pack(">Q", 1 << 56 | length) + body


def number(name: int, value: int) -> bytes:
    return element(name, struct.pack(">Q", value))


@dataclass(frozen=True)
class Cue:
    """Places count from the segment's content, and `inside` from the cluster's."""

    time: int
    cluster: int
    inside: int
    track: int = PICTURE

    def written(self, *, with_inside: bool) -> bytes:
        where = [number(0xF7, self.track), number(0xF1, self.cluster)]
        where += [number(0xF0, self.inside)] if with_inside else []
        return element(0xBB, number(0xB3, self.time), element(0xB7, *where))


@dataclass(frozen=True)
class Packet:
    track: int
    time: int
    data: bytes
    is_key: bool
    laced: bool = False


@dataclass(frozen=True)
class Layout:
    """How a file is written.

    - `blocks`: of each cluster; a key picture may be anywhere inside. 0: a cluster begins with each key picture.
    - `groups`: each block is in a group of its own.
    - `unknown`: clusters do not say how long they are.
    - `inside`: cues say where in its cluster a picture is.
    - `prefix`: the bytes that each picture begins with, and that are stored once.
    - `first`: the cues come before the clusters.
    - `cues` and `packets` may change these.
    - `entry`: more elements for the track of pictures. `scale`: nanoseconds of a tick. `after`: bytes at the end.
    """

    blocks: int = 0
    groups: bool = False
    unknown: bool = False
    inside: bool = True
    prefix: bytes = b""
    first: bool = False
    cues: Callable[[list[Cue]], list[Cue]] = lambda cues: cues
    packets: Callable[[list[Packet]], list[Packet]] = lambda packets: packets
    entry: bytes = b""
    scale: int = 1_000_000
    after: bytes = b""


def written(film: bytes, layout: Layout) -> bytes:
    """The packets of a film (an MP4) as a Matroska file."""
    return b"".join(part for _, part in Sparse(film, layout).parts)


class Sparse:
    """Such a file with `gap` bytes behind each cluster that are skipped, and that nobody stores: `parts` are (place,
    bytes). `read` stands for `ranged.read_range`, and counts.
    """

    def __init__(self, film: bytes, layout: Layout, gap: int = 0) -> None:
        container: Any
        with av.open(io.BytesIO(film)) as container:
            packets = layout.packets(list(_packets(container, layout)))
            head = [_info(layout, max(packet.time for packet in packets) + 40), _tracks(container, layout)]
        clusters = list(_clusters(packets, layout))
        void = b"\xec" + struct.pack(">Q", 1 << 56 | gap) if gap else b""
        empty = layout.cues([Cue(0, 0, 0)] * sum(len(keys) for _, keys in clusters)) if layout.first else []
        start = sum(map(len, (_seek_head(0), *head, _cues(empty, layout) if layout.first else b"")))
        rows, at, bodies = list[Cue](), start, list[tuple[int, bytes]]()
        for cluster, keys in clusters:
            rows += [Cue(time, at, inside) for time, inside in keys]
            bodies.append((at, cluster + void))
            at += len(cluster + void) + gap
        cues = _cues(layout.cues(rows), layout)
        front = b"".join([_seek_head(start - len(cues) if layout.first else at), *head, cues if layout.first else b""])
        assert len(front) == start, "the cues must stay as many as they were"
        behind = layout.after if layout.first else cues + layout.after
        ebml = element(0x1A45DFA3, element(0x4282, b"matroska"), number(0x4287, 4), number(0x4285, 2))
        length = at + len(behind)
        top = ebml + SEGMENT.to_bytes(4) + struct.pack(">Q", 1 << 56 | length)
        self.parts = [(0, top), *((len(top) + place, body) for place, body in [(0, front), *bodies, (at, behind)])]
        self.size, self.cues_size = len(top) + length, len(cues)
        self.requests: list[tuple[int, int]] = []
        self._starts = [place for place, _ in self.parts]

    def read(self, key: str, version_id: str, first: int, length: int) -> bytes:
        self.requests.append((first, length))
        found = bytearray(min(length, self.size - first))
        for start, part in self.parts[max(0, bisect_right(self._starts, first) - 1) :]:
            if start >= first + length:
                break
            begin, end = max(start, first), min(start + len(part), first + len(found))
            if begin < end:
                found[begin - first : end - first] = part[begin - start : end - start]
        return bytes(found)

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.requests)


def _seek_head(place: int) -> bytes:
    return element(SEEK_HEAD, element(0x4DBB, element(0x53AB, struct.pack(">I", CUES)), number(0x53AC, place)))


def _info(layout: Layout, ticks: int) -> bytes:
    duration = struct.pack(">d", ticks)
    return element(INFO, number(0x2AD7B1, layout.scale), element(0x4489, duration), element(0x4D80, b"tests"))


def _tracks(container: Any, layout: Layout) -> bytes:
    made = []
    for stream in container.streams:
        context = stream.codec_context
        private = element(0x63A2, bytes(context.extradata))
        if stream.type == "video":
            codec = {"h264": b"V_MPEG4/ISO/AVC", "hevc": b"V_MPEGH/ISO/HEVC"}[context.name]
            own = element(0xE0, number(0xB0, stream.width), number(0xBA, stream.height))
            step = number(0x23E383, round(1e9 / float(stream.average_rate)))
            rest = [number(0x83, 1), step, own, _encoding(layout.prefix), layout.entry]
            made.append(_entry(PICTURE, codec, private, *rest))
        else:
            own = element(0xE1, element(0xB5, struct.pack(">d", context.sample_rate)), number(0x9F, context.channels))
            made.append(_entry(SOUND, b"A_AAC", private, number(0x83, 2), own))
    return element(TRACKS, *made)


def _entry(track: int, codec: bytes, *rest: bytes) -> bytes:
    return element(0xAE, number(0xD7, track), number(0x73C5, track), element(0x86, codec), *rest)


def _encoding(prefix: bytes) -> bytes:
    if not prefix:
        return b""
    how = element(0x5034, number(0x4254, 3), element(0x4255, prefix))
    return element(0x6D80, element(0x6240, number(0x5031, 0), number(0x5032, 1), number(0x5033, 0), how))


def _packets(container: Any, layout: Layout) -> Iterator[Packet]:
    """In the order of their decoding."""
    found = [packet for packet in container.demux() if packet.size]
    for packet in sorted(found, key=lambda each: each.dts * each.time_base):
        time = round(packet.pts * packet.time_base * 10**9 / layout.scale)
        track = PICTURE if packet.stream.type == "video" else SOUND
        yield Packet(track, time, bytes(packet), packet.is_keyframe)


def _clusters(packets: list[Packet], layout: Layout) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
    """(bytes, key pictures as (time, place in its content)) of each."""
    parts: list[list[Packet]] = [[]]
    for packet in packets:
        is_key = packet.is_key and packet.track == PICTURE
        if parts[-1] and (len(parts[-1]) >= layout.blocks if layout.blocks else is_key):
            parts.append([])
        parts[-1].append(packet)
    for part in parts:
        since = max(0, part[0].time)
        body, keys = number(0xE7, since), list[tuple[int, int]]()
        for packet in part:
            if packet.is_key and packet.track == PICTURE:
                keys.append((packet.time, len(body)))
            body += _block(packet, since, layout)
        yield element(CLUSTER, body, unknown=layout.unknown), keys


def _block(packet: Packet, since: int, layout: Layout) -> bytes:
    data = packet.data
    if packet.track == PICTURE and layout.prefix:
        assert data.startswith(layout.prefix)
        data = data.removeprefix(layout.prefix)
    flags = (0x80 if packet.is_key and not layout.groups else 0) | (0x02 if packet.laced else 0)
    lace = b"\0" if packet.laced else b""  # of Xiph's sort, with one frame
    body = struct.pack(">BhB", 0x80 | packet.track, packet.time - since, flags) + lace + data
    if not layout.groups:
        return element(0xA3, body)
    return element(0xA0, element(0xA1, body), b"" if packet.is_key else element(0xFB, b"\xff"))


def _cues(rows: list[Cue], layout: Layout) -> bytes:
    return element(CUES, *(row.written(with_inside=layout.inside) for row in rows))


def moved(cue: Cue, **changes: int) -> Cue:
    return replace(cue, **{name: getattr(cue, name) + by for name, by in changes.items()})
