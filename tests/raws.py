"""Makes cameras' raw files: their directories as each maker writes them, a JPEG, and noise for the sensor's data."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from tests import images

RAW_SIZE = (640, 480)
"""The sensor's width and height."""

SENSOR = random.Random(9).randbytes(20_000)
LENS = b"EF 50mm f/1.8\0"

Value = int | list[int] | bytes
Tags = dict[int, Value]


class Builder(Protocol):
    def __call__(self, picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE) -> bytes: ...


@dataclass(frozen=True)
class Format:
    content_type: str
    make: Builder


@cache
def jpeg(width: int = RAW_SIZE[0], height: int = RAW_SIZE[1], orientation: int = 1, exif: bytes = b"") -> bytes:
    """`images.picture`, `width` x `height` as stored, which is upright if it is turned by the orientation."""
    seen = (height, width) if orientation >= 5 else (width, height)
    return images.encoded(
        images.turned(*seen, orientation) if orientation > 1 else images.picture(*seen), "JPEG", exif=exif
    )


@cache
def thumbnail() -> bytes:
    return jpeg(160, 120)


def lossless_jpeg(width: int = RAW_SIZE[0], height: int = RAW_SIZE[1], components: int = 1, bits: int = 14) -> bytes:
    """A sensor's data as in CR2 and DNG: a JPEG of process 3."""
    parts = b"".join(bytes([n, 0x11, 0]) for n in range(components))
    frame = struct.pack(">BHHB", bits, height, width, components) + parts
    return (
        b"\xff\xd8\xff\xc3"
        + (len(frame) + 2).to_bytes(2)
        + frame
        + b"\xff\xda\0\x08\1\0\0\1\0\0"
        + SENSOR
        + b"\xff\xd9"
    )


class Writer:
    """A file with directories of TIFF. Places count from the beginning of the file."""

    def __init__(self, head: bytes, order: str = "<") -> None:
        self.data, self._order = bytearray(head), order

    def add(self, content: bytes) -> int:
        """Appends content, and returns its place."""
        self.data += bytes(len(self.data) % 2)
        at = len(self.data)
        self.data += content
        return at

    def directory(self, tags: Tags, next: int = 0) -> int:
        """Appends a directory, and returns its place. Numbers are LONG, bytes with a NUL at the end are ASCII."""
        rows = b""
        for tag, value in sorted(tags.items()):
            if isinstance(value, bytes):
                kind, count, packed = (2 if value.endswith(b"\0") else 7), len(value), value
            else:
                numbers = value if isinstance(value, list) else [value]
                kind, count, packed = 4, len(numbers), struct.pack(f"{self._order}{len(numbers)}I", *numbers)
            place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(self._order + "I", self.add(packed))
            rows += struct.pack(self._order + "HHI", tag, kind, count) + place
        return self.add(struct.pack(self._order + "H", len(tags)) + rows + struct.pack(self._order + "I", next))

    def number(self, at: int, value: int) -> None:
        struct.pack_into(self._order + "I", self.data, at, value)

    def done(self, first: int) -> bytes:
        self.number(4, first)
        return bytes(self.data)


def _camera(writer: Writer, make: bytes, orientation: int, more: Tags | None = None) -> Tags:
    """The tags of the first directory that tell of the picture."""
    exif = writer.directory({0x9003: b"2024:05:06 07:08:09\0", 0xA434: LENS} | (more or {}))
    tags: Tags = {271: make + b"\0", 272: b"Model 7\0", 34665: exif}
    if orientation:
        tags[274] = orientation
    return tags


