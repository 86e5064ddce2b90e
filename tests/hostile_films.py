"""Films and sounds whose headers, indexes and tables lie: what strangers upload. All are small."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache, partial
from typing import Any

import av

from tests import films

_PARENTS = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta", b"mvex", b"moof", b"traf"}
)


class Box:
    """A box of an MP4 file: bytes, or other boxes. `size` takes the place of the true one, if it is given."""

    def __init__(self, kind: bytes, body: bytes = b"", boxes: list[Box] | None = None, size: int | None = None) -> None:
        self.kind, self.body, self.boxes, self.size = kind, body, boxes, size

    def whole(self) -> bytes:
        body = b"".join(each.whole() for each in self.boxes) if self.boxes is not None else self.body
        return struct.pack(">I", len(body) + 8 if self.size is None else self.size) + self.kind + body

    def all(self, kind: bytes) -> Iterator[Box]:
        for each in self.boxes or ():
            if each.kind == kind:
                yield each
            yield from each.all(kind)

    def one(self, kind: bytes) -> Box:
        return next(self.all(kind))

    def remove(self, kind: bytes) -> None:
        self.boxes = [each for each in self.boxes or () if each.kind != kind]
        for each in self.boxes:
            if each.boxes is not None:
                each.remove(kind)


def parsed(data: bytes) -> Box:
    """All boxes of a file, in one without a name."""
    return Box(b"", boxes=[*_boxes(data)])


def _boxes(data: bytes) -> Iterator[Box]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        yield Box(kind, boxes=[*_boxes(body)]) if kind in _PARENTS else Box(kind, body)
        at += max(8, size)


def written(root: Box) -> bytes:
    return b"".join(each.whole() for each in root.boxes or ())


@cache
def plain() -> bytes:
    """Three seconds with sound; its index is at the end, so that it can be changed without moving the data."""
    options = {"video_track_timescale": "10000"}
    return films.film(times=range(75), picture=_quick, options=options, loud=True)


def long_and_small(count: int) -> bytes:
    """A film of so many tiny pictures, without sound."""
    return films.film(
        times=range(count), picture=_quick, sounds=(), size=(16, 16), options={"video_track_timescale": "10000"}
    )


def _quick(stream: Any) -> None:
    stream.options = {"preset": "ultrafast", "g": "25", "bf": "2"}


def changed(change: Callable[[Box], None], data: bytes | None = None) -> bytes:
    root = parsed(data or plain())
    change(root)
    return written(root)


def _table(kind: bytes, count: int, rows: bytes = b"", track: int = 0) -> Callable[[Box], None]:
    """The track's table of this kind says that it has `count` rows, and has these."""

    def change(root: Box) -> None:
        box = [*root.all(kind)][track]
        box.body = box.body[:4] + struct.pack(">I", count) + (rows or box.body[8:])

    return change


def _sizes(fixed: int, count: int) -> Callable[[Box], None]:
    def change(root: Box) -> None:
        root.one(b"stsz").body = struct.pack(">III", 0, fixed, count)

    return change


def field(kind: bytes, at: int, form: str, *values: int, track: int | None = 0) -> Callable[[Box], None]:
    def change(root: Box) -> None:
        for box in [*root.all(kind)] if track is None else [[*root.all(kind)][track]]:
            body = bytearray(box.body)
            struct.pack_into(form, body, at, *values)
            box.body = bytes(body)

    return change


def _offsets(by: int) -> Callable[[Box], None]:
    def change(root: Box) -> None:
        for box in root.all(b"stco"):
            (count,) = struct.unpack_from(">I", box.body, 4)
            places = [(each + by) % 2**32 for each in struct.unpack_from(f">{count}I", box.body, 8)]
            box.body = box.body[:8] + struct.pack(f">{count}I", *places)

    return change


def edits(*rows: tuple[int, int, int], count: int | None = None) -> Callable[[Box], None]:
    """(length in ticks of the movie, first tick of the track, rate) of each edit of the first track."""

    def change(root: Box) -> None:
        body = b"".join(struct.pack(">Iihh", *row, 0) for row in rows)
        root.one(b"elst").body = struct.pack(">II", 0, len(rows) if count is None else count) + body

    return change


