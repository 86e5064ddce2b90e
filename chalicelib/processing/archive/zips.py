"""ZIP archives are listed from their directory (`zip_directory`): no entry is read."""

from __future__ import annotations

from typing import BinaryIO

from chalicelib.processing.archive import zip_directory
from chalicelib.processing.archive.listing import Listing
from chalicelib.processing.archive.zip_directory import MAX_DIRECTORY, MEMBER, Member
from chalicelib.processing.archive.zip_entry import METHODS
from chalicelib.processing.entries import Entry, flags_of_name, is_bomb, shown_name


def read(data: BinaryIO, size: int, listing: Listing) -> None:
    """Raises DamagedError for a file without a directory, or with a damaged one."""
    directory = zip_directory.find(data, size)
    count = total = 0
    spans: list[tuple[int, int]] = []
    for member in zip_directory.members(data, directory):
        listing.add(_entry(member))
        spans.append(member.span)
        count, total = count + 1, total + member.size
    flags = ["overlap"] if _overlap(spans, directory.start - directory.prefix) else []
    flags += ["ratio"] if is_bomb(total, size) else []
    if directory.size <= MAX_DIRECTORY:
        listing.ends(count, total, *flags)
    else:
        # A claim that the directory has no room for is no count.
        possible = count < directory.claimed <= directory.size // MEMBER.size
        listing.ends(directory.claimed if possible else None, None, *flags)


def _entry(member: Member) -> Entry:
    flags = flags_of_name(member.name)
    if member.link:
        flags.append("links")
    if is_bomb(member.size, member.packed):
        flags.append("ratio")
    if member.size and not member.encrypted and member.method not in METHODS:
        flags.append("method")
    return Entry(
        name=shown_name(member.name),
        size=member.size,
        packed_size=member.packed,
        modified_at=member.modified_at,
        directory=member.directory,
        encrypted=member.encrypted,
        flags=tuple(flags),
    )


def _overlap(spans: list[tuple[int, int]], directory: int) -> bool:
    """True if entries share bytes, with each other or with the directory: so bombs are made smaller than they are."""
    spans.sort()
    following = [start for start, _ in spans[1:]] + [directory]
    return any(end > start for (_, end), start in zip(spans, following, strict=True)) if spans else False
