"""Odd but sound films, as cameras, editors and converters write them: each must play, with all of its pictures.

Most are changed boxes of a film that FFmpeg wrote.
"""

from __future__ import annotations

import io
import random
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


HEVC = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=20"}


def hevc(tag: str) -> Callable[[Any], None]:
    def change(stream: Any) -> None:
        stream.codec_context.codec_tag = tag
        stream.options = HEVC

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
    """`rungs` are the sorts of its rungs beside that of key pictures. `thinned` says that one in so many pictures is
    encoded."""

    make: Callable[[], bytes]
    content_type: str = "video/mp4"
    rungs: str = "picture copy sound_copy"
    thinned: int = 1


MOV, MKV, FLV, WMV = "video/quicktime", "video/x-matroska", "video/x-flv", "video/x-ms-wmv"
_ENCODED, _BOTH, _SILENT = "picture sound_copy", "picture copy sound", "picture copy"


def _of(form: str = "mp4", **more: Any) -> Callable[[], bytes]:
    return partial(film, form, **more)


def _sounding(codec: str, rate: int = 48000, layout: str = "stereo") -> Callable[[], bytes]:
    return _of(sound_codec=codec, sing=Chirp(rate, layout))


def _burst() -> bytes:
    """A screen on which little happens, until much does."""
    times = [*range(0, 1800, 300), *range(1800, 1980)]
    return film(rate=60, times=times, draw=_noise, sounds=(), size=(160, 120), picture=options(preset="ultrafast"))