def _long_edits(length: int, start: int) -> Callable[[Box], None]:
    def change(root: Box) -> None:
        root.one(b"elst").body = struct.pack(">IIQqhh", 1 << 24, 1, length, start, 1, 0)

    return change


def reference(kind: bytes, address: bytes) -> Callable[[Box], None]:
    def change(root: Box) -> None:
        for box in root.all(b"dref"):
            box.body = struct.pack(">II", 0, 1) + Box(kind, bytes(4) + address).whole()

    return change


def _alias(path: str) -> bytes:
    """An alias record of QuickTime, with the absolute path as its records 2 and 18, as FFmpeg reads them."""
    name = path.rpartition("/")[2].encode()
    head = bytes(4) + struct.pack(">HHH", 0, 2, 0) + bytes([4]) + b"disk".ljust(27, b"\0")
    head += bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0")[:63] + bytes(16)
    head += struct.pack(">hh", 0, 0) + bytes(16)
    records = b""
    for kind, text in ((2, path.encode()), (18, path.encode())):
        records += struct.pack(">HH", kind, len(text)) + text + b"\0" * (len(text) % 2)
    body = head + records + struct.pack(">HH", 0xFFFF, 0)
    return struct.pack(">H", len(body)) + body


def _moved_apart(seconds: int) -> Callable[[Box], None]:
    """The sound begins so much later, by its edit list."""

    def change(root: Box) -> None:
        box = [*root.all(b"elst")][1]
        box.body = struct.pack(">IIQqhhQqhh", 1 << 24, 2, seconds * 1000, -1, 1, 0, 3000, 0, 1, 0)

    return change


def _repeated(kind: bytes, count: int) -> Callable[[Box], None]:
    def change(root: Box) -> None:
        for parent in [root, *_parents(root)]:
            boxes = parent.boxes or []
            found = [each for each in boxes if each.kind == kind]
            if found:
                parent.boxes = boxes + found[:1] * count
                return

    return change


def _parents(root: Box) -> Iterator[Box]:
    for each in root.boxes or ():
        if each.boxes is not None:
            yield each
            yield from _parents(each)


def disturb(root: Box, generator: random.Random, change: Callable[[bytes], bytes]) -> None:
    """Changes, doubles, drops or moves a box, wherever it is."""
    parents = [each for each in (root, *_parents(root)) if each.boxes]
    parent = generator.choice(parents)
    boxes = parent.boxes or []
    at = generator.randrange(len(boxes))
    box = boxes[at]
    match generator.randrange(6):
        case 0:
            boxes.insert(at, box)
        case 1:
            del boxes[at]
        case 2:
            boxes.insert(generator.randrange(len(boxes)), boxes.pop(at))
        case 3:
            (generator.choice(parents).boxes or []).append(Box(box.kind, box.body))
        case 4:
            box.size = generator.choice((0, 1, 7, 8, 100, 2**31, 2**32 - 1))
        case _ if box.boxes is None and box.body:
            box.body = change(box.body)


def _swapped_times(root: Box) -> None:
    """Each picture lasts a second, and every second one is shown four seconds before it is decoded."""
    root.one(b"stts").body = struct.pack(">IIII", 0, 1, 75, 10_000)
    rows = b"".join(struct.pack(">Ii", 1, (n % 2) * -40_000) for n in range(75))
    root.one(b"ctts").body = struct.pack(">II", 1 << 24, 75) + rows


def _fragments(count: int, samples: int, size: int | None = None) -> bytes:
    """A film in fragments, with so many more that each claim so many samples of no bytes."""
    data = films.film(times=range(50), picture=_quick, sounds=(), options={"movflags": "frag_keyframe+empty_moov"})
    flags = 0x000001 if size is None else 0x000201
    run = struct.pack(">IIi", flags, samples, 0) + (b"" if size is None else struct.pack(">I", size) * min(samples, 4))
    head = Box(b"tfhd", struct.pack(">II", 0x020000, 1))
    one = Box(b"moof", boxes=[Box(b"mfhd", bytes(8)), Box(b"traf", boxes=[head, Box(b"trun", run)])]).whole()
    return data + one * count


