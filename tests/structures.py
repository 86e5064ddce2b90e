"""The pieces of image files, by format: chunks, boxes, segments, entries. And every way to damage them.

A file is cut, and its bytes are changed, at every hundredth of its length. Each piece is doubled, repeated, dropped and
moved, and each number that says how long or how large something is gets the values that break careless readers. The
lengths and places around a changed piece are mended, so that readers get as far as the piece.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

Order = Literal["big", "little"]
Number = tuple[int, int, Order]
"""Place in a piece, bytes, and their order."""
Change = tuple[str, Callable[[], bytes]]
"""Its name, and the damaged file."""

PNG = b"\x89PNG\r\n\x1a\n"
MANY = 1000
_BOXES_OF_BOXES = frozenset(
    (b"meta", b"iprp", b"ipco", b"iinf", b"dinf", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"jp2h", b"grpl")
)
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
_END_OF_TILE = re.compile(rb"\xff[\xd9\x90]")
_BEFORE_BOXES = {b"meta": 4, b"iinf": 6}  # bytes of version, flags and counts


@dataclass(frozen=True)
class Group:
    """Pieces that follow one another. `assemble` makes a file of any others in their place.

    `numbers` says where a piece has lengths and sizes, and `sealed` mends its checksum.
    """

    pieces: list[bytes]
    assemble: Callable[[Sequence[bytes]], bytes]
    numbers: Callable[[bytes], list[Number]]
    sealed: Callable[[bytes], bytes] = bytes


def changes(data: bytes) -> list[Change]:
    """Every damaged file that is made of this one."""
    found: list[Change] = []
    for percent in range(100):
        at = len(data) * percent // 100
        found.append((f"cut at {percent} %", partial(_cut, data, at)))
        for mark in (b"\xff\xff\xff\xff", bytes(4), b"\x55"):
            found.append((f"{mark.hex()} at {percent} %", partial(_overwritten, data, at, mark)))
    for number, group in enumerate(groups(data)):
        found += [(f"group {number}, {name}", change) for name, change in _changed_pieces(group)]
    return found


def groups(data: bytes) -> list[Group]:
    """The pieces of a file, level by level. A file of an unknown format is one piece."""
    for is_one, read in _READERS:
        if is_one(data):
            return read(data)
    return [Group([data], b"".join, lambda _: [])]


def _cut(data: bytes, at: int) -> bytes:
    return data[:at]


def _overwritten(data: bytes, at: int, mark: bytes) -> bytes:
    return data[:at] + mark[: len(data) - at] + data[at + len(mark) :]


def _changed_pieces(group: Group) -> Iterator[Change]:
    pieces, assemble = group.pieces, group.assemble

    def of(name: str, *others: bytes) -> Change:
        return name, partial(assemble, others)

    for n, piece in enumerate(pieces):
        before, after = pieces[:n], pieces[n + 1 :]
        yield of(f"piece {n} doubled", *before, piece, *pieces[n:])
        yield of(f"piece {n} dropped", *before, *after)
        yield of(f"piece {n} first", piece, *before, *after)
        yield of(f"piece {n} last", *before, *after, piece)
        yield f"piece {n} {MANY} times", partial(_repeated, group, n)
        for at, width, order in group.numbers(piece):
            yield from _changed_numbers(group, n, at, width, order)


def _changed_numbers(group: Group, n: int, at: int, width: int, order: Order) -> Iterator[Change]:
    piece = group.pieces[n]
    most, own = (1 << 8 * width) - 1, int.from_bytes(piece[at : at + width], order)
    for value in sorted({most, most >> 1, 0, 1, own - 1, own + 1} - {own}):
        if 0 <= value <= most:
            number = value.to_bytes(width, order)
            changed = group.sealed(piece[:at] + number + piece[at + width :])
            others = [*group.pieces[:n], changed, *group.pieces[n + 1 :]]
            yield f"piece {n}, {value} at {at}", partial(group.assemble, others)


def _repeated(group: Group, n: int) -> bytes:
    return group.assemble([*group.pieces[:n], *[group.pieces[n]] * MANY, *group.pieces[n + 1 :]])


# --- PNG, and all with its chunks


def _png(data: bytes) -> list[Group]:
    pieces, at = [], len(PNG)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        pieces.append(data[at:end])
        at = end
    return [Group(pieces, lambda parts: PNG + b"".join(parts), _png_numbers, _with_checksum)]


def _png_numbers(piece: bytes) -> list[Number]:
    """The length, the checksum, and all numbers of a small chunk."""
    words: list[Number] = [(at, 4, "big") for at in (0, len(piece) - 4)]
    if len(piece) <= 60:
        words += [(at, 4, "big") for at in range(8, len(piece) - 7, 4)]
        words += [(at, 1, "big") for at in range(8, len(piece) - 4)]
    return words


def _with_checksum(piece: bytes) -> bytes:
    """The chunk with a right checksum, if its length is right."""
    if int.from_bytes(piece[:4]) != len(piece) - 12:
        return piece
    return piece[:-4] + zlib.crc32(piece[4:-4]).to_bytes(4)


# --- WebP


def _webp(data: bytes) -> list[Group]:
    outer = Group(_riff(data[12:]), _riff_of, _riff_numbers)
    inner = [
        Group(_riff(piece[24:]), partial(_frame_of, outer, n), _riff_numbers)
        for n, piece in enumerate(outer.pieces)
        if piece[:4] == b"ANMF"
    ]
    return [outer, *inner]


def _riff(data: bytes) -> list[bytes]:
    pieces, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        pieces.append(data[at : at + 8 + size + size % 2])
        at += 8 + size + size % 2
    return pieces


def _riff_of(parts: Sequence[bytes]) -> bytes:
    data = b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


def _frame_of(outer: Group, n: int, parts: Sequence[bytes]) -> bytes:
    content = outer.pieces[n][8:24] + b"".join(parts)
    frame = b"ANMF" + struct.pack("<I", len(content)) + content
    return outer.assemble([*outer.pieces[:n], frame, *outer.pieces[n + 1 :]])


def _riff_numbers(piece: bytes) -> list[Number]:
    found: list[Number] = [(4, 4, "little")]
    fields = {b"VP8X": (8, 12, 15), b"ANMF": (8, 11, 14, 17, 20)}.get(piece[:4], ())
    found += [(at, 3 if at > 8 or piece[:4] == b"ANMF" else 1, "little") for at in fields]
    if piece[:4] in (b"VP8 ", b"VP8L"):
        found += [(at, 2, "little") for at in (9, 11, 14, 16)]
    return found


# --- GIF


def _gif(data: bytes) -> list[Group]:
    at = 13 + _colors(data[10])
    pieces = [data[:at]]
    while at < len(data) and data[at] != 0x3B:
        begin = at
        at += 2 if data[at] == 0x21 else 11 + _colors(data[at + 9])
        while data[at]:
            at += data[at] + 1
        at += 1
        pieces.append(data[begin:at])
    return [Group([*pieces, data[at:]], b"".join, _gif_numbers)]


def _colors(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_numbers(piece: bytes) -> list[Number]:
    match piece[:1]:
        case b"G":
            return [(6, 2, "little"), (8, 2, "little"), (10, 1, "little")]
        case b"\x2c":
            places: list[Number] = [(at, 2, "little") for at in (1, 3, 5, 7)]
            return [*places, (9, 1, "little"), (10 + _colors(piece[9]), 1, "little")]
        case b"\x21":
            return [(2, 1, "little"), (3, 1, "little"), (4, 2, "little"), (6, 1, "little")]
    return []


# --- JPEG


def _jpeg(data: bytes) -> list[Group]:
    """The first marker, the segments, and what is between a scan's header and the next marker of a segment."""
    pieces, at = [data[:2]], 2
    while at < len(data):
        begin, marker = at, data[at : at + 2]
        at += 2 if marker == b"\xff\xd9" else 2 + int.from_bytes(data[at + 2 : at + 4])
        pieces.append(data[begin:at])
        if marker == b"\xff\xda":
            found = _END_OF_SCAN.search(data, at)
            end = found.start() if found else len(data)
            pieces.append(data[at:end])
            at = end
    return [Group(pieces, b"".join, _segment_numbers)]


