"""The directory of a ZIP archive, which stands at the end, and the members that it names. No member is read.

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
from typing import BinaryIO, NamedTuple

from chalicelib.processing.archive.listing import DamagedError
from chalicelib.processing.names import moment

# Bytes of a directory that are read: about 100,000 members.
MAX_DIRECTORY = 8 * 1024**2
_PIECE = 64 * 1024

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
MEMBER = struct.Struct("<4s6H3L5H2L")
_LONGEST = MEMBER.size + 3 * 0xFFFF  # bytes of a member in the directory, with name, extra fields and comment
LOCAL = struct.Struct("<4s5H3L2H")
"""The header before a member's own bytes, without name and extra fields."""

_ENCRYPTED, _UTF8 = 0x0001, 0x0800
_TIMES, _UNICODE_NAME, _ZIP64 = 0x5455, 0x7075, 0x0001
_UNIX = 3


class Directory(NamedTuple):
    """Where the directory is, in bytes from the file's beginning, and how many members it claims to have.

    `prefix` are the bytes that stand before the archive, as in one that unpacks itself.
    """

    start: int
    size: int
    claimed: int
    prefix: int


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the directory has it. `size` and `packed` in bytes, `offset` in bytes from the archive's beginning.

    `raw_name` is `name` in the archive's bytes. `method` is the number of its compression (section 4.4.5).
    """

    name: str
    raw_name: bytes
    bits: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    link: bool
    modified_at: str | None

    @property
    def directory(self) -> bool:
        return self.name.endswith("/")

    @property
    def encrypted(self) -> bool:
        return is_encrypted(self.bits)

    @property
    def span(self) -> tuple[int, int]:
        """From its own header to its last byte, at least: its header may be longer than the directory tells."""
        return self.offset, self.offset + LOCAL.size + len(self.raw_name) + self.packed


def is_encrypted(bits: int) -> bool:
    return bool(bits & _ENCRYPTED)


def find(data: BinaryIO, size: int) -> Directory:
    """Raises DamagedError for a file without a directory."""
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
    return Directory(start, length, entries, start - offset)


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


def members(data: BinaryIO, directory: Directory) -> Iterator[Member]:
    """Each member, within the bounds. Raises DamagedError."""
    left = min(directory.size, MAX_DIRECTORY)
    cut = directory.size > left
    data.seek(directory.start)
    buffer, at = b"", 0
    while left or at < len(buffer):
        if len(buffer) - at < _LONGEST and left:
            piece = data.read(min(left, max(_PIECE, _LONGEST)))
            left = left - len(piece) if piece else 0
            buffer, at = buffer[at:] + piece, 0
        whole = len(buffer) - at >= MEMBER.size
        numbers = MEMBER.unpack_from(buffer, at) if whole else ()
        name_at = at + MEMBER.size
        end = name_at + sum(numbers[10:13])
        if whole and numbers[0] != b"PK\x01\x02":
            raise DamagedError("The archive's directory is damaged.")
        if not whole or end > len(buffer):
            if cut:
                return
            raise DamagedError("The archive's directory is cut off: it is damaged.")
        extra_at = name_at + numbers[10]
        yield _member(numbers[1:], buffer[name_at:extra_at], buffer[extra_at : extra_at + numbers[11]])
        at = end


def _member(numbers: tuple[int, ...], raw: bytes, extra: bytes) -> Member:
    made_by, _, bits, method, time, date, crc, packed, size, _, _, _, _, _, attributes, offset = numbers
    fields = dict(_fields(extra))
    size, packed, offset = _large(fields.get(_ZIP64, b""), size, packed, offset)
    return Member(
        name=_name(raw, bits, fields.get(_UNICODE_NAME, b"")),
        raw_name=raw,
        bits=bits,
        method=method,
        crc=crc,
        packed=packed,
        size=size,
        offset=offset,
        link=made_by >> 8 == _UNIX and stat.S_ISLNK(attributes >> 16),
        modified_at=_modified(date, time, fields.get(_TIMES, b"")),
    )


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
