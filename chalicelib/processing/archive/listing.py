"""The result of reading an archive, and the two ways in which reading ends early."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.processing.entries import Entry
from chalicelib.renditions.entry_names import MAX_ENTRIES


class DamagedError(Exception):
    """The archive's own format says that these bytes are damaged. The message is a sentence."""


class TooMuchError(Exception):
    """The archive unpacks to more than is read here. What was listed until then counts. The message is a sentence."""


@dataclass
class Listing:
    """`count` and `unpacked_size` (bytes) are None while the archive was not read to its end.

    `entries` are the first ones; `flags` are the dangers of all that were read, also of those that are not listed.
    """

    format: str
    entries: list[Entry] = field(default_factory=list)
    count: int | None = None
    unpacked_size: int | None = None
    encrypted: bool = False
    flags: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        self.flags.update(entry.flags)
        self.encrypted = self.encrypted or entry.encrypted
        if len(self.entries) < MAX_ENTRIES:
            self.entries.append(entry)

    def ends(self, count: int | None, unpacked_size: int | None, *flags: str) -> None:
        """Everything was read; or, with None, not all of it."""
        self.count, self.unpacked_size = count, unpacked_size
        self.flags.update(flags)

    @property
    def names(self) -> Iterable[str]:
        return (entry.name for entry in self.entries)