def _segment_numbers(piece: bytes) -> list[Number]:
    if piece[:1] != b"\xff" or len(piece) < 4:
        return []
    found: list[Number] = [(2, 2, "big")]
    if piece[1] in (0xC0, 0xC1, 0xC2):
        found += [(4, 1, "big"), (5, 2, "big"), (7, 2, "big"), (9, 1, "big")]
        return found + [(at, 1, "big") for at in range(10, len(piece))]
    if piece[1] in (0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xEE):
        return found + [(at, 1, "big") for at in range(4, min(len(piece), 24))]
    return found


# --- Boxes: AVIF, HEIF, JPEG 2000, and whatever else is made of them


def _boxes(data: bytes) -> list[Group]:
    return _level(data, 0, len(data), partial(_file_of, data))


def _level(data: bytes, begin: int, end: int, assemble: Callable[[Sequence[bytes]], bytes]) -> list[Group]:
    """The boxes from `begin` to `end`, and those that are in them."""
    places, at = [], begin
    while at + 8 <= end:
        stop = at + (int.from_bytes(data[at : at + 4]) or end - at)
        places.append((at, stop))
        at = stop
    pieces = [data[at:stop] for at, stop in places]
    found = [Group(pieces, assemble, _box_numbers)]
    for n, (at, stop) in enumerate(places):
        name = data[at + 4 : at + 8]
        inside = partial(_box_of, assemble, pieces, n, 8 + _BEFORE_BOXES.get(name, 0))
        if name in _BOXES_OF_BOXES:
            found += _level(data, at + 8 + _BEFORE_BOXES.get(name, 0), stop, inside)
        elif name == b"jp2c":
            found.append(Group(_segments_of_jp2(data[at + 8 : stop]), inside, _code_stream_numbers))
    return found


