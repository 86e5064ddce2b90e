"""The words of AVIF and HEIF about their colours, in boxes (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image import colorimetry
from chalicelib.processing.image.position import position_kept

_MAX_BOXES = 1000  # outermost ones, of which files have about five, or those in one box
_MAX_META = 16 * 1024**2  # bytes; a grid of 1000 tiles takes 100 KB
_MAX_DOUBLES = 4  # tables of properties that libavif reads
_LEAST_TABLE = 8  # bytes: version, flags and the number of entries
_HEVC = (b"hvc1", b"hev1", b"grid", b"iden", b"iovl", b"tmap")  # and items that are made of others
_UNSPECIFIED, _LAST_MATRIX = 2, 17  # code points of ITU-T H.273
# Transfer characteristics that Chromium shows as sRGB in AVIF: the unspecified one, and those of BT.709.
_AS_SRGB = (_UNSPECIFIED, 1, 6, 14, 15)

Box = tuple[bytes, int, int]
"""Name, first byte and end of a box's content."""


def meta(source: BinaryIO) -> tuple[int, bytes]:
    """The content of the outermost `meta` box, and its place in the file; b"" for none. May move the position."""
    source.seek(0)
    for _ in range(_MAX_BOXES):
        header = source.read(8)
        size, skipped = int.from_bytes(header[:4]), 8
        if size == 1:
            size, skipped = int.from_bytes(source.read(8)), 16
        if len(header) < 8 or (0 < size < skipped):
            break
        if header[4:] == b"meta":
            return source.tell(), source.read(min(size - skipped, _MAX_META) if size else _MAX_META)
        if size == 0:
            break
        source.seek(size - skipped, 1)
    return 0, b""


def mended(source: BinaryIO) -> BinaryIO:
    """The file, in which libavif can read all tables of properties; `source` itself if that needs nothing.

    Two tables (`ipma`) with equal version and flags are an error to libavif, as the standard has it (ISO/IEC 23008-12,
    9.3.1). Some encoders write one for each item, and browsers read them all. Of the flags the standard only defines
    the lowest, the width of an index, and libavif looks at no other: so another one tells the tables apart. An item
    that is in two tables stays an error. Both stand at their start.
    """
    source.seek(0)
    head = source.read(12)
    source.seek(0)
    if head[4:8] != b"ftyp" or head[8:12] in (b"jp2 ", b"jpx "):
        return source
    place, content = meta(source)
    seen, changes = set[bytes](), list[int]()
    for _, begin, end in _named(content, _properties(content), b"ipma"):
        if end - begin < _LEAST_TABLE:
            continue
        kind = content[begin : begin + 4]
        if kind in seen:
            changes.append(place + begin + 3)
        seen.add(kind)
    matrices = [place + at for at in _unknown_matrices(content)]
    source.seek(0)
    changes = changes if len(changes) < _MAX_DOUBLES else []
    if not changes and not matrices:
        return source
    data = bytearray(source.read())
    for at in matrices:
        data[at : at + 2] = _UNSPECIFIED.to_bytes(2)
    for number, at in enumerate(changes, 1):
        data[at] = (data[at] & 1) | number << 1
    return BytesIO(bytes(data))


def check(source: BinaryIO) -> None:
    """Raises PermanentFault for a picture in a `mini` box, which no decoder here reads. Keeps the position.

    It is HEIF's form for small pictures (ISO/IEC 23008-12:2025), with the brand `mif3`.
    """
    with position_kept(source):
        source.seek(0)
        is_mini = source.read(12)[4:] == b"ftypmif3" and not meta(source)[1]
    if is_mini:
        raise PermanentFault(
            ErrorCode.UNSUPPORTED_TYPE, "An AVIF or HEIF in a `mini` box is not supported. Save it as JPEG."
        )


def _unknown_matrices(content: bytes) -> Iterator[int]:
    """Where an `nclx` names matrix coefficients that H.273 does not know. Chromium takes them for unspecified ones."""
    for _, begin, end in _named(content, _properties(content), b"ipco"):
        for _, at, stop in _named(content, (begin, end), b"colr"):
            points = content[at + 4 : stop] if content[at : at + 4] == b"nclx" else b""
            if int.from_bytes(points[4:6]) > _LAST_MATRIX:
                yield at + 8


