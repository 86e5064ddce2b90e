"""Writes fragmented MP4 for HLS: an init segment, and segments of one fragment each (ISO/IEC 14496-12).

FFmpeg's own muxer is not used. It adds its name, shifts times where pictures are shown in another order than they are
stored in, and its init segment depends on what was encoded. Here equal facts give equal bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

SYNC = 0x02000000  # a sample that depends on no other one
NO_SYNC = 0x01010000

# ISO 639-2 `und`, packed in 15 bits.
_UNDETERMINED = 0x55C4
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


@dataclass(frozen=True)
class Sample:
    """One picture or frame of sound as it is stored. Times in ticks of the track's scale.

    `shown` is when it is shown, less the time at which it is decoded; it may be negative.
    """

    data: bytes
    duration: int
    shown: int = 0
    sync: bool = True


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def init(entry: bytes, scale: int, size: tuple[int, int] | None) -> bytes:
    """The init segment of a track with this sample entry. `size` in pixels; None for sound."""
    width, height = size or (0, 0)
    volume = 0 if size else 0x100
    header = struct.pack(">IIIII", 0, 0, 1, 0, 0) + bytes(8) + struct.pack(">HHHH", 0, 0, volume, 0)
    track = _full(b"tkhd", 0, 3, header, _MATRIX, struct.pack(">II", width << 16, height << 16))
    movie = struct.pack(">IIIIIHH", 0, 0, 1000, 0, 0x10000, 0x100, 0) + bytes(8)
    return box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6cmfcmp41") + box(
        b"moov",
        _full(b"mvhd", 0, 0, movie, _MATRIX, bytes(24), struct.pack(">I", 2)),
        box(b"trak", track, _media(entry, scale, sound=size is None)),
        box(b"mvex", _full(b"trex", 0, 0, struct.pack(">IIIII", 1, 1, 0, 0, SYNC if size is None else NO_SYNC))),
    )


def _media(entry: bytes, scale: int, *, sound: bool) -> bytes:
    kind = b"soun" if sound else b"vide"
    about = _full(b"smhd", 0, 0, bytes(4)) if sound else _full(b"vmhd", 0, 1, bytes(8))
    here = box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1)))
    none = struct.pack(">I", 0)
    table = box(
        b"stbl",
        _full(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        _full(b"stts", 0, 0, none),
        _full(b"stsc", 0, 0, none),
        _full(b"stsz", 0, 0, none, none),
        _full(b"stco", 0, 0, none),
    )
    return box(
        b"mdia",
        _full(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, scale, 0, _UNDETERMINED, 0)),
        _full(b"hdlr", 0, 0, bytes(4), kind, bytes(13)),
        box(b"minf", about, here, table),
    )


def picture_entry(kind: bytes, config: bytes, size: tuple[int, int]) -> bytes:
    """The sample entry `avc1` or `hvc1`, with the decoder's configuration record."""
    fields = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">HH", *size)
    fields += struct.pack(">IIIH", 0x480000, 0x480000, 0, 1) + bytes(32) + struct.pack(">Hh", 24, -1)
    square = box(b"pasp", struct.pack(">II", 1, 1))
    return box(kind, fields, box(b"avcC" if kind == b"avc1" else b"hvcC", config), square)


def sound_entry(config: bytes, rate: int, channels: int) -> bytes:
    """The sample entry `mp4a`, with an AudioSpecificConfig (ISO/IEC 14496-1 and -3)."""
    decoder = b"\x40\x15" + bytes(3) + struct.pack(">II", 0, 0) + _descriptor(5, config)
    stream = struct.pack(">HB", 1, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02")
    fields = bytes(6) + struct.pack(">H", 1) + bytes(8) + struct.pack(">HHHHI", channels, 16, 0, 0, rate << 16)
    return box(b"mp4a", fields, _full(b"esds", 0, 0, _descriptor(3, stream)))


def _descriptor(tag: int, body: bytes) -> bytes:
    """A descriptor whose length is in four bytes, as all writers do."""
    size = len(body)
    return bytes([tag, 0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F]) + body


def segment(number: int, start: int, samples: Sequence[Sample]) -> bytes:
    """A media segment. `number` counts from 0 on, `start` is when its first sample is decoded, in ticks."""
    rows = b"".join(
        struct.pack(">IIIi", each.duration, len(each.data), SYNC if each.sync else NO_SYNC, each.shown)
        for each in samples
    )
    size = 8 + 16 + 8 + 16 + 20 + 20 + len(rows)  # moof, mfhd, traf, tfhd, tfdt, trun
    # Version 1: when a picture is shown is relative to its decoding, and may be before it.
    run = _full(b"trun", 1, 0xF01, struct.pack(">Ii", len(samples), size + 8), rows)
    fragment = box(
        b"moof",
        _full(b"mfhd", 0, 0, struct.pack(">I", number + 1)),
        box(
            b"traf",
            _full(b"tfhd", 0, 0x020000, struct.pack(">I", 1)),
            _full(b"tfdt", 1, 0, struct.pack(">Q", start)),
            run,
        ),
    )
    assert len(fragment) == size, "the data's place is wrong"
    return (
        box(b"styp", b"msdh", struct.pack(">I", 0), b"msdhcmfs")
        + fragment
        + box(b"mdat", *(each.data for each in samples))
    )


# Bytes that a segment has beside its samples' data, and that each sample takes.
OVERHEAD = 24 + 8 + 16 + 8 + 16 + 20 + 20 + 8
PER_SAMPLE = 16