def _in_one_another(depth: int) -> bytes:
    """A film in fragments, with so many fragments in one another behind it."""
    data = films.film(times=range(50), picture=_quick, sounds=(), options={"movflags": "frag_keyframe+empty_moov"})
    return data + _stack(b"moof", depth)


def _index_of_nowhere(entries: int, *, of_indexes: bool) -> bytes:
    """A film in fragments. Its index (`sidx`) has entries of no bytes: each leads to one place, maybe to an index."""
    data = films.film(times=range(50), picture=_quick, sounds=(), options={"movflags": "frag_keyframe+empty_moov"})
    at = data.index(b"moof") - 4
    rows = struct.pack(">III", of_indexes << 31, 1000, 0) * entries
    index = Box(b"sidx", struct.pack(">IIIIIHH", 0, 1, 1000, 0, 0, 0, entries) + rows).whole()
    return data[:at] + index + data[at:]


def _compressed(claimed: int, size: int) -> bytes:
    """A film whose index is compressed (`cmov`), with `size` bytes of nothing in it."""
    index = parsed(plain()).one(b"moov")
    (index.boxes or []).append(Box(b"free", bytes(size)))
    body = index.whole()
    packed = struct.pack(">I", claimed or len(body)) + zlib.compress(body, 1)
    inside = Box(b"cmov", boxes=[Box(b"dcom", b"zlib"), Box(b"cmvd", packed)])

    def change(root: Box) -> None:
        root.boxes = [each for each in root.boxes or () if each.kind != b"moov"]
        root.boxes.append(Box(b"moov", boxes=[inside]))

    return changed(change)


def _reference_movie(address: bytes) -> bytes:
    """A film of QuickTime that is only the address of another one."""
    where = Box(b"rdrf", bytes(4) + b"url " + struct.pack(">I", len(address) + 1) + address + b"\0")
    return Box(b"moov", boxes=[Box(b"rmra", boxes=[Box(b"rmda", boxes=[where])])]).whole() + bytes(600)


def _chapters_of(track: int) -> Callable[[Box], None]:
    """The first track says that this one has its chapters."""

    def change(root: Box) -> None:
        chapters = Box(b"chap", struct.pack(">I", track))
        (root.one(b"trak").boxes or []).append(Box(b"tref", boxes=[chapters]))

    return change


def _avi(scale: int, rate: int) -> bytes:
    """An AVI that says this of how long its pictures are shown."""
    data = bytearray(films.film("avi", codec="mpeg4", times=range(25), sounds=()))
    at = data.index(b"avih") + 8
    struct.pack_into("<I", data, at, 0)
    struct.pack_into("<II", data, data.index(b"strh") + 8 + 20, scale, rate)
    return bytes(data)


# --- Matroska