def _box_of(
    assemble: Callable[[Sequence[bytes]], bytes], pieces: list[bytes], n: int, head: int, parts: Sequence[bytes]
) -> bytes:
    """The file with other parts in one of its boxes, whose length is mended."""
    content = pieces[n][4:head] + b"".join(parts)
    return assemble([*pieces[:n], struct.pack(">I", len(content) + 4) + content, *pieces[n + 1 :]])


def _file_of(original: bytes, parts: Sequence[bytes]) -> bytes:
    """The file, whose table of places (`iloc`) follows the pixels (`mdat`) to where they are now."""
    data = b"".join(parts)
    moved, table = data.find(b"mdat") - original.find(b"mdat"), data.find(b"iloc")
    if moved and table > 0 and b"mdat" in data:
        with_places = bytearray(data)
        for at in _places(data, table + 4):
            place = int.from_bytes(data[at : at + 4]) + moved
            with_places[at : at + 4] = (place & 0xFFFFFFFF).to_bytes(4)
        return bytes(with_places)
    return data


def _places(data: bytes, at: int) -> Iterator[int]:
    """Where an `iloc` (ISO/IEC 14496-12, 8.11.3) of versions 0 and 1 has offsets of four bytes."""
    version, sizes = data[at], data[at + 4]
    base = data[at + 5] >> 4
    count, at = int.from_bytes(data[at + 6 : at + 8]), at + 8
    for _ in range(min(count, 100)):
        at += 4 + (2 if version else 0) + base
        extents, at = int.from_bytes(data[at : at + 2]), at + 2
        for _ in range(min(extents, 100)):
            if sizes >> 4 == 4 and at + 4 <= len(data):
                yield at
            at += (sizes >> 4) + (sizes & 15)


def _box_numbers(piece: bytes) -> list[Number]:
    """The length, and in small boxes all numbers."""
    found: list[Number] = [(0, 4, "big"), (4, 4, "big")]
    if len(piece) <= 80 and piece[4:8] != b"mdat":
        found += [(at, 4, "big") for at in range(8, len(piece) - 3, 4)]
        found += [(at, 1, "big") for at in range(8, len(piece))]
    return found


def _segments_of_jp2(data: bytes) -> list[bytes]:
    """The marker segments of a code stream. A tile's data follow the marker SOD, which has no length."""
    pieces, at = [data[:2]], 2
    while at < len(data):
        begin, marker = at, data[at : at + 2]
        if marker == b"\xff\x93":
            found = _END_OF_TILE.search(data, at)
            at = found.start() if found else len(data)
        else:
            at += 2 if marker == b"\xff\xd9" else 2 + int.from_bytes(data[at + 2 : at + 4])
        pieces.append(data[begin:at])
    return pieces


def _bare_code_stream(data: bytes) -> list[Group]:
    return [Group(_segments_of_jp2(data), b"".join, _code_stream_numbers)]