def _noise(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
    """A numbered frame with noise beneath its number."""
    frame = drawn(size, pixels, time, base)
    luma = frame.planes[0]
    above = luma.line_size * (luma.height * 3 // 4)
    luma.update(bytes(luma)[:above] + random.Random(time).randbytes(luma.buffer_size - above))
    for plane in frame.planes[1:]:
        plane.update(random.Random(time).randbytes(plane.buffer_size))
    return frame


def cut_off(part: float) -> bytes:
    """A recording in fragments that ends in one of them."""
    fragments = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    data = film(seconds=20, picture=options(g=20), options=fragments)
    return data[: round(len(data) * part)]


ODD: Mapping[str, Odd] = {
    # cameras
    "phone held upright": Odd(_of("mov", picture=upright), MOV, _ENCODED),
    "data beside the picture": Odd(with_data_tracks, MOV),
    "slow motion of 120 fps": Odd(_of(rate=120, times=range(900)), thinned=2),
    "slow motion of 240 fps": Odd(_of(rate=240, times=range(1600), sounds=()), rungs=_SILENT, thinned=4),
    "1,000 fps": Odd(_of(rate=1000, times=range(2000), sounds=()), rungs=_SILENT, thinned=17),
    "a clock of 1/1000 s": Odd(_of(rate=1000, times=range(0, 8000, 40))),
    "one picture in 10 s": Odd(_of(rate=Fraction(1, 10), times=range(12), sounds=()), rungs="picture"),
    "one picture in 10 s, Matroska": Odd(
        _of("matroska", rate=Fraction(1, 10), times=range(12), sounds=()), MKV, "picture"
    ),
    "one picture in 5 s": Odd(_of(rate=Fraction(1, 5), times=range(20), sounds=()), rungs="picture"),
    # what old programs wrote
    "Flash": Odd(_of("flv", sing=Chirp(44100)), FLV, "picture copy sound"),
    "Flash with Sorenson's codec": Odd(_of("flv", codec="flv", sing=Chirp(44100)), FLV, "picture sound"),
    "Flash with Sorenson's codec and MP3": Odd(
        _of(
            "flv",
            codec="flv",
            sound_codec="libmp3lame",
            sing=Chirp(44100),
            options={"avoid_negative_ts": "make_zero"},
        ),
        FLV,
        "picture sound",
    ),
    "Flash with HEVC": Odd(
        _of("flv", codec="libx265", picture=options(**HEVC), sing=Chirp(44100)), FLV, "picture copy sound"
    ),
    "Windows Media": Odd(_of("asf", codec="wmv2", sound_codec="wmav2"), WMV, "picture sound"),
    "Windows Media with MPEG-4": Odd(_of("asf", codec="msmpeg4v3", sound_codec="libmp3lame"), WMV, "picture sound"),
    # what editors keep
    "ProRes": Odd(_of("mov", codec="prores_ks", pixels="yuv422p10le", sound_codec="pcm_s24le"), MOV, "picture sound"),
    "ProRes 4444": Odd(
        _of("mov", codec="prores_ks", pixels="yuva444p10le", sound_codec="pcm_f32le"), MOV, "picture sound"
    ),
    "DNxHR": Odd(
        _of("mov", codec="dnxhd", pixels="yuv422p", size=(256, 128), picture=options(profile="dnxhr_lb")),
        MOV,
        _ENCODED,
    ),
    "Motion JPEG": Odd(_of("mov", codec="mjpeg", pixels="yuvj420p"), MOV, _ENCODED),
    "PNG with alpha": Odd(_of("mov", codec="png", pixels="rgba"), MOV, _ENCODED),
    "Animation": Odd(_of("mov", codec="qtrle", pixels="rgb24"), MOV, _ENCODED),
    "JPEG 2000": Odd(_of("mov", codec="jpeg2000"), MOV, _ENCODED),
    "8 bits, 4:2:2, not compressed": Odd(_of("mov", codec="rawvideo", pixels="uyvy422"), MOV, _ENCODED),
    "10 bits, 4:2:2, not compressed": Odd(_of("mov", codec="v210", pixels="yuv422p10le"), MOV, _ENCODED),
    # codecs
    "H.264 of 4:4:4": Odd(_of(pixels="yuv444p"), rungs=_ENCODED),
    "H.264 of 4:2:2": Odd(_of(pixels="yuv422p"), rungs=_ENCODED),
    "H.264 of 10 bits": Odd(_of(pixels="yuv420p10le"), rungs=_ENCODED),
    "H.264 without loss": Odd(_of(picture=options(qp=0)), rungs=_ENCODED),
    "avc3 with a whole header": Odd(partial(in_band, declared=True), rungs=_SILENT),
    "avc3": Odd(partial(in_band, declared=False), rungs="picture"),
    "hvc1": Odd(_of(codec="libx265", picture=hevc("hvc1"))),
    "hev1": Odd(_of(codec="libx265", picture=hevc("hev1"))),
    "MPEG-4": Odd(_of(codec="mpeg4"), rungs=_ENCODED),
    "two films, one after the other": Odd(two_descriptions, rungs="picture"),
    # sounds
    "ALAC": Odd(_sounding("alac"), rungs=_BOTH),
    "Opus": Odd(_sounding("libopus"), rungs=_BOTH),
    "MP3": Odd(_sounding("libmp3lame"), rungs=_BOTH),
    "MP2": Odd(_sounding("mp2"), rungs=_BOTH),
    "AC-3": Odd(_sounding("ac3"), rungs=_BOTH),
    "E-AC-3": Odd(_sounding("eac3"), rungs=_BOTH),
    "HE-AAC": Odd(partial(high_efficiency, first=True), rungs=_BOTH),
    "HE-AAC as old decoders take it": Odd(partial(high_efficiency, first=False), rungs=_BOTH),
    "8 kHz": Odd(_sounding("aac", 8000, "mono"), rungs=_BOTH),
    "11 kHz": Odd(_sounding("aac", 11025, "mono"), rungs=_BOTH),
    "22 kHz": Odd(_sounding("aac", 22050, "mono")),
    "96 kHz": Odd(_sounding("aac", 96000), rungs=_BOTH),
    # tracks
    "two tracks of pictures": Odd(two_pictures, rungs=_SILENT),
    "a cover as a film": Odd(still_beside_sound, rungs=_ENCODED),
    "a cover as a film, declared as a sound": Odd(still_beside_sound, "audio/mp4", _ENCODED),
    "40 tracks of sound": Odd(_of(sounds=({"language": "eng"},) * 40, seconds=1)),
    "odd titles": Odd(_of("matroska", sounds=TITLES, seconds=2), MKV, "picture copy sound"),
    "500 chapters": Odd(_of(chapters=[(n, f"Chapter {n}") for n in range(500)], seconds=2)),
    "a megabyte of tags": Odd(_of(tags={"title": "\u00fc" * 500_000, "comment": "x" * 1_000_000}, seconds=2)),
    # times
    "one picture": Odd(_of(times=range(1), sounds=()), rungs=_SILENT),
    "one picture and a sound": Odd(_of(times=range(1), sing=Chirp(seconds=10)), rungs=_BOTH),
    "half a second": Odd(_of(times=range(5))),
    "pictures that begin 0.4 s late": Odd(_of(times=range(4, 84), sing=Chirp(seconds=8.4))),
    "pictures that begin 3 s late": Odd(_of(times=range(30, 90), sing=Chirp(seconds=9)), rungs=_ENCODED),
    "pictures that begin 20 s late": Odd(_of(times=range(200, 240), sing=Chirp(seconds=24)), rungs="picture sound"),
    "pictures before zero": Odd(
        _of(times=range(-20, 60), options={"avoid_negative_ts": "disabled"}, sounds=()), rungs="picture"
    ),
    "a sound of 20 s, pictures of 2": Odd(_of(times=range(20), sing=Chirp(seconds=20)), rungs=_ENCODED),
    "pictures of 20 s, a sound of 2": Odd(_of(times=range(200), sing=Chirp(seconds=2)), rungs=_BOTH),
    "a gap of 30 s": Odd(_of(times=[*range(40), *range(343, 380)], sing=Chirp(seconds=38)), rungs=_ENCODED),
    "a gap of 30 s, Matroska": Odd(
        _of("matroska", times=[*range(40), *range(343, 380)], sing=Chirp(seconds=38)), MKV, "picture sound"
    ),
    "a burst": Odd(_burst, rungs="picture"),
    **{f"cut off at {part}": Odd(partial(cut_off, part), rungs=_BOTH) for part in (0.3, 0.36, 0.56, 0.8, 0.97)},
}
"""Each has a stream and no warning."""
