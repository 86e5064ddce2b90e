"""The bytes of one entry of a ZIP archive. Its directory is read, then the entry's own bytes, and nothing else.

Everything that an archive says of an entry is checked: where it is, its size and its CRC-32. An entry is refused if its
bytes may not be what they seem, or may cost too much.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from chalicelib.processing.archive import zip_directory
from chalicelib.processing.archive.listing import DamagedError
from chalicelib.processing.archive.unpacking import RAW, Zlib
from chalicelib.processing.archive.zip_directory import LOCAL, MAX_DIRECTORY, Member, is_encrypted
from chalicelib.processing.entries import is_bomb
from chalicelib.processing.entry_bytes import EntryRefusedError
from chalicelib.renditions.entry_names import MAX_BYTES
from chalicelib.storage.ranged import AHEAD, BLOCK, TooMuchReadError

# Bytes that may be fetched: the directory, an entry, which may be a little longer packed than unpacked, and the blocks
# around both.
MAX_PACKED = MAX_BYTES + 1024**2
BUDGET = MAX_DIRECTORY + MAX_PACKED + 8 * 1024**2

# Bytes that are read at once, which is what one request fetches at most, and that are unpacked at once.
_READ = AHEAD * BLOCK
_PIECE = 1024**2
_STORED, _DEFLATED, _BZIP2, _LZMA = 0, 8, 12, 14

METHODS = frozenset({_STORED, _DEFLATED, _BZIP2, _LZMA})
"""The methods of compression that are read here (section 4.4.5)."""


def read(data: BinaryIO, size: int, number: int) -> tuple[str, bytes]:
    """(name, bytes) of the entry with this number in the directory, from 0 on. Raises EntryRefusedError."""
    try:
        directory = zip_directory.find(data, size)
        member, others = _find(data, directory, number)
        _check(member)
        end = directory.start - directory.prefix
        if member.span[1] > end:
            raise DamagedError("The entry is not where the directory says.")
        start = _start(data, directory.prefix, member, [*others, (end, size)])
        return member.name, _unpacked(data, start, member)
    except DamagedError as damage:
        raise EntryRefusedError("damaged", str(damage)) from None
    except TooMuchReadError:
        raise EntryRefusedError("too_large", "Finding the entry takes more reading than it is worth.") from None


def _find(data: BinaryIO, directory: zip_directory.Directory, number: int) -> tuple[Member, list[tuple[int, int]]]:
    """The entry, and where all others are."""
    found, spans = None, []
    for at, member in enumerate(zip_directory.members(data, directory)):
        if at == number:
            found = member
        else:
            spans.append(member.span)
    if found is None:
        raise EntryRefusedError("no_entry", f"The archive has no entry {number}.")
    return found, spans


def _check(member: Member) -> None:
    """Raises EntryRefusedError for what the directory says of it."""
    reasons = {
        "directory": (member.directory, "It is a folder."),
        "link": (member.link, "It is a link, which has no bytes of its own."),
        "encrypted": (member.encrypted, "It is encrypted."),
        "method": (member.method not in METHODS, f"Its compression, method {member.method}, is not read here."),
        "too_large": (max(member.size, member.packed - 1024**2) > MAX_BYTES, "It has more bytes than are given."),
        "ratio": (is_bomb(member.size, member.packed), "So many bytes of so few may be meant to fill a disk."),
    }
    for code, (applies, message) in reasons.items():
        if applies:
            raise EntryRefusedError(code, message)


def _start(data: BinaryIO, prefix: int, member: Member, others: list[tuple[int, int]]) -> int:
    """The position of the entry's first byte in the file, from the header before it, which must agree.

    `others` are the spans of the other entries and of the directory.
    """
    data.seek(prefix + member.offset)
    header = data.read(LOCAL.size)
    if len(header) < LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise DamagedError("The entry is not where the directory says.")
    _, _, bits, method, *_, name_length, extra_length = LOCAL.unpack(header)
    if data.read(name_length) != member.raw_name or method != member.method:
        raise DamagedError("The entry's own header says something else than the directory.")
    if is_encrypted(bits):
        raise EntryRefusedError("encrypted", "It is encrypted.")
    first = member.offset + LOCAL.size + name_length + extra_length
    if any(start < first + member.packed and member.offset < end for start, end in others):
        raise EntryRefusedError("overlap", "It shares bytes with another entry.")
    return prefix + int(first)


def _unpacked(data: BinaryIO, start: int, member: Member) -> bytes:
    """Raises DamagedError unless size and CRC-32 are what the directory says."""
    data.seek(start)
    unpacker = _UNPACKERS[member.method](data, member)
    out = bytearray()
    while len(out) <= member.size and not unpacker.eof:
        left = max(0, start + member.packed - data.tell())
        piece = data.read(min(left, _READ)) if unpacker.needs_input else b""
        if unpacker.needs_input and not piece:
            break
        try:
            out += unpacker.decompress(piece, min(_PIECE, member.size + 1 - len(out)))
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
            raise DamagedError("The entry is damaged.") from None
    if len(out) != member.size or zlib.crc32(out) != member.crc:
        raise DamagedError("The entry's bytes are not those that the archive was made of.")
    return bytes(out)


class _Stored:
    """Bytes that are not compressed, with the interface of the decompressors."""

    eof, needs_input = False, True

    def decompress(self, data: bytes, _: int) -> bytes:
        return data


def _lzma(data: BinaryIO, member: Member) -> lzma.LZMADecompressor:
    """A decompressor with the entry's own settings, which stand before its bytes (section 5.8).

    A dictionary longer than the entry is of no use, so it gets none: its length is a claim that costs memory.
    """
    head = data.read(4)
    settings = data.read(int.from_bytes(head[2:4], "little"))
    if len(settings) != 5 or settings[0] >= 9 * 5 * 5:
        raise DamagedError("The entry's compression has impossible settings.")
    rest, literal_context = divmod(settings[0], 9)
    position, literal_position = divmod(rest, 5)
    claimed = int.from_bytes(settings[1:], "little")
    chain = {
        "id": lzma.FILTER_LZMA1,
        "lc": literal_context,
        "lp": literal_position,
        "pb": position,
        "dict_size": max(4096, min(claimed, member.size)),
    }
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chain])
    except lzma.LZMAError:
        raise DamagedError("The entry's compression has impossible settings.") from None


_UNPACKERS: Mapping[int, Callable[[BinaryIO, Member], Any]] = {
    _STORED: lambda *_: _Stored(),
    _DEFLATED: lambda *_: Zlib(RAW),
    _BZIP2: lambda *_: bz2.BZ2Decompressor(),
    _LZMA: _lzma,
}