def _code_stream_numbers(piece: bytes) -> list[Number]:
    if piece[:2] in (b"\xff\x93", b"\xff\x4f", b"\xff\xd9"):
        return []
    found: list[Number] = [(2, 2, "big")]
    if piece[:2] == b"\xff\x51":
        found += [(at, 4, "big") for at in range(6, 38, 4)]
        return [*found, (38, 2, "big"), *((at, 1, "big") for at in range(40, len(piece)))]
    if piece[:2] == b"\xff\x90":
        return [*found, (4, 2, "big"), (6, 4, "big"), (10, 1, "big"), (11, 1, "big")]
    return found + [(at, 1, "big") for at in range(4, min(len(piece), 24))]


# --- TIFF, and cameras' raw files


def _tiff(data: bytes) -> list[Group]:
    order: Order = "little" if data[:2] == b"II" else "big"
    at = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[at : at + 2], order)
    entries = [data[at + 2 + 12 * n : at + 14 + 12 * n] for n in range(count)]
    numbers: list[Number] = [(0, 2, order), (2, 2, order), (4, 4, order), (8, 4, order), (8, 2, order)]
    head: list[Number] = [(2, 2, order), (4, 4, order)]
    return [
        Group(entries, partial(_directory_of, data, order), lambda _: numbers),
        Group([data[:8]], lambda parts: b"".join(parts) + data[8:], lambda _: head),
    ]


def _directory_of(data: bytes, order: Order, entries: Sequence[bytes]) -> bytes:
    """The file with another first directory, which stands at its end, so that nothing else moves."""
    at = len(data) + len(data) % 2
    directory = len(entries).to_bytes(2, order) + b"".join(entries) + bytes(4)
    return data[:4] + at.to_bytes(4, order) + data[8:].ljust(at - 8, b"\0") + directory


# --- Windows' bitmaps and icons


def _bmp(data: bytes) -> list[Group]:
    at = int.from_bytes(data[10:14], "little")
    fields: list[Number] = [(2, 4, "little"), (10, 4, "little"), (14, 4, "little")]
    fields += [(place, 4, "little") for place in (18, 22, 30, 34, 38, 42, 46, 50, *range(54, min(at, 138), 4))]
    fields += [(26, 2, "little"), (28, 2, "little")]
    return [Group([data[:at], data[at:]], b"".join, lambda piece: fields if piece[:2] == b"BM" else [])]


def _icon(data: bytes) -> list[Group]:
    count = int.from_bytes(data[4:6], "little")
    entries = [data[6 + 16 * n : 22 + 16 * n] for n in range(count)]
    numbers: list[Number] = [(at, 1, "little") for at in (0, 1, 2)]
    numbers += [(4, 2, "little"), (6, 2, "little"), (8, 4, "little"), (12, 4, "little")]
    begin = min(int.from_bytes(entry[12:16], "little") for entry in entries)
    fields: list[Number] = [(at, 4, "little") for at in (0, 4, 8, 16, 20, 32)]
    return [
        Group(entries, partial(_icon_of, data, count), lambda _: numbers),
        Group(
            [data[begin : begin + 40], data[begin + 40 :]],
            lambda parts: data[:begin] + b"".join(parts),
            lambda piece: fields if len(piece) == 40 else [],
        ),
    ]


def _icon_of(data: bytes, count: int, entries: Sequence[bytes]) -> bytes:
    moved = 16 * (len(entries) - count)
    placed = b"".join(
        entry[:12] + ((int.from_bytes(entry[12:], "little") + moved) & 0xFFFFFFFF).to_bytes(4, "little")
        for entry in entries
    )
    return data[:4] + (len(entries) & 0xFFFF).to_bytes(2, "little") + placed + data[6 + 16 * count :]


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], list[Group]]], ...] = (
    (lambda data: data.startswith(PNG), _png),
    (lambda data: data.startswith(b"GIF8"), _gif),
    (lambda data: data.startswith(b"\xff\xd8"), _jpeg),
    (lambda data: data.startswith(b"RIFF"), _webp),
    (lambda data: data.startswith(b"\xff\x4f\xff\x51"), _bare_code_stream),
    (lambda data: data[4:8] in (b"ftyp", b"jP  "), _boxes),
    (lambda data: data[:4] in (b"II*\0", b"MM\0*"), _tiff),
    (lambda data: data.startswith(b"BM"), _bmp),
    (lambda data: data[:4] in (b"\0\0\1\0", b"\0\0\2\0"), _icon),
)
"""A test of a file, and the reader of such files. Another format is one more line."""