def element(kind: int, body: bytes, size: int | None = None) -> bytes:
    """An EBML element. `size` takes the place of the true one."""
    length = len(body) if size is None else size
    return kind.to_bytes((kind.bit_length() + 7) // 8) + (length | 1 << 56).to_bytes(8) + body


@cache
def matroska() -> bytes:
    return films.film("matroska", times=range(75), picture=_quick)


def _segment(data: bytes) -> tuple[bytes, bytes]:
    """What stands before the content of the segment, and the content."""
    at = data.index(b"\x18\x53\x80\x67") + 4
    return data[:at], data[at + 8 :]


def _in_segment(more: bytes, *, last: bool = False) -> bytes:
    head, content = _segment(matroska())
    body = content + more if last else more + content
    return head + (len(body) | 1 << 56).to_bytes(8) + body


def _lying_cues(place: int) -> bytes:
    """All cues lead to the same place in the segment."""
    data = matroska()
    head, content = _segment(data)
    at = content.rindex(b"\x1c\x53\xbb\x6b")
    points = b"".join(
        element(
            0xBB,
            element(0xB3, (time * 100).to_bytes(4))
            + element(0xB7, element(0xF7, b"\1") + element(0xF1, place.to_bytes(8))),
        )
        for time in range(2000)
    )
    body = content[:at] + element(0x1C53BB6B, points)
    return head + (len(body) | 1 << 56).to_bytes(8) + body


def _nested(depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = element(0x1043A770 if _ % 2 else 0x45B9, body)
    return body


def _many_tracks(count: int) -> bytes:
    """A Matroska file with so many more tracks before its own."""
    tracks = [_track(number) for number in range(10, 10 + count)]
    return _in_segment(element(0x1654AE6B, b"".join(tracks)))


def _track(number: int) -> bytes:
    """A track of sound without a compression."""
    name = element(0x86, b"A_PCM/INT/LIT") + element(0xE1, element(0x9F, b"\2"))
    return element(
        0xAE, element(0xD7, number.to_bytes(4)) + element(0x73C5, number.to_bytes(4)) + element(0x83, b"\2") + name
    )


def _many_traks(count: int) -> bytes:
    def change(root: Box) -> None:
        movie = root.one(b"moov")
        trak = [*root.all(b"trak")][1]
        for n in range(count):
            [again] = _boxes(trak.whole())
            header = again.one(b"tkhd")
            header.body = header.body[:12] + struct.pack(">I", 10 + n) + header.body[16:]
            (movie.boxes or []).append(again)

    return changed(change)


def _growing(sizes: tuple[tuple[int, int], ...]) -> bytes:
    """A film that changes its size: each of its pictures is a JPEG of its own."""
    out = io.BytesIO()
    base = Fraction(1, 5)
    container: Any
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = *sizes[0], "yuvj420p"
        for number in range(40):
            size = sizes[number * len(sizes) // 40]
            encoder: Any = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *size, "yuvj420p", base
            frame = films.quarters(size).reformat(format="yuvj420p")
            for packet in [*encoder.encode(frame), *encoder.encode(None)]:
                again = av.Packet(bytes(packet))
                again.stream, again.time_base, again.is_keyframe = stream, base, True
                again.pts = again.dts = number
                container.mux(again)
    return out.getvalue()


# --- sounds


def wav(
    channels: int = 2,
    rate: int = 48000,
    bits: int = 16,
    size: int = 2**32 - 1,
    body: int = 192_000,
    align: int | None = None,
) -> bytes:
    block = channels * bits // 8 if align is None else align
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * block % 2**32, block % 2**16, bits)
    data = (
        b"fmt "
        + struct.pack("<I", len(form))
        + form
        + b"data"
        + struct.pack("<I", size)
        + bytes(range(256)) * (body // 256)
    )
    return b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WAVE" + data


def _id3(size: int, frames: bytes) -> bytes:
    syncsafe = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0\0" + syncsafe + frames + films.sound("mp3", "libmp3lame")


def _id3_frame(kind: bytes, size: int, body: bytes) -> bytes:
    return kind + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + b"\0\0" + body


def _flac_block(kind: int, size: int, body: bytes) -> bytes:
    data = films.sound("flac", "flac")
    return data[:42] + bytes([kind]) + size.to_bytes(3) + body + data[42:]


CANARY = "/etc/hostname"
"""A file of the computer. Nothing may open it."""

SLOW = frozenset({"100,000 tags", "50,000 chapters"})
"""Those that take a child all its time."""

MP4, MOV, MKV, WAV, AVI = "video/mp4", "video/quicktime", "video/x-matroska", "audio/wav", "video/x-msvideo"

_Make = Callable[[], bytes]


def _is(change: Callable[[Box], None]) -> _Make:
    return partial(changed, change)


HOSTILE: Mapping[str, tuple[str, _Make]] = {
    # tables
    **{
        f"{kind.decode()} of {count}": (MP4, _is(_table(kind, count)))
        for kind in (b"stts", b"ctts", b"stsc", b"stco", b"stss", b"elst", b"stsd")
        for count in (0, 2**32 - 1)
    },
    **{
        f"stsz {fixed} x {count}": (MP4, _is(_sizes(fixed, count)))
        for fixed, count in (
            (0, 2**32 - 1),
            (1, 2**31 - 1),
            (1, 50_000_000),
            (1, 4_000_000),
            (2**31, 75),
            (2**32 - 1, 2**20),
            (0, 0),
        )
    },
    "stts of one for ever": (MP4, _is(_table(b"stts", 1, struct.pack(">II", 2**32 - 1, 400)))),
    "stts negative": (MP4, _is(_table(b"stts", 2, struct.pack(">IIII", 40, 400, 35, 2**32 - 400)))),
    "stts zero": (MP4, _is(_table(b"stts", 1, struct.pack(">II", 75, 0)))),
    "stts huge": (MP4, _is(_table(b"stts", 1, struct.pack(">II", 75, 2**31 - 1)))),
    "stsc of many": (MP4, _is(_table(b"stsc", 1, struct.pack(">III", 1, 2**31 - 1, 1)))),
    "stsc backwards": (MP4, _is(_table(b"stsc", 3, struct.pack(">9I", 9, 5, 1, 3, 5, 1, 1, 5, 1)))),
    "stsc to no entry": (MP4, _is(_table(b"stsc", 1, struct.pack(">III", 1, 5, 99)))),
    "ctts far": (MP4, _is(_table(b"ctts", 1, struct.pack(">Ii", 75, 2**31 - 1)))),
    "ctts far back": (MP4, _is(_table(b"ctts", 1, struct.pack(">Ii", 75, -(2**31))))),
    "ctts of 2^32 in one row": (MP4, _is(_table(b"ctts", 1, struct.pack(">Ii", 2**32 - 1, 0)))),
    "times that jump back": (MP4, _is(_swapped_times)),
    "offsets beyond the end": (MP4, _is(_offsets(10_000_000))),
    "offsets before the beginning": (MP4, _is(_offsets(-60))),
    "offsets at the end of 32 bits": (MP4, _is(_offsets(-100_000))),
    # headers
    "time scale 0": (MP4, _is(field(b"mdhd", 12, ">I", 0, track=None))),
    "time scale 1": (MP4, _is(field(b"mdhd", 12, ">I", 1, track=None))),
    "time scale 2^32": (MP4, _is(field(b"mdhd", 12, ">I", 2**32 - 1, track=None))),
    "time scale 2^31": (MP4, _is(field(b"mdhd", 12, ">I", 2**31 - 1, track=None))),
    "movie scale 0": (MP4, _is(field(b"mvhd", 12, ">I", 0))),
    "duration of 2^32": (MP4, _is(field(b"mvhd", 16, ">I", 2**32 - 2))),
    "picture 8192": (MP4, _is(field(b"stsd", 8 + 32, ">HH", 8192, 8192))),
    "picture 65535": (MP4, _is(field(b"stsd", 8 + 32, ">HH", 65535, 65535))),
    "picture 0": (MP4, _is(field(b"stsd", 8 + 32, ">HH", 0, 0))),
    "matrix of nonsense": (MP4, _is(field(b"tkhd", 40, ">9i", *[2**31 - 1] * 9))),
    "matrix of zeros": (MP4, _is(field(b"tkhd", 40, ">9i", *[0] * 9))),
    "track number 0": (MP4, _is(field(b"tkhd", 12, ">I", 0, track=None))),
    "400 channels": (MP4, _is(field(b"stsd", 8 + 24, ">H", 400, track=1))),
    "channels 0": (MP4, _is(field(b"stsd", 8 + 24, ">H", 0, track=1))),
    # edit lists
    "edits of nothing": (MP4, _is(edits((0, 0, 1)))),
    "20,000 edits": (MP4, _is(edits(*[(3000, 0, 1)] * 20_000))),
    "edits back and forth": (MP4, _is(edits(*[(100, n * 7919 % 30_000, 1) for n in range(3000)]))),
    "edits of gaps": (MP4, _is(edits(*[(2**31 - 1, -1, 1)] * 2000))),
    "edit far ahead": (MP4, _is(edits((3000, 2**31 - 1, 1)))),
    "edit negative": (MP4, _is(edits((3000, -(2**31), 1)))),
    "edit of rate 0": (MP4, _is(edits((3000, 0, 0)))),
    "edit of 2^63": (MP4, _is(_long_edits(2**63 - 1, 0))),
    "edit from 2^63": (MP4, _is(_long_edits(3000, 2**63 - 1))),
    "edit from -2^63": (MP4, _is(_long_edits(3000, -(2**63)))),
    "sound five hours later": (MP4, _is(_moved_apart(5 * 3600))),
    "sound a year later": (MP4, _is(_moved_apart(365 * 86400))),
    # references
    "data by url": (MOV, _is(reference(b"url ", f"file://{CANARY}\0".encode()))),
    "data by http": (MOV, _is(reference(b"url ", b"http://127.0.0.1:9/x\0"))),
    "data by alias": (MOV, _is(reference(b"alis", _alias(CANARY)))),
    "no reference": (MP4, _is(lambda root: root.remove(b"dref"))),
    # boxes
    "2,000 tracks": (MP4, lambda: _many_traks(2000)),
    "10,000 tracks in Matroska": (MKV, lambda: _many_tracks(10_000)),
    "990 tracks in Matroska": (MKV, lambda: _many_tracks(990)),
    "200 tracks": (MP4, lambda: _many_traks(200)),
    "100,000 movies": (MP4, _is(_repeated(b"free", 100_000))),
    "10,000 sample tables": (MP4, _is(_repeated(b"stbl", 3_000))),
    "moov in moov": (MP4, lambda: _deep(b"moov", 20_000)),
    "udta in udta": (MP4, lambda: _deep(b"udta", 20_000)),
    "100,000 fragments": (MP4, lambda: _fragments(100_000, 1)),
    "fragments of 2^31 samples": (MP4, lambda: _fragments(3, 2**31 - 1)),
    "fragments of 2^20 samples of nothing": (MP4, lambda: _fragments(20_000, 2**16 - 1)),
    "10,000 fragments in one another": (MP4, lambda: _in_one_another(10_000)),
    "an index of fragments of nothing": (MP4, lambda: _index_of_nowhere(65_535, of_indexes=False)),
    "an index of fragments to itself": (MP4, lambda: _index_of_nowhere(65_535, of_indexes=True)),
    "a compressed index of 4 GB": (MOV, lambda: _compressed(2**32 - 1, 0)),
    "a compressed index of 200 MB": (MOV, lambda: _compressed(0, 200 * 1024**2)),
    "a compressed index": (MOV, lambda: _compressed(0, 0)),
    "chapters in itself": (MP4, _is(_chapters_of(1))),
    "chapters in no track": (MP4, _is(_chapters_of(99))),
    # other films
    "the address of a file": (MOV, lambda: _reference_movie(f"file://{CANARY}".encode())),
    "the address of a page": (MOV, lambda: _reference_movie(b"http://127.0.0.1:9/x.mov")),
    **{f"avi of {rate}/{scale} fps": (AVI, partial(_avi, scale, rate)) for scale, rate in ((0, 0), (1, 0), (0, 25))},
    "avi of 2^32 fps": (AVI, lambda: _avi(1, 2**32 - 1)),
    # Matroska
    "pictures of no length": (
        MKV,
        lambda: matroska().replace(b"\x23\xe3\x83\x84\x02\x62\x5a\x00", bytes.fromhex("23e3838400000000")),
    ),
    "cues to nowhere": (MKV, lambda: _lying_cues(2**62)),
    "cues to the beginning": (MKV, lambda: _lying_cues(0)),
    "deep elements": (MKV, lambda: _in_segment(_nested(200))),
    "1,000 attachments": (
        MKV,
        lambda: _in_segment(
            element(
                0x1941A469,
                b"".join(
                    element(
                        0x61A7,
                        element(0x466E, b"a.ttf")
                        + element(0x4660, b"font/ttf")
                        + element(0x465C, bytes(100))
                        + element(0x46AE, n.to_bytes(4)),
                    )
                    for n in range(1, 1001)
                ),
                None,
            )
        ),
    ),
    "an attachment of 1 GB": (
        MKV,
        lambda: _in_segment(
            element(
                0x1941A469,
                element(
                    0x61A7,
                    element(0x466E, b"a.jpg") + element(0x4660, b"image/jpeg") + element(0x465C, bytes(100), 2**30),
                    2**30 + 99,
                ),
                2**30 + 199,
            )
        ),
    ),
    "a linked segment": (
        MKV,
        lambda: _in_segment(
            element(
                0x1549A966,
                element(0x3EB923, bytes(range(16)))
                + element(0x3E83BB, b"/etc/hostname")
                + element(0x2AD7B1, (1_000_000).to_bytes(4)),
            )
        ),
    ),
    "50,000 chapters": (
        MKV,
        lambda: _in_segment(
            element(
                0x1043A770,
                element(
                    0x45B9,
                    b"".join(
                        element(
                            0xB6,
                            element(0x73C4, n.to_bytes(4))
                            + element(0x91, (n * 1000).to_bytes(8))
                            + element(0x80, element(0x85, b"x" * 100)),
                        )
                        for n in range(1, 50_001)
                    ),
                ),
            )
        ),
    ),
    "a tag of 3 MB": (
        MKV,
        lambda: _in_segment(
            element(
                0x1254C367,
                element(
                    0x7373,
                    element(0x63C0, b"")
                    + element(0x67C8, element(0x45A3, b"TITLE") + element(0x4487, b"\xc3\xa4" * 1_500_000)),
                ),
            )
        ),
    ),
    "100,000 tags": (
        MKV,
        lambda: _in_segment(
            element(
                0x1254C367,
                b"".join(
                    element(
                        0x7373,
                        element(0x63C0, b"")
                        + element(0x67C8, element(0x45A3, b"T%d" % n) + element(0x4487, b"x" * 20)),
                    )
                    for n in range(100_000)
                ),
            )
        ),
    ),
    "Matroska time scale 0": (
        MKV,
        lambda: matroska().replace(b"\x2a\xd7\xb1\x83\x0f\x42\x40", b"\x2a\xd7\xb1\x83\x00\x00\x00"),
    ),
    "Matroska time scale large": (
        MKV,
        lambda: matroska().replace(b"\x2a\xd7\xb1\x83\x0f\x42\x40", b"\x2a\xd7\xb1\x83\xff\xff\xff"),
    ),
    "changing size": (MKV, lambda: _growing(((64, 48), (640, 480), (48, 96), (1280, 720)))),
    "changing size a little": (MKV, lambda: _growing(((640, 480), (642, 480)))),
    # sounds
    "wav of 400 channels": (WAV, lambda: wav(400)),
    "wav of 65535 channels": (WAV, lambda: wav(65535, bits=8)),
    "wav of 0 channels": (WAV, lambda: wav(0)),
    "wav of rate 0": (WAV, lambda: wav(rate=0)),
    "wav of rate 1": (WAV, lambda: wav(rate=1)),
    "wav of rate 2^31": (WAV, lambda: wav(rate=2**31 - 1)),
    "wav of 0 bits": (WAV, lambda: wav(bits=0)),
    "wav of 65535 bits": (WAV, lambda: wav(bits=65535)),
    "wav of 64 channels": (WAV, lambda: wav(64)),
    "wav that says 0": (WAV, lambda: wav(size=0)),
    "id3 of 256 MB": ("audio/mpeg", lambda: _id3(2**28 - 1, b"")),
    "id3 with a picture of 256 MB": (
        "audio/mpeg",
        lambda: _id3(2**20, _id3_frame(b"APIC", 2**28 - 1, b"\0image/png\0\3\0" + bytes(100))),
    ),
    "id3 with 20,000 frames": (
        "audio/mpeg",
        lambda: _id3(20_000 * 20, _id3_frame(b"TXXX", 10, b"\3a\0" + b"b" * 7) * 20_000),
    ),
    "flac with a picture of 16 MB": (
        "audio/flac",
        lambda: _flac_block(
            6,
            2**24 - 1,
            struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">I4xIIII", 0, 2**16, 2**16, 24, 2**31 - 1)[:20],
        ),
    ),
    "flac with comments of 2^32": (
        "audio/flac",
        lambda: _flac_block(4, 100, struct.pack("<II", 2**32 - 1, 2**32 - 1) + bytes(92)),
    ),
}


@cache
def data(name: str) -> bytes:
    """The bytes of one of them."""
    return HOSTILE[name][1]()


def _stack(kind: bytes, depth: int) -> bytes:
    """Boxes in one another."""
    return b"".join(struct.pack(">I4s", 8 * (depth - level), kind) for level in range(depth))


def _deep(kind: bytes, depth: int) -> bytes:
    def change(root: Box) -> None:
        (root.one(b"moov").boxes or []).append(Box(kind, _stack(kind, depth)))

    return changed(change)