def is_hevc(source: BinaryIO) -> bool:
    """True if the primary item is coded by HEVC, is made of other items, or is not said. May move the position."""
    content = meta(source)[1]
    item = _primary(content)
    for _, begin, end in _named(content, (4, len(content)), b"iinf"):
        wide = content[begin : begin + 1] != b"\0"
        for _, at, stop in _named(content, (begin + (8 if wide else 6), end), b"infe"):
            width = 4 if content[at : at + 1] > b"\2" else 2
            if int.from_bytes(content[at + 4 : at + 4 + width]) == item:
                kind = content[at + 6 + width : min(at + 10 + width, stop)]
                return kind in _HEVC
    return True


def profile(source: BinaryIO, embedded: bytes | None) -> bytes | None:
    """The ICC profile of the colours: the embedded one, or else what the code points say; None for sRGB.

    Keeps the position.
    """
    with position_kept(source):
        content = meta(source)[1]
    found = dict(_of_primary(content))
    nclx = found.get(b"nclx", b"")
    if embedded or len(nclx) < 6:
        return embedded
    primaries, transfer = int.from_bytes(nclx[:2]), int.from_bytes(nclx[2:4])
    primaries = 1 if primaries == _UNSPECIFIED else primaries
    transfer = 13 if transfer in _AS_SRGB else transfer
    if not colorimetry.is_known(primaries, transfer):
        return None
    return colorimetry.coded_profile(primaries, transfer, _peak(found))


def _peak(found: dict[bytes, bytes]) -> float | None:
    """The brightest level in cd/m² that the file says it has, or else that of the display it was made on."""
    light, display = found.get(b"clli", b""), found.get(b"mdcv", b"")
    mastering = int.from_bytes(display[16:20]) / 10_000 if len(display) >= 24 else 0.0
    return float(int.from_bytes(light[:2])) or mastering or None


def _of_primary(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The properties of the primary item by name; of `colr` those with code points, as `nclx`."""
    item = _primary(content)
    area = _properties(content)
    containers = list(_named(content, area, b"ipco"))
    properties = list(inside(content, *containers[0][1:])) if containers else []
    for number in _associated(content, area, item):
        if 0 < number <= len(properties):
            name, begin, end = properties[number - 1]
            value = content[begin:end]
            if name == b"colr" and value[:4] == b"nclx":
                yield b"nclx", value[4:]
            elif name in (b"clli", b"mdcv"):
                yield name, value


def _primary(content: bytes) -> int:
    """The number of the primary item; 0 for none."""
    found = next((content[begin:end] for _, begin, end in _named(content, (4, len(content)), b"pitm")), b"")
    return int.from_bytes(found[4 : 8 if found[:1] != b"\0" else 6])


def _associated(content: bytes, area: tuple[int, int], item: int) -> Iterator[int]:
    """The numbers, from 1 on, of an item's properties."""
    for _, begin, end in _named(content, area, b"ipma"):
        if end - begin < 8:
            continue
        width, size = (4 if content[begin] else 2), (2 if content[begin + 3] & 1 else 1)
        at = begin + 8
        while at < end:
            own = int.from_bytes(content[at : at + width])
            count = content[at + width] if at + width < end else 0
            at += width + 1
            for _ in range(count):
                if own == item:
                    yield int.from_bytes(content[at : at + size]) & (0x7FFF if size == 2 else 0x7F)
                at += size


def _properties(content: bytes) -> tuple[int, int]:
    """Where the content of `iprp` is."""
    return next((box[1:] for box in _named(content, (4, len(content)), b"iprp")), (0, 0))


def _named(content: bytes, area: tuple[int, int], wanted: bytes) -> Iterator[Box]:
    return (box for box in inside(content, *area) if box[0] == wanted)


def inside(content: bytes, at: int, end: int, most: int = _MAX_BOXES) -> Iterator[Box]:
    """The boxes in this area of the content, up to `most`, and up to the first that is not whole."""
    for _ in range(most):
        size, begin = int.from_bytes(content[at : at + 4]), at + 8
        if size == 1:
            size, begin = int.from_bytes(content[at + 8 : at + 16]), at + 16
        if size < begin - at or at + size > end:
            return
        yield content[at + 4 : at + 8], begin, at + size
        at += size