def cr2(picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE) -> bytes:
    """The first directory is the JPEG, the second the thumbnail, the fourth the sensor's data in lossless JPEG."""
    writer = Writer(b"II*\0\0\0\0\0CR\2\0\0\0\0\0")
    sensor = lossless_jpeg(size[0] // 2, size[1], components=2)
    fourth = writer.directory({259: 6, 273: writer.add(sensor), 279: len(sensor)})
    third = writer.directory({256: 96, 257: 64, 259: 6, 273: writer.add(bytes(999)), 279: 999}, fourth)
    second = writer.directory({513: writer.add(thumbnail()), 514: len(thumbnail())}, third)
    first: Tags = {259: 6, 273: writer.add(picture), 279: len(picture)}
    return writer.done(writer.directory(first | _camera(writer, b"Canon", orientation), second))


def _below(head: bytes, order: str, make: bytes, compression: int, more: Tags | None = None) -> Builder:
    """A format whose first directory is a thumbnail, and whose other pictures are below it."""

    def made(picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE) -> bytes:
        writer = Writer(head, order)
        preview = writer.directory({254: 1, 259: 6, 513: writer.add(picture), 514: len(picture)})
        sensor: Tags = {254: 0, 256: size[0], 257: size[1], 259: compression, 262: 32803}
        at = writer.directory(sensor | {273: writer.add(SENSOR), 279: len(SENSOR)})
        first: Tags = {254: 1, 256: 160, 257: 120, 259: 1, 262: 2, 273: writer.add(bytes(160 * 120 * 3))}
        first |= {279: 160 * 120 * 3, 330: [preview, at]}
        return writer.done(writer.directory(first | _camera(writer, make, orientation) | (more or {})))

    return made


def dng(picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE, *, tiles: bool = False) -> bytes:
    """A thumbnail, below it the sensor's data in lossless JPEG, the preview, a mask, and a preview as a linear DNG."""
    writer = Writer(b"II*\0\0\0\0\0")
    sensor, mask = lossless_jpeg(*size), jpeg(*RAW_SIZE)
    where, length = (324, 325) if tiles else (273, 279)
    raw: Tags = {254: 0, 256: size[0], 257: size[1], 259: 7, 262: 32803, 273: writer.add(sensor), 279: len(sensor)}
    shown: Tags = {254: 1, 256: 9, 257: 9, 259: 7, 262: 6, where: writer.add(picture), length: len(picture)}
    masks: Tags = {254: 0x10004, 256: size[0], 257: size[1], 259: 7, 262: 52527, 273: writer.add(mask), 279: len(mask)}
    linear: Tags = {254: 0, 256: size[0], 257: size[1], 259: 7, 262: 34892, 273: writer.add(mask), 279: len(mask)}
    below = [writer.directory(each) for each in (raw, shown, masks, linear)]
    first: Tags = {254: 1, 256: 160, 257: 120, 259: 7, 262: 6, 273: writer.add(thumbnail()), 279: len(thumbnail())}
    first |= {330: below, 50706: b"\1\4\0\0"}
    return writer.done(writer.directory(first | _camera(writer, b"Acme", orientation)))


def arw(picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE) -> bytes:
    """A preview, then a thumbnail, then the JPEG; below the first one the sensor's data."""
    writer = Writer(b"II*\0\0\0\0\0")
    third = writer.directory({254: 1, 259: 6, 513: writer.add(picture), 514: len(picture)})
    second = writer.directory({254: 1, 259: 6, 513: writer.add(thumbnail()), 514: len(thumbnail())}, third)
    sensor: Tags = {
        254: 0,
        256: size[0],
        257: size[1],
        259: 32767,
        262: 32803,
        273: writer.add(SENSOR),
        279: len(SENSOR),
    }
    first: Tags = {254: 1, 259: 6, 513: writer.add(thumbnail()), 514: len(thumbnail()), 330: writer.directory(sensor)}
    return writer.done(writer.directory(first | _camera(writer, b"SONY", orientation), second))


def orf(
    picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE, *, name: bytes = b"OLYMPUS\0II\3\0"
) -> bytes:
    """The first directory is the sensor's data. The maker's notes, which count from themselves, name the JPEG."""
    writer = Writer(b"IIRO\0\0\0\0")
    settings = len(name) + 18
    start = settings + 42
    notes = name + struct.pack("<HHHIII", 1, 0x2020, 13, 1, settings, 0)
    notes += struct.pack("<H", 3) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((0x100, 1), (0x101, start), (0x102, len(picture)))
    )
    notes += bytes(4) + picture
    sensor: Tags = {256: size[0], 257: size[1], 259: 1, 273: writer.add(SENSOR), 279: len(SENSOR)}
    more: Tags = {37500: notes}
    return writer.done(writer.directory(sensor | _camera(writer, b"OLYMPUS CORPORATION", orientation, more)))


