"""OLE's compound files: Word, Excel and PowerPoint of before 2007, and every encrypted Office file.

Only properties and marks of encryption are read here; calamine reads the sheets of xls.
https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb/
https://learn.microsoft.com/openspecs/windows_protocols/ms-oleps/
"""

from __future__ import annotations

import codecs
import struct
from datetime import datetime, timedelta
from typing import Any

from chalicelib.processing.office.found import DamagedError, EncryptedError, Found

SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")

# Entries of the directory, sectors of the table of tables, and bytes of a stream.
MAX_ENTRIES = 4096
MAX_TABLES = 2000
MAX_STREAM = 256 * 1024

_LAST = 0xFFFFFFFA  # numbers above are marks, no sectors
_MINI_SECTOR = 64


class Compound:
    """The streams at the top of a compound file, by their names in lower case. Raises DamagedError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        if not data.startswith(SIGNATURE) or len(data) < 512:
            raise DamagedError("it does not begin as OLE's files do")
        shift = int.from_bytes(data[30:32], "little")
        if shift not in (9, 12):
            raise DamagedError("its sectors have an unknown size")
        self._size = 1 << shift
        self._tables = self._table_sectors()
        directory = self._chain(self._number(48), MAX_ENTRIES * 128)
        entries = [directory[at : at + 128] for at in range(0, len(directory) - 127, 128)]
        if not entries:
            raise DamagedError("it has no directory")
        # Streams of fewer bytes than this stand in small sectors, within a stream of the directory's first entry.
        self._mini_from = self._number(56)
        self._mini = self._chain(_place(entries[0])[0], 16 * MAX_STREAM)
        self._mini_table = self._chain(self._number(60), MAX_STREAM)
        self._streams = {_name(entries[at]): _place(entries[at]) for at in _top(entries)}

    def __contains__(self, name: str) -> bool:
        return name in self._streams

    def read(self, name: str, most: int = MAX_STREAM) -> bytes:
        """The first bytes of a stream; fewer where the file is cut."""
        start, size = self._streams.get(name, (_LAST, 0))
        size = min(size, most)
        if self._streams.get(name, (0, 0))[1] >= self._mini_from:
            return self._chain(start, size)[:size]
        out = bytearray()
        while start < _LAST and len(out) < size:
            piece = self._mini[start * _MINI_SECTOR : (start + 1) * _MINI_SECTOR]
            if not piece:
                break
            out += piece
            start = _number(self._mini_table, start * 4)
        return bytes(out[:size])

    def _table_sectors(self) -> list[int]:
        """The sectors of the allocation table: 109 stand in the header, the others in sectors of their own."""
        found = [self._number(76 + 4 * number) for number in range(109)]
        sector, per_sector = self._number(68), self._size // 4
        while sector < _LAST and len(found) < MAX_TABLES * per_sector:
            block = self._sector(sector)
            if len(block) < self._size:
                break
            *more, sector = struct.unpack(f"<{per_sector}I", block)
            found += more
        return found

    def _chain(self, sector: int, most: int) -> bytes:
        """The bytes of a chain of sectors, at most `most` and a sector: a chain may be a ring."""
        out = bytearray()
        while sector < _LAST and len(out) < most:
            block = self._sector(sector)
            if not block:
                break
            out += block
            table, place = divmod(sector * 4, self._size)
            at = self._tables[table] if table < len(self._tables) else _LAST
            sector = _number(self._sector(at), place) if at < _LAST else _LAST
        return bytes(out)

    def _sector(self, number: int) -> bytes:
        return self._data[(number + 1) * self._size : (number + 2) * self._size]

    def _number(self, at: int) -> int:
        return _number(self._data, at)


def _number(block: bytes, at: int) -> int:
    return int.from_bytes(block[at : at + 4], "little") if at + 4 <= len(block) else _LAST


def _name(entry: bytes) -> str:
    length = min(64, int.from_bytes(entry[64:66], "little"))
    return entry[: max(0, length - 2)].decode("utf-16-le", "replace").lower()


def _place(entry: bytes) -> tuple[int, int]:
    return _number(entry, 116), _number(entry, 120)


def _top(entries: list[bytes]) -> list[int]:
    """The numbers of the entries at the top: documents inside the document have the same streams, further down."""
    seen: dict[int, None] = {}
    waiting = [_number(entries[0], 76)]
    while waiting:
        at = waiting.pop()
        if at < len(entries) and at not in seen:
            seen[at] = None
            waiting += [_number(entries[at], 68), _number(entries[at], 72)]
    return list(seen)


# --- what the properties say

_SUMMARY = {2: "title", 4: "author", 12: "created", 13: "modified", 14: "pages", 15: "said_words"}
_MORE = {7: "slides"}


def read_properties(data: bytes, found: Found) -> None:
    """Fills in the facts. Raises EncryptedError."""
    compound = Compound(data)
    found.facts |= _properties(compound.read("\5summaryinformation"), _SUMMARY)
    found.facts |= _properties(compound.read("\5documentsummaryinformation"), _MORE)
    if is_encrypted(compound):
        raise EncryptedError


def _properties(stream: bytes, wanted: dict[int, str]) -> dict[str, Any]:
    """The properties with these numbers, of the first section."""
    section = stream[_number(stream, 44) :] if len(stream) >= 48 else b""
    places = {
        _number(section, 8 + 8 * at): _number(section, 12 + 8 * at) for at in range(min(200, _number(section, 4)))
    }
    page = _value(section, places.get(1, _LAST), "latin-1")
    encoding = _encoding(page if isinstance(page, int) else 1252)
    values = {name: _value(section, places[each], encoding) for each, name in wanted.items() if each in places}
    texts = ("title", "author", "created", "modified")
    return {name: value for name, value in values.items() if isinstance(value, str if name in texts else int)}


def _value(section: bytes, at: int, encoding: str) -> str | int | None:
    match _number(section, at) & 0xFFFF:
        case 2:  # VT_I2
            return int.from_bytes(section[at + 4 : at + 6], "little")
        case 3:  # VT_I4
            value = _number(section, at + 4)
            return value if value < 1 << 31 else None
        case 30:  # VT_LPSTR
            size = min(4000, _number(section, at + 4))
            return section[at + 8 : at + 8 + size].decode(encoding, "replace").partition("\0")[0].strip()
        case 31:  # VT_LPWSTR
            size = 2 * min(4000, _number(section, at + 4))
            return section[at + 8 : at + 8 + size].decode("utf-16-le", "replace").partition("\0")[0].strip()
        case 64:  # VT_FILETIME: tenths of microseconds since 1601
            ticks = int.from_bytes(section[at + 4 : at + 12], "little")
            if not 0 < ticks < 1 << 62:
                return None
            try:
                return (datetime(1601, 1, 1) + timedelta(microseconds=ticks // 10)).isoformat()
            except OverflowError:
                return None
        case _:
            return None


def _encoding(page: int) -> str:
    try:
        return codecs.lookup("utf-8" if page == 65001 else "utf-16-le" if page == 1200 else f"cp{page}").name
    except LookupError:
        return "cp1252"


def is_encrypted(compound: Compound) -> bool:
    """True for a modern file in its encrypted wrapping, and for old ones that say so at their beginning."""
    if "encryptedpackage" in compound:
        return True
    # [MS-DOC] 2.5.2 FibBase: bit 8 of the flags is fEncrypted. [MS-PPT] 2.3.2 CurrentUserAtom: the token.
    word, user = compound.read("worddocument", 12), compound.read("current user", 16)
    if len(word) == 12 and word[11] & 1:
        return True
    if user[12:16] == bytes.fromhex("dfc4d1f3"):
        return True
    return _has_password(compound.read("workbook", 4096) or compound.read("book", 4096))


def _has_password(workbook: bytes) -> bool:
    """True if FilePass (0x2F) is among a workbook's first records ([MS-XLS] 2.4.117)."""
    at = 0
    for _ in range(20):
        kind, size = (
            int.from_bytes(workbook[at : at + 2], "little"),
            int.from_bytes(workbook[at + 2 : at + 4], "little"),
        )
        if kind == 0x2F:
            return True
        at += 4 + size
    return False
