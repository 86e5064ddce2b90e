"""Tar archives are listed from the headers before each entry, by the standard library's reader within bounds of ours.

That reader takes names, sparse maps and extended headers as long as they claim to be, and seeks where they say. So it
gets a file that moves only forwards, and that has only so many bytes of headers for each entry.
"""

from __future__ import annotations

import io
import tarfile
from datetime import UTC, datetime
from typing import Any

from chalicelib.processing.archive.listing import DamagedError, Listing, TooMuchError
from chalicelib.processing.entries import Entry, flags_of_name, is_bomb, shown_name
from chalicelib.processing.names import moment
from chalicelib.renditions.entry_names import MAX_ENTRIES

# Bytes of the headers of one entry, and of all.
MAX_HEADER = 1024**2
MAX_HEADERS = 64 * 1024**2

_DAMAGE = (tarfile.TarError, ValueError, IndexError, KeyError, OverflowError, RecursionError, EOFError, TypeError)


class _Headers:
    """The archive as its reader sees it. `data` is an `unpacking.Unpacked` or the file itself."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._of_one, self._of_all = MAX_HEADER, MAX_HEADERS

    def next_entry(self) -> None:
        self._of_one = MAX_HEADER

    def tell(self) -> int:
        return int(self._data.tell())

    def read(self, size: int) -> bytes:
        self._of_one, self._of_all = self._of_one - size, self._of_all - size
        if self._of_one < 0 or self._of_all < 0:
            raise TooMuchError("The archive's headers are longer than those of any useful archive.")
        found: bytes = self._data.read(size)
        return found

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if position < self.tell():
            raise DamagedError("The archive's entries are not one behind the other: it is damaged.")
        return int(self._data.seek(position, whence))


def is_tar(head: bytes) -> bool:
    """True if the first 512 bytes are the header of an entry: its checksum is right."""
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True


def read(data: Any, size: int, listing: Listing) -> None:
    """Adds what the archive has, until it ends. Raises DamagedError and TooMuchError."""
    count = total = 0
    headers = _Headers(data)
    try:
        archive: Any = tarfile.TarFile(fileobj=headers, mode="r", encoding="utf-8", errors="replace")  # type: ignore[arg-type]
        member = archive.next()
        while member is not None:
            if count == MAX_ENTRIES:
                raise TooMuchError(f"Only the first {MAX_ENTRIES} entries were listed.")
            listing.add(_entry(member))
            count, total = count + 1, total + max(0, member.size)
            # The reader keeps what it read.
            archive.members.clear()
            archive.pax_headers.clear()
            headers.next_entry()
            member = archive.next()
    except _DAMAGE:
        raise DamagedError("The archive is damaged.") from None
    finally:
        if is_bomb(total, size):
            listing.flags.add("ratio")
    listing.ends(count, total)


def _entry(member: tarfile.TarInfo) -> Entry:
    flags = flags_of_name(member.name)
    if member.issym() or member.islnk():
        flags.append("links")
    if member.ischr() or member.isblk() or member.isfifo():
        flags.append("devices")
    name = member.name + ("/" if member.isdir() and not member.name.endswith("/") else "")
    return Entry(
        name=shown_name(name),
        size=max(0, member.size),
        modified_at=_modified(member.mtime),
        directory=member.isdir(),
        flags=tuple(flags),
    )


def _modified(seconds: float) -> str | None:
    try:
        return moment(datetime.fromtimestamp(seconds, UTC)) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
