"""OLE's compound files: a file system in a file, of which Office before 2007 and every encrypted Office file are made.

https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb/
"""

from __future__ import annotations

import io
from functools import cached_property
from typing import BinaryIO
from uuid import UUID

SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")

# Entries of the directory, sectors of the allocation table, and bytes of a stream.
MAX_ENTRIES = 4096
MAX_TABLES = 250_000
MAX_STREAM = 256 * 1024

_HEADER = 512
_ENTRY = 128
_FIRST_TABLES = 109  # sectors of the allocation table that the header names
_LAST = 0xFFFFFFFA  # numbers above are marks, no sectors
_MINI_SECTOR = 64


class BrokenCompoundError(Exception):
    """These bytes are no compound file. The message says why, and completes a sentence."""


class Compound:
    """The streams at the top of a compound file, by their names in lower case.

    Only sectors that are needed are read, so that `data` may be ranges of a stored object. Raises BrokenCompoundError,
    and what reading `data` raises.
    """

    def __init__(self, data: BinaryIO) -> None:
        self._data = data
        data.seek(0)
        self._header = data.read(_HEADER)
        if not self._header.startswith(SIGNATURE) or len(self._header) < _HEADER:
            raise BrokenCompoundError("it does not begin as OLE's files do")
        shift = int.from_bytes(self._header[30:32], "little")
        if shift not in (9, 12):
            raise BrokenCompoundError("its sectors have an unknown size")
        self._size = 1 << shift
        self._tables = [_number(self._header, 76 + 4 * number) for number in range(_FIRST_TABLES)]
        self._next_tables = _number(self._header, 68)
        directory = self._chain(_number(self._header, 48), MAX_ENTRIES * _ENTRY)
        entries = [directory[at : at + _ENTRY] for at in range(0, len(directory) - _ENTRY + 1, _ENTRY)]
        if not entries:
            raise BrokenCompoundError("it has no directory")
        self._root = entries[0]
        self._streams = {_name(entries[at]): _place(entries[at]) for at in _top(entries)}

    def __contains__(self, name: str) -> bool:
        return name in self._streams

    @property
    def class_id(self) -> str:
        """The program that the file belongs to, as a UUID."""
        return str(UUID(bytes_le=self._root[80:96]))

    def read(self, name: str, most: int = MAX_STREAM) -> bytes:
        """The first bytes of a stream; fewer where the file is cut, and none of a stream that is not there."""
        start, whole = self._streams.get(name, (_LAST, 0))
        size = min(whole, most)
        # Streams of fewer bytes than the header says stand in small sectors, within a stream of the first entry.
        if whole >= _number(self._header, 56):
            return self._chain(start, size)[:size]
        out = bytearray()
        while start < _LAST and len(out) < size:
            piece = self._mini[start * _MINI_SECTOR : (start + 1) * _MINI_SECTOR]
            if not piece:
                break
            out += piece
            start = _number(self._mini_table, start * 4)
        return bytes(out[:size])

    @cached_property
    def _mini(self) -> bytes:
        return self._chain(_place(self._root)[0], 16 * MAX_STREAM)

    @cached_property
    def _mini_table(self) -> bytes:
        return self._chain(_number(self._header, 60), MAX_STREAM)

    def _chain(self, sector: int, most: int) -> bytes:
        """The bytes of a chain of sectors, at most `most` and a sector: a chain may be a ring."""
        out = bytearray()
        while sector < _LAST and len(out) < most:
            block = self._sector(sector)
            if not block:
                break
            out += block
            sector = self._after(sector)
        return bytes(out)

    def _after(self, sector: int) -> int:
        """The sector after this one in its chain, by the allocation table."""
        table, place = divmod(sector * 4, self._size)
        while table >= len(self._tables) and self._next_tables < _LAST and len(self._tables) < MAX_TABLES:
            self._read_tables()
        at = self._tables[table] if table < len(self._tables) else _LAST
        return _number(self._sector(at), place) if at < _LAST else _LAST

    def _read_tables(self) -> None:
        """Finds more sectors of the allocation table. They stand in sectors of their own, which are a chain."""
        block = self._sector(self._next_tables)
        numbers = [_number(block, at) for at in range(0, self._size, 4)]
        self._next_tables = numbers.pop()
        self._tables += numbers

    def _sector(self, number: int) -> bytes:
        self._data.seek((number + 1) * self._size, io.SEEK_SET)
        return self._data.read(self._size)


def _number(block: bytes, at: int) -> int:
    return int.from_bytes(block[at : at + 4], "little") if at + 4 <= len(block) else _LAST


def _name(entry: bytes) -> str:
    length = min(64, int.from_bytes(entry[64:66], "little"))
    return entry[: max(0, length - 2)].decode("utf-16-le", "replace").lower()


def _place(entry: bytes) -> tuple[int, int]:
    """(first sector, size in bytes) of a stream."""
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