def rw2(picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE) -> bytes:
    writer = Writer(b"IIU\0\0\0\0\0")
    first: Tags = {1: b"0400", 2: size[0], 3: size[1], 0x2E: picture}
    return writer.done(writer.directory(first | _camera(writer, b"Panasonic", orientation)))


def raf(picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE) -> bytes:
    """A RAF says nothing of the picture itself: the JPEG has the EXIF."""
    exposure = {0xA434: LENS[:-1].decode(), 0x9003: "2024:05:06 07:08:09"}
    block = images.exif_block({271: "Fujifilm", 272: "Model 7"}, orientation=orientation or None, more=exposure)
    picture = picture[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2) + block + picture[2:]
    table = struct.pack(">IHHHHHHHH", 2, 0x100, 4, size[1], size[0], 0x111, 4, size[1], size[0])
    start = 160
    places = [start, len(picture), start + len(picture), len(table), start + len(picture) + len(table), len(SENSOR)]
    head = b"FUJIFILMCCD-RAW 0201FF389501" + b"X-T1".ljust(32, b"\0") + b"0100"
    return (head.ljust(84, b"\0") + struct.pack(">6I", *places)).ljust(start, b"\0") + picture + table + SENSOR


def cr3(picture: bytes, orientation: int = 0, size: tuple[int, int] = RAW_SIZE) -> bytes:
    """Boxes: Canon's own with the EXIF and the thumbnail, and a track each for the JPEG and for the sensor's data."""
    first = Writer(b"II*\0\0\0\0\0")
    tags: Tags = {271: b"Canon\0", 272: b"Model 7\0"}
    if orientation:
        tags[274] = orientation
    exposure = Writer(b"II*\0\0\0\0\0")
    blocks = [
        first.done(first.directory(tags)),
        exposure.done(exposure.directory({0x9003: b"2024:05:06 07:08:09\0", 0xA434: LENS})),
    ]
    own = CANON + b"".join(box(b"CMT%d" % number, block) for number, block in enumerate(blocks, 1))
    own += box(b"THMB", bytes(4) + struct.pack(">HHI", 160, 120, len(thumbnail())) + bytes(4) + thumbnail())
    head = box(b"ftyp", b"crx \0\0\0\1crx isom")

    def movie(start: int) -> bytes:
        tracks = _track(b"JPEG", size, len(picture), start) + _track(b"CMP1", size, len(SENSOR), start + len(picture))
        return box(b"moov", box(b"uuid", own) + tracks)

    start = len(head) + len(movie(0)) + 8
    return head + movie(start) + box(b"mdat", picture + SENSOR)


CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _track(codec: bytes, size: tuple[int, int], length: int, at: int) -> bytes:
    entry = bytes(7) + b"\1" + bytes(16) + struct.pack(">HH", *size) + bytes(50) + b"\0\3\0\0" + box(codec, bytes(4))
    table = box(b"stsd", bytes(7) + b"\1" + box(b"CRAW", entry))
    table += box(b"stsz", bytes(4) + struct.pack(">II", length, 1)) + box(b"co64", bytes(7) + b"\1" + at.to_bytes(8))
    return box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table))))


nef = _below(b"MM\0*\0\0\0\0", ">", b"NIKON CORPORATION", 34713)

FORMATS = {
    "cr2": Format("image/x-canon-cr2", cr2),
    "cr3": Format("image/x-canon-cr3", cr3),
    "nef": Format("image/x-nikon-nef", nef),
    "arw": Format("image/x-sony-arw", arw),
    "dng": Format("image/x-adobe-dng", dng),
    "raf": Format("image/x-fuji-raf", raf),
    "orf": Format("image/x-olympus-orf", orf),
    "rw2": Format("image/x-panasonic-rw2", rw2),
}
