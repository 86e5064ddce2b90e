"""ZIP archives are listed from their directory, which stands at the end: no entry is read.

The standard library's zipfile takes the whole directory into memory, as large as it claims to be. So the directory is
read here, a piece at a time. The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.12
to 4.3.16.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from chalicelib.processing.archive.listing import DamagedError, Listing
from chalicelib.processing.entries import Entry, flags_of_name, is_bomb, shown_name
from chalicelib.processing.names import moment

# Bytes of a directory that are read: about 100,000 entries.
MAX_DIRECTORY = 8 * 1024**2
_PIECE = 64 * 1024

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LONGEST = _ENTRY.size + 3 * 0xFFFF  # bytes of an entry of the directory, with name, extra fields and comment
_LOCAL = 30  # bytes of the header before an entry's own, without name and extra fields

_ENCRYPTED, _UTF8 = 0x0001, 0x0800
_TIMES, _UNICODE_NAME, _ZIP64 = 0x5455, 0x7075, 0x0001
_UNIX = 3


@dataclass(frozen=True)
class _Directory:
    """Where the directory is, in bytes from the file's beginning, and how many entries it claims to have.

    `prefix` are the bytes that stand before the archive, as in one that unpacks itself.
    """

    start: int
    size: int
    claimed: int
    prefix: int


def read(data: BinaryIO, size: int, listing: Listing) -> None:
    """Raises DamagedError for a file without a directory, or with a damaged one."""
    directory = _directory(data, size)
    count = total = 0
    spans: list[tuple[int, int]] = []
    for header, name, extra in _headers(data, directory):
        entry, span = _entry(header, name, extra)
        listing.add(entry)
        spans.append(span)
        count, total = count + 1, total + (entry.size or 0)
    flags = ["overlap"] if _overlap(spans, directory.start - directory.prefix) else []
    flags += ["ratio"] if is_bomb(total, size) else []
    if directory.size <= MAX_DIRECTORY:
        listing.ends(count, total, *flags)
    else:
        # A claim that the directory has no room for is no count.
        possible = count < directory.claimed <= directory.size // _ENTRY.size
        listing.ends(directory.claimed if possible else None, None, *flags)


def _directory(data: BinaryIO, size: int) -> _Directory:
    tail_size = min(size, _END.size + 0xFFFF + _LOCATOR.size + _END64.size)
    data.seek(size - tail_size)
    tail = data.read(tail_size)
    at = _end_record(tail)
    _, _, _, _, entries, length, offset, _ = _END.unpack_from(tail, at)
    end = size - tail_size + at
    if at >= _LOCATOR.size and tail[at - _LOCATOR.size :][:4] == b"PK\x06\x07":
        end, entries, length, offset = _end64(data, tail[at - _LOCATOR.size : at], end)
    start = end - length
    if start < 0 or offset > start:
        raise DamagedError("The archive's directory is not where the archive says: it is damaged.")
    return _Directory(start, length, entries, start - offset)


def _end_record(tail: bytes) -> int:
    """The position of the end record: the last one whose comment fits into the file."""
    at = len(tail)
    while (at := tail.rfind(b"PK\x05\x06", 0, at)) >= 0:
        if at + _END.size <= len(tail) and at + _END.size + _END.unpack_from(tail, at)[7] <= len(tail):
            return at
    raise DamagedError("The archive has no directory: it is damaged, or was cut off.")


def _end64(data: BinaryIO, locator: bytes, end: int) -> tuple[int, int, int, int]:
    """(position, entries, length, offset) of the end record of a large archive."""
    before = end - _LOCATOR.size - _END64.size  # its usual place; the locator's word is wrong behind a prefix
    for at in (before, _LOCATOR.unpack(locator)[2]):
        if 0 <= at < end:
            data.seek(at)
            record = data.read(_END64.size)
            if len(record) == _END64.size and record[:4] == b"PK\x06\x06":
                *_, entries, length, offset = _END64.unpack(record)
                return at, entries, length, offset
    raise DamagedError("The archive's directory can't be found: it is damaged.")


def _headers(data: BinaryIO, directory: _Directory) -> Iterator[tuple[tuple[int, ...], bytes, bytes]]:
    """(numbers, name, extra fields) of each entry, within the bounds."""
    left = min(directory.size, MAX_DIRECTORY)
    cut = directory.size > left
    data.seek(directory.start)
    buffer, at = b"", 0
    while left or at < len(buffer):
        if len(buffer) - at < _LONGEST and left:
            piece = data.read(min(left, max(_PIECE, _LONGEST)))
            left = left - len(piece) if piece else 0
            buffer, at = buffer[at:] + piece, 0
        whole = len(buffer) - at >= _ENTRY.size
        numbers = _ENTRY.unpack_from(buffer, at) if whole else ()
        name_at = at + _ENTRY.size
        end = name_at + sum(numbers[10:13])
        if whole and numbers[0] != b"PK\x01\x02":
            raise DamagedError("The archive's directory is damaged.")
        if not whole or end > len(buffer):
            if cut:
                return
            raise DamagedError("The archive's directory is cut off: it is damaged.")
        extra_at = name_at + numbers[10]
        yield numbers[1:], buffer[name_at:extra_at], buffer[extra_at : extra_at + numbers[11]]
        at = end


def _entry(numbers: tuple[int, ...], raw: bytes, extra: bytes) -> tuple[Entry, tuple[int, int]]:
    """The entry, and where it is: from its own header to its last byte, at least."""
    made_by, _, bits, _, time, date, _, packed, size, _, _, _, _, _, attributes, offset = numbers
    fields = dict(_fields(extra))
    size, packed, offset = _large(fields.get(_ZIP64, b""), size, packed, offset)
    name = _name(raw, bits, fields.get(_UNICODE_NAME, b""))
    flags = flags_of_name(name)
    if made_by >> 8 == _UNIX and stat.S_ISLNK(attributes >> 16):
        flags.append("links")
    if is_bomb(size, packed):
        flags.append("ratio")
    entry = Entry(
        name=shown_name(name),
        size=size,
        packed_size=packed,
        modified_at=_modified(date, time, fields.get(_TIMES, b"")),
        directory=name.endswith("/"),
        encrypted=bool(bits & _ENCRYPTED),
        flags=tuple(flags),
    )
    return entry, (offset, offset + _LOCAL + len(raw) + packed)


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        yield tag, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _large(field: bytes, *numbers: int) -> list[int]:
    """Numbers that need more than 32 bits stand in a field of their own, in this order, and only they (4.5.3)."""
    found = []
    for number in numbers:
        if number == 0xFFFFFFFF and len(field) >= 8:
            number, field = int.from_bytes(field[:8], "little"), field[8:]
        found.append(number)
    return found


def _name(raw: bytes, bits: int, unicode_name: bytes) -> str:
    """The name in UTF-8, as the entry says or as its bytes are; else in code page 437 (appendix D)."""
    if not bits & _UTF8 and len(unicode_name) > 5 and int.from_bytes(unicode_name[1:5], "little") == zlib.crc32(raw):
        return unicode_name[5:].decode("utf-8", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace") if bits & _UTF8 else raw.decode("cp437")


def _modified(date: int, time: int, times: bytes) -> str | None:
    """The time in UTC, where the entry has it; else the time of its writer's clock."""
    try:
        if len(times) >= 5 and times[0] & 1:
            return moment(datetime.fromtimestamp(int.from_bytes(times[1:5], "little", signed=True), UTC))
        day = (date >> 9) + 1980, date >> 5 & 15, date & 31
        return moment(datetime(*day, time >> 11, time >> 5 & 63, min(59, (time & 31) * 2), tzinfo=UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _overlap(spans: list[tuple[int, int]], directory: int) -> bool:
    """True if entries share bytes, with each other or with the directory: so bombs are made smaller than they are."""
    spans.sort()
    following = [start for start, _ in spans[1:]] + [directory]
    return any(end > start for (_, end), start in zip(spans, following, strict=True)) if spans else False
