"""Odd but sound films, as cameras, editors and converters write them: each must play, with all of its pictures.

Most are changed boxes of a film that FFmpeg wrote.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import av

from tests import films, hostile_films
from tests.films import Chirp
from tests.hostile_films import Box

RATE = 10


def drawn(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
    """A numbered frame in any pixel format."""
    frame = films.numbered(size, "yuv420p", time % (1 << films.BITS), base)
    if pixels != "yuv420p":
        frame = frame.reformat(format=pixels)
    frame.pts, frame.time_base = time, base
    return frame


def film(form: str = "mp4", seconds: float = 8, **more: Any) -> bytes:
    given: dict[str, Any] = {
        "size": (96, 64),
        "times": range(round(seconds * RATE)),
        "rate": RATE,
        "sing": Chirp(),
        "draw": drawn,
    }
    return films.film(form, **given | more)


def options(**given: Any) -> Callable[[Any], None]:
    def change(stream: Any) -> None:
        stream.options = {name: str(value) for name, value in given.items()}

    return change


def hevc(tag: str) -> Callable[[Any], None]:
    def change(stream: Any) -> None:
        stream.codec_context.codec_tag = tag
        stream.options = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=20"}

    return change


def upright(stream: Any) -> None:
    stream.set_display_rotation(-90)
    stream.options = {"bf": "3", "g": "20"}


def two_pictures() -> bytes:
    """Two tracks of pictures."""
    out = io.BytesIO()
    sizes = ((96, 64), (192, 128))
    with av.open(out, "w", format="mp4") as container:
        tracks: list[Any] = [container.add_stream("libx264", rate=RATE) for _ in sizes]
        for track, (width, height) in zip(tracks, sizes, strict=True):
            track.width, track.height, track.pix_fmt = width, height, "yuv420p"
        for time in range(80):
            for track, size in zip(tracks, sizes, strict=True):
                container.mux(track.encode(films.numbered(size, "yuv420p", time, Fraction(1, RATE))))
        for track in tracks:
            container.mux(track.encode())
    return out.getvalue()


def still_beside_sound() -> bytes:
    """A sound with its cover as a track of one picture, which is not told to be a cover."""
    return film("mp4", codec="mjpeg", pixels="yuvj420p", times=range(1), sing=Chirp(seconds=8))


# --- descriptions of samples


def _entry_with(entry: bytes, kind: bytes, body: bytes) -> bytes:
    """The sample entry with another box of this type."""
    at = entry.index(kind) - 4
    (size,) = struct.unpack_from(">I", entry, at)
    changed = entry[:at] + Box(kind, body).whole() + entry[at + size :]
    return struct.pack(">I", len(changed)) + changed[4:]


def _simple(**more: Any) -> bytes:
    return film(
        sounds=(),
        picture=options(preset="ultrafast", g=20, bf=0),
        options={"video_track_timescale": "10000"},
        **more,
    )


def in_band(*, declared: bool) -> bytes:
    """H.264 whose key pictures bring their parameter sets (`avc3`), which the header has, too, or has not."""
    source: Any
    container: Any
    out = io.BytesIO()
    with av.open(io.BytesIO(_simple())) as source, av.open(out, "w", format="mp4") as container:
        (own,) = source.streams
        track = container.add_stream_from_template(own)
        for packet in source.demux(own):
            if not packet.size:
                continue
            sets = _parameter_sets(bytes(own.codec_context.extradata)) if packet.is_keyframe else b""
            again = av.Packet(sets + bytes(packet))
            again.stream, again.time_base, again.is_keyframe = track, packet.time_base, packet.is_keyframe
            again.pts, again.dts, again.duration = packet.pts, packet.dts, packet.duration
            container.mux(again)

    def change(root: Box) -> None:
        stsd = root.one(b"stsd")
        entry = stsd.body[8:].replace(b"avc1", b"avc3")
        if not declared:
            at = entry.index(b"avcC") + 4
            entry = _entry_with(entry, b"avcC", entry[at : at + 5] + b"\xe0\0")
        stsd.body = stsd.body[:8] + entry

    return hostile_films.changed(change, out.getvalue())


def _parameter_sets(config: bytes) -> bytes:
    """All of a configuration record with one of each sort, as a picture has them: their lengths have four bytes."""
    found, at = b"", 6
    for _ in range(2):
        (length,) = struct.unpack_from(">H", config, at)
        found += struct.pack(">I", length) + config[at + 2 : at + 2 + length]
        at += 2 + length + 1
    return found


def two_descriptions() -> bytes:
    """One track of two films, one after the other, with their own sizes and headers, as editors join them."""
    first, second = (hostile_films.parsed(_simple(size=size)) for size in ((96, 64), (192, 128)))
    media = [root.one(b"mdat") for root in (first, second)]
    boxes = first.boxes or []
    before = boxes.index(media[0]) + 1
    place = sum(len(box.whole()) for box in boxes[:before])
    was = sum(len(box.whole()) for box in (second.boxes or [])[: (second.boxes or []).index(media[1])])
    count = _count(first, b"stsz", 8)
    _joined(first, second, b"stsd", lambda rows: rows)
    _joined(first, second, b"stts", lambda rows: rows)
    _joined(first, second, b"stss", lambda rows: _added(rows, count))
    _joined(first, second, b"stsz", lambda rows: rows)
    chunks = _count(first, b"stco", 4)
    _joined(first, second, b"stco", lambda rows: _added(rows, place - was))
    _joined(first, second, b"stsc", lambda rows: _added(rows, chunks, 0, 1))
    for box in list(first.all(b"mdhd")):
        hostile_films.field(b"mdhd", 16, ">I", 2 * struct.unpack_from(">I", box.body, 16)[0])(first)
    boxes.insert(before, media[1])
    first.remove(b"edts")
    return hostile_films.written(first)


def _count(root: Box, kind: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", root.one(kind).body, at)[0])


def _joined(first: Box, second: Box, kind: bytes, change: Callable[[bytes], bytes]) -> None:
    """The table of the first film with the rows of the second one behind."""
    at = 8 if kind == b"stsz" else 4  # where the number of rows stands
    box, other = first.one(kind), second.one(kind)
    rows = _count(first, kind, at) + _count(second, kind, at)
    box.body = box.body[:at] + struct.pack(">I", rows) + box.body[at + 4 :] + change(other.body[at + 4 :])


def _added(rows: bytes, *each: int) -> bytes:
    return b"".join(
        struct.pack(">I", number + each[place % len(each)])
        for place, (number,) in enumerate(struct.iter_unpack(">I", rows))
    )


# --- sounds


def high_efficiency(*, first: bool) -> bytes:
    """HE-AAC: the core has half the rate. Its header says so at once (`first`), or behind what old decoders read."""
    data = film(sing=Chirp(24000, "mono"))
    old, said = b"\x13\x08\x56\xe5\x00", b"\x2b\x09\x88\x00\x00" if first else b"\x13\x08\x56\xe5\x98"
    assert data.count(old) == 1
    return data.replace(old, said)


# --- tracks of other data


def with_data_tracks() -> bytes:
    """A time code, and what action cameras and phones write beside the picture: their readings and places."""

    def timed(stream: Any) -> None:
        stream.metadata["timecode"] = "01:00:00:00"

    def change(root: Box) -> None:
        movie = root.one(b"moov")
        time_code = [*root.all(b"trak")][-1]
        assert b"tmcd" in time_code.whole()
        kinds = ((b"gpmd", b"meta"), (b"mebx", b"meta"), (b"mebx", b"meta"), (b"mett", b"meta"), (b"fdsc", b"meta"))
        for number, (kind, handler) in enumerate(kinds):
            [again] = hostile_films.parsed(time_code.whole()).boxes or []
            hostile_films.field(b"tkhd", 12, ">I", 10 + number)(again)
            again.one(b"hdlr").body = bytes(8) + handler + bytes(13)
            stsd = again.one(b"stsd")
            stsd.body = stsd.body[:8] + stsd.body[8:].replace(b"tmcd", kind)
            (movie.boxes or []).append(again)

    return hostile_films.changed(change, film("mov", picture=timed))


# --- texts


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """With other bytes in place of a tag's, padded to their length."""
    assert data.count(old) and len(new) <= len(old)
    return data.replace(old, new.ljust(len(old), b"x"))


LATIN = "Grüße".encode("latin-1")
"""Bytes that are no UTF-8, as old programs write them."""

TITLES: tuple[Mapping[str, str], ...] = (
    {"title": 'a "b"\n,c=d', "language": "und"},
    {"title": "\U0001f600 family", "language": "qaa"},
    {"title": "\u200d\u200b", "language": "eng"},
    {"title": "\u200d", "language": "eng"},
    {"title": "x" * 5000},
)


# --- all of them


@dataclass(frozen=True)
class Odd:
    """`rungs` are the sorts of its pictures' and sounds' rungs. `warnings` are their codes. `late` says by how many
    seconds its pictures' times may be wrong, and those of its sound."""

    make: Callable[[], bytes]
    content_type: str = "video/mp4"
    rungs: str = "picture copy sound_copy"
    warnings: tuple[str, ...] = ()
    within: float = 0.0


_MOV, _MKV, _AVI = "video/quicktime", "video/x-matroska", "video/x-msvideo"
_ENCODED, _BOTH = "picture sound", "picture copy sound"
_SILENT: dict[str, Any] = {"sounds": ()}


def _of(form: str = "mp4", **more: Any) -> Callable[[], bytes]:
    return partial(film, form, **more)
